"""Start the web app: settings → classifier → page → http://127.0.0.1:7860."""

import os
import sys
from collections.abc import Sequence

from inference import Catalogue, GyrusError


def main(argv: Sequence[str] | None = None, *, prog: str = "python app.py") -> int:
    """Serve until stopped; returns the exit status."""
    from ui.web.options import read_settings

    try:
        settings = read_settings(argv, os.environ, prog=prog)
        from ui.web import server, share  # take a second, which --help and a mistake need not wait

        listener = server.prepare(settings)
        app = server.build_app(Catalogue.open(settings.models), settings)
    except GyrusError as error:
        print(error, file=sys.stderr)
        return 1
    print(server.greet(settings), flush=True)
    if settings.share:
        share.start_sharing(settings)
    return server.serve(app, listener)


if __name__ == "__main__":
    raise SystemExit(main())
