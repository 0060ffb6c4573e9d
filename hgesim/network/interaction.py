"""Operating points of networks whose occupied sites lift each other's levels.

The unknown is the distance ``z = mu - eps`` of each site's potential from its level. Occupations are functions of it
alone, ``n = 1/(1 + exp(-z/kT))``, levels follow from them and potentials from both, so that nothing is implicit and
Newton's method sees the whole interaction. The equations of the mean field can have several solutions: the one given is
that of a device cooled at zero volt whose electrode voltages then rise together to their values.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgesim.network.equations import Circuit, compiled_bonds, electrode_currents, evaluate, jacobian, kernels
from hgesim.network.groups import by_gates
from hgesim.network.large import adjoint_large, solve_large
from hgesim.network.laws import KINK, BondState, FloatArray
from hgesim.network.occupation import fill, settle
from hgesim.network.solver import (
    COMPILED_SHARE,
    FLOOR,
    RELATIVE,
    STEP,
    Solution,
    adjoint,
    compiled_adjoint,
    complete_solution,
    no_convergence,
    settle_rows,
    solve_batch,
    solve_rows,
)

__all__ = ["adjoint_any", "solve_any"]

STAGE = 8.0  # kT/e: rise of the voltages from one stage to the next
FINER = (1, 4, 16, 64, 256)  # how many times as many stages are tried


class State(NamedTuple):
    """A batch of points: (P, N) in volt and eV, currents at the electrodes (P, E), and how far they are solved."""

    excess: FloatArray
    levels: FloatArray
    currents: FloatArray
    done: NDArray[np.bool_]
    iterations: int
    residual: FloatArray

    @property
    def potentials(self) -> FloatArray:
        """Potentials of the sites in volt."""
        return self.levels + self.excess


def solve_any(circuit: Circuit, volts: FloatArray, start: FloatArray | None, labels: tuple[str, ...]) -> Solution:
    """Solve Kirchhoff's law at each row of `volts`, (P, E), with interaction or without.

    Potentials to start from do not tell occupations where several fit: then the free energy decides.

    Raises
    ------
    HgeError
        ``network.no-convergence`` naming the worst site.
    """
    if circuit.large:
        currents, mu, found, done = solve_large(circuit, volts, start)
        if not done.all():
            raise no_convergence(circuit, volts, mu, done, labels)
        return complete_solution(circuit, volts, mu, currents, found)
    if not circuit.interacts:
        return solve_batch(circuit, volts, start, labels)
    if start is None:
        state, fallbacks = _rise(circuit, volts, FINER[0]), 0
    else:
        drive = start - _outer(circuit, volts) + circuit.reference @ circuit.coulomb
        full = settle(drive, circuit.coulomb, fill(drive - 0.5 * circuit.coulomb.sum(axis=0), circuit.kt), circuit.kt)
        state, fallbacks = newton(circuit, volts, drive - full @ circuit.coulomb), 0
    for finer in FINER[1 if start is None else 0 :]:
        failed = np.flatnonzero(~state.done)
        if not len(failed):
            break
        fallbacks = max(fallbacks, len(failed))
        second = _rise(circuit, volts[failed], finer)
        for whole, part in ((name, getattr(second, name)) for name in ("excess", "levels", "currents", "done")):
            getattr(state, whole)[failed] = part
        state.residual[failed] = second.residual
        state = state._replace(iterations=state.iterations + second.iterations)
    if not state.done.all():
        raise no_convergence(circuit, volts, state.potentials, state.done, labels, state.levels)
    return Solution(
        state.currents,
        state.potentials,
        state.iterations,
        float(state.residual.max(initial=0.0)),
        fallbacks,
        state.levels,
        fill(state.excess, circuit.kt),
    )


def _outer(circuit: Circuit, volts: FloatArray) -> FloatArray:
    """Levels but for the interaction, (P, N)."""
    return circuit.levels + volts @ circuit.levers.T


def _levels(circuit: Circuit, volts: FloatArray, excess: FloatArray) -> FloatArray:
    return _outer(circuit, volts) + (fill(excess, circuit.kt) - circuit.reference) @ circuit.coulomb


def _rise(circuit: Circuit, volts: FloatArray, finer: int) -> State:
    """Raise the voltages from zero in stages."""
    full = np.clip(circuit.cooled, 1e-300, 1 - 1e-16)
    excess = np.tile(circuit.kt * (np.log(full) - np.log1p(-full)), (len(volts), 1))
    reach = float(np.abs(volts).max(initial=0.0))
    stages = finer * max(1, int(np.ceil(reach / (STAGE * circuit.kt))))
    count = 0
    for stage in range(1, stages + 1):
        state = newton(circuit, volts * (stage / stages), excess)
        excess, count = state.excess, count + state.iterations
    return state._replace(iterations=count)


def newton(circuit: Circuit, volts: FloatArray, excess: FloatArray, most: int = 60) -> State:
    """Iterate from `excess`, (P, N) in volt, to operating points."""
    if circuit.compiled and (compiled := kernels()):
        excess = np.array(excess, order="C")
        ends, rate, coulomb = compiled_bonds(circuit)
        settings = (COMPILED_SHARE, most, 1e-6 * circuit.kt, RELATIVE, FLOOR)
        given = (ends, rate, coulomb, np.array(circuit.reference), KINK, circuit.kt, circuit.leak)
        points = (_outer(circuit, volts), np.array(volts, order="C"), excess)
        currents, done, iterations, residual = compiled.solve_points(*given, *points, settings)
        levels = _levels(circuit, volts, excess)
        return State(excess, levels, currents, done, int(iterations.max(initial=0)), residual)
    return _newton_arrays(circuit, volts, excess, most)


def _newton_arrays(circuit: Circuit, volts: FloatArray, excess: FloatArray, most: int) -> State:
    """Do what the compiled iterations do, for any laws."""
    excess, n = excess.copy(), circuit.n_sites
    small: NDArray[np.bool_] = np.zeros(len(volts), dtype=bool)
    for count in range(1, most + 1):  # noqa: B007
        levels = _levels(circuit, volts, excess)
        mu = levels + excess
        state = evaluate(circuit, mu, volts, levels)
        error = (state.current @ circuit.incidence)[:, :n] + circuit.leak * mu
        matrix, diagonal = jacobian(circuit, state)
        total = np.abs(state.current) @ circuit.touching + np.abs(circuit.leak * mu)
        good = np.abs(error) <= RELATIVE * total + FLOOR * diagonal
        done = small & good.all(axis=1)
        if done.all():
            break
        matrix = _by_excess(circuit, state, matrix, excess)
        step = solve_rows(matrix, -error, 1.0 / np.maximum(np.abs(matrix).max(axis=2), 1e-290))
        small = np.all(np.abs(step) < STEP, axis=1)
        moves = ~done[:, None] & np.isfinite(step)  # a singular point stays where it is, and is not done
        excess += np.where(moves, np.clip(step, -circuit.limit, circuit.limit), 0.0)
    by_excess = _by_excess(circuit, state, jacobian(circuit, state)[0], excess)
    step = solve_rows(by_excess, -error, 1.0 / np.maximum(np.abs(by_excess).max(axis=2), 1e-290))
    lift = np.einsum("pij,pj->pi", _lift(circuit, excess), step)
    done &= np.isfinite(step).all(axis=1)
    currents = electrode_currents(circuit, state, step + lift, lift)
    residual = np.max(np.abs(error) / np.maximum(total + FLOOR / RELATIVE * diagonal, 1e-290), axis=1)
    return State(excess, levels, currents, done, count, residual)


def _by_excess(circuit: Circuit, state: BondState, by_potential: FloatArray, excess: FloatArray) -> FloatArray:
    """Return the Jacobian by the distances z from that by the potentials: levels and potentials both move."""
    by_level, _ = jacobian(circuit, state._replace(mu_i=state.eps_i, mu_j=state.eps_j))
    sites = np.arange(circuit.n_sites)
    by_level[:, sites, sites] -= circuit.leak
    return np.asarray(by_potential + (by_potential + by_level) @ _lift(circuit, excess))


def _lift(circuit: Circuit, excess: FloatArray) -> FloatArray:
    """Return d(level)/dz, (P, N, N)."""
    full = fill(excess, circuit.kt)
    return np.asarray(circuit.coulomb * (full * fill(-excess, circuit.kt) / circuit.kt)[:, None, :])


def adjoint_any(circuit: Circuit, volts: FloatArray, solution: Solution) -> FloatArray:
    """Return d(output current)/d(electrode voltage) at solved points, (P, E) in siemens."""
    mu, levels = solution.potentials, solution.levels
    if (found := compiled_adjoint(circuit, volts, mu, levels)) is not None:
        return found
    if circuit.large:
        return adjoint_large(circuit, volts, mu)
    if not circuit.interacts:
        return adjoint(circuit, volts, mu)
    n, out, into = circuit.n_sites, circuit.out, circuit.into
    state = evaluate(circuit, mu, volts, levels)
    matrix, _ = jacobian(circuit, state)
    matrix = _by_excess(circuit, state, matrix, mu - levels)
    at_output = circuit.incidence[:, circuit.output]
    by_mu = ((state.mu_i * at_output) @ out + (state.mu_j * at_output) @ into)[:, :n]
    by_eps = ((state.eps_i * at_output) @ out + (state.eps_j * at_output) @ into)[:, :n]
    source = by_mu + np.einsum("pi,pij->pj", by_mu + by_eps, _lift(circuit, mu - levels))
    weight = np.zeros((len(volts), circuit.incidence.shape[1]))
    turned = matrix.transpose(0, 2, 1)
    weight[:, :n] = settle_rows(turned, source, 1.0 / np.maximum(np.abs(turned).max(axis=2), 1e-290))
    weight[:, circuit.output] = -1.0
    share = weight @ circuit.incidence.T
    by_node = (share * (state.mu_i + state.eps_i)) @ out + (share * (state.mu_j + state.eps_j)) @ into
    by_gate = by_gates(circuit.groups, np.concatenate([mu, volts], axis=1), volts, share)
    return np.asarray(by_node[:, n:] + by_gate + (by_node[:, :n] + circuit.leak * weight[:, :n]) @ circuit.levers)
