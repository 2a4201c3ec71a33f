"""``gyrus version``: Gyrus, Python, and the bundles that came with it."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence

from inference import __version__, load_bundle
from inference.model.bundle import DEFAULT_MODEL


def main(argv: Sequence[str] | None = None, *, prog: str = "gyrus version") -> int:
    """Print the versions; returns 0."""
    argparse.ArgumentParser(prog=prog, description="Say which version this is.").parse_args(argv)
    print(f"gyrus {__version__}, Python {platform.python_version()}")
    for path in sorted(DEFAULT_MODEL.parent.glob("*/bundle.json")):
        bundle = load_bundle(path.parent)
        print(f"model {bundle.name} {bundle.version}")
    return 0
