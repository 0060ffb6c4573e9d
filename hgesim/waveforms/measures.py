"""Averages over windows and energies, for unequally spaced time points joined by straight lines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.engine import RawData, row_blocks

__all__ = ["supply_energies", "window_means"]


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


def supply_energies(raw: RawData, supplies: Mapping[str, float]) -> dict[str, float]:
    """Return the energy that each constant supply delivers, in joule, by one walk through the rows.

    Parameters
    ----------
    raw : RawData
        A transient with the current of every supply as SPICE counts it, into the source's positive end, in ampere.
    supplies : mapping of str to float
        Voltage of each source by its name, in volt.
    """
    columns = [raw.names.index(f"i({name.lower()})") for name in supplies]
    charges, last = np.zeros(len(columns)), None
    for block in row_blocks(raw.values):
        time, currents = block[:, 0], block[:, columns]
        if last is not None:
            charges += (time[0] - last[0]) * (currents[0] + last[1]) / 2
        charges += np.diff(time) @ (currents[1:] + currents[:-1]) / 2
        last = time[-1], currents[-1]
    return {name: -voltage * float(q) for (name, voltage), q in zip(supplies.items(), charges, strict=True)}
