"""Errors a user can act on: a code, the place and the way out, in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HgeError(Exception):
    """Base of every error that hgesim raises on purpose.

    Parameters
    ----------
    code : str
        Stable identifier such as ``"config.unknown-key"``, for scripts and the docs.
    message : str
        What is wrong.
    place : str, optional
        Where: a config key, a node, a file.
    remedy : str, optional
        How to mend it.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, *, place: str = "", remedy: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.place = place
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the whole error as one line that a terminal can show: control characters as escapes."""
        where = f"{self.place}: " if self.place else ""
        how = f"; {self.remedy}" if self.remedy else ""
        line = " ".join(f"[{self.code}] {where}{self.message}{how}".split())
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class RequestError(HgeError):
    """The request is wrong: a file, key, value, graph or folder (exit code 2)."""

    exit_code = 2


class EngineError(HgeError):
    """An engine is missing, too old, or failed (exit code 1)."""

    exit_code = 1


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return a hint that offers the choice nearest to `word`, or lists all of them.

    Parameters
    ----------
    word : str
        What the user wrote; its case does not matter.
    choices : iterable of str
        What would have been accepted.

    Returns
    -------
    str
        ``did you mean "rate"?`` or ``one of: a, b, c``.
    """
    known = {choice.lower(): choice for choice in sorted(choices)}
    match = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if match:
        return f'did you mean "{known[match[0]]}"?'
    return "one of: " + ", ".join(known.values())
