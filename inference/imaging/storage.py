"""Files, wherever they lie: on a disk, or at an address such as ``s3://bucket/scans`` that fsspec reads.

Other modules pass a path or an address on as text; only this one tells the two apart. fsspec is imported for addresses
only, because the desktop program does not have it.

Credentials are those of the process (environment, profile, service account); an address that holds a password is
refused, because addresses stand in rows and messages.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from inference.errors import InputError, SettingsError
from inference.limits import MAX_ARCHIVE_BYTES, check_file_size

_IN_MEMORY_BYTES = 64 * 2**20
"""A larger file is kept on the disk while it is read, without a name, so that nothing of it stays behind."""

_HEAD_BYTES = 64 * 2**10
"""How much is fetched at a time of a file of which only the beginning is read."""


def is_remote(path: object) -> bool:
    """Whether a path is an address."""
    return isinstance(path, str) and "://" in path


def check_address(path: str) -> None:
    """Refuse an address that holds a user or a password.

    Raises
    ------
    SettingsError
        It holds one.
    """
    if is_remote(path) and "@" in urlsplit(path).netloc:
        raise SettingsError(
            "An address without a user or a password is accepted, because rows and messages show it; give credentials "
            "as the storage's own variables, such as AWS_ACCESS_KEY_ID."
        )


def connect(path: str) -> tuple[Any, str]:
    """The ``fsspec.AbstractFileSystem`` of a path or address, and the path inside it.

    Raises
    ------
    InputError
        No installed package reads such addresses.
    """
    try:
        import fsspec

        filesystem, inner = fsspec.core.url_to_fs(path)
    except (ImportError, ValueError) as error:  # fsspec names the package that reads a protocol
        protocol = path.partition("://")[0]
        raise InputError(f"Addresses of {protocol}:// cannot be read here: {_describe_error(error)}.") from error
    return filesystem, inner


def list_folder(folder: str) -> tuple[list[str], list[str]]:
    """The names of the files and of the folders in a folder; a link to a folder is neither, or a walk might not end.

    Raises
    ------
    OSError
        It cannot be listed.
    """
    if is_remote(folder):
        return _list_remote(folder)
    with os.scandir(folder) as entries:
        listed = list(entries)
    folders = [entry.name for entry in listed if entry.is_dir(follow_symlinks=False)]
    return [entry.name for entry in listed if not entry.is_dir()], folders


def _list_remote(folder: str) -> tuple[list[str], list[str]]:
    filesystem, path = connect(folder)
    try:
        entries = filesystem.ls(path, detail=True)
    except OSError:
        raise
    except Exception as error:  # each storage has exceptions of its own
        raise OSError(_describe_error(error)) from error
    names: dict[str, list[str]] = {"file": [], "directory": []}
    for entry in entries:
        name = entry["name"].rstrip("/").rpartition("/")[2]
        if name and entry["name"].rstrip("/") != path.rstrip("/"):
            names["directory" if entry["type"] == "directory" else "file"].append(name)
    return names["file"], names["directory"]


def is_folder(path: str) -> bool:
    """Whether there is a folder at a path or an address; False if that cannot be found out."""
    if not is_remote(path):
        return Path(path).is_dir()
    try:
        filesystem, inner = connect(path)
        return bool(filesystem.isdir(inner))
    except InputError:
        raise
    except Exception:  # noqa: BLE001
        return False


def is_device(path: str) -> bool:
    """Whether a device or a pipe is there, neither a file nor a folder: reading one may never end."""
    if is_remote(path):
        return False
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def refuse_device(path: str) -> None:
    """Refuse a path at which there is a device or a pipe.

    Raises
    ------
    InputError
        There is one.
    """
    if is_device(path):
        raise InputError(f"{base_name(path)} is no file; a device or a pipe is not read.")


def join_path(folder: str, name: str) -> str:
    """The path of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(Path(folder, name))


def base_name(path: str) -> str:
    """The last part of a path."""
    return path.rstrip("/").rpartition("/")[2] if is_remote(path) else Path(path).name


def folder_of(path: str) -> str:
    """The folder that a file lies in."""
    return path.rstrip("/").rpartition("/")[0] if is_remote(path) else str(Path(path).parent)


def resolve_path(path: str) -> str:
    """The absolute path, links followed: the same for every path to one file or folder."""
    return path.rstrip("/") if is_remote(path) else str(Path(path).resolve())


def read_head(path: str, size_bytes: int) -> bytes:
    """The first bytes of a file.

    Raises
    ------
    InputError
        It cannot be read.
    """
    with open_head(path) as stream:
        try:
            return stream.read(size_bytes)
        except Exception as error:  # each storage has exceptions of its own
            raise unreadable(path, error) from error


def open_head(path: str) -> BinaryIO:
    """Open a file of which little is read: one at an address is fetched piece by piece.

    Raises
    ------
    InputError
        It cannot be opened.
    """
    if not is_remote(path):
        return open_file(path)
    filesystem, inner = connect(path)
    try:
        return cast("BinaryIO", filesystem.open(inner, "rb", block_size=_HEAD_BYTES))
    except Exception as error:
        raise unreadable(path, error) from error


def open_file(path: str) -> BinaryIO:
    """Open a file to read all of it; the caller closes it. One at an address is fetched first.

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` before it is fetched.
    """
    if not is_remote(path):
        try:
            return Path(path).open("rb")
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
    filesystem, inner = connect(path)
    fetched = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    try:
        check_file_size(int(filesystem.info(inner).get("size") or 0), MAX_ARCHIVE_BYTES)
        with filesystem.open(inner, "rb") as stream:
            while piece := stream.read(2**20):
                fetched.write(piece)
                check_file_size(fetched.tell(), MAX_ARCHIVE_BYTES)
    except InputError:
        fetched.close()
        raise
    except Exception as error:
        fetched.close()
        raise unreadable(path, error) from error
    fetched.seek(0)
    return cast("BinaryIO", fetched)


def unreadable(path: str | Path, error: Exception) -> InputError:
    """The error of a path or an address that cannot be read."""
    name = base_name(str(path))
    if isinstance(error, FileNotFoundError):
        return InputError(f"There is no file {name}.")
    if not is_remote(str(path)) and isinstance(error, OSError | ValueError):
        return InputError(f"The file {name} cannot be read: {getattr(error, 'strerror', None) or error}.")
    return InputError(f"The file {name} cannot be read: {_describe_error(error)}.")


def _describe_error(error: Exception) -> str:
    """Name an error without its message, which may quote a signed address; those of imports and values are safe."""
    if isinstance(error, ImportError | ValueError):
        return str(error).rstrip(".")
    return str(getattr(error, "strerror", None) or type(error).__name__)
