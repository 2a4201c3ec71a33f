"""Results that leave: an answer as a PDF page, a DICOM structured report and a DICOM picture.

Nothing here computes an answer (`inference`), words it (`ui.words`) or colours its heat map (`ui.pictures`).
Importing this loads neither highdicom nor reportlab.
"""
