"""Kinetic Monte Carlo of a hopping network: the same rates as its mean field, with all correlations."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.errors import HgeError, RequestError
from hgesim.network.checks import check_count
from hgesim.network.electrostatics import ELEMENTARY_CHARGE
from hgesim.network.laws import KINK, FloatArray, Hopping
from hgesim.network.model import Network
from hgesim.seeds import generator

__all__ = ["HopTable", "KmcResult", "check_rows", "compiled", "kinetic_monte_carlo"]

BATCHES = 40  # few enough to be long against the correlation time, enough for an error with 11 % uncertainty


@dataclass(frozen=True)
class KmcResult:
    """Stationary averages of a random walk of carriers.

    Parameters
    ----------
    currents : ndarray, (..., E)
        Current out of the network into each electrode, in ampere, from counted carriers.
    errors : ndarray, (..., E)
        Standard errors of the currents by batch means, in ampere; at least one carrier in the whole time.
    occupations : ndarray, (..., N)
        Share of the time that a carrier sits on each site.
    time : ndarray, (...,)
        Simulated time after the warm-up, in second.
    events : int
        Hops per point after the warm-up.
    """

    currents: FloatArray
    errors: FloatArray
    occupations: FloatArray
    time: FloatArray
    events: int


@dataclass(frozen=True)
class HopTable:
    r"""The hops of a network at given electrode voltages, whatever the occupation.

    Of the carriers' configuration s (0 or 1 on each site) a bond only sees which of its ends can give. With the
    levels eps(s), the pair term U and ``d = (+-(eps_i - eps_j) + U_ij)/2kT`` (plus when i gives) its rate is
    ``attempt * exp(d - sqrt(d^2 + KINK^2) + KINK)``: Miller and Abrahams' ``min(1, exp(2d))`` with the corner rounded
    as in `Hopping`, and U_ij the attraction of a carrier to the hole that it leaves behind.

    Parameters
    ----------
    first, second : ndarray of int, (B,)
        Ends; the first is a site, the second a site or (from N on) an electrode.
    attempt : ndarray, (B,)
        In 1/s. Half at an electrode, which the mean field takes as half filled.
    levels : ndarray, (N + E,)
        Of the empty network and of the electrodes, in units of 2kT.
    pair : ndarray, (B,)
        Coulomb energy of the two ends, in units of 2kT.
    coulomb : ndarray, (N, N)
        In units of 2kT.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    attempt: FloatArray
    levels: FloatArray
    pair: FloatArray
    coulomb: FloatArray

    @classmethod
    def of(cls, network: Network, volts: FloatArray) -> HopTable:
        """Tabulate a network at electrode voltages, (E,) in volt.

        Raises
        ------
        RequestError
            ``network.not-hopping`` for any other bond: its carriers cannot be counted.
        """
        n, unit = network.n_sites, 2.0 * network.kT
        rates = np.array([law.rate if isinstance(law, Hopping) else np.nan for law in network.bond_laws])
        if np.isnan(rates).any():
            raise RequestError("network.not-hopping", "not all bonds are hopping", remedy="use the mean field, solve()")
        first, second = network.bond_sites[:, 0], network.bond_sites[:, 1]
        inner = second < n
        coulomb = network.coulomb / unit
        pair = np.zeros(len(first))
        pair[inner] = coulomb[first[inner], second[inner]]
        sites = (network.levels + network.levers @ volts) / unit - coulomb @ network.reference
        return cls(
            first=np.ascontiguousarray(first),
            second=np.ascontiguousarray(second),
            attempt=rates / ELEMENTARY_CHARGE * np.where(inner, 1.0, 0.5),
            levels=np.concatenate([sites, volts / unit]),
            pair=pair,
            coulomb=np.ascontiguousarray(coulomb),
        )


def kinetic_monte_carlo(
    network: Network,
    voltages: ArrayLike,
    *,
    seed: int,
    events: int = 400_000,
    warmup: int | None = None,
) -> KmcResult:
    """Let carriers hop one at a time and average.

    Every site holds no or one carrier. With ``Network.coulomb`` the levels follow each hop. ``site_leak`` is left
    out. An electrode takes and gives at half the rate of a reservoir that never blocks, as in the mean field, so that
    the two agree exactly wherever occupations are uncorrelated.

    Parameters
    ----------
    network : Network
        With hopping bonds only.
    voltages : array, (..., E)
        Of the electrodes, in volt.
    seed : int
        Each point draws from a stream of its own.
    events : int
        Hops per point that are averaged, at least 40; rounded up to whole batches. Errors fall with the root of it.
    warmup : int, optional
        Hops per point before; a quarter of `events` by default.

    Returns
    -------
    KmcResult

    Raises
    ------
    RequestError
        ``network.bad-voltages``, ``bad-seed``, ``bad-value`` or ``not-hopping``.
    HgeError
        ``network.frozen`` when no carrier can move any more.

    Notes
    -----
    Residence times are taken as their expectation, which averages the same with less noise (Bortz, Kalos and
    Lebowitz, J. Comput. Phys. 17, 10 (1975)). Current is charge over time, a ratio of two means; its error is that
    of the linearised ratio over 40 batches.
    """
    volts, shape = check_rows(network, voltages)
    seed, events = check_count(seed, 0, "seed"), check_count(events, BATCHES, "events")
    warmup = events // 4 if warmup is None else check_count(warmup, 0, "warmup")
    size = -(-events // BATCHES)
    n, electrodes = network.n_sites, network.n_electrodes
    currents, errors = np.zeros_like(volts), np.zeros_like(volts)
    occupations, time = np.zeros((len(volts), n)), np.zeros(len(volts))
    for k, row in enumerate(volts):
        walk = _Walk(HopTable.of(network, row), generator(seed, "network", "montecarlo", k))
        walk.go(warmup)
        parts = [walk.go(size) for _ in range(BATCHES)]
        charge = ELEMENTARY_CHARGE * np.array([part[0][n:] for part in parts]).reshape(BATCHES, electrodes)
        spent = np.array([part[2] for part in parts])
        time[k] = spent.sum()
        currents[k] = charge.sum(axis=0) / time[k]
        scatter = charge - currents[k] * spent[:, None]
        noise = np.sqrt((scatter**2).sum(axis=0) * BATCHES / (BATCHES - 1))
        errors[k] = np.maximum(noise, ELEMENTARY_CHARGE) / time[k]  # nothing counted is not nothing flowing
        occupations[k] = np.sum([part[1] for part in parts], axis=0) / time[k]
    return KmcResult(
        currents.reshape(*shape, electrodes),
        errors.reshape(*shape, electrodes),
        occupations.reshape(*shape, n),
        time.reshape(shape),
        size * BATCHES,
    )


def check_rows(network: Network, voltages: ArrayLike) -> tuple[FloatArray, tuple[int, ...]]:
    """Return voltages as rows, (points, E), and the shape of the points."""
    return network._rows(voltages, network.n_electrodes, "electrode voltages")


class _Walk:
    """One configuration of carriers and its state between batches."""

    def __init__(self, table: HopTable, random: np.random.Generator) -> None:
        n, nodes = len(table.coulomb), len(table.levels)
        self.random = random
        self.filled = (table.levels[:n] < table.levels[n:].mean()).astype(np.float64)
        self.levels = table.levels.copy()
        self.levels[:n] += table.coulomb @ self.filled
        ends = np.concatenate([table.first, table.second])
        touching = np.tile(np.arange(len(table.first)), 2)[np.argsort(ends, kind="stable")]
        start = np.searchsorted(np.sort(ends), np.arange(nodes + 1))
        self.bonds = (table.first, table.second, table.attempt, table.pair, start, touching)
        self.coulomb = (table.coulomb, bool(table.coulomb.any()))

    def go(self, events: int) -> tuple[FloatArray, FloatArray, float]:
        """Make hops; return carriers taken by each node (N + E), time with a carrier on each site (N) and time, in s.

        Raises
        ------
        HgeError
            ``network.frozen`` when no carrier can move any more.
        """
        taken, occupied = np.zeros(len(self.levels)), np.zeros(len(self.filled))
        state = (self.filled, self.levels, taken, occupied)
        spent = float(compiled(_walk)(self.bonds, self.coulomb, state, events, self.random))
        if spent < 0:
            raise HgeError("network.frozen", "no carrier can move", remedy="raise temperature or lower the voltages")
        return taken, occupied, spent


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a numeric function to machine code at its first use, so that importing stays light."""
    import numba

    machine_code: Callable[..., Any] = numba.njit(function, nogil=True)
    return machine_code


def _walk(bonds: Any, coulomb: Any, state: Any, events: int, random: Any) -> float:
    """Hop `events` times and change the arrays of `state` in place; return the time, or -1 when nothing can move."""
    first, second, attempt, pair, start, touching = bonds
    interaction, interacting = coulomb
    filled, levels, taken, occupied = state
    count, n, time = len(first), len(filled), 0.0
    out, back, rate, since = np.empty(count), np.empty(count), np.zeros(count), np.zeros(n)
    moved, every = np.zeros(2, dtype=np.int64), np.arange(count)
    for event in range(events + 1):
        anew = interacting or event == 0
        if anew:
            for b in range(count):  # rates of both directions, were the ends filled accordingly
                fall = levels[first[b]] - levels[second[b]]
                d, e = pair[b] + fall, pair[b] - fall
                out[b] = attempt[b] * math.exp(d - math.sqrt(d * d + KINK * KINK) + KINK)
                back[b] = attempt[b] * math.exp(e - math.sqrt(e * e + KINK * KINK) + KINK)
        for node in moved[: 1 if anew else 2]:
            for k in every if anew else touching[start[node] : start[node + 1]]:
                if second[k] < n and filled[first[k]] == filled[second[k]]:
                    rate[k] = 0.0
                else:
                    rate[k] = out[k] if filled[first[k]] > 0.0 else back[k]
        if event == events:
            break
        total = rate.sum()
        if not total > 0.0:
            return -1.0
        time += 1.0 / total
        aim, b = random.random() * total, 0
        while b < count - 1 and aim >= rate[b]:
            aim -= rate[b]
            b += 1
        while rate[b] == 0.0:  # rounding can carry the search past the last bond that may hop
            b -= 1
        moved[0], moved[1] = first[b], second[b]
        if filled[first[b]] == 0.0:
            moved[0], moved[1] = second[b], first[b]
        for side in range(2):
            here, change = moved[side], 2.0 * side - 1.0
            taken[here] += change
            if here < n:
                if change > 0.0:
                    since[here] = time
                else:
                    occupied[here] += time - since[here]
                filled[here] += change
                if interacting:
                    for site in range(n):
                        levels[site] += change * interaction[site, here]
    for site in range(n):
        if filled[site] > 0.0:
            occupied[site] += time - since[site]
    return time
