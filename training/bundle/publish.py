"""How a finished bundle gets to its folder: ``bundle.json`` last, so that half a bundle never loads."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from inference.errors import SettingsError


def write_bundle_json(folder: Path, document: dict[str, Any]) -> None:
    """Write ``bundle.json`` with the SHA-256 of every other file; last, so that a half-written bundle never loads."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != "bundle.json")
    document["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "bundle.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def check_out(out_dir: Path) -> None:
    """Refuse a folder that holds anything but a bundle that a recipe made.

    Raises
    ------
    SettingsError
        It does, or it is no folder.
    """
    if out_dir.exists() and not out_dir.is_dir():
        raise SettingsError(f"{out_dir} is a file; a folder for the bundle is named with --out.")
    try:
        document = json.loads((out_dir / "bundle.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        if out_dir.is_dir() and any(out_dir.iterdir()):
            raise SettingsError(
                f"{out_dir} holds files that are no bundle; name a new or an empty folder with --out."
            ) from None
        return
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict) or "recipe" not in document.get("provenance", {}):
        raise SettingsError(f"{out_dir} holds a bundle that no recipe made; name another folder with --out.")


def publish(bundle: Path, out_dir: Path) -> None:
    """Copy a finished bundle to a folder that `check_out` passed, ``bundle.json`` last.

    Until then an older bundle's ``bundle.json`` lists other SHA-256 than the files have, so that neither is served.

    Raises
    ------
    SettingsError
        The folder cannot be written.
    """
    files = sorted((path for path in bundle.rglob("*") if path.is_file()), key=lambda path: path.name == "bundle.json")
    try:
        for drawn in out_dir.glob("figures/*.svg"):  # the new run may have fewer
            drawn.unlink()
        for path in files:
            target = out_dir / path.relative_to(bundle)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    except OSError as error:
        raise SettingsError(f"The folder {out_dir} cannot be written: {error.strerror}.") from error
