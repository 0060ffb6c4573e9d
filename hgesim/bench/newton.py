"""Newton's method for a hopping network as one writes it with NumPy and SciPy: a reference for the exact solution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hgesim.errors import HgeError
from hgesim.network import Hopping, Network

__all__ = ["newton_current"]

FloatArray = NDArray[np.float64]
DIRECT_SITES = 200  # above it sparse matrices are the faster ones


def newton_current(network: Network, volts: FloatArray, most: int = 1000) -> float:
    """Return the output current (A) of a hopping network at one point, by Newton's method as one writes it with SciPy.

    Every bond at once with NumPy, the Jacobian by hand, ``scipy.linalg.solve`` or, for many sites, ``spsolve``; steps
    are clipped to 4 kT, without which it does not converge. `scipy.optimize.root` finds none of these points.

    Raises
    ------
    HgeError
        ``bench.failed`` where it does not converge.
    """
    sites, u = network.n_sites, 2 * network.kT
    i, j = network.bond_sites.T
    log_rate = np.log([law.rate for law in network.bond_laws if isinstance(law, Hopping)])
    levels, nodes = network.levels + network.levers @ volts, sites + len(volts)
    potentials = np.zeros(sites)
    for _ in range(most):
        mu, eps = np.concatenate([potentials, volts]), np.concatenate([levels, volts])
        apart, x, drop = (eps[i] - eps[j]) / u, (eps - mu) / u, (mu[i] - mu[j]) / u
        empty = np.logaddexp(x, -x)
        weight = log_rate - (np.sqrt(apart**2 + 0.01) - 0.1) - empty[i] - empty[j]
        there, back = np.exp(weight + drop), np.exp(weight - drop)
        current, slope, bend = there - back, (there + back) / u, np.tanh(x) / u
        out = np.bincount(i, current, nodes) - np.bincount(j, current, nodes)
        left, right = slope + current * bend[i], current * bend[j] - slope
        step = -_solve(
            (np.concatenate([i, i, j, j]), np.concatenate([i, j, i, j])),
            np.concatenate([left, right, -left, -right]),
            out[:sites] + network.site_leak * potentials,
            network.site_leak,
        )
        potentials = potentials + np.clip(step, -4 * network.kT, 4 * network.kT)
        if np.abs(step).max() < 1e-9:
            return float(-out[sites + network.output])
    raise HgeError("bench.failed", f"no operating point in {most} iterations", place="twin")


def _solve(
    where: tuple[NDArray[np.int64], NDArray[np.int64]], values: FloatArray, right: FloatArray, leak: float
) -> FloatArray:
    """Solve one step's linear system: entries of the Jacobian at rows and columns, those of electrodes left out."""
    sites, (rows, columns) = len(right), where
    inside = (rows < sites) & (columns < sites)
    if sites > DIRECT_SITES:
        from scipy.sparse import csc_matrix, identity
        from scipy.sparse.linalg import spsolve

        shape = (sites, sites)
        matrix = csc_matrix((values[inside], (rows[inside], columns[inside])), shape) + leak * identity(sites)
        return np.asarray(spsolve(csc_matrix(matrix), right))
    from scipy.linalg import solve

    dense = leak * np.eye(sites)
    np.add.at(dense, (rows[inside], columns[inside]), values[inside])
    return np.asarray(solve(dense, right))
