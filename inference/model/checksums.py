"""Write into a bundle's ``bundle.json`` the SHA-256 of its files: ``python -m inference.model.checksums FOLDER``.

From then on a file that was altered is not loaded, and one that is not listed is not read.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.errors import BundleError, GyrusError
from inference.model.bundle import load_bundle
from inference.model.schema import CARD_NAME


def write_checksums(folder: Path) -> dict[str, str]:
    """List the network, the feature statistics and the model card with their SHA-256; returns the list.

    Raises
    ------
    BundleError
        It is not a bundle folder, or it has no ``MODEL_CARD.md``.
    """
    bundle = load_bundle(folder)
    if not folder.is_dir():
        raise BundleError(f"{folder} is a file; a bundle folder is sealed.")
    if not (folder / CARD_NAME).is_file():
        raise BundleError(f"{folder} has no {CARD_NAME}: write what the model was trained on and what it cannot do.")
    names = sorted({CARD_NAME, bundle.network, bundle.novelty.statistics or bundle.network, *bundle.files})
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    json_path = folder / "bundle.json"
    document = {**json.loads(json_path.read_text(encoding="utf-8")), "files": files}
    json_path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Write the checksums of each folder that is named; returns the exit status."""
    folders = sys.argv[1:] if argv is None else argv
    if not folders:
        sys.stderr.write("usage: python -m inference.model.checksums FOLDER…\n")
        return 2
    try:
        for folder in map(Path, folders):
            sys.stdout.write(f"{folder}: {', '.join(write_checksums(folder))}\n")
    except GyrusError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
