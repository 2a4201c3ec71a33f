"""Limits on what is read: files, pictures, volumes, archives. Each is checked before memory is spent on the data.

Limits on requests are in ``ui.web.http``, those on model files in `inference.model.vetting`.
"""

from __future__ import annotations

from inference.errors import InputError, TooLargeError

MAX_FILE_BYTES = 64 * 2**20
"""Largest picture, and largest upload, in bytes; a 64-megapixel JPEG or a 16-bit slice stays well below it."""

MAX_VOLUME_BYTES = 512 * 2**20
"""Largest volume, in bytes, as a file and decompressed; 512 slices of 512×512 in 32 bits fill it."""

MAX_PIXELS = 40_000_000
"""Largest picture accepted, width × height; decoded as RGB it takes 120 MB."""

MIN_SIDE_PX = 32
"""Smallest width and height accepted; below it there is nothing to see."""

MAX_SLICES = 4096
"""Most slices of a volume, and most frames of a file."""

MAX_ARCHIVE_ENTRIES = 10_000
"""Most entries of an archive."""

MAX_DIRECTORY_BYTES = 4 * 2**20
"""Largest table of contents of a zip archive: 10,000 entries with names of 350 letters."""

MAX_ARCHIVE_BYTES = 2 * 2**30
"""Most bytes that the entries of an archive may have together, decompressed. One entry at a time is in memory; of a
compressed tar archive all are, and together they are no larger than a volume may be."""

MAX_BATCH_FILES = 10_000
"""Most files of one batch on the page, which keeps their rows in the browser; the command line takes any number."""


def check_file_size(size_bytes: int, limit_bytes: int = MAX_FILE_BYTES) -> None:
    """Raise `TooLargeError` for a file of more bytes than accepted."""
    if size_bytes > limit_bytes:
        raise TooLargeError(
            f"A file of at most {limit_bytes / 2**20:.0f} MB is accepted; received {size_bytes / 2**20:.0f} MB."
        )


def check_picture_size(width_px: int, height_px: int) -> None:
    """Raise `InputError` for a picture that is too small, `TooLargeError` for one that is too large."""
    if width_px * height_px > MAX_PIXELS:
        raise too_many_pixels(width_px * height_px)
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise InputError(
            f"A picture of at least {MIN_SIDE_PX}×{MIN_SIDE_PX} pixels is accepted; received {width_px}×{height_px}."
        )


def check_volume_size(slices: int, volume_bytes: int) -> None:
    """Raise `TooLargeError` for a volume of too many slices or, decompressed, of too many bytes."""
    if slices > MAX_SLICES:
        raise TooLargeError(f"A volume of at most {MAX_SLICES:,} slices is accepted; received {slices:,}.")
    if volume_bytes > MAX_VOLUME_BYTES:
        raise TooLargeError(
            f"A volume of at most {MAX_VOLUME_BYTES / 2**20:.0f} MB, decompressed, is accepted; "
            f"received {volume_bytes / 2**20:,.0f} MB."
        )


def too_many_pixels(pixels: int) -> TooLargeError:
    """The error of a picture of more than `MAX_PIXELS`."""
    return TooLargeError(
        f"A picture of at most {MAX_PIXELS / 1e6:.0f} million pixels is accepted; received {pixels / 1e6:.0f} million."
    )
