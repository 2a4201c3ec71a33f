"""One slice out of a picture that shows more: a frame, a page, a light box, a viewer's window, a sheet of slices.

Looks at pixels only. What a file is, and how it is decoded, is in `inference.imaging.pictures`.
"""
