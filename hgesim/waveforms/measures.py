"""Averages over windows and energies, for unequally spaced time points joined by straight lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["supply_energy", "window_means"]


def window_means(time: ArrayLike, values: ArrayLike, windows: ArrayLike) -> NDArray[np.float64]:
    """Average signals over time windows, exactly for straight lines between the points.

    Parameters
    ----------
    time : array, (T,)
        Rising, in second.
    values : array, (T,) or (T, K)
        Signals.
    windows : array, (..., 2)
        Begin and end of each window, within the time axis.

    Returns
    -------
    ndarray, (...,) or (..., K)
        Time averages.
    """
    t = np.asarray(time, dtype=float)
    v = np.asarray(values, dtype=float)
    columns = v.reshape(len(t), -1)
    spans = np.asarray(windows, dtype=float)
    widths = np.diff(t)[:, None]
    running = np.concatenate(
        [np.zeros((1, columns.shape[1])), np.cumsum(widths * (columns[1:] + columns[:-1]) / 2, axis=0)]
    )

    def integral(at: NDArray[np.float64]) -> NDArray[np.float64]:
        left = np.clip(np.searchsorted(t, at, side="right") - 1, 0, len(t) - 2)
        part = (at - t[left])[..., None]
        slope = (columns[left + 1] - columns[left]) / (t[left + 1] - t[left])[..., None]
        return np.asarray(running[left] + part * (columns[left] + slope * part / 2))

    means = (integral(spans[..., 1]) - integral(spans[..., 0])) / (spans[..., 1] - spans[..., 0])[..., None]
    return means.reshape((*spans.shape[:-1], *v.shape[1:]))


def supply_energy(time: ArrayLike, current: ArrayLike, voltage: float) -> float:
    """Return the energy a constant supply delivers, in joule.

    Parameters
    ----------
    time : array, (T,)
        In second.
    current : array, (T,)
        As SPICE counts it, into the source's positive end, in ampere.
    voltage : float
        Of the source, in volt.
    """
    i, t = np.asarray(current, dtype=float), np.asarray(time, dtype=float)
    return float(-voltage * np.dot(i[1:] + i[:-1], np.diff(t)) / 2)
