"""Bonds whose conductance an electrode sets: n-channel transistors, the edges of coupled-learning networks.

The gate is an electrode that draws no current; drain and source are the bond's ends, whichever is the higher; the
body is held at a fixed voltage. S. Dillavou et al., Phys. Rev. Applied 18, 014040 (2022); PNAS 121, e2319718121 (2024).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hgesim.network.spline import Spline

__all__ = [
    "EKV",
    "Channel",
    "Gf180Nmos",
    "Nmos",
    "gf180_channel",
    "gf180_formula",
    "level_1_channel",
    "pinch_off",
    "table_coordinates",
]

FloatArray = NDArray[np.float64]

LEAK = 1e-15  # siemens of a transistor that is off: a site between such has a potential then, and no current counts


@dataclass(frozen=True)
class Nmos:
    r"""A transistor of the quadratic law, by default one of an ALD1106.

    With s the lower and ``s + d`` the higher end, all voltages against the body::

        VT = threshold + body_effect (sqrt(surface + s) - sqrt(surface)),   x = VG - s - VT
        I = gain (x - d/2) d (1 + modulation d)   where d < x
        I = gain x^2 / 2     (1 + modulation d)   where d >= x > 0;   0 where x <= 0

    Parameters
    ----------
    gate : str
        Label of the electrode that is the gate.
    body : float
        Voltage of the body, in volt, below both ends: the junctions between conduct else, 0.5 nA at 0.28 V, which the
        exact solution does not know.
    threshold, gain, modulation, body_effect, surface : float
        VTO in V, KP W/L in A/V^2, LAMBDA in 1/V, GAMMA in V^(1/2) (0 or more) and PHI in V of the SPICE card, at the
        temperature at which the simulator works: the network's temperature does not matter to them.

    Notes
    -----
    H. Shichman and D. A. Hodges, IEEE J. Solid-State Circuits 3, 285 (1968), as SPICE's level 1 has it. In a
    transient it has the capacitances of the ALD1106 card of the discrete technology.
    """

    gate: str = ""
    body: float = 0.0
    threshold: float = 0.7
    gain: float = 450e-6
    modulation: float = 0.029
    body_effect: float = 0.85
    surface: float = 0.9


@dataclass(frozen=True)
class Gf180Nmos:
    """The foundry transistor nfet_03v3 of GF180MCU, 2 um wide and long, typical, at 300 K of the electronics.

    SPICE has the foundry's BSIM4 model; the exact solution a table of its channel current (`gf180_channel`), which is
    within 1e-4 of it. What it has not: near 3.3 V of drop the body takes up to 1.5e-3 of the largest current by impact
    ionisation (2e-6 up to 2 V), and 20 K more or less of the electronics change currents by 8 %.

    Parameters
    ----------
    gate : str
        Label of the electrode that is the gate.
    body : float
        Voltage of the body, in volt: below both ends, and at most 3.3 V below any of the three.
    units : float
        Transistors in parallel.
    """

    gate: str = ""
    body: float = 0.0
    units: float = 1.0


class Channel(NamedTuple):
    """Current from end a to end b and its derivatives by the voltages of a, b and the gate: (points, bonds) each."""

    current: FloatArray
    by_a: FloatArray
    by_b: FloatArray
    by_gate: FloatArray


def _channel(a: FloatArray, b: FloatArray, forward: tuple[FloatArray, FloatArray, FloatArray, FloatArray]) -> Channel:
    """Turn current and slopes by source, drop and gate into those by the ends: the lower one is the source."""
    current, by_source, by_drop, by_gate = forward
    swap = a < b
    sign = np.where(swap, -1.0, 1.0)
    low, high = sign * (by_source - by_drop), sign * by_drop
    return Channel(sign * current, np.where(swap, low, high), np.where(swap, high, low), sign * by_gate)


def level_1_channel(a: FloatArray, b: FloatArray, gate: FloatArray, values: FloatArray) -> Channel:
    """Evaluate `Nmos` bonds; `values` are the fields from `body` on, (6, bonds)."""
    body, threshold, gain, modulation, body_effect, surface = values
    source, drop = np.minimum(a, b), np.abs(a - b)
    reverse, root = source - body, np.sqrt(surface)
    # below the body ngspice goes on along the tangent, until the root would be negative
    sarg = np.where(reverse >= 0, np.sqrt(surface + np.maximum(reverse, 0.0)), root + reverse / (2.0 * root))
    bend = np.where(sarg > 0, body_effect / (2.0 * np.maximum(sarg, root)), 0.0)
    over = np.maximum(gate - source - threshold - body_effect * (np.maximum(sarg, 0.0) - root), 0.0)
    part = np.minimum(drop, over)  # the drop over the channel up to where it pinches off
    length = gain * (1.0 + modulation * drop)
    current = length * (over - 0.5 * part) * part + LEAK * drop
    by_gate = length * part
    by_drop = length * (over - part) + gain * modulation * (over - 0.5 * part) * part + LEAK
    return _channel(a, b, (current, -by_gate * (1.0 + bend), by_drop, by_gate))


class Ekv(NamedTuple):
    """Constants of the charge-based formula that the table of the foundry transistor corrects."""

    threshold: float = 0.626  # V
    body_effect: float = 0.776  # V^(1/2)
    surface: float = 1.051  # V
    current: float = 2.0e-7  # A
    thermal: float = 0.025852  # V, at 300 K


EKV = Ekv()


def pinch_off(gate: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the pinch-off voltage and its derivative at gate voltages against the body."""
    root = np.sqrt(EKV.surface)
    depth = np.maximum(gate - EKV.threshold + EKV.surface + EKV.body_effect * root, 0.0)
    under = np.sqrt(depth + 0.25 * EKV.body_effect**2)
    slope = np.where(depth > 0, 1.0 - 0.5 * EKV.body_effect / under, 0.0)
    return depth - EKV.surface - EKV.body_effect * (under - 0.5 * EKV.body_effect), slope


def table_coordinates(source: FloatArray, drop: FloatArray, over: FloatArray) -> tuple[FloatArray, ...]:
    """Return where the table is looked up: source, drop and overdrive ``pinch_off - source``, each compressed."""
    return np.log1p(np.maximum(source, -0.1) / 0.3), np.log1p(drop / 0.05), np.arcsinh(over / 0.1)


@cache
def _table() -> Spline:
    return Spline.read(files("hgesim.network").joinpath("nfet_03v3.npz"))


def gf180_channel(a: FloatArray, b: FloatArray, gate: FloatArray, body: FloatArray, units: FloatArray) -> Channel:
    r"""Evaluate `Gf180Nmos` bonds.

    ``I = I0 (F(u/Vt)^2 - F((u - d)/Vt)^2) exp(r)`` with ``F(x) = ln(1 + exp(x/2))``, u the pinch-off voltage less the
    source's, d the drop: the formula of C. C. Enz, F. Krummenacher and E. A. Vittoz, Analog Integr. Circuits Signal
    Process. 8, 83 (1995), which has the right form from weak to strong inversion, times a correction of about 20 %:
    r is a cubic spline in three variables, which ``python -m hgesim.engine.nfet_table`` fits to ngspice.
    """
    source, drop = np.minimum(a, b) - body, np.abs(a - b)
    pinch, by_pinch = pinch_off(gate - body)
    over = pinch - source
    formula, at_source, at_drain = gf180_formula(over, drop)
    log, slopes = _table()(table_coordinates(source, drop, over))
    by_s, by_d, by_u = (
        slopes[0] / (0.3 + np.maximum(source, 0.0)),
        slopes[1] / (0.05 + drop),
        slopes[2] / np.hypot(over, 0.1),
    )
    scale = units * np.exp(log)
    current = scale * formula
    by_over = scale * (at_source - at_drain) + current * by_u
    by_drop = scale * at_drain + current * by_d + LEAK
    return _channel(a, b, (current + LEAK * drop, current * by_s - by_over, by_drop, by_over * by_pinch))


def gf180_formula(over: FloatArray, drop: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the charge-based current of one unit without correction, and its slopes at source and drain."""
    (source, rise), (drain, fall) = (_soft(x / EKV.thermal) for x in (over, over - drop))
    unit = 2.0 * EKV.current / EKV.thermal
    return EKV.current * (source - drain) * (source + drain), unit * source * rise, unit * drain * fall


def _soft(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ``ln(1 + exp(x/2))`` and its derivative."""
    grown = np.exp(-0.5 * np.abs(x))
    return np.maximum(0.5 * x, 0.0) + np.log1p(grown), 0.5 * np.where(x > 0, 1.0, grown) / (1.0 + grown)
