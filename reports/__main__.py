"""The command line of `ui.reports`, under the name that it has had from the beginning: ``python -m reports``."""

from ui.reports.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main())
