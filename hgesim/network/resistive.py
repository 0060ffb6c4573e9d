"""Seeded networks for quick studies: lattice, random geometric and complete graphs with disordered bonds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hgesim.errors import RequestError
from hgesim.network.checks import check_count
from hgesim.network.disc import RIM, disc_levers, join_parts, ring
from hgesim.network.junctions import Diode, Memristor, SpaceCharge
from hgesim.network.laws import FloatArray, Hopping, Law, Ohmic, Sinh
from hgesim.network.model import Network
from hgesim.seeds import generator

__all__ = [
    "LawFactory",
    "complete",
    "diode",
    "hopping",
    "lattice",
    "memristor",
    "ohmic",
    "random_geometric",
    "sinh",
    "space_charge",
]

LawFactory = Callable[[FloatArray, np.random.Generator], tuple[Law, ...]]
"""Makes the laws of bonds from their lengths in metre, (B,), and a random generator."""

PITCH = 1e-6  # m, of the lattice; only drawings see it


def ohmic(conductance: float = 1e-6, spread: float = 0.5) -> LawFactory:
    """Return a factory of resistors with log-normal conductances.

    Parameters
    ----------
    conductance : float
        Median, in siemens.
    spread : float
        Standard deviation of its natural logarithm.
    """

    def make(lengths: FloatArray, random: np.random.Generator) -> tuple[Law, ...]:
        return tuple(Ohmic(conductance * factor) for factor in _factors(spread, lengths, random))

    return make


def sinh(conductance: float = 1e-6, scale: float = 0.1, spread: float = 0.5) -> LawFactory:
    """Return a factory of sinh bonds with log-normal conductances (median in S) and one scale (V)."""

    def make(lengths: FloatArray, random: np.random.Generator) -> tuple[Law, ...]:
        return tuple(Sinh(conductance * factor, scale) for factor in _factors(spread, lengths, random))

    return make


def space_charge(conductance: float = 1e-6, onset: float = 0.1, power: float = 2.0, spread: float = 0.5) -> LawFactory:
    """Return a factory of space-charge-limited bonds: room-temperature devices in the place of hopping.

    Parameters
    ----------
    conductance : float
        Median, in siemens, of a bond of the median length; it falls with the length.
    onset : float
        Of a bond of the median length, in volt; it grows with the length squared, as every such law's does.
    power : float
        2 without traps, more with traps.
    spread : float
        Standard deviation of the conductance's natural logarithm, of unequal cross sections.
    """

    def make(lengths: FloatArray, random: np.random.Generator) -> tuple[Law, ...]:
        factors, relative = _factors(spread, lengths, random), (lengths / np.median(lengths)).tolist()
        return tuple(
            SpaceCharge(conductance * factor / length, onset * length**2, power)
            for factor, length in zip(factors, relative, strict=True)
        )

    return make


def diode(saturation: float = 1e-12, emission: float = 2.0, spread: float = 0.5) -> LawFactory:
    """Return a factory of diodes that point either way, with log-normal saturation currents (median in A)."""

    def make(lengths: FloatArray, random: np.random.Generator) -> tuple[Law, ...]:
        factors = _factors(spread, lengths, random)
        anodes = random.integers(0, 2, len(lengths)).tolist()
        return tuple(Diode(saturation * factor, emission, anode) for factor, anode in zip(factors, anodes, strict=True))

    return make


def memristor(junction: Memristor | None = None, spread: float = 0.5) -> LawFactory:
    """Return a factory of memristive junctions like `junction`, both conductances log-normal by one factor a bond."""
    like = Memristor() if junction is None else junction
    if not isinstance(like, Memristor):
        raise RequestError("network.bad-value", f"{like!r}", place="junction", remedy="a Memristor")

    def make(lengths: FloatArray, random: np.random.Generator) -> tuple[Law, ...]:
        factors = _factors(spread, lengths, random)
        return tuple(replace(like, minimum=like.minimum * f, maximum=like.maximum * f) for f in factors)

    return make


def hopping(rate: float = 1e-9, localisation: float = 3e-9) -> LawFactory:
    """Return a factory of hopping bonds: `rate` (A) at the median length, falling as ``exp(-2 r/localisation)``."""

    def make(lengths: FloatArray, random: np.random.Generator) -> tuple[Law, ...]:
        return tuple(Hopping(r) for r in (rate * np.exp(-2.0 * (lengths - np.median(lengths)) / localisation)).tolist())

    return make


def _factors(spread: float, lengths: FloatArray, random: np.random.Generator) -> list[float]:
    """Draw a log-normal factor of median 1 for every bond."""
    if not (isinstance(spread, int | float) and np.isfinite(spread) and spread >= 0):
        raise RequestError("network.bad-value", f"{spread!r}", place="spread", remedy="zero or a positive number")
    factors: list[float] = np.exp(random.normal(0.0, spread, len(lengths))).tolist()
    return factors


def lattice(rows: int, cols: int, *, seed: int = 0, electrodes: int = 4, law: LawFactory | None = None) -> Network:
    """Make a square lattice with disordered bonds between neighbours.

    Parameters
    ----------
    rows, cols : int
        Sites; labels ``n<row>_<column>``.
    seed : int
        Of the disorder.
    electrodes : int
        At least two, around the lattice counter-clockwise from the right; each is bonded to the nearest site that no
        earlier one took. Electrode 0 is the output, a quarter and five eighths of the way round are the inputs, the
        rest are controls.
    law : LawFactory, optional
        `ohmic`, `sinh`, `space_charge`, `diode` or `memristor`; by default `ohmic()`.

    Returns
    -------
    Network
    """
    rows, cols = check_count(rows, 1, "rows"), check_count(cols, 1, "cols")
    y, x = np.divmod(np.arange(rows * cols), cols)
    sites = PITCH * np.column_stack([x - (cols - 1) / 2, (rows - 1) / 2 - y])
    number = np.arange(rows * cols).reshape(rows, cols)
    across = np.column_stack([number[:, :-1].ravel(), number[:, 1:].ravel()])
    down = np.column_stack([number[:-1].ravel(), number[1:].ravel()])
    labels = tuple(f"n{row}_{column}" for row in range(rows) for column in range(cols))
    return _build("lattice", seed, (labels, sites, np.vstack([across, down])), electrodes, law or ohmic())


def random_geometric(
    seed: int,
    sites: int = 30,
    *,
    reach: float = 0.5,
    radius: float = 50e-9,
    electrodes: int = 4,
    law: LawFactory | None = None,
) -> Network:
    """Scatter sites in a disc and bond those within reach; parts out of reach are joined by their shortest gap.

    Parameters
    ----------
    seed : int
        Of positions and bonds.
    sites : int
        How many; labels ``n0``, ``n1``, ...
    reach : float
        Longest bond, in radii of the disc.
    radius : float
        Of the disc, in metre.
    electrodes : int
        As in `lattice`.
    law : LawFactory, optional
        As in `lattice`, or `hopping`, with which the lever arms are those of the disc and levels are zero.

    Returns
    -------
    Network
    """
    seed, sites = check_count(seed, 0, "seed"), check_count(sites, 1, "sites")
    for name, value in (("reach", reach), ("radius", radius)):
        if not (np.isfinite(value) and value > 0):
            raise RequestError("network.bad-value", f"{value}", place=name, remedy="a positive number")
    random = generator(seed, "network", "positions")
    distance, angle = radius * np.sqrt(random.uniform(size=sites)), random.uniform(0.0, 2.0 * np.pi, sites)
    positions = np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])
    first, second = np.triu_indices(sites, 1)
    near = np.linalg.norm(positions[first] - positions[second], axis=1) < reach * radius
    bonds = np.column_stack([first, second])[near]
    labels = tuple(f"n{k}" for k in range(sites))
    return _build("random_geometric", seed, (labels, positions, bonds), electrodes, law or ohmic())


def complete(sites: int, *, seed: int = 0, electrodes: int = 4, law: LawFactory | None = None) -> Network:
    """Bond every site to every other; sites stand on a circle, electrodes and laws are as in `lattice`."""
    sites = check_count(sites, 1, "sites")
    labels = tuple(f"n{k}" for k in range(sites))
    bonds = np.column_stack(np.triu_indices(sites, 1))
    return _build("complete", seed, (labels, ring(sites, PITCH), bonds), electrodes, law or ohmic())


def _build(
    name: str,
    seed: int,
    inner: tuple[tuple[str, ...], FloatArray, NDArray[np.integer]],
    electrodes: int,
    law: LawFactory,
) -> Network:
    seed, electrodes = check_count(seed, 0, "seed"), check_count(electrodes, 2, "electrodes")
    if not callable(law):
        raise RequestError("network.bad-law", f"{law!r}", place="law", remedy="give a factory such as ohmic()")
    labels, sites, bonds = inner
    count = len(labels)
    extent = max(float(np.linalg.norm(sites, axis=1).max()), PITCH * 1e-3)
    rim = ring(electrodes, RIM * extent)
    distance = np.linalg.norm(rim[:, None] - sites, axis=2)
    free = np.ones(count, dtype=bool)
    attached = []
    for k in range(electrodes):
        if not free.any():
            free[:] = True
        site = int(np.where(free, distance[k], np.inf).argmin())
        free[site] = False
        attached.append((site, count + k))
    positions = np.vstack([sites, rim])
    ends = join_parts(count, positions, np.vstack([bonds, attached]).astype(np.int64))
    lengths = np.linalg.norm(positions[ends[:, 0]] - positions[ends[:, 1]], axis=1)
    laws = law(lengths, generator(seed, "network", "bonds"))
    first = max(1, electrodes // 4)
    inputs = (first, max(first + 1, 5 * electrodes // 8))
    gated = any(isinstance(one, Hopping) for one in laws)
    return Network(
        site_labels=labels,
        electrode_labels=tuple(f"e{k}" for k in range(electrodes)),
        roles=tuple("output" if k == 0 else "input" if k in inputs else "control" for k in range(electrodes)),
        levels=np.zeros(count),
        levers=disc_levers(sites, rim) if gated else np.zeros((count, electrodes)),
        site_positions=sites,
        electrode_positions=rim,
        bond_sites=ends,
        bond_laws=laws,
        meta=(("generator", name), ("seed", seed)),
    )
