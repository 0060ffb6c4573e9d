"""A measured current-voltage curve as a bond: the data of a device, joined by a smooth monotone curve."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.errors import RequestError

__all__ = [
    "Measured",
    "Pieces",
    "measured",
    "measured_state",
    "read_curve",
    "smallest_step",
    "table_pieces",
    "table_problem",
]

FloatArray = NDArray[np.float64]
_ROWS = 400


@dataclass(frozen=True)
class Measured:
    """A bond whose current is a table: ``I(v)`` through all of its points, never falling, straight beyond its ends.

    Parameters
    ----------
    table : str
        Rows of volt and ampere, ``"v i; v i; ..."``, as `measured` writes them: volts rise, amperes do not fall, and
        one row is ``0 0``.
    plus : int
        Which of the bond's two nodes is at the positive end of v: 0, the first, or 1, the second.

    Notes
    -----
    Between points the curve is the monotone cubic of Fritsch and Carlson (SIAM J. Numer. Anal. 17 (1980) 238), whose
    slope is continuous, so that gradients are too. Beyond the ends it goes on with the slope it has there. The exact
    solution and the deck have the same pieces. Where all curves at a site are flat its potential is undecided: give the
    network a ``site_leak``.
    """

    table: str
    plus: int = 0


@dataclass(frozen=True)
class Pieces:
    """A piecewise cubic: in piece k, from ``starts[k]`` on, ``sum over p of weights[p, k] (v - starts[k])^p``.

    The first and the last piece are the straight ends; the first counts from the first point backwards.

    Parameters
    ----------
    starts : array, (K,)
        In volt.
    weights : array, (4, K)
        In A/V^p.
    """

    starts: FloatArray
    weights: FloatArray


def measured(volts: ArrayLike, amperes: ArrayLike, plus: int = 0) -> Measured:
    """Make a bond from measured points.

    Parameters
    ----------
    volts, amperes : array, (M,)
        Points in any order.
    plus : int
        As for `Measured`.

    Raises
    ------
    RequestError
        ``network.bad-curve`` for a table that is no monotone curve through zero.
    """
    v, i = np.asarray(volts, dtype=float), np.asarray(amperes, dtype=float)
    if v.ndim != 1 or v.shape != i.shape:
        raise RequestError("network.bad-curve", f"{v.shape} volts for {i.shape} amperes", remedy="two columns")
    order = np.argsort(v, kind="stable")
    table = "; ".join(f"{a!r} {b!r}" for a, b in zip(v[order].tolist(), i[order].tolist(), strict=True))
    if problem := table_problem(table):
        raise RequestError("network.bad-curve", problem, remedy="volts once each, amperes that do not fall, a row 0 0")
    return Measured(table, plus)


def read_curve(path: str | PathLike[str]) -> Measured:
    """Read a bond from a CSV file with two columns, volt and ampere; a first line of words is a heading.

    Raises
    ------
    RequestError
        ``network.bad-curve``, with the file and the line.
    """
    rows: list[list[float]] = []
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            for number, row in enumerate(csv.reader(stream), start=1):
                try:
                    values = [float(cell) for cell in row]
                except ValueError:
                    values = []
                if len(values) != 2 and not (number == 1 or not row):
                    raise RequestError(
                        "network.bad-curve", f"line {number}: {row!r}", place=str(path), remedy="write volt,ampere"
                    )
                if len(values) == 2:
                    rows.append(values)
    except (OSError, UnicodeDecodeError) as problem:
        raise RequestError("network.bad-curve", f"cannot be read ({problem})", place=str(path)) from None
    table = np.array(rows, dtype=float).reshape(-1, 2)
    try:
        return measured(table[:, 0], table[:, 1])
    except RequestError as error:
        raise RequestError(error.code, error.message, place=str(path), remedy=error.remedy) from None


def table_problem(table: object) -> str:
    """Say why a text is no table of a `Measured` bond, or return the empty text."""
    if not isinstance(table, str):
        return f"table = {table!r} is no text"
    try:
        rows = [[float(word) for word in row.split()] for row in table.split(";")]
    except ValueError:
        return "the table holds something that is no number"
    if any(len(row) != 2 for row in rows):
        return "a row of the table is not a volt and an ampere"
    points = np.array(rows)
    if not 2 <= len(points) <= _ROWS:
        return f"{len(points)} points, not 2 to {_ROWS}"
    if not np.isfinite(points).all():
        return "the table holds a value that is not finite"
    if (np.diff(points[:, 0]) <= 0).any():
        return f"{points[np.argmax(np.diff(points[:, 0]) <= 0) + 1, 0]:g} V stands twice or out of order"
    if (falls := np.diff(points[:, 1]) < 0).any():
        return f"the current falls above {points[np.argmax(falls), 0]:g} V"
    if points[0, 1] == points[-1, 1]:
        return "the current is the same everywhere"
    if not ((points[:, 0] == 0) & (points[:, 1] == 0)).any():
        return "no row 0 0: a bond without voltage carries no current"
    return ""


@lru_cache(maxsize=1024)
def table_pieces(table: str) -> Pieces:
    """Return the curve of a table."""
    from scipy.interpolate import PchipInterpolator

    points = np.array([[float(word) for word in row.split()] for row in table.split(";")])
    curve = PchipInterpolator(points[:, 0], points[:, 1])
    inside = np.asarray(curve.c)[::-1]
    ends = np.array([[points[k, 1], float(curve.derivative()(points[k, 0])), 0.0, 0.0] for k in (0, -1)]).T
    starts = np.concatenate([points[:1, 0], points[:-1, 0], points[-1:, 0]])
    return Pieces(starts, np.concatenate([ends[:, :1], inside, ends[:, 1:]], axis=1))


def smallest_step(tables: list[str]) -> float:
    """Return the smallest distance between points of some tables, in volt."""
    return min(float(np.diff(table_pieces(table).starts[1:]).min()) for table in tables)


def measured_state(drop: FloatArray, laws: tuple[Measured, ...]) -> tuple[FloatArray, FloatArray]:
    """Return current (A) and slope (S) of measured bonds at voltages, (points, bonds)."""
    current, slope = np.empty_like(drop), np.empty_like(drop)
    for number, law in enumerate(laws):
        pieces, sign = table_pieces(law.table), 1.0 - 2.0 * law.plus
        v = sign * drop[:, number]
        at = np.searchsorted(pieces.starts[1:], v, side="right")
        c0, c1, c2, c3 = pieces.weights[:, at]
        u = v - pieces.starts[at]
        current[:, number] = sign * (c0 + u * (c1 + u * (c2 + u * c3)))
        slope[:, number] = c1 + u * (2.0 * c2 + 3.0 * u * c3)
    return current, slope
