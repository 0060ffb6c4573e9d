"""Compiled Newton iterations and adjoints of all-hopping networks, one operating point at a time.

The unknown is the occupation n of each site, n = 1/(1 + exp((eps - mu)/kT)). In it the current of a bond is
``rate (n_i (1 - n_j) G_ij - n_j (1 - n_i) G_ji)`` with ``G_ij = exp(-D + d)``, ``d = (eps_i - eps_j)/2kT`` and D the
rounded |d|: the balance of the Miller-Abrahams rates themselves, and the same function as that of `hgesim.network.laws`
(at an electrode n = 1/2). Without interaction G is known before the iteration, so that an iteration costs one
exponential for each site and no more; the Jacobian is an M-matrix with entries of the size of the rates, however much a
site blocks. Currents that are given back are computed in the form that keeps its digits at small drive, and changed by
what Kirchhoff's law still lacks there: next to a bond of high rate the potential that decides is too near to its
neighbour's for the digits of a potential.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["gradient_points", "solve_points"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Settings = tuple[float, int, float, float, float]

TINY = 1e-290
compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def _factor(a: FloatArray, order: IntArray) -> bool:
    """Factor a matrix in place, with row exchanges; `order` says which row went where. False where it is singular."""
    n = len(a)
    for k in range(n):
        best, size = k, abs(a[k, k])
        for i in range(k + 1, n):
            if abs(a[i, k]) > size:
                best, size = i, abs(a[i, k])
        order[k] = best
        if not size > TINY or not size < np.inf:
            return False
        if best != k:
            for j in range(n):
                a[k, j], a[best, j] = a[best, j], a[k, j]
        pivot = 1.0 / a[k, k]
        for i in range(k + 1, n):
            if a[i, k] != 0.0:
                part = a[i, k] * pivot
                a[i, k] = part
                for j in range(k + 1, n):
                    a[i, j] -= part * a[k, j]
    return True


@compiled
def _factor_balance(a: FloatArray, out: FloatArray) -> bool:
    """Factor in place a matrix of flows without a single subtraction, so that no scale of rates is lost.

    Columns are sites: off the diagonal, what flows to the others (negative); `out`, what leaves the sites for good.
    The diagonal is their sum. Grassmann, Taksar and Heyman, Oper. Res. 33, 1107 (1985).
    """
    n = len(a)
    for k in range(n):
        total = out[k]
        for i in range(k + 1, n):
            total -= a[i, k]
        a[k, k] = total
        if not total > TINY or not total < np.inf:
            return False
        for j in range(k + 1, n):
            out[j] -= out[k] * (a[k, j] / total)
        for i in range(k + 1, n):
            if a[i, k] != 0.0:
                part = a[i, k] / total
                a[i, k] = part
                for j in range(k + 1, n):
                    a[i, j] -= part * a[k, j]
    return True


@compiled
def _solve(a: FloatArray, order: IntArray, x: FloatArray) -> None:
    """Solve a factored system in place."""
    n = len(a)
    for k in range(n):
        x[k], x[order[k]] = x[order[k]], x[k]
    for i in range(n):
        value = x[i]
        for j in range(i):
            value -= a[i, j] * x[j]
        x[i] = value
    for i in range(n - 1, -1, -1):
        value = x[i]
        for j in range(i + 1, n):
            value -= a[i, j] * x[j]
        x[i] = value / a[i, i]


@compiled
def _solve_transposed(a: FloatArray, order: IntArray, x: FloatArray) -> None:
    """Solve the transposed of a factored system in place."""
    n = len(a)
    for i in range(n):
        x[i] /= a[i, i]
        for j in range(i + 1, n):
            x[j] -= a[i, j] * x[i]
    for i in range(n - 1, -1, -1):
        for j in range(i):
            x[j] -= a[i, j] * x[i]
    for k in range(n - 1, -1, -1):
        x[k], x[order[k]] = x[order[k]], x[k]


@compiled
def _rates(
    ends: IntArray,
    rate: FloatArray,
    eps: FloatArray,
    unit: float,
    kink: float,
    up: FloatArray,
    down: FloatArray,
    bend: FloatArray,
) -> None:
    """Fill in ``rate G_ij``, ``rate G_ji`` and the derivative of D for each bond."""
    for b in range(len(rate)):
        d = (eps[ends[0, b]] - eps[ends[1, b]]) / unit
        size = np.sqrt(d * d + kink * kink)
        top = rate[b] * np.exp(abs(d) + kink - size)
        low = top * np.exp(-2.0 * abs(d))
        up[b], down[b] = (top, low) if d > 0 else (low, top)
        bend[b] = d / size


@compiled
def _matrix(
    ends: IntArray,
    up: FloatArray,
    down: FloatArray,
    full: FloatArray,
    free: FloatArray,
    n: int,
    matrix: FloatArray,
    out: FloatArray,
    error: FloatArray,
) -> None:
    """Fill in d(current out of a node)/d(occupation) at fixed levels, what leaves for good, and the error, leak apart.

    The matrix has a row for each node and a column for each site: the top of it is the Jacobian.
    """
    matrix[:] = 0.0
    out[:] = 0.0
    error[:] = 0.0
    for b in range(len(up)):
        i, j = ends[0, b], ends[1, b]
        along, back = full[i] * free[j] * up[b], full[j] * free[i] * down[b]
        by_i, by_j = free[j] * up[b] + full[j] * down[b], full[i] * up[b] + free[i] * down[b]
        if i < n:
            error[i] += along - back
            matrix[i, i] += by_i
            matrix[j, i] -= by_i
            if j >= n:
                out[i] += by_i
        if j < n:
            error[j] -= along - back
            matrix[j, j] += by_j
            matrix[i, j] -= by_j
            if i >= n:
                out[j] += by_j


@compiled
def _interact(
    ends: IntArray,
    up: FloatArray,
    down: FloatArray,
    bend: FloatArray,
    full: FloatArray,
    free: FloatArray,
    unit: float,
    coulomb: FloatArray,
    n: int,
    matrix: FloatArray,
) -> None:
    """Add to the matrix what the occupations do by lifting each other's levels."""
    for b in range(len(up)):
        i, j = ends[0, b], ends[1, b]
        lift = (full[i] * free[j] * up[b] * (1.0 - bend[b]) + full[j] * free[i] * down[b] * (1.0 + bend[b])) / unit
        for k in range(n):
            change = 0.0
            if i < n:
                change += coulomb[i, k]
            if j < n:
                change -= coulomb[j, k]
            change *= lift
            matrix[i, k] += change
            matrix[j, k] -= change


@compiled
def _leak(
    leak: float, kt: float, full: FloatArray, free: FloatArray, coulomb: FloatArray, matrix: FloatArray, out: FloatArray
) -> None:
    """Add what leaks to ground."""
    if leak > 0:
        for i in range(len(out)):
            by_leak = leak * kt / max(full[i] * free[i], TINY)
            matrix[i, i] += by_leak
            out[i] += by_leak
            for j in range(len(coulomb)):
                matrix[i, j] += leak * coulomb[i, j]


@compiled
def _fill(excess: FloatArray, kt: float, full: FloatArray, free: FloatArray) -> None:
    """Occupations, and what is free, where the potential is `excess` above the level."""
    for i in range(len(excess)):
        part = np.exp(-abs(excess[i]) / kt)
        big, small = 1.0 / (1.0 + part), part / (1.0 + part)
        full[i], free[i] = (big, small) if excess[i] > 0 else (small, big)


@compiled
def _check(
    ends: IntArray,
    rate: FloatArray,
    kink: float,
    unit: float,
    leak: float,
    mu: FloatArray,
    eps: FloatArray,
    n: int,
    work: FloatArray,
    currents: FloatArray,
) -> None:
    """Currents out at the electrodes, and the largest error of Kirchhoff's law over what is allowed there.

    `work` is (5, nodes): error, sum of sizes, slope, and log cosh and tanh of half the distance from the level.
    """
    error, total, slope, log_cosh, tanh = work
    work[:] = 0.0
    for i in range(n):
        x = (eps[i] - mu[i]) / unit
        log_cosh[i] = abs(x) + np.log1p(np.exp(-2.0 * abs(x))) - np.log(2.0)
        tanh[i] = np.tanh(x)
        error[i], total[i], slope[i] = leak * mu[i], leak * abs(mu[i]), leak
    for b in range(len(rate)):
        i, j = ends[0, b], ends[1, b]
        d, drive = (eps[i] - eps[j]) / unit, (mu[i] - mu[j]) / unit
        size = abs(drive)
        top = 0.25 * rate[b] * np.exp(kink - np.sqrt(d * d + kink * kink) - log_cosh[i] - log_cosh[j] + size)
        fall = np.expm1(-2.0 * size)
        current = -top * fall if drive > 0 else top * fall
        steep = top * (2.0 + fall)
        error[i] += current
        error[j] -= current
        total[i] += abs(current)
        total[j] += abs(current)
        slope[i] += (steep + current * tanh[i]) / unit
        slope[j] += (steep - current * tanh[j]) / unit
    for e in range(len(currents)):
        currents[e] = -error[n + e]


@compiled
def solve_points(
    ends: IntArray,
    rate: FloatArray,
    coulomb: FloatArray,
    reference: FloatArray,
    kink: float,
    kt: float,
    leak: float,
    outer: FloatArray,
    volts: FloatArray,
    excess: FloatArray,
    settings: Settings,
) -> tuple[FloatArray, BoolArray, IntArray, FloatArray]:
    """Solve Kirchhoff's law at each point, starting from distances from the levels, which are replaced.

    Parameters
    ----------
    ends : array of int, (2, B)
        Nodes of the bonds.
    rate : array, (B,)
        In ampere.
    coulomb, reference : array, (N, N) or (0, 0), and (N,)
        Interaction in eV, and neutral occupation.
    kink, kt, leak : float
        Rounding of |d|, eV, siemens.
    outer : array, (P, N)
        Levels but for the interaction, in eV.
    volts : array, (P, E)
        Of the electrodes.
    excess : array, (P, N)
        Potential less level of the sites, in volt.
    settings : tuple
        Least share of what is full or free that one step leaves, most iterations, size of the last step (V), relative
        error allowed, and the floor (V).

    Returns
    -------
    currents, done, iterations, residual : array
        (P, E) in ampere, (P,) truth, count, and error over the sum of sizes.
    """
    share, most, last, relative, floor = settings
    points, n = excess.shape
    electrodes = volts.shape[1]
    unit = 2.0 * kt
    bonds, nodes = len(rate), n + electrodes
    currents, done = np.zeros((points, electrodes)), np.zeros(points, np.bool_)
    iterations, residual = np.zeros(points, np.int64), np.full(points, np.inf)
    eps, full, free = np.zeros(nodes), np.full(nodes, 0.5), np.full(nodes, 0.5)
    up, down, bend = np.zeros(bonds), np.zeros(bonds), np.zeros(bonds)
    matrix, out, error, order = np.zeros((nodes, n)), np.zeros(n), np.zeros(n), np.arange(n)
    jacobian = matrix[:n]
    work, potential = np.zeros((5, nodes)), np.zeros(nodes)
    interacts = len(coulomb) > 0
    for p in range(points):
        potential[n:] = volts[p]
        eps[:n], eps[n:] = outer[p], volts[p]
        if not interacts:
            _rates(ends, rate, eps, unit, kink, up, down, bend)
        settled = False
        for count in range(1, most + 1):
            iterations[p] = count
            _fill(excess[p], kt, full[:n], free[:n])
            if interacts:
                for i in range(n):
                    level = outer[p, i]
                    for j in range(n):
                        level += coulomb[i, j] * (full[j] - reference[j])
                    eps[i] = level
                _rates(ends, rate, eps, unit, kink, up, down, bend)
            _matrix(ends, up, down, full, free, n, matrix, out, error)
            if interacts:
                _interact(ends, up, down, bend, full, free, unit, coulomb, n, matrix)
            _leak(leak, kt, full[:n], free[:n], coulomb, matrix, out)
            for i in range(n):
                potential[i] = eps[i] + excess[p, i]
                error[i] = -error[i] - leak * potential[i]
            if settled:
                _check(ends, rate, kink, unit, leak, potential, eps, n, work, currents[p])
                error[:] = -work[0, :n]
            if not (_factor(jacobian, order) if interacts else _factor_balance(jacobian, out)):
                settled = False
                break
            _solve(jacobian, order, error)
            if settled:
                for e in range(electrodes):
                    for i in range(n):
                        currents[p, e] -= matrix[n + e, i] * error[i]
                break
            largest = 0.0
            for i in range(n):
                more = max(full[i] + error[i], share * full[i])
                less = max(free[i] - error[i], share * free[i])
                step = error[i] * kt / max(full[i] * free[i], TINY)
                if abs(error[i]) > 1e-3 * full[i] * free[i]:
                    step = kt * (np.log(more / full[i]) - np.log(less / free[i]))
                if not abs(step) <= largest:
                    largest = abs(step)
                excess[p, i] += step
            if not largest < np.inf:
                break
            settled = largest < last
        if settled:
            good, worst = True, 0.0
            for i in range(n):
                if abs(work[0, i]) > relative * work[1, i] + floor * work[2, i]:
                    good = False
                size = max(work[1, i] + floor / relative * work[2, i], TINY)
                worst = max(worst, abs(work[0, i]) / size)
            done[p], residual[p] = good, worst
    return currents, done, iterations, residual


@compiled
def gradient_points(
    ends: IntArray,
    rate: FloatArray,
    coulomb: FloatArray,
    kink: float,
    kt: float,
    leak: float,
    levels: FloatArray,
    levers: FloatArray,
    volts: FloatArray,
    mu: FloatArray,
    output: int,
) -> tuple[FloatArray, BoolArray]:
    """Return d(output current)/d(electrode voltage) at solved points, (P, E), and whether it could be had, (P,).

    One transposed solve gives the weight of an error at each site; a bond then counts with the difference of the
    weights at its ends. Occupations stay fixed while the voltages move the levels.

    Parameters
    ----------
    ends, rate, coulomb, kink, kt, leak, volts, mu
        As in `solve_points`.
    levels, levers : array, (P, N) and (N, E)
        True levels in eV, and lever arms.
    output : int
        Node of the output.
    """
    points, n = mu.shape
    electrodes = volts.shape[1]
    unit, bonds, nodes = 2.0 * kt, len(rate), n + electrodes
    gradient, good = np.zeros((points, electrodes)), np.zeros(points, np.bool_)
    eps, full, free = np.zeros(nodes), np.full(nodes, 0.5), np.full(nodes, 0.5)
    up, down, bend = np.zeros(bonds), np.zeros(bonds), np.zeros(bonds)
    matrix, out, error, order = np.zeros((nodes, n)), np.zeros(n), np.zeros(n), np.arange(n)
    jacobian = matrix[:n]
    weight, by_level = np.zeros(nodes), np.zeros(nodes)
    for p in range(points):
        eps[:n], eps[n:] = levels[p], volts[p]
        _fill(mu[p] - levels[p], kt, full[:n], free[:n])
        _rates(ends, rate, eps, unit, kink, up, down, bend)
        _matrix(ends, up, down, full, free, n, matrix, out, error)
        if len(coulomb):
            _interact(ends, up, down, bend, full, free, unit, coulomb, n, matrix)
        _leak(leak, kt, full[:n], free[:n], coulomb, matrix, out)
        good[p] = _factor(jacobian, order) if len(coulomb) else _factor_balance(jacobian, out)
        if not good[p]:
            continue
        weight[:] = 0.0
        weight[:n] = matrix[output]
        _solve_transposed(jacobian, order, weight[:n])
        weight[output] = -1.0
        by_level[:] = 0.0
        for b in range(bonds):
            i, j = ends[0, b], ends[1, b]
            lift = full[i] * free[j] * up[b] * (1.0 - bend[b]) + full[j] * free[i] * down[b] * (1.0 + bend[b])
            change = (weight[i] - weight[j]) * lift / unit
            by_level[i] += change
            by_level[j] -= change
        for i in range(n):
            by_level[i] += leak * weight[i]
        for e in range(electrodes):
            value = by_level[n + e]
            for i in range(n):
                value += by_level[i] * levers[i, e]
            gradient[p, e] = value
    return gradient, good
