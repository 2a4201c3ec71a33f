"""The former name of `inference.model.checksums`: ``python -m inference.seal FOLDER`` still works."""

from inference.model.checksums import main

if __name__ == "__main__":
    raise SystemExit(main())
