"""Kirchhoff's current law for a whole batch of electrode voltages: Newton's method and the adjoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgesim.errors import HgeError
from hgesim.network.groups import Group, by_gates, make_groups
from hgesim.network.laws import KINK, BondState, FloatArray, Hopping, SiteState, hopping_state
from hgesim.network.occupation import cooled, fill

if TYPE_CHECKING:
    from hgesim.network.model import Network

__all__ = ["Circuit", "Solution", "adjoint", "compile_network", "solve_batch"]

RELATIVE = 1e-9  # allowed error of Kirchhoff's law against the sum of |I| at the node
FLOOR = 1e-13  # volt: rounding of a potential of order 1 V, below which a node error means nothing
STEP = 1e-9  # volt: the last Newton step must be smaller
COMPILED_SITES = 200  # up to here the compiled iterations are the faster ones
SPARSE_SITES = 400  # above it sparse matrices are
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


@dataclass(frozen=True)
class Circuit:
    """A network as arrays, ready for evaluation: hopping bonds, and one group for each other law."""

    n_sites: int
    ends: tuple[NDArray[np.intp], NDArray[np.intp]]
    pairs: NDArray[np.intp]  # first bond of each run of bonds between the same two sites
    inner: NDArray[np.intp]  # bonds with a site at both ends
    hop: NDArray[np.intp]  # numbers of the hopping bonds
    log_rate: FloatArray
    groups: tuple[Group, ...]
    levels: FloatArray
    levers: FloatArray
    kt: float
    leak: float
    output: int
    coulomb: FloatArray  # (N, N), or (0, 0) where nothing interacts
    reference: FloatArray
    cooled: FloatArray  # occupations at zero volt

    @cached_property
    def incidence(self) -> FloatArray:
        """(B, nodes): +1 at end i, -1 at end j."""
        i, j = self.ends
        rows, incidence = np.arange(len(i)), np.zeros((len(i), self.n_sites + self.levers.shape[1]))
        incidence[rows, i], incidence[rows, j] = 1.0, -1.0
        return incidence

    @cached_property
    def out(self) -> FloatArray:
        """(B, nodes): 1 at end i."""
        return np.maximum(self.incidence, 0.0)

    @cached_property
    def into(self) -> FloatArray:
        """(B, nodes): 1 at end j."""
        return np.maximum(-self.incidence, 0.0)

    @cached_property
    def touching(self) -> FloatArray:
        """(B, N): 1 at each site of the bond."""
        return np.abs(self.incidence[:, : self.n_sites])

    @property
    def large(self) -> bool:
        """Tell whether sparse matrices are the faster ones."""
        return self.n_sites > SPARSE_SITES and not self.interacts

    @property
    def interacts(self) -> bool:
        """Tell whether occupied sites lift each other's levels."""
        return len(self.coulomb) > 0

    @property
    def compiled(self) -> bool:
        """Tell whether the compiled iterations apply: hopping only, and not too many sites."""
        small = self.n_sites <= COMPILED_SITES
        return small and len(self.hop) == len(self.ends[0]) and kernels() is not None

    @property
    def scale(self) -> float:
        """Smallest voltage over which the current of a bond grows by e; infinite where none grows so steeply."""
        return min([group.scale for group in self.groups] + [self.kt] * bool(len(self.hop)), default=np.inf)

    @property
    def limit(self) -> float:
        """Largest Newton step in volt that the steepest law bears."""
        return 4.0 * self.scale


class Result(NamedTuple):
    """Potentials of a batch with what is known about them: all (points, ...)."""

    mu: FloatArray
    done: NDArray[np.bool_]
    iterations: int
    residual: FloatArray


@cache
def kernels() -> ModuleType | None:
    """Return the compiled iterations; nothing where numba or a place for its cache is missing."""
    try:
        from hgesim.network import fast
    except (ImportError, RuntimeError):
        return None
    return fast


def compile_network(network: Network) -> Circuit:
    """Arrange a network for evaluation."""
    n, nodes = network.n_sites, network.n_sites + network.n_electrodes
    i, j = (network.bond_sites[:, end].astype(np.intp) for end in (0, 1))
    inner = np.flatnonzero((i < n) & (j < n))
    key = i[inner] * nodes + j[inner]
    laws = network.bond_laws
    hop = np.array([b for b, law in enumerate(laws) if isinstance(law, Hopping)], dtype=np.intp)
    return Circuit(
        n_sites=n,
        ends=(i, j),
        pairs=np.flatnonzero(np.r_[True, key[1:] != key[:-1]][: len(key)]),
        inner=inner,
        hop=hop,
        log_rate=np.log([law.rate for law in laws if isinstance(law, Hopping)]),
        groups=make_groups(network),
        levels=network.levels,
        levers=network.levers,
        kt=network.kT,
        leak=network.site_leak,
        output=n + network.output,
        coulomb=network.coulomb if network.interacts else np.zeros((0, 0)),
        reference=network.reference,
        cooled=cooled(network.levels, network.coulomb, network.reference, network.kT)
        if network.interacts
        else np.zeros(0),
    )


def evaluate(circuit: Circuit, mu: FloatArray, volts: FloatArray, levels: FloatArray | None = None) -> BondState:
    """Evaluate all bonds: currents (points, B) in ampere, derivatives in siemens.

    Levels, (points, N) in eV, are given where sites interact; else they follow from the voltages.
    """
    if levels is None:
        levels = circuit.levels + volts @ circuit.levers.T
    i, j = circuit.ends
    potential = np.concatenate([mu, volts], axis=1)
    if len(circuit.hop) == len(i):
        return _hopping(circuit, potential, levels, circuit.ends)
    state = BondState(*np.zeros((5, len(mu), len(i))))
    if len(circuit.hop):
        part = _hopping(circuit, potential, levels, (i[circuit.hop], j[circuit.hop]))
        for whole, piece in zip(state, part, strict=True):
            whole[:, circuit.hop] = piece
    for group in circuit.groups:
        channel = group.evaluate(potential, volts)
        state.current[:, group.bonds] = channel.current
        state.mu_i[:, group.bonds], state.mu_j[:, group.bonds] = channel.by_a, channel.by_b
    return state


def _hopping(
    circuit: Circuit, potential: FloatArray, levels: FloatArray, ends: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> BondState:
    n, unit = circuit.n_sites, 2.0 * circuit.kt
    eps = np.concatenate([levels, potential[:, n:]], axis=1) / unit
    reduced = potential / unit
    x = (eps - reduced)[:, :n]
    log_cosh, tanh = np.zeros_like(eps), np.zeros_like(eps)  # an electrode has eps = mu
    size = np.abs(x)
    log_cosh[:, :n] = size + np.log1p(np.exp(-2.0 * size)) - np.log(2.0)
    tanh[:, :n] = np.tanh(x)
    state = hopping_state(SiteState(reduced, eps, log_cosh, tanh), ends, circuit.log_rate)
    return BondState(state.current, *(slope / unit for slope in state[1:]))


def jacobian(circuit: Circuit, state: BondState) -> tuple[FloatArray, FloatArray]:
    """Return d(current leaving a site)/d(potential of a site), (points, N, N), and its diagonal, (points, N)."""
    n, inner = circuit.n_sites, circuit.inner
    diagonal = (state.mu_i @ circuit.out - state.mu_j @ circuit.into)[:, :n] + circuit.leak
    matrix = np.zeros((len(diagonal), n, n))
    upper, lower = state.mu_j[:, inner], -state.mu_i[:, inner]
    if len(circuit.pairs) < len(inner):  # parallel bonds add up
        upper, lower = (np.add.reduceat(part, circuit.pairs, axis=1) for part in (upper, lower))
    first = inner[circuit.pairs]
    i, j = circuit.ends[0][first], circuit.ends[1][first]
    matrix[:, i, j], matrix[:, j, i] = upper, lower
    sites = np.arange(n)
    matrix[:, sites, sites] = diagonal
    return matrix, diagonal


def solve_rows(matrix: FloatArray, right: FloatArray, scale: FloatArray) -> FloatArray:
    """Solve one linear system per point, rows scaled."""
    scaled, sides = matrix * scale[:, :, None], (right * scale)[:, :, None]
    try:
        return np.asarray(np.linalg.solve(scaled, sides)[:, :, 0], dtype=np.float64)
    except np.linalg.LinAlgError:  # a group of sites hangs by less than rounding: a trace of leak holds it
        held = scaled + 1e-13 * np.eye(matrix.shape[1])
        return np.asarray(np.linalg.solve(held, sides)[:, :, 0], dtype=np.float64)


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
        small = np.all(np.abs(step) < STEP, axis=1)
        mu[active] += np.clip(step, -limit, limit)
    return Result(mu, done, iteration, residual)


def _settled_currents(circuit: Circuit, volts: FloatArray, mu: FloatArray) -> FloatArray:
    """Return the currents out at the electrodes, (points, E), after the last step, too small for the potentials."""
    state = evaluate(circuit, mu, volts)
    error = (state.current @ circuit.incidence)[:, : circuit.n_sites] + circuit.leak * mu
    matrix, diagonal = jacobian(circuit, state)
    return electrode_currents(circuit, state, solve_rows(matrix, -error, 1.0 / np.maximum(diagonal, 1e-290)))


def electrode_currents(
    circuit: Circuit, state: BondState, step: FloatArray, lift: FloatArray | None = None
) -> FloatArray:
    """Return the currents out at the electrodes, (points, E) in ampere, after a step too small for the potentials.

    Next to a bond of high rate, the drop that drives the current is less than the rounding of a potential.

    Parameters
    ----------
    state : BondState
        Before the step.
    step, lift : ndarray, (points, N)
        Changes of the sites' potentials in volt, and of their levels in eV where sites interact.
    """
    (i, j), n, electrodes = circuit.ends, circuit.n_sites, circuit.levers.shape[1]
    beside = ((0, 0), (0, electrodes))
    move = np.pad(step, beside)
    current = state.current + state.mu_i * move[:, i] + state.mu_j * move[:, j]
    if lift is not None:
        move = np.pad(lift, beside)
        current += state.eps_i * move[:, i] + state.eps_j * move[:, j]
    out, into, each = np.flatnonzero(i >= n), np.flatnonzero(j >= n), np.eye(electrodes)
    return np.asarray(current[:, into] @ each[j[into] - n] - current[:, out] @ each[i[out] - n])


def first_guess(circuit: Circuit, volts: FloatArray) -> FloatArray:
    """Guess potentials: the gate potential where there are lever arms, else the mean of the electrodes."""
    weight = circuit.levers.sum(axis=1, keepdims=True)
    share = np.full_like(circuit.levers, 1.0 / circuit.levers.shape[1])
    np.divide(circuit.levers, weight, out=share, where=weight > 1e-9)
    return volts @ share.T


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


def compiled_bonds(circuit: Circuit) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return ends, rates and interaction as the compiled iterations take them: arrays of one kind, never read-only."""
    return (
        np.array(circuit.ends, dtype=np.int64, order="C"),
        np.exp(circuit.log_rate),
        np.array(circuit.coulomb, order="C"),
    )


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
    weight[:, :n] = solve_rows(matrix.transpose(0, 2, 1), source, scale)
    weight[:, circuit.output] = -1.0
    share = weight @ circuit.incidence.T
    potential = (share * state.mu_i) @ out + (share * state.mu_j) @ into
    level = (share * state.eps_i) @ out + (share * state.eps_j) @ into
    by_gate = by_gates(circuit.groups, np.concatenate([mu, volts], axis=1), volts, share)
    return potential[:, n:] + level[:, n:] + level[:, :n] @ circuit.levers + by_gate
