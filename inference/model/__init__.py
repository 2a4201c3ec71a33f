"""A bundle and its network: what it expects, how it is checked, loaded and run. It knows no file format of images."""
