"""The exceptions that Gyrus raises on purpose; one that a single front raises stands in that front.

::

    GyrusError
    ├── SettingsError           an option or environment variable
    ├── UnknownModelError       a name that none of the models has
    ├── BusyError               a server that is at its capacity
    ├── InputError              the user's image
    │   ├── TooLargeError       … is larger than a limit allows
    │   ├── LeftOutError        … was recognised as something that is not to be answered
    │   └── UploadsFullError    … has no room on the server (`ui.web.http.uploads`)
    ├── OutputError             a file that results are written to
    ├── SaveError               a file that the desktop program saves (`ui.desktop.result`)
    ├── BundleError             a model folder or model file
    └── EngineError             the runtime that computes the network

Every message is one or more whole sentences for the person who uses the program: which rule was broken, what is
accepted, what was received. A front shows the message of a `GyrusError`; anything else is a defect, is logged with an
id, and only the id is shown.
"""


class GyrusError(Exception):
    """The root of the tree; ``str(error)`` is a sentence that may be shown to a user (escape it before HTML)."""


class SettingsError(GyrusError):
    """A command-line option or a ``GYRUS_*`` variable has a value that cannot be used."""


class UnknownModelError(GyrusError):
    """A model was asked for by a name that none of the offered ones has."""


class BusyError(GyrusError):
    """The server answers as many images as it can at the same time; a moment later there is room again."""


class InputError(GyrusError):
    """The image cannot be read or is not accepted."""


class TooLargeError(InputError):
    """The image is larger, in bytes or in pixels, than the limits in `inference.limits` allow."""


class LeftOutError(InputError):
    """The image can be read, but shows no anatomy as it was taken: a localizer, a phase image, a screen save."""


class OutputError(GyrusError):
    """Results cannot be written, or would replace a file that is not to be replaced."""


class BundleError(GyrusError):
    """A model bundle is missing, incomplete, altered or inconsistent."""


class EngineError(GyrusError):
    """The network could not be loaded or run."""
