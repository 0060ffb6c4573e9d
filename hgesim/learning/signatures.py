"""What random voltages show of a device: negative differential resistance and how often it is which gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.errors import RequestError
from hgesim.learning.score import network_outputs, separation
from hgesim.learning.screening import proportion_interval
from hgesim.loop import GATES, Scales, gate_task
from hgesim.network import Network
from hgesim.network.checks import check_count
from hgesim.seeds import generator

__all__ = [
    "Share",
    "Sweep",
    "gate_abundance",
    "input_sweeps",
    "negative_slopes",
    "numbers",
    "positive",
    "random_voltages",
]

FloatArray = NDArray[np.float64]

CONTROL_RANGE, INPUT_LEVEL = 0.6, 0.3  # V: the range over which dopant_disc calibrates its current
RESOLUTION = 1e-9  # a swing below this part of the current is the solver's rounding and counts as none


@dataclass(frozen=True)
class Share:
    """A count out of a total with its 95 % interval.

    Parameters
    ----------
    count, total : int
        How often, out of how many.

    Raises
    ------
    RequestError
        ``network.bad-value`` or ``signatures.bad-value``.
    """

    count: int
    total: int

    def __post_init__(self) -> None:
        """Refuse what is no count out of a total."""
        check_count(self.total, 1, "total")
        if check_count(self.count, 0, "count") > self.total:
            raise RequestError("signatures.bad-value", f"{self.count} of {self.total}", place="count", remedy="fewer")

    @property
    def value(self) -> float:
        """Return the share itself."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % score interval (Wilson, J. Am. Stat. Assoc. 22, 209 (1927)), sensible at 0 and 1 too."""
        return proportion_interval(self.count, self.total)

    def __str__(self) -> str:
        """Return count, percentage and interval."""
        low, high = self.interval
        return f"{self.count}/{self.total} = {self.value:.2%} ({low:.2%} to {high:.2%})"


def random_voltages(network: Network, count: int, *, seed: int, controls: float = CONTROL_RANGE) -> FloatArray:
    """Draw control settings, uniform within +-`controls` volt: (count, C), the same for every network with C controls.

    Raises
    ------
    RequestError
        ``network.bad-seed`` or ``signatures.bad-value``.
    """
    seed, count = check_count(seed, 0, "seed"), check_count(count, 1, "count")
    random = generator(seed, "learning", "signatures", "controls")
    return random.uniform(-1.0, 1.0, (count, len(network.controls))) * positive(controls, "controls")


def gate_abundance(
    network: Network,
    settings: int = 2000,
    *,
    seed: int,
    controls: float = CONTROL_RANGE,
    level: float = INPUT_LEVEL,
    margin: float = 0.25,
) -> dict[str, Share]:
    """Count how often random controls make each gate, at any threshold.

    Parameters
    ----------
    network : Network
        With two inputs.
    settings : int
        How many control settings.
    seed : int
        Of the settings.
    controls, level : float
        Controls are uniform within +-`controls`, inputs at +-`level`, in volt.
    margin : float
        Least separation over swing, as in `gate_task`.

    Returns
    -------
    dict
        Share of the settings by gate. One setting makes two gates only up to a margin of 0.5.

    Raises
    ------
    RequestError
        ``signatures.bad-value``, ``network.bad-seed``, ``task.bad-value`` or ``signatures.inputs``.
    """
    task = gate_task("AND", Scales(level=level), margin=margin)
    if len(network.inputs) != task.n_inputs:
        raise RequestError("signatures.inputs", f"{len(network.inputs)} inputs", remedy="use a network with two")
    outputs = network_outputs(network, task, random_voltages(network, settings, seed=seed, controls=controls))
    swing = _swing(outputs)
    found = {}
    for gate, targets in GATES.items():
        gap = separation(outputs, targets)
        found[gate] = Share(int(((gap > 0) & (swing > 0) & (gap >= margin * swing)).sum()), settings)
    return found


def negative_slopes(network: Network, volts: ArrayLike, *, tolerance: float = 1e-9) -> NDArray[np.bool_]:
    """Tell at which voltages the output current falls as an electrode's voltage rises.

    In a network of monotone bonds that nothing gates it never does: every bond current rises with the potential of
    its first end and falls with that of its second, so that the Jacobian of Kirchhoff's law is an M-matrix, whose
    inverse has no negative entry.

    Parameters
    ----------
    network : Network
        Any.
    volts : array, (..., E)
        In volt.
    tolerance : float
        Slopes smaller than this part of the output's own differential conductance count as zero.

    Returns
    -------
    ndarray of bool, (..., E)
        False at the output electrode itself.
    """
    slope = network.gradient(volts)
    own = np.abs(slope[..., network.output, None])
    falling = slope < -positive(tolerance, "tolerance") * own
    falling[..., network.output] = False
    return falling


class Sweep(NamedTuple):
    """Output current while one input rises: voltages (P,), currents (settings, P) in A, greatest falls (settings,)."""

    voltages: FloatArray
    currents: FloatArray
    falls: FloatArray


def input_sweeps(
    network: Network, controls: ArrayLike, *, electrode: str | int, level: float = INPUT_LEVEL, points: int = 61
) -> Sweep:
    """Sweep one electrode from ``-level`` to ``+level`` volt; other inputs, grounds and the output are at 0 V.

    Parameters
    ----------
    network : Network
        Any.
    controls : array, (settings, C)
        In volt.
    electrode : str or int
        Swept.
    level : float
        In volt.
    points : int
        At least 2.

    Returns
    -------
    Sweep
        A fall is the greatest loss of current from any point to a later one, over the swing of the sweep: the depth
        of the negative differential resistance, 0 where there is none, 1 where the current only falls.
    """
    c, swept = numbers(controls, "controls"), network.electrode(electrode)
    if c.ndim != 2 or c.shape[1] != len(network.controls):
        raise RequestError(
            "signatures.bad-value", f"shape {c.shape}", place="controls", remedy=f"(settings, {len(network.controls)})"
        )
    if swept == network.output:
        raise RequestError("signatures.bad-value", "the output is swept", place="electrode", remedy="name another one")
    voltages = np.linspace(-1.0, 1.0, check_count(points, 2, "points")) * positive(level, "level")
    volts = np.zeros((len(c), points, network.n_electrodes))
    volts[..., list(network.controls)] = c[:, None, :]
    volts[..., swept] = voltages
    currents = network.output_current(volts)
    loss = (np.maximum.accumulate(currents, axis=1) - currents).max(axis=1, initial=0.0)
    swing = _swing(currents)
    return Sweep(voltages, currents, np.divide(loss, swing, out=np.zeros_like(loss), where=swing > 0))


def _swing(currents: FloatArray) -> FloatArray:
    """Return greatest minus least current of each row, or zero where the solver does not resolve it."""
    swing = np.ptp(currents, axis=1)
    return np.asarray(np.where(swing > RESOLUTION * np.abs(currents).max(axis=1), swing, 0.0))


def positive(value: float, place: str) -> float:
    """Return a positive finite number.

    Raises
    ------
    RequestError
        ``signatures.bad-value``.
    """
    if not (isinstance(value, int | float | np.number) and math.isfinite(value) and value > 0):
        raise RequestError("signatures.bad-value", f"{value!r}", place=place, remedy="a positive number")
    return float(value)


def numbers(values: ArrayLike, place: str) -> FloatArray:
    """Return values as an array of floats.

    Raises
    ------
    RequestError
        ``signatures.bad-value``.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise RequestError("signatures.bad-value", "not numbers", place=place, remedy="an array of numbers") from None
