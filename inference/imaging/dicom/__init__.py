"""DICOM as scanners, archives and anonymisers write it: headers, geometry, series, pixels."""
