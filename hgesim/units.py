"""Quantities with units in, SI numbers inside, e-notation out."""

from __future__ import annotations

import math
import re

import numpy as np
from quantiphy import QuantiPhyError as _QuantiPhyError
from quantiphy import Quantity

from hgesim.errors import RequestError

__all__ = ["parse_quantity", "show_quantity", "spice_number"]


class _Quantity(Quantity):
    """Quantities in which a bare K is kelvin and a bare m is metre, not kilo and milli."""


_Quantity.set_prefs(known_units="K m")
_BEGIN = re.compile(r"\s*[+-]?(\.?[0-9]|inf|nan|∞)", re.IGNORECASE)
_ALIASES = {"Ohms": "Ohm", "ohm": "Ohm", "ohms": "Ohm", "Ω": "Ohm", "sec": "s"}


def parse_quantity(value: object, unit: str, *, place: str = "") -> float:
    """Turn a number in SI units or a string with a unit into a float.

    Parameters
    ----------
    value : float, int or str
        ``0.02``, ``"20 mV"``, ``"4.7 kOhm"``.
    unit : str
        The SI unit expected, for example ``"V"``.
    place : str, optional
        Config key or argument, for the error message.

    Returns
    -------
    float
        The value in `unit`, finite.

    Raises
    ------
    RequestError
        ``units.bad-value`` for text that is no quantity, ``units.wrong-unit`` for another unit,
        ``units.not-finite`` for NaN or infinity.
    """
    remedy = f'write a number in {unit} or, for example, "1 {unit}"' if unit else "write a plain number"
    if isinstance(value, bool) or not isinstance(value, int | float | str | np.floating | np.integer):
        raise RequestError("units.bad-value", f"{value!r} is not a quantity", place=place, remedy=remedy)
    if isinstance(value, str):
        number, found = _read(value, place, remedy)
        if math.isfinite(number) and found not in ("", unit):
            raise RequestError(
                "units.wrong-unit",
                f'"{value}" is in {found}, not {f"in {unit}" if unit else "a plain number"}',
                place=place,
                remedy=remedy,
            )
    else:
        try:
            number = float(value)
        except OverflowError:  # an integer beyond any float
            number = math.inf
    if not math.isfinite(number):
        shown = repr(value) if isinstance(value, str | float) else "a huge integer"
        raise RequestError("units.not-finite", f"{shown} is not finite", place=place, remedy=remedy)
    return number


def _read(text: str, place: str, remedy: str) -> tuple[float, str]:
    """Return number and unit; names ("f = 1 V"), comments and constants ("Z0"), which quantiphy reads, are refused."""
    try:
        if not _BEGIN.match(text) or "--" in text:
            raise ValueError(text)
        quantity = _Quantity(text.strip())
    except (_QuantiPhyError, ValueError):
        raise RequestError("units.bad-value", f'"{text}" is not a quantity', place=place, remedy=remedy) from None
    return quantity.real, _ALIASES.get(quantity.units, quantity.units)


def spice_number(value: float, *, place: str = "") -> str:
    """Write a number the only way every SPICE reads alike: shortest exact e-notation, no suffix.

    Parameters
    ----------
    value : float
        A finite number. Suffixes are never written: ``2F`` is 2e-15 and ``2M`` is 2e-3 to SPICE.
    place : str, optional
        What the number belongs to, for the error message.

    Returns
    -------
    str
        For example ``1.65e+00``.

    Raises
    ------
    RequestError
        ``units.not-finite``.
    """
    number = float(value)
    if not math.isfinite(number):
        raise RequestError("units.not-finite", f"{value!r} cannot stand in a netlist", place=place)
    return np.format_float_scientific(number + 0.0, unique=True, trim="-")


def show_quantity(value: float, unit: str, precision: int = 3) -> str:
    """Write a value for people, with an SI prefix: ``show_quantity(0.0066, "V")`` is ``"6.6 mV"``."""
    return _Quantity(float(value), unit).render(prec=precision)
