"""The process in which libngspice runs a deck as ``ngspice -b`` would: same deck, same files, same words."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

__all__ = ["run_file"]


def run_file(library: str, deck: str) -> None:
    """Run a deck, its control section included, in the current folder; output goes to stdout, and the process ends.

    Parameters
    ----------
    library : str
        Path of libngspice.
    deck : str
        File name of the deck.
    """
    from hgesim.engine.binding import Library

    engine = Library(Path(library))
    lines = Path(deck).read_text("utf-8", "surrogateescape").split("\n")
    # quit asks a library's user to unload it; the process ends anyway
    engine.load([line for line in lines if not re.fullmatch(r"\s*quit\s*", line, re.IGNORECASE)])
    sys.stdout.flush()
    os._exit(0)  # no clean-up: unloading the library is not safe
