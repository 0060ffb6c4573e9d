"""The packages that only studies need, asked for when they are used."""

from __future__ import annotations

import importlib
from typing import Any

from hgesim.errors import HgeError

__all__ = ["need"]


def need(module: str) -> Any:
    """Import a module of the extra ``study``.

    Raises
    ------
    HgeError
        ``study.not-installed`` with what to type.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise HgeError(
            "study.not-installed", str(error), place=module.split(".")[0], remedy='pip install "hgesim[study]"'
        ) from None
