"""The options of ``python app.py``; each is the same as a ``GYRUS_*`` variable and wins over it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.settings import Settings, Variable, list_variables


def build_parser(prog: str = "python app.py") -> argparse.ArgumentParser:
    """The options; ``dest`` is the name of the variable, but for ``--model``, whose paths may hold any character."""
    variables = list_variables()
    options = [variable for variable in variables.values() if variable.option]
    names = ", ".join(variable.name + ("" if variable.metavar else "=1") for variable in options)
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Start the Gyrus web page and API.",
        epilog=f"Every option is also an environment variable: {names}. In GYRUS_MODEL {os.pathsep} stands between "
        "several paths. GYRUS_API_TOKEN has no option, and prefer GYRUS_AUTH to --auth on a machine with other users: "
        "they can read your command lines.",
    )
    for field_name, variable in variables.items():
        if variable.option:
            parser.add_argument(variable.option, help=variable.help, **_describe_argument(field_name, variable))
    return parser


def _describe_argument(field_name: str, variable: Variable) -> dict[str, Any]:
    if field_name == "models":
        return {"dest": "models", "metavar": variable.metavar, "type": Path, "action": "append"}
    if not variable.metavar:
        return {"dest": variable.name, "action": "store_const", "const": "1"}
    return {"dest": variable.name, "metavar": variable.metavar}


def read_settings(argv: Sequence[str] | None, environ: Mapping[str, str], *, prog: str = "python app.py") -> Settings:
    """Options over environment over defaults.

    Raises
    ------
    SettingsError
        A value cannot be used, or a variable called ``GYRUS_…`` is not known.
    """
    given = {name: value for name, value in vars(build_parser(prog).parse_args(argv)).items() if value is not None}
    models = given.pop("models", None)
    settings = Settings.from_env({**environ, **given})
    return settings.model_copy(update={"models": tuple(models)}) if models else settings
