"""Cubic splines in several variables on even grids: values and slopes for whole arrays at once."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources.abc import Traversable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spline"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spline:
    """A tensor product of uniform cubic B-splines; beyond the grid it goes on as a constant.

    Parameters
    ----------
    low, high : array, (K,)
        First and last grid point in each of K variables.
    weights : array
        Of the B-splines: two more along each variable than it has grid points.
    """

    low: FloatArray
    high: FloatArray
    weights: FloatArray

    @classmethod
    def read(cls, file: Traversable) -> Spline:
        """Read what `numpy.savez` wrote from the fields."""
        with file.open("rb") as stream, np.load(stream) as data:
            return cls(*(np.asarray(data[name], dtype=np.float64) for name in ("low", "high", "weights")))

    @classmethod
    def through(cls, low: FloatArray, high: FloatArray, values: FloatArray) -> Spline:
        """Interpolate values on the grid ("not-a-knot" at the ends)."""
        from scipy.interpolate import make_interp_spline

        weights = values
        for axis, count in enumerate(values.shape):
            inside = make_interp_spline(np.arange(count), weights, k=3, axis=axis)
            # the same piecewise cubic on uniform knots: its weights are blossoms of the polynomial pieces
            weights = np.moveaxis(np.stack([_weight(inside, k, count) for k in range(-1, count + 1)]), 0, axis)
        return cls(np.asarray(low, float), np.asarray(high, float), weights)

    def __call__(self, variables: tuple[FloatArray, ...]) -> tuple[FloatArray, list[FloatArray]]:
        """Return values and derivatives by each variable, all of the shape of the variables."""
        counts = np.array(self.weights.shape) - 3  # cells
        index, basis, slope = [], [], []
        for axis, variable in enumerate(variables):
            pitch = (self.high[axis] - self.low[axis]) / counts[axis]
            place = np.clip((variable - self.low[axis]) / pitch, 0.0, counts[axis])
            cell = np.minimum(place.astype(np.intp), counts[axis] - 1)
            index.append(cell[..., None] + np.arange(4))
            values, slopes = _cubic(place - cell)
            basis.append(values)
            inside = (variable >= self.low[axis]) & (variable <= self.high[axis])
            slope.append(slopes * (inside / pitch)[..., None])
        letters = "abcdefgh"[: len(variables)]
        block = self.weights[_open(index)]
        form = ",".join([f"...{letters}", *(f"...{letter}" for letter in letters)]) + "->..."
        parts = [[slope[k] if k == axis else basis[k] for k in range(len(basis))] for axis in range(-1, len(basis))]
        value, *slopes_out = (np.einsum(form, block, *part, optimize=True) for part in parts)
        return value, slopes_out


def _open(index: list[NDArray[np.intp]]) -> tuple[NDArray[np.intp], ...]:
    """Spread the four cells of each variable along an axis of its own."""
    count = len(index)
    return tuple(
        part[(..., *(slice(None) if k == axis else None for k in range(count)))] for axis, part in enumerate(index)
    )


def _cubic(t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the four uniform cubic B-splines on a cell at t in [0, 1], and their slopes, along a last axis."""
    s = 1.0 - t
    values = (s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3)
    slopes = (-(s**2), 3 * t**2 - 4 * t, -(3 * s**2 - 4 * s), t**2)
    return np.stack(values, -1) / 6.0, np.stack(slopes, -1) / 2.0


def _weight(spline: object, number: int, count: int) -> FloatArray:
    """Return the weight of the B-spline centred on grid point `number`, from value and derivatives there or nearby."""
    at = min(max(number, 0), count - 1)
    value, second = (spline(at, nu=nu) for nu in (0, 2))  # type: ignore[operator]
    middle = value - second / 6.0
    if number == at:
        return np.asarray(middle)
    first = spline(at, nu=1)  # type: ignore[operator]
    return np.asarray(value + second / 3.0 + (first if number > at else -first))
