"""Arguments that are of the wrong type or no finite numbers, refused where they come in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.errors import RequestError

__all__ = [
    "check_finite",
    "check_kind",
    "check_positive",
    "check_real",
    "check_reals",
    "check_whole",
    "check_wholes",
    "is_real",
]


def check_kind(value: Any, kind: Any, code: str, place: str) -> Any:
    """Return a value of a type, or raise RequestError with `code`."""
    if not isinstance(value, kind):
        raise _bad(value, code, place, f"give a {getattr(kind, '__name__', 'path')}")
    return value


def is_real(value: Any) -> bool:
    """Tell whether a value is a real number of Python or NumPy, which may be NaN or infinite; no truth value is."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def check_real(value: Any, code: str, place: str) -> float:
    """Return a real number, which may be NaN or infinite, or raise RequestError with `code`."""
    if not is_real(value):
        raise _bad(value, code, place, "give a number")
    try:
        return float(value)
    except OverflowError:  # an int beyond all floats
        raise _bad(value, code, place, "a number below 1e308") from None


def check_positive(value: Any, code: str, place: str, unit: str = "") -> float:
    """Return a finite number above 0, or raise RequestError with `code`."""
    number = check_real(value, code, place)
    if not (math.isfinite(number) and number > 0):
        raise RequestError(code, f"{number:g} {unit}".strip(), place=place, remedy="a positive number")
    return number


def check_finite(values: ArrayLike, code: str, place: str) -> NDArray[np.float64]:
    """Return an array of finite numbers, or raise RequestError with `code`."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise RequestError(code, "not an array of numbers", place=place, remedy="finite numbers") from None
    if not np.isfinite(array).all():
        raise RequestError(code, "not all finite", place=place, remedy="remove NaN and infinity")
    return array


def check_reals(values: Any, code: str, place: str) -> tuple[float, ...]:
    """Return a sequence of real numbers as a tuple, or raise RequestError with `code`."""
    return tuple(check_real(value, code, place) for value in _sequence(values, code, place))


def check_whole(value: Any, least: int, code: str, place: str) -> int:
    """Return a whole number of at least `least`, or raise RequestError with `code`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise _bad(value, code, place, f"a whole number, at least {least}")
    return int(value)


def check_wholes(values: Any, least: int, code: str, place: str) -> tuple[int, ...]:
    """Return a sequence of whole numbers of at least `least` as a tuple, or raise RequestError with `code`."""
    return tuple(check_whole(value, least, code, place) for value in _sequence(values, code, place))


def _sequence(values: Any, code: str, place: str) -> Iterable[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise _bad(values, code, place, "give a sequence of numbers")
    return values


def _bad(value: Any, code: str, place: str, remedy: str) -> RequestError:
    shown = repr(value)
    return RequestError(code, shown if len(shown) <= 80 else f"{shown[:77]}...", place=place, remedy=remedy)
