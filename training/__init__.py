"""From a folder of images to a bundle in `models/`; needs ``pip install 'gyrus[train]'``, never needed to serve."""
