"""The network as one frozen value, with its exact DC solution and gradient."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.errors import RequestError, nearest
from hgesim.network.checks import check_network, is_whole
from hgesim.network.equations import Circuit, compile_network, evaluate
from hgesim.network.interaction import adjoint_any, solve_any
from hgesim.network.laws import FloatArray, Law, flipped, law_name, law_values
from hgesim.network.solver import Solution

__all__ = ["BOLTZMANN_EV", "Network"]

BOLTZMANN_EV = 8.617333262145179e-05  # k_B/e in V/K, exact in the SI of 2019
Meta = tuple[tuple[str, bool | int | float | str], ...]


def _frozen(values: ArrayLike, kind: type = np.float64) -> NDArray[Any]:
    array: NDArray[Any] = np.array(values, dtype=kind)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Network:
    """A disordered network between electrodes: unknown potentials inside, voltages at the boundary.

    Nodes are numbered with the N sites first and the E electrodes after them. Bonds are kept in one canonical order
    (lower node first, sorted by nodes, then by law), so that the same network has the same digest in whatever order
    its bonds were written.

    Parameters
    ----------
    site_labels : tuple of str
        N sites: dopants or plain inner nodes.
    electrode_labels : tuple of str
        E electrodes.
    roles : tuple of str
        Of each electrode: ``output`` (exactly one), ``input``, ``control`` or ``ground``.
    levels : array, (N,)
        Site levels for positive carriers at zero volt on all electrodes, in eV.
    levers : array, (N, E)
        Lever arms: by how many eV one volt on an electrode lifts the level of a site.
    site_positions, electrode_positions : array, (N, 2) and (E, 2)
        In metre; NaN where unknown.
    bond_sites : array of int, (B, 2)
        Nodes at the ends.
    bond_laws : tuple of Law
        Law of each bond. A diode's anode is turned with its bond; a transistor's gate is an electrode by label.
    temperature : float
        Of the hopping bonds and the diodes, in kelvin; no other law has one.
    site_leak : float
        Conductance from every site to ground, in siemens.
    meta : tuple of (str, value)
        Where the network comes from: seed, attempt frequency and so on.
    coulomb : array, (N, N), optional
        By how many eV a carrier on one site lifts the level of another: symmetric, zero on the diagonal. A level is
        ``levels + levers V + coulomb (n - reference)`` with the mean occupations ``n = 1/(1 + exp((eps - mu)/kT))``.
        Zero where not given.
    reference : array, (N,), optional
        Occupation, 0 to 1, at which a site is neutral. Zero where not given.

    Raises
    ------
    RequestError
        See `hgesim.network.checks.check_network`.
    """

    site_labels: tuple[str, ...]
    electrode_labels: tuple[str, ...]
    roles: tuple[str, ...]
    levels: FloatArray
    levers: FloatArray
    site_positions: FloatArray
    electrode_positions: FloatArray
    bond_sites: NDArray[np.int64]
    bond_laws: tuple[Law, ...]
    temperature: float = 77.0
    site_leak: float = 0.0
    meta: Meta = ()
    coulomb: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    reference: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Freeze the arrays, sort the bonds and refuse what cannot be solved."""
        for name in ("site_labels", "electrode_labels", "roles", "bond_laws"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("levels", "levers", "site_positions", "electrode_positions"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))
        acts = self.coulomb is not None and np.any(np.asarray(self.coulomb, dtype=np.float64) != 0)
        for name, shape in (("coulomb", (self.n_sites, self.n_sites)), ("reference", (self.n_sites,))):
            given = getattr(self, name)
            object.__setattr__(self, name, _frozen(given if acts and np.size(given) else np.zeros(shape)))
        bonds = np.array(self.bond_sites, dtype=np.int64).reshape(-1, 2)
        turned, bonds = bonds[:, 0] > bonds[:, 1], np.sort(bonds, axis=1)
        if len(bonds) == len(self.bond_laws):
            laws = [flipped(law) if turn else law for law, turn in zip(self.bond_laws, turned, strict=True)]
            keys = [(*ends, repr(law)) for ends, law in zip(bonds.tolist(), laws, strict=True)]
            order = sorted(range(len(keys)), key=keys.__getitem__)
            bonds = bonds[order]
            object.__setattr__(self, "bond_laws", tuple(laws[b] for b in order))
        object.__setattr__(self, "bond_sites", _frozen(bonds, np.int64))
        object.__setattr__(self, "temperature", float(self.temperature))
        object.__setattr__(self, "site_leak", float(self.site_leak))
        object.__setattr__(self, "meta", tuple((name, value) for name, value in self.meta))
        check_network(self)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the whole content, as 64 hexadecimal digits: the same on every machine."""
        content: dict[str, object] = {
            "bond_laws": [[law_name(law), *law_values(law).values()] for law in self.bond_laws],
            "meta": [[name, value] for name, value in self.meta],
        }
        for name in (part.name for part in dataclasses.fields(self)):
            if name in ("coulomb", "reference") and not self.interacts:
                continue
            value = getattr(self, name)
            content.setdefault(name, value.tolist() if isinstance(value, np.ndarray) else value)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        return self.digest == other.digest if isinstance(other, Network) else NotImplemented

    def __hash__(self) -> int:
        """Hash by content."""
        return int(self.digest[:15], 16)

    def __str__(self) -> str:
        """Say in one line what it is."""
        kinds = "+".join(sorted({law_name(law) for law in self.bond_laws}))
        size = f"{self.n_sites} sites, {self.n_electrodes} electrodes, {self.n_bonds} {kinds} bonds"
        return f"Network {self.digest[:8]}: {size}, {self.temperature:g} K"

    @property
    def kT(self) -> float:
        """Thermal energy in eV, which is the thermal voltage in volt."""
        return BOLTZMANN_EV * self.temperature

    @cached_property
    def interacts(self) -> bool:
        """Tell whether occupied sites lift each other's levels."""
        return bool(self.coulomb.any())

    @property
    def voltage_scale(self) -> float:
        """Smallest voltage over which the current of a bond grows by e, in volt: kT/e of hopping; may be infinite."""
        return self._circuit.scale

    @property
    def n_sites(self) -> int:
        """Number of sites, N."""
        return len(self.site_labels)

    @property
    def n_electrodes(self) -> int:
        """Number of electrodes, E."""
        return len(self.electrode_labels)

    @property
    def n_bonds(self) -> int:
        """Number of bonds, B."""
        return len(self.bond_sites)

    @property
    def output(self) -> int:
        """Number of the output electrode."""
        return self.roles.index("output")

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the input electrodes."""
        return tuple(k for k, role in enumerate(self.roles) if role == "input")

    @property
    def controls(self) -> tuple[int, ...]:
        """Numbers of the control electrodes."""
        return tuple(k for k, role in enumerate(self.roles) if role == "control")

    def electrode(self, which: str | int) -> int:
        """Return the number of an electrode given by label or number.

        Raises
        ------
        RequestError
            ``network.no-electrode`` with the nearest label.
        """
        if isinstance(which, str) and which in self.electrode_labels:
            return self.electrode_labels.index(which)
        if is_whole(which) and 0 <= int(which) < self.n_electrodes:
            return int(which)
        raise RequestError(
            "network.no-electrode", f"no electrode {which!r}", remedy=nearest(str(which), self.electrode_labels)
        )

    def replace(self, **changes: Any) -> Network:
        """Return a copy with some fields changed, checked anew.

        Raises
        ------
        RequestError
            ``network.unknown-field`` with the nearest name.
        """
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise RequestError("network.unknown-field", f'"{name}"', remedy=nearest(name, known))
        return dataclasses.replace(self, **changes)

    def solve(self, V: ArrayLike, start: ArrayLike | None = None) -> Solution:
        """Find the operating points at given electrode voltages.

        Parameters
        ----------
        V : array, (..., E)
            Electrode voltages in volt.
        start : array, (..., N), optional
            Site potentials to start from, in volt: those of a neighbouring operating point save iterations. Where sites
            interact, they also choose among several states, in the place of the way from zero volt.

        Returns
        -------
        Solution
            Currents (positive out of the network into the electrode), potentials, and how they were found.

        Raises
        ------
        RequestError
            ``network.bad-voltages`` for a wrong shape or values that are not finite.
        HgeError
            ``network.no-convergence`` naming the worst site.
        """
        volts, shape = self._rows(V, self.n_electrodes, "electrode voltages")
        guess = None if start is None else self._start(start, shape)
        found = solve_any(self._circuit, volts, guess, self.site_labels)
        return dataclasses.replace(
            found,
            currents=found.currents.reshape(*shape, self.n_electrodes),
            **{
                name: getattr(found, name).reshape(*shape, self.n_sites)
                for name in ("potentials", "levels", "occupations")
            },
        )

    def output_current(self, V: ArrayLike) -> FloatArray:
        """Return the current into the output electrode, (...,) in ampere, at voltages (..., E)."""
        return self.solve(V).currents[..., self.output]

    def gradient(self, V: ArrayLike) -> FloatArray:
        """Return the exact derivative of the output current by every electrode voltage, (..., E) in siemens."""
        return self.output_and_gradient(V)[1]

    def output_and_gradient(
        self,
        V: ArrayLike,
        start: ArrayLike | None = None,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return output current, its gradient and the site potentials, for loops that start warm.

        Parameters
        ----------
        V : array, (..., E)
            Electrode voltages in volt.
        start : array, (..., N), optional
            Site potentials to start from.

        Returns
        -------
        current : ndarray, (...,)
            Into the output electrode, in ampere.
        gradient : ndarray, (..., E)
            By every electrode voltage, in siemens, gating included; one adjoint solve each.
        potentials : ndarray, (..., N)
            Of the sites, in volt.
        """
        solution = self.solve(V, start)
        volts, shape = self._rows(V, self.n_electrodes, "electrode voltages")
        gradient = adjoint_any(self._circuit, volts, solution.flat())
        return solution.currents[..., self.output], gradient.reshape(*shape, self.n_electrodes), solution.potentials

    def bond_currents(self, V: ArrayLike) -> FloatArray:
        """Return the current of every bond from its first to its second node, (..., B) in ampere."""
        volts, shape = self._rows(V, self.n_electrodes, "electrode voltages")
        found = solve_any(self._circuit, volts, None, self.site_labels)
        return evaluate(self._circuit, found.potentials, volts, found.levels).current.reshape(*shape, self.n_bonds)

    @cached_property
    def _circuit(self) -> Circuit:
        return compile_network(self)

    def _start(self, start: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
        given, rows = self._rows(start, self.n_sites, "start potentials")
        try:
            return np.broadcast_to(given.reshape(*rows, self.n_sites), (*shape, self.n_sites)).reshape(-1, self.n_sites)
        except ValueError:
            raise RequestError("network.bad-voltages", f"start potentials for {rows} points, not {shape}") from None

    @staticmethod
    def _rows(values: ArrayLike, width: int, what: str) -> tuple[FloatArray, tuple[int, ...]]:
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            raise RequestError("network.bad-voltages", f"{what} are not numbers") from None
        if array.ndim == 0 or array.shape[-1] != width:
            raise RequestError(
                "network.bad-voltages", f"{what} have shape {array.shape}", remedy=f"the last axis must have {width}"
            )
        if not np.isfinite(array).all():
            raise RequestError("network.bad-voltages", f"{what} are not all finite", remedy="remove NaN and infinity")
        return array.reshape(-1, width), array.shape[:-1]
