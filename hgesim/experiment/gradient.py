"""Measure gradients at operating points, hold them against the exact ones, and find where the errors come from."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.arguments import check_kind, check_whole
from hgesim.engine import Verdict
from hgesim.errors import RequestError
from hgesim.experiment.breakdown import Reference, breakdown
from hgesim.experiment.experiment import Experiment
from hgesim.experiment.folder import RESULT, claim_folder, write_json
from hgesim.experiment.gradient_figures import origin, quantity_figures
from hgesim.experiment.instrument import Instrument, InvalidRun, Pace
from hgesim.experiment.run import GradientRun
from hgesim.learning import (
    case_voltages,
    counted_points,
    dithered_gradient,
    dithered_loss_gradient,
    exact_gradient,
)
from hgesim.learning.gradient import beside
from hgesim.loop import OpenLoop, OperatingPoints
from hgesim.loop.open_loop import MEASURED
from hgesim.network import Network, write_network
from hgesim.seeds import generator

__all__ = ["Sampling", "gradient", "measure_gradients", "random_points"]

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
    experiment = Experiment.from_file(config, overrides)
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
        Its `parts`; the rest is told as the points' origin where it draws just these points.
    force, tell
        As in `gradient`.

    Returns
    -------
    GradientRun
        Also of an invalid simulation: its verdict says so, and nothing is scored.

    Raises
    ------
    RequestError
        ``folder.*``; ``gradient.over-range``, ``gradient.nothing-counts``; ``loop.*`` for what cannot be wired;
        ``design.has-python`` where Python plays a part.
    EngineError
        When engine, models or compiler are missing.
    """
    check_kind(experiment, Experiment, "gradient.bad-value", "experiment")
    check_kind(points, OperatingPoints, "gradient.bad-value", "points")
    check_kind(sampling, Sampling | None, "gradient.bad-value", "sampling")
    experiment.design.refuse_python("gradient")
    began, sampling, say = time.monotonic(), sampling or Sampling(), tell or (lambda words: None)
    engine, dialect = experiment.engine()
    experiment.refuse_missing_parts(dialect)
    tool = _instrument(experiment, engine, dialect, Path(out))
    loops = [_ranged(tool, points, measured) for measured in MEASURED]
    folder = claim_folder(Path(out), force=force)
    told = dataclasses.asdict(sampling) if points == random_points(experiment, sampling) else {"parts": sampling.parts}
    stored = {**experiment.stored, "design": experiment.design.digest, "sampling": told}
    write_json(stored, folder / "config.json")
    write_network(experiment.design.network, folder / "network.json")
    result = origin(experiment, tool, points) | {"seeds": _seeds(experiment, told)}
    try:
        beside_points = tool.beside_points(points, "differences")
        say(f"network alone: {len(beside_points[0])} operating points")
        plans = [(loop, _reference(tool.network, loop)) for loop in loops]
        figures = [_measure(tool, plan, beside_points, sampling, folder, say) for plan in plans]
        joined = {
            "gradient": [row for one in figures for row in one["gradient"]],
            "summary": {loop.measured: one["summary"] for loop, one in zip(loops, figures, strict=True)},
            "costs": {loop.measured: one["costs"] for loop, one in zip(loops, figures, strict=True)},
        }
        result |= joined | {"verdict": str(Verdict.OK), "message": ""}
    except InvalidRun as bad:
        result |= {"verdict": bad.verdict, "message": f"{bad.place}: {bad.message}"}
    result["engine"] = {"name": engine.name, "version": engine.version, "user_init": False, "dialect": dialect}
    result["wall_s"] = time.monotonic() - began
    write_json(result, folder / RESULT)
    return GradientRun.load(folder)


def _seeds(experiment: Experiment, sampling: Mapping[str, int]) -> dict[str, int]:
    """Return the seeds of device and chip, and of the points where they were drawn."""
    made = {name: seed for name, seed in (experiment.seeds or {}).items() if name != "loop"}
    return made | ({"points": sampling["seed"]} if "seed" in sampling else {})


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
    parts = breakdown(tool, loop, reference, found.gradient, min(sampling.parts, len(loop.points)), say)
    return quantity_figures(loop, reference, found, beside_points, parts)
