"""Mean occupations of sites that lift each other's levels: which of several states a device is in."""

from __future__ import annotations

import numpy as np

from hgesim.network.laws import FloatArray

__all__ = ["cooled", "fill", "settle"]

COOLING = 1.25  # from one temperature to the next
SWEEPS = 200  # at most, at each temperature


def fill(excess: FloatArray, kt: float) -> FloatArray:
    """Return occupations ``1/(1 + exp(-excess/kT))`` where potentials are `excess` above the levels (V)."""
    part = np.exp(-np.abs(excess) / kt)
    return np.asarray(np.where(excess > 0, 1.0, part) / (1.0 + part))


def settle(drive: FloatArray, coulomb: FloatArray, full: FloatArray, kt: float, tolerance: float = 1e-3) -> FloatArray:
    """Let one site after the other take its mean occupation in the field of the others until nothing moves.

    Each move lowers the free energy of the mean field, so that this ends in a minimum of it, near the start.

    Parameters
    ----------
    drive : ndarray, (P, N)
        Potential less level at the occupation that lifts nothing, in eV.
    coulomb : ndarray, (N, N)
        In eV, as in `hgesim.network.Network`.
    full : ndarray, (P, N)
        Occupations to start from.
    kt : float
        In eV.
    tolerance : float
        Largest last move.

    Returns
    -------
    ndarray, (P, N)
        Occupations.
    """
    full = full.copy()
    for _ in range(SWEEPS):
        before = full.copy()
        for site in range(full.shape[1]):
            full[:, site] = fill(drive[:, site] - full @ coulomb[:, site], kt)
        if np.abs(full - before).max(initial=0.0) < tolerance:
            break
    return full


def cooled(levels: FloatArray, coulomb: FloatArray, reference: FloatArray, kt: float) -> FloatArray:
    """Return the occupations, (N,), that a device ends in when it is cooled with all electrodes at zero volt.

    Cooling begins where the state is unique, and each state starts the next one.
    """
    drive = (coulomb @ reference - levels)[None]
    highest = max(kt, float(np.abs(coulomb).sum(axis=1).max(initial=0.0)))
    full = np.full(drive.shape, 0.5)
    for step in range(int(np.ceil(np.log(highest / kt) / np.log(COOLING))), 0, -1):
        full = settle(drive, coulomb, full, kt * COOLING**step)
    return np.asarray(settle(drive, coulomb, full, kt, 1e-12)[0])
