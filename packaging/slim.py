"""Take out of the package what is never used and cannot be left out by naming a module; called from ``gyrus.spec``.

On Linux, OpenCV's wheel comes with 80 MB of libraries for video, AVIF and linear algebra. Its own library names them,
so that it does not load without them; it calls them only for what this program never does (it scales, converts colours
and writes PNG). Each is replaced by a library of the same name whose functions are there and have no body. A test of
the package compares its answers with those of the source.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

Entry = tuple[str, str, str]
"""PyInstaller's description of a file: place in the package, where it is, kind."""

_OPENCV = "cv2/cv2.abi3.so"
_OPENCV_LIBRARIES = "opencv_python_headless.libs/"
_USED = ("libpng",)
"""What of `_OPENCV_LIBRARIES` is called: `ui.pictures` writes PNG with OpenCV."""

_INTERPRETER = ("libpython", "python3.11/lib-dynload/")
"""What may be stripped: a Python that was built at home carries its debugging symbols."""


def slim_binaries(entries: Iterable[Entry], work: Path) -> list[Entry]:
    """Give the entries again, with small libraries in place of those that are not used.

    Parameters
    ----------
    entries : iterable of Entry
        PyInstaller's ``Analysis.binaries``.
    work : pathlib.Path
        Folder for what is made.
    """
    entries = list(entries)
    work.mkdir(parents=True, exist_ok=True)
    opencv = next((Path(source) for place, source, _ in entries if place == _OPENCV), None)
    needed = _read_needed(opencv) if opencv else set()
    slim = []
    for place, source, kind in entries:
        name = Path(place).name
        if not _is_opencv_library(place, source):
            slim.append((place, _strip(place, source, work), kind))
        elif name.startswith(_USED) or (name in needed and kind == "SYMLINK"):
            slim.append((place, source, kind))
        elif name in needed and opencv:
            slim.append((place, str(_build_stub(Path(source), opencv, work / name)), kind))
    return slim


def drop_links(entries: Iterable[Entry], binaries: Iterable[Entry]) -> list[Entry]:
    """Leave out the links to OpenCV's libraries that are gone from ``binaries``; GDCM has some of the same name."""
    present = {Path(place).name for place, source, _ in binaries if _is_opencv_library(place, source)}
    return [entry for entry in entries if not _is_opencv_library(*entry[:2]) or Path(entry[0]).name in present]


def _is_opencv_library(place: str, source: str) -> bool:
    return _OPENCV_LIBRARIES in place or _OPENCV_LIBRARIES in source


def _strip(place: str, source: str, work: Path) -> str:
    if not place.startswith(_INTERPRETER):
        return source
    target = work / Path(place).name
    _run("strip", "--strip-unneeded", "-o", str(target), source)
    return str(target)


def _build_stub(library: Path, user: Path, target: Path) -> Path:
    """Make a library with the name of ``library`` that has whatever ``user`` asks of it, and nothing behind."""
    wanted = {name for name, _, defined in _read_symbols(user) if not defined}
    versions: dict[str, set[str]] = defaultdict(set)
    for name, version, defined in _read_symbols(library):
        if defined and name in wanted:
            versions[version].add(name)
    names = sorted(set().union(*versions.values()))
    assembly, script = target.with_suffix(".s"), target.with_suffix(".map")
    lines = [f".globl {name}\n.type {name}, %function\n{name}: .byte 0" for name in names]
    assembly.write_text(".text\n" + "\n".join(lines) + "\n", encoding="utf-8")
    groups = [f"{version} {{ global: {'; '.join(sorted(names))}; }};" for version, names in versions.items() if version]
    script.write_text("\n".join(groups), encoding="utf-8")
    _run("as", "-o", str(target.with_suffix(".o")), str(assembly))
    versioned = ["--version-script", str(script)] if groups else []
    _run("ld", "-shared", "-soname", library.name, *versioned, "-o", str(target), str(target.with_suffix(".o")))
    return target


def _read_needed(library: Path) -> set[str]:
    lines = _run("objdump", "-p", str(library)).splitlines()
    return {line.split()[1] for line in lines if line.strip().startswith("NEEDED")}


def _read_symbols(library: Path) -> list[tuple[str, str, bool]]:
    """The dynamic symbols: name, version (or nothing), and whether the library has it or asks for it."""
    symbols = []
    for line in _run("objdump", "-T", str(library)).splitlines():
        fields = line.split()
        if len(fields) < 4 or not fields[0].isalnum() or len(fields[0]) != 16:
            continue
        version = fields[-2].strip("()") if "_" in fields[-2] else ""  # else "Base", or the size
        symbols.append((fields[-1], version, "*UND*" not in fields))
    return symbols


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
