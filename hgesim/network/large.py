"""Newton's method and the adjoint of networks with hundreds of sites or more: sparse, one operating point at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.network.equations import Circuit, electrode_currents, evaluate, first_guess
from hgesim.network.groups import by_gates
from hgesim.network.laws import BondState, FloatArray
from hgesim.network.solver import FLOOR, RELATIVE, STEP, singular

__all__ = ["adjoint_large", "solve_large"]

STAGES = (1, 20, 200)  # in which the voltages rise from zero where Newton's method fails from afar


def solve_large(
    circuit: Circuit, volts: FloatArray, start: FloatArray | None
) -> tuple[FloatArray, FloatArray, tuple[int, float, int], NDArray[np.bool_]]:
    """Solve each row of `volts`, (P, E).

    Returns
    -------
    currents, potentials : ndarray
        (P, E) in ampere and (P, N) in volt.
    found : tuple
        Iterations of the slowest point, largest residual, and how many points needed more than one stage.
    done : ndarray of bool, (P,)
        Which points are solved.
    """
    mu = first_guess(circuit, volts) if start is None else start.copy()
    currents, done = np.zeros_like(volts), np.zeros(len(volts), dtype=bool)
    residual, most, fallbacks = 0.0, 0, 0
    for point, ends in enumerate(volts):
        here, count = mu[point], 0
        for stages in STAGES:
            if stages > 1:
                here = np.zeros(circuit.n_sites)
            for stage in range(1, stages + 1):
                here, state, last, iterations = _newton(circuit, ends * (stage / stages), here)
                count += iterations
            done[point] = last <= RELATIVE
            if done[point]:
                break
            fallbacks += stages == 1
        mu[point], most, residual = here, max(most, count), max(residual, last)
        matrix = _jacobian(circuit, state)
        slope = np.maximum(matrix.diagonal(), 1e-290)
        error = _flow(circuit, state.current[0])[: circuit.n_sites] + circuit.leak * here
        currents[point] = electrode_currents(circuit, state, _factor(matrix, slope).solve(-error / slope)[None])[0]
    return currents, mu, (most, residual, fallbacks), done


def _newton(circuit: Circuit, ends: FloatArray, mu: FloatArray) -> tuple[FloatArray, BondState, float, int]:
    """Iterate one point; return potentials, bonds, residual and iterations."""
    n, small, last = circuit.n_sites, False, np.inf
    for count in range(1, 101):  # noqa: B007
        state = evaluate(circuit, mu[None], ends[None])
        error = _flow(circuit, state.current[0])[:n] + circuit.leak * mu
        total = np.bincount(np.concatenate(circuit.ends), np.tile(np.abs(state.current[0]), 2), n + len(ends))[:n]
        matrix = _jacobian(circuit, state)
        slope = matrix.diagonal()
        worth = np.maximum(total + np.abs(circuit.leak * mu) + FLOOR / RELATIVE * slope, 1e-290)
        last = float(np.max(np.abs(error) / worth)) if small else np.inf
        if last <= RELATIVE:
            break
        step = _factor(matrix, slope).solve(-error / np.maximum(slope, 1e-290))
        if not np.isfinite(step).all():
            break
        small = bool(np.abs(step).max() < STEP)
        mu = mu + np.clip(step, -circuit.limit, circuit.limit)
    return mu, state, last, count


def _flow(circuit: Circuit, current: FloatArray) -> FloatArray:
    """Sum what leaves each node, (nodes,)."""
    nodes = circuit.n_sites + circuit.levers.shape[1]
    i, j = circuit.ends
    return np.asarray(np.bincount(i, current, nodes) - np.bincount(j, current, nodes), dtype=np.float64)


def _jacobian(circuit: Circuit, state: BondState) -> Any:
    from scipy.sparse import csc_array

    n, (i, j) = circuit.n_sites, circuit.ends
    rows, columns = np.concatenate([i, i, j, j]), np.concatenate([i, j, i, j])
    values = np.concatenate([state.mu_i[0], state.mu_j[0], -state.mu_i[0], -state.mu_j[0]])
    inside, sites = (rows < n) & (columns < n), np.arange(n)
    entries = np.concatenate([values[inside], np.full(n, circuit.leak)])
    places = np.concatenate([rows[inside], sites]), np.concatenate([columns[inside], sites])
    return csc_array((entries, places), shape=(n, n))


def _factor(matrix: Any, slope: FloatArray) -> Any:
    """Factor with rows scaled; a trace of leak holds what hangs by less than rounding."""
    from scipy.sparse import csc_array, diags_array, eye_array
    from scipy.sparse.linalg import splu

    scaled = csc_array(diags_array(1.0 / np.maximum(slope, 1e-290)) @ matrix)
    try:
        return splu(scaled, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.01)
    except RuntimeError:
        held = csc_array(scaled + 1e-13 * eye_array(len(slope)))
    try:
        return splu(held)
    except RuntimeError:
        raise singular(1, 1) from None


def adjoint_large(circuit: Circuit, volts: FloatArray, mu: FloatArray) -> FloatArray:
    """Return d(output current)/d(electrode voltage) at solved points, (P, E) in siemens."""
    n, (i, j) = circuit.n_sites, circuit.ends
    nodes = n + volts.shape[1]
    at_output = (i == circuit.output).astype(float) - (j == circuit.output)
    gradient = np.zeros_like(volts)
    for point in range(len(volts)):
        here, ends = mu[point : point + 1], volts[point : point + 1]
        state = evaluate(circuit, here, ends)
        by_i, by_j = state.mu_i[0], state.mu_j[0]
        source = np.bincount(i, at_output * by_i, nodes) + np.bincount(j, at_output * by_j, nodes)
        matrix = _jacobian(circuit, state)
        slope = matrix.diagonal()
        weight = np.zeros(nodes)
        # rows were scaled, so that the transposed solution has to be scaled back
        weight[:n] = _factor(matrix, slope).solve(source[:n], trans="T") / np.maximum(slope, 1e-290)
        weight[circuit.output] = -1.0
        share = weight[i] - weight[j]
        potential = np.bincount(i, share * by_i, nodes) + np.bincount(j, share * by_j, nodes)
        level = np.bincount(i, share * state.eps_i[0], nodes) + np.bincount(j, share * state.eps_j[0], nodes)
        by_gate = by_gates(circuit.groups, np.concatenate([here, ends], axis=1), ends, share[None])[0]
        gradient[point] = potential[n:] + level[n:] + level[:n] @ circuit.levers + by_gate
    return gradient
