"""From bytes to a picture or a volume; every quirk of a file format stays in here. It knows no model."""
