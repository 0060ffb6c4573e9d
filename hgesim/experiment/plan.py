"""What a run will cost and how good its gradients can be: the tone plan in figures, before anything is simulated."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.blocks.transfer import CONTRACT, coupler_response
from hgesim.config import Config
from hgesim.design import Design
from hgesim.engine import run_deck
from hgesim.errors import EngineError, RequestError
from hgesim.experiment.build import draw_start
from hgesim.experiment.experiment import Experiment
from hgesim.experiment.folder import netlist_folder
from hgesim.learning import case_voltages, dithered_gradient
from hgesim.loop import (
    Boxcar,
    HomodyneLoop,
    LowPass,
    crosstalk,
    noise_variance,
    nominal_lags,
    plan_tones,
    products_on_carriers,
    reference_lags,
    trim_gains,
)
from hgesim.units import parse_quantity, show_quantity

__all__ = ["PAPER_NOISE", "RunPlan", "plan_run", "wall_time"]

FloatArray = NDArray[np.float64]

PAPER_NOISE = 1e-23  # A^2/Hz: 1e-5 nA^2/Hz at 1 kHz, caption of figure 3 of Boon et al., Nature Communications 2025
_DITHERS = (1e-3, 2e-3, 3e-3, 5e-3, 7e-3, 10e-3, 15e-3, 20e-3, 30e-3)
_SETTINGS = 12  # operating points that errors are medians over: the start and random controls, a random case each
_WORTH = 1.5  # a suggestion has to make an error so many times smaller
_ENOUGH, _NEARLY = 0.01, 1.1  # errors that need be no smaller: so much, or so many times the least
_FINE_ERROR = 0.05
_LEAST_SHARE = 0.9
_FOLLOWS = 2.0  # windows of integrator time constant per case, below which a loop follows each case
_SWALLOWED = 30e-6  # s: after so long a step is gone from the coupler (measured, circuits/gf180/coupler.sp)
_SAFE_STEPS = 20.0
_IN_PHASE = 0.95  # cosine of the angle between ripple and reference, below which a trim is worth the while


@dataclass(frozen=True)
class RunPlan:
    """Figures of a run that has not been simulated, and what would make them better.

    Parameters
    ----------
    figures : mapping
        Plain numbers and texts, as ``hgesim plan --json`` prints them; times in second, frequencies in hertz,
        errors of the gradient as shares of its length.
    advice : tuple of str
        One line for each suggestion, with the setting to change.
    """

    figures: Mapping[str, Any]
    advice: tuple[str, ...]

    def __str__(self) -> str:
        """Lay the figures out for people."""
        f, errors = self.figures, self.figures["errors"]
        head = f"{'channel':12s}{'carrier':>10s}{'multiple':>10s}{'third-order hits':>18s}{'in-phase share':>16s}"
        head += f"{'reference lags':>18s}{'blocks lag':>17s}"
        rows = [
            f"{one['channel']:12s}{show_quantity(one['carrier'], 'Hz', 4):>10s}{one['multiple']:10d}"
            f"{one['third_order_hits']:18d}{one['in_phase_share']:15.1%}{one['reference_lag_deg']:15.1f} deg"
            f"{one['nominal_lag_deg']:13.1f} deg"
            for one in f["channels"]
        ]
        times = f["times"]
        lines = [
            f"base {show_quantity(f['base'], 'Hz')}, spacing {show_quantity(f['spacing'], 'Hz')}, beat "
            f"{show_quantity(f['beat'], 's')}, fastest product {show_quantity(f['fastest_product'], 'Hz')}, "
            f"step {show_quantity(f['step'], 's')}",
            "",
            head,
            *rows,
            "",
            f"window {show_quantity(times['window'], 's')} ({f['beats']:g} beats), case "
            f"{show_quantity(times['case'], 's')}, epoch {show_quantity(times['epoch'], 's')}, run "
            f"{show_quantity(times['run'], 's')}: {f['points']:.3g} time points of {f['transistors']} transistors"
            + (f", about {show_quantity(times['wall'], 's')} here" if "wall" in times else ""),
            "",
            f"expected error of the gradient, dither {show_quantity(f['dither'], 'V')}, median of {_SETTINGS} settings",
            f"  curvature and intermodulation {errors['curvature']:.1%}",
            f"  harmonics that a {f['reference']['shape']} reference hears {errors['harmonics']:.1%}",
            f"  noise of {f['noise_psd']:.3g} A^2/Hz    {errors['noise']:.1%}",
            f"  leakage, averaged over the window {errors['leakage']:.1%} (read once behind the low-pass "
            f"{errors['leakage_low_pass']:.1%})",
        ]
        return "\n".join([*lines, "", *(f"suggestion: {one}" for one in self.advice or ("none",))])


def plan_run(design: Design, config: Config, noise: float | str = PAPER_NOISE, wall: float | None = None) -> RunPlan:
    """Work out what a run will cost and how good its gradients can be, on the exact network, without a simulator.

    Parameters
    ----------
    design : Design
        What will run.
    config : Config
        The settings it was built from: advice names their keys.
    noise : float or str
        One-sided power spectral density of the output current's white noise, in A^2/Hz; by default that of the
        paper's device. The simulated network has none.
    wall : float, optional
        Expected time of the run, in second, for example from `wall_time`.

    Returns
    -------
    RunPlan
        Errors are medians, over the start and random controls within ``loop.start_range``, of the length of the
        error over that of the gradient of the output current: curvature and intermodulation from the exact network
        under the dither (`hgesim.learning.dithered_gradient`), harmonics of the device that the switching reference
        hears beside the carrier (the same, against a pure sine), noise ``S/(T A^2)`` (`hgesim.loop.noise_variance`),
        leakage of neighbours at random phase (`hgesim.loop.crosstalk`).

    Raises
    ------
    RequestError
        ``units.*`` or ``plan.bad-value`` for the noise, ``design.has-python`` where Python plays a part.
    """
    design.refuse_python("plan")
    loop, psd = design.loop, _density(noise)
    points = _settings(design, config)
    exact = design.network.gradient(points)[:, list(design.network.controls)]
    errors = _errors(design, points, exact, loop.settings.dither, psd)
    errors["harmonics"] = _harmonics(design, points, exact)
    figures = _figures(design) | {"noise_psd": psd, "errors": errors}
    if wall is not None:
        figures["times"]["wall"] = wall
    return RunPlan(figures, tuple(_advice(design, config, figures, (points, exact))))


def _density(noise: float | str) -> float:
    with contextlib.suppress(ValueError, TypeError):  # refused with a proper message
        noise = float(noise)
    density = parse_quantity(noise, "", place="noise")
    if density < 0:
        raise RequestError("plan.bad-value", f"{density:g} A^2/Hz", place="noise", remedy="0 or more")
    return density


def wall_time(experiment: Experiment) -> float:
    """Simulate the first epoch and return what the whole run will take on this machine, in second.

    Raises
    ------
    EngineError
        ``engine.*`` where there is no engine, or it does not get through the epoch.
    """
    experiment.design.refuse_python("plan")
    design, (engine, dialect) = experiment.design, experiment.engine()
    line = replace(design.loop.timeline, epochs=1)
    short = design.replace(loop=replace(design.loop, timeline=line))
    with tempfile.TemporaryDirectory() as folder:
        deck = netlist_folder(short, Path(folder) / "deck", dialect)
        ran = run_deck(deck, engine, end_time=line.stop, timeout=experiment.config.engine.timeout)
    if not ran.ok:
        raise EngineError("engine.no-epoch", ran.message, place="plan", remedy="hgesim learn keeps the log of a run")
    return ran.engine_s * design.loop.timeline.epochs


def _settings(design: Design, config: Config) -> FloatArray:
    """Return the electrodes' voltages at the start and at random controls, each with one of the cases."""
    network, task = design.network, design.loop.task
    span, count = config.loop.start_range or 1.0, len(network.controls)
    controls = np.array([design.loop.start, *(draw_start(0, span, count, k) for k in range(1, _SETTINGS))])
    every = case_voltages(network, task, controls)
    return np.array([rows[k % len(rows)] for k, rows in enumerate(every)])


def _errors(design: Design, points: FloatArray, exact: FloatArray, dither: float, psd: float) -> dict[str, float]:
    """Return each cause's error over the gradient's length."""
    plan, window = design.loop.plan, design.loop.timeline.window
    length = np.linalg.norm(exact, axis=-1)
    carriers = plan.carriers[: exact.shape[-1]]

    def share(squares: FloatArray) -> float:
        return float(np.median(np.sqrt(np.sum(squares, axis=-1)) / length))

    low = LowPass(1.0 / (4.0 * math.pi * CONTRACT.lowpass_r * CONTRACT.lowpass_c), 1, window)
    return {
        "curvature": share((dithered_gradient(design.network, points, plan, dither) - exact) ** 2),
        "noise": share(np.broadcast_to(noise_variance(psd, window, dither), exact.shape)),
        "leakage": share(crosstalk(Boxcar(window), carriers, exact, dither * np.ones(len(carriers)))),
        "leakage_low_pass": share(crosstalk(low, carriers, exact, dither * np.ones(len(carriers)))),
    }


def _shares(loop: HomodyneLoop) -> FloatArray:
    """Return what of each channel's ripple passes the coupler and is in phase with its reference, (C + 1,)."""
    carriers = loop.plan.carriers
    return np.asarray(coupler_response(carriers).real * trim_gains(loop.settings, carriers))


def _harmonics(design: Design, points: FloatArray, exact: FloatArray) -> float:
    """Return what the switching reference changes, over the gradient's length."""
    network, plan, values = design.network, design.loop.plan, design.loop.settings
    sine = dithered_gradient(network, points, plan, values.dither)
    shape = values.reference_shape
    switched = dithered_gradient(network, points, plan, values.dither, reference=values.reference, shape=shape)
    return float(np.median(np.linalg.norm(switched - sine, axis=-1) / np.linalg.norm(exact, axis=-1)))


def _figures(design: Design) -> dict[str, Any]:
    loop = design.loop
    plan, line = loop.plan, loop.timeline
    hits = [one.carrier for one in products_on_carriers(plan.multiples, 3) if not one.unavoidable]
    values, blocks = loop.settings, design.blocks
    lags = reference_lags(values, plan.carriers, blocks)
    asked = nominal_lags(plan.carriers, blocks["readout"], values.transimpedance)
    shares = _shares(loop).tolist()
    return {
        "channels": [
            {
                "channel": channel.name,
                "carrier": channel.carrier,
                "multiple": multiple,
                "third_order_hits": hits.count(number),
                "in_phase_share": shares[number],
                "reference_lag_deg": math.degrees(lags[number]),
                "nominal_lag_deg": math.degrees(asked[number]),
            }
            for number, (channel, multiple) in enumerate(
                zip(loop.channels(design.network), plan.multiples, strict=True)
            )
        ],
        "base": plan.base,
        "spacing": plan.spacing,
        "beat": plan.beat,
        "beats": line.window / plan.beat,
        "fastest_product": plan.fastest_product,
        "step": plan.step,
        "points": math.ceil(line.stop / plan.step),
        "transistors": design.circuit.transistors,
        "dither": values.dither,
        "reference": {"amplitude": values.reference, "shape": values.reference_shape},
        "times": {"window": line.window, "case": line.case, "epoch": line.epoch, "run": line.stop},
    }


def _advice(
    design: Design, config: Config, figures: Mapping[str, Any], sample: tuple[FloatArray, FloatArray]
) -> list[str]:
    """Return what would be better, each with its setting."""
    loop, found = design.loop, []
    best, least = _best_dither(design, sample, figures["noise_psd"])
    errors = figures["errors"]
    here = math.hypot(errors["curvature"], errors["noise"])
    if here > _WORTH * least:
        found.append(
            f"loop.dither = {show_quantity(best, 'V')}: noise and curvature then make {least:.1%} instead of {here:.1%}"
        )
    if (noise := errors["noise"]) > max(_FINE_ERROR, 2.0 * errors["curvature"]):
        beats = math.ceil(config.loop.beats * (noise / _FINE_ERROR) ** 2)
        found.append(f"loop.beats = {beats}: a window that long has {_FINE_ERROR:.0%} of noise instead of {noise:.1%}")
    return [*found, *_comb_advice(loop, config), *_time_advice(loop, config)]


def _best_dither(design: Design, sample: tuple[FloatArray, FloatArray], psd: float) -> tuple[float, float]:
    """Return the largest amplitude of a list that is nearly as good as the best, and its noise and curvature."""
    some = slice(0, _SETTINGS // 2)
    tried = {dither: _errors(design, sample[0][some], sample[1][some], dither, psd) for dither in _DITHERS}
    sums = {dither: math.hypot(one["curvature"], one["noise"]) for dither, one in tried.items()}
    enough = max(_ENOUGH, _NEARLY * min(sums.values()))
    best = max(dither for dither, error in sums.items() if error <= enough)
    whole = _errors(design, *sample, best, psd)
    return best, math.hypot(whole["curvature"], whole["noise"])


def _comb_advice(loop: HomodyneLoop, config: Config) -> list[str]:
    plan, found = loop.plan, []
    better = plan_tones(len(plan.multiples), plan.base, plan.steps_per_cycle)
    if config.loop.carriers is not None and better.hits < plan.hits:
        found.append(
            f"leave out loop.carriers: the plan's own comb ({', '.join(map(str, better.multiples))} times loop.base) "
            f"has {better.hits} third-order hits instead of {plan.hits}"
        )
    shares, passed = _shares(loop), np.abs(coupler_response(plan.carriers))
    if (shares / passed).min() < _IN_PHASE:
        lost, angle = 1.0 - (shares / passed).min(), np.degrees(nominal_lags(plan.carriers))
        found.append(
            f'loop.reference_phase = "auto": the blocks let the ripple lag by {angle.min():.0f} to {angle.max():.0f} '
            f"deg, and references out of phase with it lose up to {lost:.0%}"
        )
    if shares.min() < _LEAST_SHARE:
        corner = 1.0 / (2.0 * math.pi * CONTRACT.coupler_r * CONTRACT.coupler_c)
        base = corner * math.sqrt(_LEAST_SHARE / (1.0 - _LEAST_SHARE)) / min(plan.multiples)
        found.append(
            f"carriers from {show_quantity(base * min(plan.multiples), 'Hz')} on (loop.base = "
            f"{show_quantity(base, 'Hz')}): the AC coupling takes {1.0 - shares.min():.0%} of the lowest channel"
        )
    return found


def _time_advice(loop: HomodyneLoop, config: Config) -> list[str]:
    found, per_case = [], loop.settings.slowness / len(loop.task.cases)
    if loop.settings.rate > 0 and per_case / loop.settings.rate < _FOLLOWS:
        found.append(
            f"loop.slowness = {4 * len(loop.task.cases)}: integrators as fast as these follow each case instead of "
            "learning all"
        )
    if loop.timeline.settle < _SWALLOWED:
        found.append(f"loop.settle = {show_quantity(_SWALLOWED, 's')}: a step is not gone from the coupler before")
    if config.engine.steps_per_cycle > 1.5 * _SAFE_STEPS:
        times = config.engine.steps_per_cycle / _SAFE_STEPS
        found.append(f"engine.steps_per_cycle = {_SAFE_STEPS:g} is safe and {times:.1f} times cheaper")
    return found
