"""Measure gradients at operating points, hold them against the exact ones, and find where the errors come from."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim._version import __version__
from hgesim.arguments import check_kind, check_whole
from hgesim.config import load_config
from hgesim.engine import Verdict
from hgesim.errors import RequestError
from hgesim.experiment.breakdown import Reference, breakdown
from hgesim.experiment.build import build_design
from hgesim.experiment.experiment import Experiment
from hgesim.experiment.folder import RESULT, claim_folder, write_json
from hgesim.experiment.instrument import Instrument, InvalidRun, Measurement, Pace
from hgesim.learning import (
    case_voltages,
    compare_gradients,
    counted_points,
    dithered_gradient,
    dithered_loss_gradient,
    exact_gradient,
    finite_difference,
    gradient_angle,
    gradient_error,
)
from hgesim.learning.gradient import beside
from hgesim.loop import OpenLoop, OperatingPoints
from hgesim.loop.open_loop import MEASURED
from hgesim.network import Network, write_network
from hgesim.seeds import generator

__all__ = ["GradientRun", "Sampling", "gradient", "measure_gradients", "random_points"]

FORMAT_VERSION = 1
UNITS = {"output": "A/V", "loss": "V^2/V"}
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Sampling:
    """Which operating points: how many, from which seed, and at how many of them the errors are taken apart."""

    points: int = 50
    seed: int = 0
    parts: int = 10

    def __post_init__(self) -> None:
        """Refuse what makes no sample."""
        for name, least in (("points", 1), ("seed", 0), ("parts", 0)):
            check_whole(getattr(self, name), least, "gradient.bad-count", f"--{name}")


@dataclass(frozen=True)
class GradientRun:
    """What a measurement left.

    Parameters
    ----------
    folder : Path
        Holds ``result.json``, ``config.json``, ``network.json``, ``waveforms.nc`` and ``netlist/``.
    result : dict
        The contents of ``result.json``.
    """

    folder: Path
    result: dict[str, Any] = field(repr=False)

    @property
    def verdict(self) -> str:
        """Return the verdict; only ``ok`` is a valid simulation."""
        return str(self.result["verdict"])

    @property
    def exit_code(self) -> int:
        """Return what the command line ends with: 0 done, 130 interrupted, 1 not valid."""
        if self.verdict == Verdict.INTERRUPTED:
            return 130
        return 0 if self.verdict == Verdict.OK else 1

    def report(self) -> Path:
        """Write ``report.html`` from what is stored and return its path."""
        from hgesim.report import write_report

        return write_report(self.folder)


def random_points(experiment: Experiment, sampling: Sampling) -> OperatingPoints:
    """Draw operating points: a case of the task and control voltages uniform within ``loop.start_range``.

    Returns
    -------
    OperatingPoints
        With the case's target and the threshold at its start.
    """
    network, loop, values = experiment.design.network, experiment.design.loop, experiment.config.loop
    draw = generator(sampling.seed, "gradient", "points")
    controls = draw.uniform(-values.start_range, values.start_range, (sampling.points, len(network.controls)))
    chosen = draw.integers(len(loop.task.cases), size=sampling.points)
    rows = case_voltages(network, loop.task, controls)[np.arange(sampling.points), chosen]
    targets = loop.task.target * np.array(loop.task.target_levels)[chosen]
    return OperatingPoints(
        tuple(map(tuple, rows.tolist())), tuple(targets.tolist()), (loop.threshold_start,) * sampling.points
    )


def gradient(
    config: str | Path,
    out: str | Path,
    sampling: Sampling | None = None,
    *,
    overrides: Iterable[str] = (),
    force: bool = False,
    tell: Callable[[str], None] | None = None,
) -> GradientRun:
    """Measure gradients of a settings file's network at random operating points; see `measure_gradients`.

    Parameters
    ----------
    config : str or Path
        TOML file. Of ``[loop]`` count the dithers, the reference, the carriers, ramp, settle and beats, the threshold
        resistance, the start range, and the transimpedance as the greatest range.
    out : str or Path
        Output folder.
    sampling : Sampling, optional
        Which operating points.
    overrides : iterable of str
        ``section.key=value``.
    force : bool
        Replace an earlier run in `out`.
    tell : callable, optional
        Called with a line about each measurement that is done.

    Returns
    -------
    GradientRun
    """
    settings, folder = load_config(config, overrides)
    experiment = Experiment(build_design(settings, folder), settings)
    chosen = sampling or Sampling()
    points = random_points(experiment, chosen)
    return measure_gradients(experiment, points, out, chosen, force=force, tell=tell)


def measure_gradients(
    experiment: Experiment,
    points: OperatingPoints,
    out: str | Path,
    sampling: Sampling | None = None,
    *,
    force: bool = False,
    tell: Callable[[str], None] | None = None,
) -> GradientRun:
    """Measure the gradients of output current and loss with the analog loop cut open, and judge them.

    Each quantity is measured at all points in one transient, in a range of its own, calibrated by resistors. Beside
    the measured gradient stand the exact one (adjoint), that of the twin with the same dither, and central differences
    of the same netlist. At the first points every block in turn is replaced by its ideal one. The loss is the squared
    error; the gate of a hinge, which lets it through or not, is left out.

    Parameters
    ----------
    experiment : Experiment
        Network, blocks, carriers and values.
    points : OperatingPoints
        Where to measure.
    out : str or Path
        Output folder.
    sampling : Sampling, optional
        Its `parts`, and what is told of the points' origin.
    force, tell
        As in `gradient`.

    Returns
    -------
    GradientRun
        Also of an invalid simulation: its verdict says so, and nothing is scored.

    Raises
    ------
    RequestError
        ``folder.*``; ``gradient.over-range``, ``gradient.nothing-counts``; ``loop.*`` for what cannot be wired.
    EngineError
        When engine, models or compiler are missing.
    """
    check_kind(experiment, Experiment, "gradient.bad-value", "experiment")
    check_kind(points, OperatingPoints, "gradient.bad-value", "points")
    check_kind(sampling, Sampling | None, "gradient.bad-value", "sampling")
    began, sampling, say = time.monotonic(), sampling or Sampling(), tell or (lambda words: None)
    engine, dialect = experiment.engine()
    experiment.refuse_missing_parts(dialect)
    tool = _instrument(experiment, engine, dialect, Path(out))
    loops = [_ranged(tool, points, measured) for measured in MEASURED]
    folder = claim_folder(Path(out), force=force)
    config = experiment.config
    settings = {**config.model_dump(mode="json"), "nonideal": experiment.design.nonideal.settings}
    write_json({**settings, "sampling": dataclasses.asdict(sampling)}, folder / "config.json")
    write_network(experiment.design.network, folder / "network.json")
    result = _origin(experiment, tool, points, sampling)
    try:
        beside_points = tool.beside_points(points, "differences")
        say(f"network alone: {len(beside_points[0])} operating points")
        plans = [(loop, _reference(tool.network, loop)) for loop in loops]
        figures = [_measure(tool, plan, beside_points, sampling, folder, say) for plan in plans]
        result |= _join(figures) | {"verdict": str(Verdict.OK), "message": ""}
    except InvalidRun as bad:
        result |= {"verdict": bad.verdict, "message": f"{bad.place}: {bad.message}"}
    result["engine"] = {"name": engine.name, "version": engine.version, "user_init": False, "dialect": dialect}
    result["wall_s"] = time.monotonic() - began
    write_json(result, folder / RESULT)
    return GradientRun(folder, json.loads((folder / RESULT).read_text(encoding="utf-8")))


def _instrument(experiment: Experiment, engine: Any, dialect: str, out: Path) -> Instrument:
    design, config = experiment.design, experiment.config
    values, wish = config.loop, config.engine
    return Instrument(
        design.network,
        design.blocks,
        design.loop.plan,
        design.loop.settings,
        engine,
        out / "netlist",
        dialect,
        wish.timeout,
        wish.repeats,
        Pace(ramp=values.ramp, settle=values.settle, beats=values.beats),
        design.site_capacitance,
        design.temperature,
        design.nonideal,
    )


def _ranged(tool: Instrument, points: OperatingPoints, measured: str) -> OpenLoop:
    """Choose the range before anything runs; refuse what cannot be measured."""
    if measured == "output":  # the current itself: no target is drawn from it, no threshold added
        points = dataclasses.replace(points, targets=(), thresholds=())
    tool.loop(points, measured).channels(tool.network)
    current, slopes = _expected(tool.network, points)
    loop = tool.ranged(points, measured, current, slopes)
    if not counted_points(exact_gradient(loop, current, slopes)).any():
        raise RequestError("gradient.nothing-counts", "every gradient is zero", remedy="other operating points")
    return loop


def _expected(network: Network, points: OperatingPoints) -> tuple[FloatArray, FloatArray]:
    """Return the output current, (P,), and its exact derivatives by the controls, (P, C)."""
    current, slopes, _ = network.output_and_gradient(np.array(points.volts))
    return current, slopes[:, list(network.controls)]


def _reference(network: Network, loop: OpenLoop) -> Reference:
    """Work out what is right at every point, and what to calibrate with: what is typical of the points that count."""
    current, slopes = _expected(network, loop.points)
    exact, volts, still = exact_gradient(loop, current, slopes), loop.points.volts, beside(loop)
    counted = counted_points(exact)
    if loop.measured == "output":
        values = loop.settings.dither
        twins = [dithered_gradient(network, volts, loop.plan, values, apart=way) for way in (False, True)]
    else:
        twins = [
            dithered_loss_gradient(network, volts, loop.plan, loop.settings, still, apart=way) for way in (False, True)
        ]
    error = float(np.median(np.abs(loop.settings.transimpedance * (current + still)[counted])))
    siemens = float(np.median(np.linalg.norm(slopes[counted], axis=1)) / np.sqrt(slopes.shape[1]))
    return Reference(exact, twins[0], twins[1], counted, siemens, error)


def _measure(
    tool: Instrument,
    plan: tuple[OpenLoop, Reference],
    beside_points: tuple[FloatArray, float],
    sampling: Sampling,
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Measure one quantity at all points; return its figures."""
    loop, reference = plan
    name = loop.measured
    keep = folder / "waveforms.nc" if name == "output" else None
    found = tool.measure(loop, name, reference.siemens, reference.error, keep)
    say(f"{name}: {len(loop.points)} points measured, {found.run.engine_s:.1f} s")
    gradients = {
        "measured": found.gradient,
        "uncalibrated": found.uncalibrated,
        "dithered": reference.dithered,
        "finite_difference": finite_difference(*beside_points, loop),
        "exact": reference.exact,
    }
    against = (
        ("measured", "dithered"),
        ("measured", "exact"),
        ("uncalibrated", "exact"),
        ("dithered", "exact"),
        ("finite_difference", "exact"),
    )
    parts = breakdown(tool, loop, reference, found.gradient, min(sampling.parts, len(loop.points)), say)
    return {
        "gradient": [_row(name, number, gradients, reference) for number in range(len(loop.points))],
        "summary": {
            name: {
                "unit": UNITS[name],
                "transimpedance": loop.settings.transimpedance,
                "standard": reference.siemens,
                "gains": found.gains.tolist(),
                "difference_step": beside_points[1],
                "comparisons": [
                    {"of": one, "against": other}
                    | dataclasses.asdict(compare_gradients(gradients[one], gradients[other], reference.counted))
                    for one, other in against
                ],
                "parts": parts,
            }
        },
        "costs": {name: _costs(found)},
    }


def _row(of: str, point: int, gradients: dict[str, FloatArray], reference: Reference) -> dict[str, Any]:
    """Return one point's record."""
    measured, exact = gradients["measured"][point], reference.exact[point]
    error = gradient_error(measured, exact)
    return {
        "of": of,
        "unit": UNITS[of],
        "point": point,
        **{name: values[point].tolist() for name, values in gradients.items()},
        "angle_deg": float(gradient_angle(measured, exact)),
        "relative_error": float(error) if np.isfinite(error) else None,
        "counted": bool(reference.counted[point]),
    }


def _costs(found: Measurement) -> dict[str, Any]:
    return {
        "transistors": found.circuit.transistors,
        "nodes": len(set(found.circuit.nets()) - {"0"}),
        "timepoints": found.run.points,
        "iterations": found.run.iterations,
        "simulated_s": found.run.reached,
        "engine_s": found.run.engine_s,
    }


def _join(figures: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "gradient": [row for part in figures for row in part["gradient"]],
        "summary": {name: value for part in figures for name, value in part["summary"].items()},
        "costs": {name: value for part in figures for name, value in part["costs"].items()},
    }


def _origin(experiment: Experiment, tool: Instrument, points: OperatingPoints, sampling: Sampling) -> dict[str, Any]:
    """Return what is known before anything runs."""
    design, network, values = experiment.design, tool.network, tool.settings
    kinds = tool.loop(points, "loss").kinds
    seeds = {"points": sampling.seed}
    if experiment.config.network.file is None:
        seeds["network"] = experiment.config.network.seed
    if design.nonideal:
        seeds["nonideal"] = design.nonideal.seed
    names = [network.electrode_labels[number] for number in network.controls]
    return {
        "format_version": FORMAT_VERSION,
        "hgesim_version": __version__,
        "command": "gradient",
        "controls": names,
        "task": design.loop.task.name,
        "nonideal": design.nonideal.on,
        "technology": {kind: block.technology for kind, block in design.blocks.items() if kind in kinds},
        "ideal_parts": [
            "sources of the operating points, generators, hold and supplies",
            "threshold resistor and the resistors of the calibration",
            "means over the windows: taken from the waveforms behind the low-passes",
            "dopant network: mean-field model",
            *(
                f"{kind} ({block.technology}): {block.ideal_parts}"
                for kind, block in design.blocks.items()
                if kind in kinds
            ),
        ],
        "plan": {
            "carriers": [
                {"channel": name, "frequency": carrier}
                for name, carrier in zip([*names, "threshold"], tool.plan.carriers, strict=True)
            ],
            "base": tool.plan.base,
            "beat": tool.plan.beat,
            "step": tool.plan.step,
            "third_order_hits": tool.plan.hits,
        },
        "pace": dataclasses.asdict(tool.pace),
        "dither": {
            "amplitude": values.dither,
            "threshold_amplitude": values.threshold_dither,
            "thermal_voltage": network.kT,
        },
        "threshold_resistance": values.threshold_resistance,
        "seeds": seeds,
        "points": [
            {"voltages": list(row), "target": target, "threshold": threshold}
            for row, target, threshold in zip(points.volts, points.targets, points.thresholds, strict=True)
        ],
    }
