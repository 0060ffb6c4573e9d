"""Bonds between two nodes beyond resistors: space charge, diodes and memristive junctions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Diode", "Memristor", "SpaceCharge", "diode_state", "memristor_state", "space_charge_state"]

FloatArray = NDArray[np.float64]
Slope = tuple[FloatArray, FloatArray]

MAX_EXPONENT = 300.0  # keeps a wild Newton guess finite; a bond at 300 scales carries no physical current


@dataclass(frozen=True)
class SpaceCharge:
    r"""Conduction limited by the carriers' own space charge: ohmic at small voltage, a power law at large.

    ``I = conductance * v * (1 + (|v| / onset)^(power - 1))``

    With ``power = 2`` the second part is the Mott-Gurney law ``J = 9/8 eps mu V^2 / L^3``, which a trap-free
    insulator of thickness L reaches from ``J = e n0 mu V / L`` at ``onset = 8/9 e n0 L^2 / eps``. Traps distributed
    exponentially in energy with the characteristic temperature Tt give ``power = Tt/T + 1``. Every such law scales as
    ``J/L = f(V/L^2)``, so that a bond's conductance goes with 1/L and its onset with L^2.

    Parameters
    ----------
    conductance : float
        Slope at zero volt, in siemens.
    onset : float
        Voltage at which both parts carry the same current, in volt.
    power : float
        Exponent at large voltage, 2 or more.

    Notes
    -----
    N. F. Mott and R. W. Gurney, Electronic Processes in Ionic Crystals (1940); M. A. Lampert and P. Mark, Current
    Injection in Solids (1970). The sum of the two limits is up to 12 % above the exact drift-only solution for
    ``power = 2``, at the onset, and joins it on both sides. The law depends on the voltage across the bond alone:
    how an electrode beside it changes the injected charge has no formula of this simplicity, so there is no gating,
    and a network of such bonds alone is monotone in every electrode.
    """

    conductance: float
    onset: float
    power: float = 2.0


@dataclass(frozen=True)
class Diode:
    """A rectifying junction: ``I = saturation * (exp(v / (emission kT/e)) - 1)``, v from anode to cathode.

    It sits in the network and has the network's temperature, in SPICE too; `saturation` is its value there.

    Parameters
    ----------
    saturation : float
        In ampere.
    emission : float
        Ideality factor.
    anode : int
        Which of the bond's two nodes is the anode: 0, the first, or 1, the second.

    Notes
    -----
    W. Shockley, Bell Syst. Tech. J. 28, 435 (1949). SPICE gets this very law, not its own diode: that one follows a
    power law below ``-3 emission kT/e``, off by up to 0.4 % of `saturation`, where forward and backward rates no longer
    keep the ratio ``exp(v / (emission kT/e))``, and has a conductance ``gmin`` beside it, which can carry more than a
    blocked junction.
    """

    saturation: float
    emission: float = 1.0
    anode: int = 0


@dataclass(frozen=True)
class Memristor:
    r"""A junction that remembers: its state g between 0 and 1 follows a balance of two rates.

    ``dg/dt = p (1 - g) - d g`` with ``p = potentiation * exp(potentiation_slope |v|)`` and
    ``d = depression * exp(-depression_slope |v|)``; ``I = (minimum (1 - g) + maximum g) v``.

    The exact solution of a network has every state at its fixed point ``p / (p + d)``; in SPICE the state is a node,
    ``g_bond_<number>``, so that operating points are the same and a transient shows potentiation and relaxation.

    Parameters
    ----------
    minimum, maximum : float
        Conductance at g = 0 and g = 1, in siemens.
    potentiation, depression : float
        Rates at zero volt, per second.
    potentiation_slope, depression_slope : float
        Per volt.

    Notes
    -----
    Rate balance for nanowire networks: E. Miranda, G. Milano and C. Ricciardi, IEEE Trans. Nanotechnol. 19, 609
    (2020). The defaults are round numbers: one volt across a junction potentiates it, within seconds it forgets.
    """

    minimum: float = 1e-5
    maximum: float = 1e-3
    potentiation: float = 1e-3
    depression: float = 0.5
    potentiation_slope: float = 6.0
    depression_slope: float = 1.0


def space_charge_state(drop: FloatArray, conductance: FloatArray, onset: FloatArray, power: FloatArray) -> Slope:
    """Return current (A) and slope (S) of space-charge bonds at voltages, (points, bonds)."""
    ratio = (np.abs(drop) / onset) ** (power - 1.0)
    return conductance * drop * (1.0 + ratio), conductance * (1.0 + power * ratio)


def diode_state(drop: FloatArray, saturation: FloatArray, scale: FloatArray, sign: FloatArray) -> Slope:
    """Return current and slope of diodes; `scale` is emission times kT/e and `sign` is -1 where the anode is second."""
    reduced = np.clip(sign * drop / scale, -MAX_EXPONENT, MAX_EXPONENT)
    return sign * saturation * np.expm1(reduced), saturation / scale * np.exp(reduced)


def memristor_state(drop: FloatArray, values: FloatArray) -> Slope:
    """Return current and slope of memristive junctions in their steady state; `values` are the fields, (6, bonds)."""
    from scipy.special import expit

    low, high, up, down, climb, fall = values
    size, steepness = np.abs(drop), climb + fall
    state = expit(np.log(up / down) + steepness * size)
    conductance = low + (high - low) * state
    return conductance * drop, conductance + (high - low) * steepness * size * state * (1.0 - state)
