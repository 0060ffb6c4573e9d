"""The laws of conduction that a bond can follow, as values and as vectorised functions."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgesim.network.junctions import MAX_EXPONENT, Diode, Memristor, SpaceCharge
from hgesim.network.measured import Measured, table_problem
from hgesim.network.transistors import Gf180Nmos, Nmos

__all__ = [
    "LAWS",
    "BondState",
    "Hopping",
    "Law",
    "Ohmic",
    "Sinh",
    "flipped",
    "gate_label",
    "hopping_state",
    "law_problem",
    "sinh_state",
]

FloatArray = NDArray[np.float64]

KINK = 0.1  # half-width, in units of 2kT, of the rounded corner of |eps_i - eps_j|


@dataclass(frozen=True)
class Hopping:
    r"""Phonon-assisted hopping between two localised sites, or between a site and an electrode.

    With ``x = (eps - mu)/2kT`` at either end and ``D(z) = sqrt(z^2 + 0.01) - 0.1`` in the place of ``|z|``::

        I = rate * exp(-D((eps_i - eps_j)/2kT)) * sinh((mu_i - mu_j)/2kT) / (2 cosh(x_i) cosh(x_j))

    At an electrode ``eps = mu = V``, so that its cosh is 1.

    Parameters
    ----------
    rate : float
        Elementary charge times attempt frequency times ``exp(-2 r/a)``, in ampere.

    Notes
    -----
    Mean field of Miller-Abrahams rates (Miller and Abrahams, Phys. Rev. 120, 745 (1960); Ambegaokar, Halperin and
    Langer, Phys. Rev. B 4, 2612 (1971)), exact for uncorrelated occupations beyond linear response.
    """

    rate: float


@dataclass(frozen=True)
class Sinh:
    """A bond with ``I = conductance * scale * sinh(v / scale)``: two antiparallel diodes.

    Parameters
    ----------
    conductance : float
        Slope at zero volt, in siemens.
    scale : float
        Voltage over which the current grows by e, in volt.
    """

    conductance: float
    scale: float


@dataclass(frozen=True)
class Ohmic:
    """A resistor: ``I = conductance * v``.

    Parameters
    ----------
    conductance : float
        In siemens.
    """

    conductance: float


Law = Hopping | Sinh | Ohmic | SpaceCharge | Diode | Memristor | Nmos | Gf180Nmos | Measured
LAWS: dict[str, type[Law]] = {
    "hopping": Hopping,
    "sinh": Sinh,
    "ohmic": Ohmic,
    "space_charge": SpaceCharge,
    "diode": Diode,
    "memristor": Memristor,
    "nmos": Nmos,
    "gf180_nmos": Gf180Nmos,
    "measured": Measured,
}
NAMES = {law: name for name, law in LAWS.items()}
UNITS = {
    "rate": "A",
    "conductance": "S",
    "scale": "V",
    "onset": "V",
    "power": "",
    "saturation": "A",
    "emission": "",
    "minimum": "S",
    "maximum": "S",
    "potentiation": "Hz",
    "depression": "Hz",
    "potentiation_slope": "1/V",
    "depression_slope": "1/V",
    "body": "V",
    "threshold": "V",
    "gain": "A/V^2",
    "modulation": "1/V",
    "body_effect": "V^0.5",
    "surface": "V",
    "units": "",
}
LABELS = ("gate", "anode", "table", "plus")  # fields that name a node or are text: they have no unit
ANY_SIGN, ZERO_TOO = ("body", "threshold"), ("modulation", "body_effect", "potentiation_slope", "depression_slope")


def law_name(law: Law) -> str:
    """Return the name by which graphs and files call a law."""
    return NAMES[type(law)]


def law_values(law: Law) -> dict[str, float | int | str]:
    """Return the parameters of a law, in SI units, by name; a gate is a label, a table text, an anode 0 or 1."""
    values = {field.name: getattr(law, field.name) for field in fields(law)}
    return {name: value if name in LABELS else float(value) for name, value in values.items()}


def gate_label(law: Law) -> str:
    """Return the label of the electrode that is the gate of a bond, or the empty text."""
    return law.gate if isinstance(law, Nmos | Gf180Nmos) else ""


def flipped(law: Law) -> Law:
    """Return the law of the same bond with its two nodes named the other way round."""
    if isinstance(law, Diode) and law.anode in (0, 1):
        return dataclasses.replace(law, anode=1 - law.anode)
    if isinstance(law, Measured) and law.plus in (0, 1):
        return dataclasses.replace(law, plus=1 - law.plus)
    return law


def law_problem(law: object) -> str:
    """Say what is wrong with a law, or return the empty text."""
    if not isinstance(law, Law):
        return f"{law!r} is no bond law"
    for field in fields(law):
        name, value = field.name, getattr(law, field.name)
        if name in LABELS:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            return f"{name} = {value!r} is not a number"
        good = name in ANY_SIGN or value > 0 or (name in ZERO_TOO and value == 0)
        if not (math.isfinite(value) and good):
            kind = "finite" if name in ANY_SIGN else "zero or a positive" if name in ZERO_TOO else "a positive"
            return f"{name} = {value:g} {UNITS[name]}".rstrip() + f" is not {kind} number".replace("finite", "a finite")
    if isinstance(law, SpaceCharge) and law.power < 2:
        return f"power = {law.power:g} is below 2"
    if isinstance(law, Diode) and (isinstance(law.anode, bool) or law.anode not in (0, 1)):
        return f"anode = {law.anode!r} is neither 0 nor 1"
    if isinstance(law, Measured):
        if isinstance(law.plus, bool) or law.plus not in (0, 1):
            return f"plus = {law.plus!r} is neither 0 nor 1"
        return table_problem(law.table)
    if isinstance(law, Memristor) and law.maximum < law.minimum:
        return f"maximum = {law.maximum:g} S is below minimum = {law.minimum:g} S"
    return ""


class BondState(NamedTuple):
    """Current of bonds from end i to end j and its derivatives, each of shape (points, bonds)."""

    current: FloatArray
    mu_i: FloatArray
    mu_j: FloatArray
    eps_i: FloatArray
    eps_j: FloatArray


class SiteState(NamedTuple):
    """What a hopping bond sees of the nodes at its ends: (points, nodes), energies in units of 2kT."""

    mu: FloatArray
    eps: FloatArray
    log_cosh: FloatArray
    tanh: FloatArray


def hopping_state(sites: SiteState, ends: tuple[NDArray[np.intp], NDArray[np.intp]], log_rate: FloatArray) -> BondState:
    """Evaluate hopping bonds, as exponentials of sums of logarithms so that nothing overflows.

    Parameters
    ----------
    sites : SiteState
        Reduced node variables.
    ends : tuple of ndarray
        Node numbers of the ends, (bonds,) each.
    log_rate : ndarray, (bonds,)
        Natural logarithm of the rate in ampere.

    Returns
    -------
    BondState
        Currents in ampere, derivatives in ampere per unit of 2kT.
    """
    i, j = ends
    difference = sites.eps[:, i] - sites.eps[:, j]
    rounded = np.sqrt(difference**2 + KINK**2)
    drive = sites.mu[:, i] - sites.mu[:, j]
    size = np.abs(drive)
    # 4 cosh cosh e^D = denominator; |sinh| = e^|u| (1 - e^-2|u|)/2 keeps its digits at small drive
    top = 0.25 * np.exp(log_rate + KINK - rounded - sites.log_cosh[:, i] - sites.log_cosh[:, j] + size)
    fall = np.expm1(-2.0 * size)
    current = np.copysign(-top * fall, drive)
    slope = top * (2.0 + fall)
    block_i, block_j = current * sites.tanh[:, i], current * sites.tanh[:, j]
    climb = current * (difference / rounded)
    return BondState(current, slope + block_i, block_j - slope, -climb - block_i, climb - block_j)


def sinh_state(voltage: FloatArray, conductance: FloatArray, scale: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return current (A) and slope (S) of sinh bonds at the given voltages, (points, bonds)."""
    reduced = np.clip(voltage / scale, -MAX_EXPONENT, MAX_EXPONENT)
    return conductance * scale * np.sinh(reduced), conductance * np.cosh(reduced)
