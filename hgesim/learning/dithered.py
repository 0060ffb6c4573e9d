"""The twin with the same dither: what an error-free lock-in would find, curvature and intermodulation included.

A device is not linear over a dither of a few kT/e. The component of its current at a carrier is then not amplitude
times derivative: the device's own odd terms add to it, and so do products of several tones that fall on that carrier.
Electronics that measure it exactly give these values, not the derivatives; the rest is the electronics' own error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_positive
from hgesim.blocks.transfer import loss_value, mixer_series, readout_output
from hgesim.errors import RequestError
from hgesim.loop import LoopSettings, TonePlan
from hgesim.loop.tones import sampled_tones
from hgesim.network import Network

__all__ = ["dithered_gradient", "dithered_loss_gradient"]

FloatArray = NDArray[np.float64]

_ROWS = 1 << 17  # operating points held at once


def dithered_gradient(
    network: Network,
    volts: ArrayLike,
    plan: TonePlan,
    dither: ArrayLike,
    *,
    apart: bool = False,
    reference: float | None = None,
    shape: str = "sine",
) -> FloatArray:
    r"""Return the in-phase component of the output current at each control's carrier, over the dither's amplitude.

    ``g_j = 2/(T a_j) int_0^T I(V + d(t)) sin(2 pi f_j t) dt`` over one beat T, ``d_k(t) = a_k sin(2 pi f_k t)`` on
    every control, the current that of the exact network at rest at every instant (no capacitances). For small
    amplitudes this is ``dI/dV_j + (a_j^2/8) d^3I/dV_j^3 + sum_{k != j} (a_k^2/4) d^3I/(dV_j dV_k^2) + ...`` (Taylor's
    series and ``sin^2 = (1 - cos)/2``), and what products of other tones bring to f_j.

    Parameters
    ----------
    network : Network
        The device; control number j carries carrier number j of the plan.
    volts : array, (..., E)
        Electrode voltages without dither, in volt.
    plan : TonePlan
        At least as many carriers as there are controls; further ones (the threshold's) do not reach the network.
    dither : array, () or (C,)
        Amplitudes in volt, all above 0.
    apart : bool
        One tone at a time instead of all together: what the device's curvature does without intermodulation.
    reference : float, optional
        Amplitude in volt of the reference at the switching input of an ideal mixer, which answers to odd harmonics of
        the carrier too; without it the multiplication is by a pure sine.
    shape : str
        Of that reference: ``"sine"`` or ``"square"``.

    Returns
    -------
    ndarray, (..., C)
        In ampere per volt. Costs 16 operating points per cycle of the highest carrier in a beat; `apart` C times that.

    Raises
    ------
    RequestError
        ``loop.channel-count`` for carriers or amplitudes that do not fit the controls, ``loop.bad-value`` for an
        amplitude that is not above 0, ``blocks.*`` for a reference that is none; what ``network.solve`` refuses.
    """
    amplitudes = _amplitudes(network, plan, dither)
    if reference is not None:
        check_positive(reference, "loop.bad-value", "loop.reference", "V")
    sines = sampled_tones(plan.multiples)[:, : len(amplitudes)]
    detectors = None if reference is None else _switched(plan, len(amplitudes), reference, shape)
    if not apart:
        return _in_phase(_waves(network, volts, sines * amplitudes), sines, detectors) / amplitudes
    alone = (sines * row for row in np.diag(amplitudes))
    found = [_in_phase(_waves(network, volts, moves), sines, detectors)[..., j] for j, moves in enumerate(alone)]
    return np.stack(found, axis=-1) / amplitudes


def dithered_loss_gradient(
    network: Network,
    volts: ArrayLike,
    plan: TonePlan,
    settings: LoopSettings,
    beside: ArrayLike = 0.0,
    *,
    apart: bool = False,
) -> FloatArray:
    r"""Return what a lock-in behind the loss circuit finds as the derivative of the squared error.

    The error ``e(t) = -R (I(V + d(t)) + i + (a_b/R_b) sin(2 pi f_b t))`` goes through the loss ``S(e) = k e
    tanh(e/e0)``. The slope S' is not asked for: the threshold's tone at f_b, whose derivative ``de/du = -R/R_b`` is
    known, is the measure of all others. With ``s_j`` the in-phase components of S over their amplitudes and ``e`` the
    mean error, ``d(e^2)/dV_j = 2 e (-R/R_b) s_j / s_b``.

    Parameters
    ----------
    network, volts, plan
        As in `dithered_gradient`; the carrier after the controls' is the threshold's.
    settings : LoopSettings
        Amplitudes, transimpedance and threshold resistance.
    beside : array, (...,)
        Constant current i into the summing node beside the network's, in ampere: threshold less target.
    apart : bool
        One control's tone at a time, beside the threshold's.

    Returns
    -------
    ndarray, (..., C)
        In V^2/V.

    Raises
    ------
    RequestError
        As `dithered_gradient`; ``loop.channel-count`` also where the plan has no carrier for the threshold.
    """
    amplitudes = _amplitudes(network, plan, settings.dither, extra=1)
    sines = sampled_tones(plan.multiples)[:, : len(amplitudes) + 1]
    tones = np.append(amplitudes, settings.threshold_dither)
    pilot = settings.threshold_dither / settings.threshold_resistance * sines[:, -1]
    still = np.asarray(beside, dtype=float)[..., None] + pilot

    def measured(moves: FloatArray) -> FloatArray:
        error = readout_output(_waves(network, volts, moves) + still, settings.transimpedance)
        found = _in_phase(loss_value(error), sines) / tones
        by_threshold = -settings.transimpedance / settings.threshold_resistance
        return np.asarray(2.0 * error.mean(axis=-1, keepdims=True) * by_threshold * found[..., :-1] / found[..., -1:])

    if not apart:
        return measured(sines[:, :-1] * amplitudes)
    alone = (sines[:, :-1] * row for row in np.diag(amplitudes))
    return np.stack([measured(moves)[..., j] for j, moves in enumerate(alone)], axis=-1)


def _amplitudes(network: Network, plan: TonePlan, dither: ArrayLike, extra: int = 0) -> FloatArray:
    count = len(network.controls)
    if len(plan.multiples) < count + extra:
        raise RequestError(
            "loop.channel-count",
            f"{len(plan.multiples)} carriers for {count} controls" + (" and the threshold" if extra else ""),
            place="loop.carriers",
            remedy=f"give {count + extra}",
        )
    try:
        amplitudes = np.broadcast_to(np.asarray(dither, dtype=float), (count,))
    except (TypeError, ValueError):
        raise RequestError(
            "loop.channel-count", f"{dither!r} as amplitudes of {count} controls", place="loop.dither"
        ) from None
    if not (np.isfinite(amplitudes).all() and (amplitudes > 0).all()):
        raise RequestError("loop.bad-value", f"{dither!r}", place="loop.dither", remedy="positive values")
    return amplitudes


def _switched(plan: TonePlan, count: int, reference: float, shape: str) -> FloatArray:
    """Return what the mixers multiply with, (samples, count): of the switching function what the samples can hold."""
    samples = len(sampled_tones(plan.multiples))
    series = mixer_series(samples // (2 * min(plan.multiples)), reference, shape)
    turns, found = np.arange(samples) / samples, np.zeros((samples, count))
    for k, multiple in enumerate(plan.multiples[:count]):
        for number in range(1, samples // (2 * multiple) + 1, 2):
            found[:, k] += series[number - 1] * np.sin(2 * np.pi * number * multiple * turns)
    return found


def _waves(network: Network, volts: ArrayLike, moves: FloatArray) -> FloatArray:
    """Return the output current, (..., samples) in ampere, while the controls move by `moves`, (samples, C)."""
    still = np.asarray(volts, dtype=float)
    at_rest = network.solve(still).potentials
    shape, samples = still.shape[:-1], len(moves)
    still, at_rest = still.reshape(-1, network.n_electrodes), at_rest.reshape(-1, network.n_sites)
    waves = np.empty((len(still), samples))
    some = max(1, _ROWS // samples)
    for first in range(0, len(still), some):
        part = slice(first, first + some)
        table = np.repeat(still[part, None], samples, axis=1)
        table[..., list(network.controls)] += moves
        start = np.broadcast_to(at_rest[part, None], (*table.shape[:-1], network.n_sites))
        waves[part] = network.solve(table, start).currents[..., network.output]
    return waves.reshape(*shape, samples)


def _in_phase(waves: FloatArray, sines: FloatArray, detectors: FloatArray | None = None) -> FloatArray:
    """Return the amplitudes in phase with each sine, (..., tones): means of products over what a unit sine gives."""
    chosen = sines if detectors is None else detectors
    return np.asarray(waves @ chosen / (sines * chosen).sum(axis=0))
