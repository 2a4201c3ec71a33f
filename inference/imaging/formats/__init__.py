"""Volumes and pictures beside DICOM, NIfTI and Pillow's: one module a format, each gives a `Grid` or a picture."""
