"""Dopants in a disc between electrodes on its rim: the reconfigurable nonlinear-processing unit."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.arguments import check_kind
from hgesim.errors import RequestError, nearest
from hgesim.network.checks import check_count, components
from hgesim.network.electrostatics import ELEMENTARY_CHARGE, arc_levers, screened_coulomb
from hgesim.network.laws import FloatArray, Hopping
from hgesim.network.model import Network
from hgesim.seeds import generator
from hgesim.units import parse_quantity

__all__ = ["DiscParameters", "disc_levers", "dopant_disc", "join_parts", "ring"]

_LIMITS = (1e13, 1e14, 1e15, 1e16, 1e18, 1e20, 0.0)  # Hz, 0 for none
_CALIBRATED = 1e-3  # the spread over random settings is no sharper a figure than that
RIM = 1.05  # radius of the electrodes in radii of the disc
SETTINGS = 60  # random control settings that the calibration looks at
LARGE, FEW_SETTINGS = 200, 6  # dopants, above which so many settings do: there each takes a second
CONTROL_RANGE, INPUT_LEVEL = 0.6, 0.3  # V, during calibration
_UNITS = {
    "radius": "m",
    "localisation": "m",
    "spacing": "m",
    "cutoff": "m",
    "disorder": "eV",
    "temperature": "K",
    "current": "A",
    "site_leak": "S",
    "permittivity": "",
    "electrode_width": "",
}
_ZERO = ("disorder", "spacing", "site_leak")  # what may be nothing
LEVERS = ("kernel", "laplace")


@dataclass(frozen=True)
class DiscParameters:
    """What describes a dopant disc, apart from the seed. Lengths may be given as ``"50 nm"`` and so on.

    Parameters
    ----------
    dopants, electrodes : int
        How many.
    inputs : tuple of int
        Electrodes with the role input; 0 is the output, the rest are controls.
    radius : float
        Of the disc, in metre; the electrodes stand at 1.05 radii.
    localisation : float
        Radius a of the wave function in ``exp(-2 r/a)``, in metre.
    spacing : float
        Least distance of two dopants, in metre.
    cutoff : float
        Longest bond, in metre.
    disorder : float
        Standard deviation of the site levels, in eV.
    temperature : float
        In kelvin.
    current : float
        Typical spread of the output current over the input cases, in ampere: fixes the attempt frequency.
    fastest : float or None
        Most hops a second between an occupied and an empty site, however near, in hertz: 0 for no limit. None: what
        phonons allow, about 1e13 Hz (Shklovskii and Efros, Electronic Properties of Doped Semiconductors (1984),
        section 4.2), or by decades as much more as `current` takes. Much faster hops change no current that matters,
        but defeat a circuit simulator's iteration.
    site_leak : float
        In siemens. The default changes the output by less than 1e-5 of `current` (measured on ten devices).
    levers : str
        ``"kernel"``: the Poisson kernel at each electrode, normalised. ``"laplace"``: Laplace's equation with the
        electrodes as arcs of the rim and insulating gaps between them (`hgesim.network.electrostatics.arc_levers`).
    electrode_width : float
        Share of the rim that the arcs cover, up to 1; for ``levers="laplace"`` only.
    coulomb : bool
        Whether carriers repel each other. Dopants are acceptors, neutral when a hole is on them, and `counter_dopants`
        are fixed positive charges (the impurity band of a compensated semiconductor: Shklovskii and Efros, Electronic
        Properties of Doped Semiconductors, Springer 1984, chapter 3).
    permittivity : float
        Relative, of the host.
    screening : float, optional
        Length over which electrodes and free carriers screen the interaction, in metre; none where not given.
    counter_dopants : int, optional
        How many; half the dopants where not given, which is neutral with half the sites occupied.
    """

    dopants: int = 20
    electrodes: int = 8
    inputs: tuple[int, ...] = (2, 5)
    radius: float = 50e-9
    localisation: float = 3e-9
    spacing: float = 3e-9
    cutoff: float = 40e-9
    disorder: float = 0.05
    temperature: float = 77.0
    current: float = 50e-9
    fastest: float | None = None
    site_leak: float = 1e-13
    levers: str = "kernel"
    electrode_width: float = 0.5
    coulomb: bool = False
    permittivity: float = 11.7
    screening: float | None = None
    counter_dopants: int | None = None

    def __post_init__(self) -> None:
        """Read quantities and refuse what cannot be drawn."""
        for name, unit in _UNITS.items():
            value = parse_quantity(getattr(self, name), unit, place=name)
            _check_positive(value, unit, name)
            object.__setattr__(self, name, value)
        check_count(self.dopants, 1, "dopants")
        check_count(self.electrodes, 2, "electrodes")
        if not isinstance(self.inputs, Iterable):
            raise RequestError("network.bad-value", f"{self.inputs!r}", place="inputs", remedy="numbers of electrodes")
        object.__setattr__(self, "inputs", tuple(check_count(number, 0, "inputs") for number in self.inputs))
        for number in self.inputs:
            if not 0 < number < self.electrodes or self.inputs.count(number) > 1:
                raise RequestError(
                    "network.no-electrode",
                    f"input electrode {number}",
                    place="inputs",
                    remedy=f"different ones from 1 to {self.electrodes - 1}; 0 is the output",
                )
        self._check_electrostatics()

    def _check_electrostatics(self) -> None:
        if self.levers not in LEVERS:
            raise RequestError(
                "network.bad-levers", f"{self.levers!r}", place="levers", remedy=nearest(str(self.levers), LEVERS)
            )
        if self.electrode_width > 1:
            raise RequestError(
                "network.bad-value", f"{self.electrode_width:g}", place="electrode_width", remedy="a share, up to 1"
            )
        if not isinstance(self.coulomb, bool):
            raise RequestError("network.bad-value", f"{self.coulomb!r}", place="coulomb", remedy="true or false")
        if self.screening is not None:
            length = parse_quantity(self.screening, "m", place="screening")
            _check_positive(length, "m", "screening")
            object.__setattr__(self, "screening", length)
        if self.fastest is not None:
            hops = parse_quantity(self.fastest, "Hz", place="fastest")
            if hops < 0:
                raise RequestError("network.bad-value", f"{hops:g} Hz", place="fastest", remedy="0 or more")
            object.__setattr__(self, "fastest", hops)
        if self.counter_dopants is not None:
            check_count(self.counter_dopants, 0, "counter_dopants")
        for name in ("screening", "counter_dopants"):
            if getattr(self, name) is not None and not self.coulomb:
                raise RequestError(
                    "network.conflict", "nothing interacts", place=name, remedy="leave it out, or set coulomb = true"
                )


def _check_positive(value: float, unit: str, name: str) -> None:
    if value < 0 or (value == 0 and name not in _ZERO):
        raise RequestError("network.bad-value", f"{value:g} {unit}".strip(), place=name, remedy="a positive number")


def dopant_disc(seed: int, parameters: DiscParameters | None = None, **changes: Any) -> Network:
    """Draw a dopant network in a disc.

    Sites are uniform in the disc, levels normal, lever arms those of Laplace's equation with the rim as boundary.
    All pairs within the cutoff are bonded, except two electrodes; an electrode out of reach is bonded to its nearest
    site, and parts out of reach of each other by their shortest gap. The attempt frequency is calibrated: the median
    over 60 random control settings (6 above 200 dopants; +-0.6 V) of the standard deviation of the output current over
    all input cases (+-0.3 V) equals `current`. It is kept in `Network.meta`; it stands for all prefactors and is no
    phonon frequency.

    Parameters
    ----------
    seed : int
        Of the device. Positions, levels and calibration are independent streams.
    parameters : DiscParameters, optional
        The description; the defaults otherwise.
    **changes
        Fields of `DiscParameters` to change.

    Returns
    -------
    Network
        Electrodes ``e0`` (output), ``e1``, ... counter-clockwise from angle 0; dopants ``d0``, ``d1``, ...

    Raises
    ------
    RequestError
        ``network.unknown-field``, ``bad-seed``, ``bad-value``, ``no-electrode``, ``crowded`` or ``too-weak``, or a
        ``units.`` error.
    """
    seed, base = check_count(seed, 0, "seed"), DiscParameters() if parameters is None else parameters
    check_kind(base, DiscParameters, "network.bad-value", "parameters")
    known = [field.name for field in dataclasses.fields(base)]
    for name in changes:
        if name not in known:
            raise RequestError("network.unknown-field", f'"{name}"', place="dopant_disc", remedy=nearest(name, known))
    p = dataclasses.replace(base, **changes)
    sites = _scatter(p, generator(seed, "network", "positions"), p.dopants)
    rim = ring(p.electrodes, RIM * p.radius)
    bonds, lengths = _pairs(sites, rim, p.cutoff)
    overlap = np.exp(-2.0 * lengths / p.localisation)
    if overlap.min() < 1e-200:
        raise RequestError(
            "network.bad-value",
            f"{p.localisation:g} m makes bonds that carry nothing",
            place="localisation",
            remedy="use a larger one, or a smaller cutoff",
        )
    levels = generator(seed, "network", "levels").normal(0.0, p.disorder, p.dopants)
    levels, fields = _charges(p, seed, sites, levels)
    levers = disc_levers(sites, rim) if p.levers == "kernel" else arc_levers(sites, rim, p.electrode_width)
    meta: tuple[tuple[str, bool | int | float | str], ...] = (("generator", "dopant_disc"), ("seed", seed))
    drawn = Network(
        site_labels=tuple(f"d{k}" for k in range(p.dopants)),
        electrode_labels=tuple(f"e{k}" for k in range(p.electrodes)),
        roles=tuple("output" if k == 0 else "input" if k in p.inputs else "control" for k in range(p.electrodes)),
        levels=levels,
        levers=levers,
        site_positions=sites,
        electrode_positions=rim,
        bond_sites=bonds,
        bond_laws=_laws(overlap),
        temperature=p.temperature,
        site_leak=p.site_leak,
        meta=meta,
        **fields,
    )
    # bonds are sorted in a network: its own lengths, not ours
    reach = np.array([law.rate / ELEMENTARY_CHARGE for law in drawn.bond_laws if isinstance(law, Hopping)])
    for limit in (p.fastest,) if p.fastest is not None else _LIMITS:
        found = _calibrate(drawn, reach, limit, p.current)
        if found is not None:
            return found
    raise RequestError(
        "network.too-weak",
        f"outputs stay below {p.current:g} A",
        place="fastest",
        remedy="allow more hops a second, or ask for less current",
    )


def _calibrate(drawn: Network, overlap: FloatArray, limit: float, current: float) -> Network | None:
    """Find the attempt frequency that gives outputs of the size asked for; None where the limit forbids them."""
    seed = int(dict(drawn.meta)["seed"])
    frequency = current / ELEMENTARY_CHARGE / float(np.exp(np.log(overlap).mean()))
    last: tuple[float, float] | None = None
    for _ in range(20):  # leak and limit make the current not quite proportional to the rates
        frequency = float(f"{frequency:.6g}")  # so that the last bits of a linear solver do not make another device
        network = drawn.replace(
            bond_laws=_laws(np.minimum(frequency * overlap, limit or np.inf)),
            meta=(*drawn.meta, ("attempt_frequency", frequency), ("fastest", limit)),
        )
        found = typical_spread(network, generator(seed, "network", "calibration"))
        if abs(found / current - 1.0) < _CALIBRATED:
            return network
        here = (float(np.log(frequency)), float(np.log(found / current)))
        power = float(np.clip((here[1] - last[1]) / (here[0] - last[0]), 0.2, 1.0)) if last else 1.0
        last, frequency = here, float(np.exp(here[0] - here[1] / power))
    return None


def _charges(
    p: DiscParameters, seed: int, sites: FloatArray, levels: FloatArray
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return levels in the field of the counter-dopants, and the fields of `Network` that make the sites interact."""
    if not p.coulomb:
        return levels, {}
    count = p.dopants // 2 if p.counter_dopants is None else p.counter_dopants
    counter = _scatter(p, generator(seed, "network", "counter_dopants"), count, sites)
    levels = levels + screened_coulomb(sites, counter, p.permittivity, p.screening).sum(axis=1)
    coulomb = screened_coulomb(sites, sites, p.permittivity, p.screening)
    return levels, {"coulomb": coulomb, "reference": np.ones(len(sites))}


def _laws(hops: FloatArray) -> tuple[Hopping, ...]:
    return tuple(Hopping(rate) for rate in (ELEMENTARY_CHARGE * hops).tolist())


def typical_spread(network: Network, random: np.random.Generator) -> float:
    """Return the median over control settings of the spread of the output over the input cases, in ampere.

    Without inputs, the spread over the control settings.
    """
    count = SETTINGS if network.n_sites <= LARGE else FEW_SETTINGS
    volts = np.zeros((count, 2 ** len(network.inputs), network.n_electrodes))
    volts[:, :, network.controls] = random.uniform(-CONTROL_RANGE, CONTROL_RANGE, (count, 1, len(network.controls)))
    cases = np.array(list(itertools.product((-INPUT_LEVEL, INPUT_LEVEL), repeat=len(network.inputs))))
    volts[:, :, network.inputs] = cases
    current = network.output_current(volts)
    return float(np.median(current.std(axis=1)) if network.inputs else current.std())


def ring(count: int, radius: float) -> FloatArray:
    """Return positions equally spaced on a circle, counter-clockwise from angle 0, (count, 2) in metre."""
    angle = 2.0 * np.pi * np.arange(count) / count
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


def disc_levers(sites: FloatArray, electrodes: FloatArray) -> FloatArray:
    """Return lever arms from the Poisson kernel of a disc, (N, E), summing to 1 for each site.

    Parameters
    ----------
    sites : ndarray, (N, 2)
        Positions in metre.
    electrodes : ndarray, (E, 2)
        Positions in metre, on one circle around the sites.

    Raises
    ------
    RequestError
        ``network.no-disc`` when the electrodes are not on one circle around all sites.
    """
    if not (np.isfinite(sites).all() and np.isfinite(electrodes).all()):
        raise RequestError("network.no-disc", "positions are missing", remedy="give every node pos, or levers itself")
    centre = electrodes.mean(axis=0)
    distance = np.linalg.norm(electrodes - centre, axis=1)
    rim, inside = distance.mean(), ((sites - centre) ** 2).sum(axis=1)
    if np.ptp(distance) > 0.01 * rim or (inside >= rim**2).any():
        raise RequestError(
            "network.no-disc",
            "the electrodes do not stand on one circle around all sites",
            remedy="give lever arms node by node",
        )
    kernel = (rim**2 - inside)[:, None] / ((sites[:, None] - electrodes) ** 2).sum(axis=2)
    return kernel / kernel.sum(axis=1, keepdims=True)


def join_parts(n_sites: int, positions: FloatArray, bonds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add the shortest bonds that leave no electrode without one and make the network one piece.

    Parameters
    ----------
    n_sites : int
        Nodes from `n_sites` on are electrodes, which are not bonded to each other.
    positions : ndarray, (nodes, 2)
        In metre.
    bonds : ndarray of int, (B, 2)
        The bonds so far.

    Returns
    -------
    ndarray of int, (B + added, 2)
        The bonds so far and the added ones: a lone electrode to its nearest site, then, again and again, the first
        part to the rest by its shortest gap.
    """
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    for electrode in np.setdiff1d(np.arange(n_sites, len(positions)), bonds):
        bonds = np.vstack([bonds, [int(distance[electrode, :n_sites].argmin()), electrode]])
    distance[n_sites:, n_sites:] = np.inf
    while len(parts := components(len(positions), bonds)) > 1:
        part = np.array(parts[0])
        rest = np.setdiff1d(np.arange(len(positions)), part)
        near, far = np.unravel_index(int(distance[np.ix_(part, rest)].argmin()), (len(part), len(rest)))
        bonds = np.vstack([bonds, [part[near], rest[far]]])
    return bonds


def _scatter(
    p: DiscParameters, random: np.random.Generator, count: int, others: FloatArray | None = None
) -> FloatArray:
    """Draw positions, (count, 2), away from each other and from those of others."""
    taken: list[FloatArray] = [] if others is None else list(others)
    goal = len(taken) + count
    for _ in range(1000 * count):
        point = random.uniform(-p.radius, p.radius, 2)
        if np.hypot(*point) < p.radius and all(np.hypot(*(point - other)) > p.spacing for other in taken):
            taken.append(point)
            if len(taken) == goal:
                break
    if len(taken) < goal:
        raise RequestError(
            "network.crowded",
            f"only {count - goal + len(taken)} of {count} dopants found room",
            place="spacing",
            remedy="use fewer dopants, a wider disc or a smaller spacing",
        )
    return np.array(taken[goal - count :]).reshape(-1, 2)


def _pairs(sites: FloatArray, rim: FloatArray, cutoff: float) -> tuple[NDArray[np.int64], FloatArray]:
    positions = np.vstack([sites, rim])
    first, second = np.triu_indices(len(positions), 1)
    length = np.linalg.norm(positions[first] - positions[second], axis=1)
    near = (length < cutoff) & (first < len(sites))
    bonds = join_parts(len(sites), positions, np.column_stack([first, second])[near].astype(np.int64))
    return bonds, np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=1)
