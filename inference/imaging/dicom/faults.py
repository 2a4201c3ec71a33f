"""The errors of DICOM files as sentences; what pydicom raises is turned into them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inference.errors import InputError

CUT_OFF = "The DICOM file is damaged or cut off: {}."

BAD_VALUES = "its header holds values that cannot be"


@contextmanager
def mapping_errors(what: str) -> Iterator[None]:
    """Turn any exception inside into an `InputError` that says what is damaged; serves as a decorator too."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # pydicom reads a value when it is asked for, and raises nearly anything
        raise InputError(CUT_OFF.format(what)) from error


def name_syntax(uid: Any) -> str:
    """The sentence that refuses a transfer syntax for which there is no decoder."""
    from pydicom.uid import UID

    name = UID(uid).name
    known = name if name != uid else "a transfer syntax that is not part of the standard"
    return f"The DICOM file is encoded as {known}, for which there is no decoder here. Export it uncompressed."
