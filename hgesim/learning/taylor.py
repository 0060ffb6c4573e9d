"""How curved a device is at an operating point: second and third derivatives of the output current."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from hgesim.arguments import check_positive
from hgesim.errors import RequestError
from hgesim.learning.problem import FloatArray
from hgesim.network import Network

__all__ = ["second_and_third_derivatives"]

_SHARE = 0.02  # of the voltage over which a current grows by e; the corner of the hopping law is 0.2 of it wide
_STEP = 0.1  # volt, where no current grows so


def second_and_third_derivatives(
    network: Network, V: ArrayLike, electrodes: tuple[int, ...] | None = None, step: float | None = None
) -> tuple[FloatArray, FloatArray]:
    """Differentiate the exact gradient twice by central differences.

    Differences of the adjoint gradient with steps h and h/2, extrapolated to h = 0 (Richardson), so that their error is
    of the fourth power of h.

    Parameters
    ----------
    network : Network
        The device.
    V : array, (E,)
        Electrode voltages in volt.
    electrodes : tuple of int, optional
        By whose voltages, C of them; the controls where not given.
    step : float, optional
        h in volt; 2 % of `Network.voltage_scale` where not given.

    Returns
    -------
    second : ndarray, (C, C)
        In A/V^2, symmetric.
    third : ndarray, (C, C, C)
        In A/V^3, symmetric.

    Raises
    ------
    RequestError
        ``network.no-electrode``, ``network.bad-voltages``, ``network.bad-value`` for a step that is not positive.
    """
    numbers = [network.electrode(e) for e in (network.controls if electrodes is None else electrodes)]
    volts = np.asarray(V, float)
    if volts.shape != (network.n_electrodes,):
        raise RequestError(
            "network.bad-voltages", f"shape {volts.shape}", place="V", remedy=f"{network.n_electrodes} voltages"
        )
    if step is None:
        step = _SHARE * network.voltage_scale if math.isfinite(network.voltage_scale) else _STEP
    h = check_positive(step, "network.bad-value", "step", "V")
    coarse, fine = _differences(network, volts, numbers, h), _differences(network, volts, numbers, h / 2)
    second, third = ((4 * b - a) / 3 for a, b in zip(coarse, fine, strict=True))
    third = (third + third.transpose(1, 2, 0) + third.transpose(2, 0, 1)) / 3
    return (second + second.T) / 2, third


def _differences(network: Network, V: FloatArray, numbers: list[int], h: float) -> tuple[FloatArray, FloatArray]:
    """Return H_jk = d g_k / d V_j and T_jkl = d^2 g_l / d V_j d V_k with an error of h^2."""
    unit = h * np.eye(network.n_electrodes)[numbers]
    one = network.gradient(V + np.stack([unit, -unit]))[..., numbers]
    second = (one[0] - one[1]) / (2 * h)
    plus, minus = unit[:, None] + unit, unit[:, None] - unit
    pairs = network.gradient(V + np.stack([plus, minus, -minus, -plus]))[..., numbers]
    # on the diagonal the two mixed points coincide: a second difference of step 2 h
    third = (pairs[0] - pairs[1] - pairs[2] + pairs[3]) / (4 * h * h)
    return second, third
