"""Names that are safe in a netlist: no line, control command or shell command can hide in a label."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable

from hgesim.errors import RequestError

__all__ = ["check_label", "check_remark", "check_unique", "label_text"]

_ALLOWED = re.compile(r"[A-Za-z0-9_]")
_REMARK = re.compile(r"[A-Za-z0-9_ .,:;()+/'=-]")
MAX_LENGTH = 64


def label_text(label: Hashable) -> str:
    """Write a graph label as text: strings as they are, integers in decimal, tuples joined by ``_``.

    Raises
    ------
    RequestError
        ``names.bad-type`` for any other type.
    """
    if isinstance(label, str):
        return label
    if isinstance(label, tuple):
        return "_".join(label_text(part) for part in label)
    if hasattr(label, "__index__") and not isinstance(label, bool):
        return str(int(label))  # type: ignore[call-overload]
    raise RequestError(
        "names.bad-type", f"{label!r} is a {type(label).__name__}", place="node label", remedy="use text or integers"
    )


def check_label(text: str, *, place: str) -> str:
    """Return `text` if it may stand in a netlist as a name.

    Parameters
    ----------
    text : str
        The name: 1 to 64 letters, digits and underscores.
    place : str
        What the name belongs to, for the error message.

    Raises
    ------
    RequestError
        ``names.bad-character`` with the character and its position, ``names.empty`` or ``names.too-long``.
    """
    if not text:
        raise RequestError("names.empty", "the name is empty", place=place)
    if len(text) > MAX_LENGTH:
        raise RequestError(
            "names.too-long",
            f"{text[:20]!r}... has {len(text)} characters",
            place=place,
            remedy=f"at most {MAX_LENGTH}",
        )
    _check_characters(text, _ALLOWED, place, "use ASCII letters, digits and underscores")
    return text


def check_remark(text: str, *, place: str) -> str:
    """Return `text` if it may stand in a comment: one line of ASCII letters, digits, blanks and ``_.,:;()+/'=-``.

    Raises
    ------
    RequestError
        ``names.bad-character`` with the character and its position.
    """
    _check_characters(text, _REMARK, place, "use ASCII letters, digits, blanks and _.,:;()+/'=-")
    return text


def _check_characters(text: str, allowed: re.Pattern[str], place: str, remedy: str) -> None:
    for position, character in enumerate(text):
        if not allowed.fullmatch(character):
            raise RequestError(
                "names.bad-character",
                f"character {character!r} at position {position} of {text!r}",
                place=place,
                remedy=remedy,
            )


def check_unique(names: Iterable[str], *, place: str) -> None:
    """Refuse two names that SPICE, which is blind to case, would take for one.

    Raises
    ------
    RequestError
        ``names.case-collision`` naming both, or ``names.duplicate``.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(name.lower())
        if other is None:
            seen[name.lower()] = name
        elif other == name:
            raise RequestError("names.duplicate", f"{name!r} occurs twice", place=place, remedy="rename one")
        else:
            raise RequestError(
                "names.case-collision", f"{other!r} and {name!r} differ only in case", place=place, remedy="rename one"
            )
