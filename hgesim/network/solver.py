"""Kirchhoff's current law for a whole batch of electrode voltages: Newton's method and the adjoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgesim.errors import HgeError
from hgesim.network.equations import (
    Circuit,
    compiled_bonds,
    electrode_currents,
    evaluate,
    first_guess,
    jacobian,
    kernels,
)
from hgesim.network.groups import by_gates
from hgesim.network.laws import KINK, FloatArray
from hgesim.network.occupation import fill

__all__ = ["Solution", "adjoint", "complete_solution", "no_convergence", "solve_batch", "solve_rows"]

RELATIVE = 1e-9  # allowed error of Kirchhoff's law against the sum of |I| at the node
FLOOR = 1e-13  # volt: rounding of a potential of order 1 V, below which a node error means nothing
STEP = 1e-9  # volt: the last Newton step must be smaller
COMPILED_SHARE = 0.03  # of what is full or free that one of their steps leaves: 0.001 and 0.1 take longer
CHUNK_BYTES = 3e6  # work on so many points at once that the matrices stay in the cache


@dataclass(frozen=True)
class Solution:
    """Operating points of a network.

    Parameters
    ----------
    currents : ndarray, (..., E)
        Current out of the network into each electrode, in ampere.
    potentials : ndarray, (..., N)
        Electrochemical potential of each site, in volt.
    iterations : int
        Newton iterations of the slowest point.
    residual : float
        Largest error of Kirchhoff's law, relative to the sum of |I| at the node.
    fallbacks : int
        Points that plain Newton did not solve and continuation did.
    levels : ndarray, (..., N)
        Of the sites, in eV, gating and interaction included.
    occupations : ndarray, (..., N)
        Of the sites, 0 to 1: ``1/(1 + exp((level - potential)/kT))``. Plain nodes have a number here too, without
        meaning.
    """

    currents: FloatArray
    potentials: FloatArray
    iterations: int
    residual: float
    fallbacks: int
    levels: FloatArray
    occupations: FloatArray

    def flat(self) -> Solution:
        """Return the same with one axis of points."""
        return replace(
            self,
            currents=_flat(self.currents),
            potentials=_flat(self.potentials),
            levels=_flat(self.levels),
            occupations=_flat(self.occupations),
        )


def _flat(values: FloatArray) -> FloatArray:
    return values.reshape(-1, values.shape[-1])


class Result(NamedTuple):
    """Potentials of a batch with what is known about them: all (points, ...)."""

    mu: FloatArray
    done: NDArray[np.bool_]
    iterations: int
    residual: FloatArray


def solve_rows(matrix: FloatArray, right: FloatArray, scale: FloatArray) -> FloatArray:
    """Solve one linear system per point, rows scaled; NaN at points whose system is singular."""
    scaled, sides = matrix * scale[:, :, None], (right * scale)[:, :, None]
    try:
        return np.asarray(np.linalg.solve(scaled, sides)[:, :, 0], dtype=np.float64)
    except np.linalg.LinAlgError:  # a group of sites hangs by less than rounding: a trace of leak holds it
        held = scaled + 1e-13 * np.eye(matrix.shape[1])
        return np.array([_solve_one(one, side[:, 0]) for one, side in zip(held, sides, strict=True)])


def _solve_one(matrix: FloatArray, right: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full_like(right, np.nan)


def settle_rows(matrix: FloatArray, right: FloatArray, scale: FloatArray) -> FloatArray:
    """Do what `solve_rows` does at operating points, which are none where the system is singular.

    Raises
    ------
    HgeError
        ``network.no-convergence``.
    """
    found = solve_rows(matrix, right, scale)
    lost = int((~np.isfinite(found).all(axis=1)).sum())
    if lost:
        raise singular(lost, len(found))
    return found


def singular(lost: int, points: int) -> HgeError:
    """Return the error for operating points where the equations are singular even with a trace of leak."""
    return HgeError(
        "network.no-convergence",
        f"the currents do not determine the potentials at {lost} of {points} operating points",
        remedy="raise site_leak",
    )


def newton(circuit: Circuit, volts: FloatArray, start: FloatArray, *, limit: float, most: int) -> Result:
    """Iterate to the operating points of a batch, each point until it has converged.

    The Jacobian is an M-matrix with dominant columns, so that rows scaled by the diagonal suffice; the step of a
    point is clipped to `limit` volt per site.
    """
    mu, active = start.copy(), np.arange(len(start))
    done, residual = np.zeros(len(start), dtype=bool), np.full(len(start), np.inf)
    small: NDArray[np.bool_] = np.zeros(len(start), dtype=bool)
    iteration = 0
    for iteration in range(1, most + 1):  # noqa: B007
        here = mu[active]
        state = evaluate(circuit, here, volts[active])
        leak = circuit.leak * here
        error = (state.current @ circuit.incidence)[:, : circuit.n_sites] + leak
        matrix, diagonal = jacobian(circuit, state)
        scale = 1.0 / np.maximum(diagonal, 1e-290)
        total = np.abs(state.current) @ circuit.touching + np.abs(leak)
        allowed = RELATIVE * total + FLOOR * diagonal
        good = small & (np.abs(error) <= allowed).all(axis=1)
        residual[active] = np.max(np.abs(error) / np.maximum(total + FLOOR / RELATIVE * diagonal, 1e-290), axis=1)
        done[active[good]] = True
        if good.all():
            break
        active, keep = active[~good], ~good
        step = solve_rows(matrix[keep], -error[keep], scale[keep])
        told = np.isfinite(step).all(axis=1)  # a singular point is given up where it is
        active, step = active[told], step[told]
        small = np.all(np.abs(step) < STEP, axis=1)
        mu[active] += np.clip(step, -limit, limit)
    return Result(mu, done, iteration, residual)


def _settled_currents(circuit: Circuit, volts: FloatArray, mu: FloatArray) -> FloatArray:
    """Return the currents out at the electrodes, (points, E), after the last step, too small for the potentials."""
    state = evaluate(circuit, mu, volts)
    error = (state.current @ circuit.incidence)[:, : circuit.n_sites] + circuit.leak * mu
    matrix, diagonal = jacobian(circuit, state)
    return electrode_currents(circuit, state, settle_rows(matrix, -error, 1.0 / np.maximum(diagonal, 1e-290)))


def continuation(circuit: Circuit, volts: FloatArray) -> Result:
    """Raise the voltages from zero, where all potentials vanish, with ever more and shorter steps."""
    limit, iterations = circuit.limit / 4.0, 0
    for stages in (20, 200):
        mu = np.zeros((len(volts), circuit.n_sites))
        for stage in range(1, stages + 1):
            result = newton(circuit, volts * (stage / stages), mu, limit=limit, most=100)
            mu, iterations = result.mu, iterations + result.iterations
        if result.done.all():
            break
    return Result(mu, result.done, iterations, result.residual)


def solve_batch(circuit: Circuit, volts: FloatArray, start: FloatArray | None, labels: tuple[str, ...]) -> Solution:
    """Solve Kirchhoff's law at each row of `volts`, (points, E).

    Raises
    ------
    HgeError
        ``network.no-convergence`` naming the worst site.
    """
    n, bonds = circuit.n_sites, len(circuit.ends[0])
    mu = first_guess(circuit, volts) if start is None else start.copy()
    if circuit.compiled:
        return _solve_compiled(circuit, volts, mu, labels)
    currents = np.zeros_like(volts)
    most, residual, fallbacks = 0, 0.0, 0
    size = max(16, int(CHUNK_BYTES / (8 * (3 * n * n + 12 * bonds))))
    for begin in range(0, len(volts), size):
        part = slice(begin, begin + size)
        result = newton(circuit, volts[part], mu[part], limit=circuit.limit, most=100)
        failed = np.flatnonzero(~result.done)
        if len(failed):
            second = continuation(circuit, volts[part][failed])
            result.mu[failed], result.residual[failed] = second.mu, second.residual
            result.done[failed] = second.done
            result = result._replace(iterations=result.iterations + second.iterations)
            fallbacks += len(failed)
        if not result.done.all():
            raise no_convergence(circuit, volts[part], result.mu, result.done, labels)
        mu[part] = result.mu
        most, residual = max(most, result.iterations), max(residual, float(result.residual.max(initial=0.0)))
        currents[part] = _settled_currents(circuit, volts[part], result.mu)
    return complete_solution(circuit, volts, mu, currents, (most, residual, fallbacks))


def _solve_compiled(circuit: Circuit, volts: FloatArray, mu: FloatArray, labels: tuple[str, ...]) -> Solution:
    compiled = kernels()
    assert compiled is not None
    volts, settings = np.array(volts, order="C"), (COMPILED_SHARE, 100, 1e-6 * circuit.kt, RELATIVE, FLOOR)
    outer = circuit.levels + volts @ circuit.levers.T
    given = (*compiled_bonds(circuit), np.zeros(circuit.n_sites), KINK, circuit.kt, circuit.leak, outer, volts)
    excess = mu - outer
    currents, done, iterations, residual = compiled.solve_points(*given, excess, settings)
    mu = outer + excess
    failed, most = np.flatnonzero(~done), int(iterations.max(initial=0))
    if len(failed):
        second = continuation(circuit, volts[failed])
        if not second.done.all():
            raise no_convergence(circuit, volts[failed], second.mu, second.done, labels)
        mu[failed], residual[failed] = second.mu, second.residual
        currents[failed] = _settled_currents(circuit, volts[failed], second.mu)
        most += second.iterations
    return complete_solution(circuit, volts, mu, currents, (most, float(residual.max(initial=0.0)), len(failed)))


def complete_solution(
    circuit: Circuit, volts: FloatArray, mu: FloatArray, currents: FloatArray, found: tuple[int, float, int]
) -> Solution:
    """Add levels and occupations to what was found: iterations, residual and fallbacks."""
    levels = circuit.levels + volts @ circuit.levers.T
    return Solution(currents, mu, *found, levels, fill(mu - levels, circuit.kt))


def no_convergence(
    circuit: Circuit,
    volts: FloatArray,
    mu: FloatArray,
    done: NDArray[np.bool_],
    labels: tuple[str, ...],
    levels: FloatArray | None = None,
) -> HgeError:
    """Return the error that names the site where Kirchhoff's law fails most."""
    bad = np.flatnonzero(~done)
    mu, at = mu[bad], volts[bad]
    current = evaluate(circuit, mu, at, None if levels is None else levels[bad]).current
    error = (current @ circuit.incidence)[:, : circuit.n_sites] + circuit.leak * mu
    total = np.abs(current) @ circuit.touching + 1e-290
    point, site = np.unravel_index(int(np.argmax(np.abs(error) / total)), error.shape)
    return HgeError(
        "network.no-convergence",
        f"Kirchhoff's law is off by {abs(error[point, site]):.3g} A at electrode voltages {at[point].tolist()}",
        place=f"site {labels[site]}",
        remedy="lower the voltages or raise site_leak",
    )


def compiled_adjoint(circuit: Circuit, volts: FloatArray, mu: FloatArray, levels: FloatArray) -> FloatArray | None:
    """Return what `adjoint` does, with interaction too; nothing where the compiled form does not apply."""
    compiled = kernels() if circuit.compiled else None
    if compiled is None:
        return None
    arrays = (np.array(values, order="C") for values in (levels, circuit.levers, volts, mu))
    rest = (KINK, circuit.kt, circuit.leak, *arrays)
    gradient, good = compiled.gradient_points(*compiled_bonds(circuit), *rest, circuit.output)
    return np.asarray(gradient) if good.all() else None


def adjoint(circuit: Circuit, volts: FloatArray, mu: FloatArray) -> FloatArray:
    """Return d(output current)/d(electrode voltage) at solved points, (points, E) in siemens.

    One transposed solve gives the weight of an error at each site in the output; a bond then counts with the
    difference of the weights at its ends.
    """
    n = circuit.n_sites
    out, into = circuit.out, circuit.into
    state = evaluate(circuit, mu, volts)
    matrix, diagonal = jacobian(circuit, state)
    scale = 1.0 / np.maximum(diagonal, 1e-290)
    at_output = circuit.incidence[:, circuit.output]
    source = ((state.mu_i * at_output) @ out + (state.mu_j * at_output) @ into)[:, :n]
    weight = np.zeros((len(volts), circuit.incidence.shape[1]))
    weight[:, :n] = settle_rows(matrix.transpose(0, 2, 1), source, scale)
    weight[:, circuit.output] = -1.0
    share = weight @ circuit.incidence.T
    potential = (share * state.mu_i) @ out + (share * state.mu_j) @ into
    level = (share * state.eps_i) @ out + (share * state.eps_j) @ into
    by_gate = by_gates(circuit.groups, np.concatenate([mu, volts], axis=1), volts, share)
    return potential[:, n:] + level[:, n:] + level[:, :n] @ circuit.levers + by_gate
