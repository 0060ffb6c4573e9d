"""Where hgesim keeps what it compiled."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder of compiled bonds: HGESIM_CACHE, else hgesim below XDG_CACHE_HOME or ``~/.cache``."""
    own = os.environ.get("HGESIM_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hgesim"
