"""The exceptions that Gyrus raises on purpose, and nothing else.

::

    GyrusError
    ├── SettingsError   an option or environment variable
    ├── UnknownModelError   a name that no model here has
    ├── BusyError       a server that has as much to do as it takes on
    ├── InputError      the user's image
    │   └── TooLargeError   … which is larger than a limit allows
    ├── OutputError     a file that results are written to
    ├── BundleError     a model folder or model file
    └── EngineError     the runtime that computes the network

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
    """As many images are worked on as a server takes on; a moment later there is room again."""


class InputError(GyrusError):
    """The image cannot be read or is not accepted."""


class TooLargeError(InputError):
    """The image is larger, in bytes or in pixels, than the limits in `inference.limits` allow."""


class OutputError(GyrusError):
    """Results cannot be written, or what is there is not to be written over."""


class BundleError(GyrusError):
    """A model bundle is missing, incomplete, altered or inconsistent."""


class EngineError(GyrusError):
    """The network could not be loaded or run."""
