"""From a folder of images to a bundle in `models/`; needs ``requirements-train.txt``, never needed to serve."""
