"""Kirchhoff's current law of a network as arrays: what flows at given potentials, and how that changes with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hgesim.network.groups import Group, make_groups
from hgesim.network.laws import BondState, FloatArray, Hopping, SiteState, hopping_state
from hgesim.network.occupation import cooled

if TYPE_CHECKING:
    from hgesim.network.model import Network

__all__ = [
    "Circuit",
    "compile_network",
    "compiled_bonds",
    "electrode_currents",
    "evaluate",
    "first_guess",
    "jacobian",
    "kernels",
]

COMPILED_SITES = 200  # up to here the compiled iterations are the faster ones
SPARSE_SITES = 400  # above it sparse matrices are


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


def compiled_bonds(circuit: Circuit) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return ends, rates and interaction as the compiled iterations take them: arrays of one kind, never read-only."""
    return (
        np.array(circuit.ends, dtype=np.int64, order="C"),
        np.exp(circuit.log_rate),
        np.array(circuit.coulomb, order="C"),
    )
