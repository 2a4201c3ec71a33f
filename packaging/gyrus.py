"""Where the packaged program starts."""

from ui.desktop.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main())
