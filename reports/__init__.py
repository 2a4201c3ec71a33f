"""Results that leave: an answer as a PDF page, a DICOM structured report and a DICOM picture.

Nothing here computes an answer (``inference``), words it (``ui.presenter``) or colours its heat map (``ui.heat``).
Importing this loads neither highdicom nor reportlab.
"""
