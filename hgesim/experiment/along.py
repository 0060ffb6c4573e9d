"""The gradient along a learning run: what the integrators did, held against the exact direction of descent."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.config import Config, counting_keys, parse_config
from hgesim.errors import HgeError, RequestError
from hgesim.experiment.build import make_loop
from hgesim.experiment.folder import RESULT, write_json
from hgesim.experiment.run import Run
from hgesim.learning import DigitalUpdate, Trajectory, digital_gradients, learning_trajectory
from hgesim.learning.trajectory import PARTS
from hgesim.loop import DigitalLoop, HomodyneLoop, Scales, Task
from hgesim.network import Network, read_network

__all__ = ["along_figures", "digital_along", "measure_along", "stored_loop"]

FloatArray = NDArray[np.float64]


def along_figures(found: Trajectory, loop: HomodyneLoop) -> dict[str, Any]:
    """Return what ``gradient_along`` of a result holds.

    Parameters
    ----------
    found : Trajectory
        Of all epochs that were simulated.
    loop : HomodyneLoop
        What ran.

    Returns
    -------
    dict
        ``window`` (a case's move against the descent of its own loss) and ``epoch`` (an epoch's move against the
        descent of the mean squared error): how many count, and the medians over those of the angle in degree and of
        the relative error, the length of the difference of the two unit vectors; of the controls, and of all
        ``channels``, which are the controls and the threshold. ``epoch`` also tells how many moves of the controls lead
        downhill. ``history`` holds the angles one by one (None where there is none), which windows count, and, by
        epoch, the length of the controls' move in volt and of the exact slope along them in V^2/V. Where nothing
        counts the medians are None, and ``reason`` says why.
    """
    epochs, counted = found.moves.shape[0], found.counted
    windows = {part: found.case_angles(part) for part in PARTS}
    wholes = {part: found.epoch_angles(part) for part in PARTS}
    judged = np.isfinite(wholes["controls"])
    return {
        "of": "loss",
        "reason": _reason(found, loop),
        "unit": {"angle_deg": "degree", "relative_error": "1", "move": "V", "slope": "V^2/V"},
        "window": {
            "counted": int(counted.sum()),
            "of": counted.size,
            **_medians({part: angles[counted] for part, angles in windows.items()}),
        },
        "epoch": {
            "counted": int(judged.sum()),
            "of": epochs,
            "downhill": int((wholes["controls"][judged] < 90).sum()),
            **_medians({part: angles[judged] for part, angles in wholes.items()}),
        },
        "history": {
            "window_angle_deg": {part: _plain(angles) for part, angles in windows.items()},
            "counted": counted.tolist(),
            "epoch_angle_deg": {part: _plain(angles) for part, angles in wholes.items()},
            "move": np.linalg.norm(found.epoch_moves[:, :-1], axis=1),
            "slope": np.linalg.norm(found.gradients[:, :-1], axis=1),
        },
    }


def digital_along(update: DigitalUpdate, network: Network) -> dict[str, Any]:
    """Return what ``gradient_along`` of the result of a digital update holds: the same keys, of measured gradients.

    ``window``: the derivatives of the output by the controls that the lock-in read in a case, ``epoch``: the gradient
    of the loss that the controls then followed, each against the exact one at the same controls; ``measured`` says so.
    Epochs in which the exact gradient of the loss is zero do not count.

    Parameters
    ----------
    update : DigitalUpdate
        A run of it.
    network : Network
        The device.
    """
    try:
        found = digital_gradients(update, network)
    except HgeError as error:
        return {"of": "loss", "measured": "lock-in", "reason": str(error)}
    cases = {"controls": found.case_angles}
    wholes = {part: found.loss_angles[:, number] for number, part in enumerate(PARTS)}
    judged = np.isfinite(wholes["controls"])
    return {
        "of": "loss",
        "measured": "lock-in",
        "reason": "",
        "unit": {"angle_deg": "degree", "relative_error": "1", "move": "V", "slope": f"{update.loop.loss_unit}/V"},
        "window": {
            "counted": found.case_angles.size,
            "of": found.case_angles.size,
            **_medians({part: angles.ravel() for part, angles in cases.items()}),
        },
        "epoch": {
            "counted": int(judged.sum()),
            "of": len(found.slopes),
            "downhill": int((wholes["controls"][judged] < 90).sum()),
            **_medians({part: angles[np.isfinite(angles)] for part, angles in wholes.items()}),
        },
        "history": {
            "window_angle_deg": {part: _plain(angles) for part, angles in cases.items()},
            "counted": np.ones_like(found.case_angles, dtype=bool).tolist(),
            "epoch_angle_deg": {part: _plain(angles) for part, angles in wholes.items()},
            "move": found.moves,
            "slope": found.slopes,
        },
    }


def _reason(found: Trajectory, loop: HomodyneLoop) -> str:
    if not found.counted.size:
        return "no epoch is complete"
    if loop.settings.rate == 0:
        return "the integrators are not driven: loop.rate is 0"
    if not found.counted.any():
        return "in no window is the error above the dither's ripple while the controls move"
    return ""


def _medians(angles: Mapping[str, FloatArray]) -> dict[str, dict[str, float | None]]:
    """Return the medians of angles, in degree, and of the relative error that belongs to each: the chord."""
    middle = {part: float(np.median(values)) if len(values) else None for part, values in angles.items()}
    chord = {part: None if a is None else 2.0 * float(np.sin(np.radians(a) / 2)) for part, a in middle.items()}
    return {"angle_deg": middle, "relative_error": chord}


def _plain(angles: FloatArray) -> list[Any]:
    """Return angles as lists, to a hundredth of a degree, with None for NaN."""
    kept = np.round(angles, 2).astype(object)
    kept[~np.isfinite(angles)] = None
    return list(kept.tolist())


def stored_loop(run: Run) -> tuple[HomodyneLoop, Network]:
    """Return loop and device of a finished run from what its folder holds.

    Raises
    ------
    RequestError
        ``run.no-settings`` without a readable ``config.json``, ``run.incomplete`` where ``result.json`` lacks cases or
        start; ``network.*``, ``config.*``.
    """
    place = run.folder / "config.json"
    try:
        data = json.loads(place.read_text(encoding="utf-8"))
        told = data.get("given", True)
        config = parse_config({name: counting_keys(name, data[name]) for name in Config.model_fields if name in data})
    except (OSError, ValueError, AttributeError):
        raise RequestError(
            "run.no-settings", "no readable config.json", place=str(run.folder), remedy="give the folder of a run"
        ) from None
    if not told:
        raise RequestError(
            "run.no-settings", "its design was made in Python", place=str(place), remedy="take learning_trajectory"
        )
    network = read_network(run.folder / "network.json")
    try:
        task, start = _stored_task(run.result, config), tuple(run.result["attempts"][-1]["start"])
    except (KeyError, IndexError, TypeError):
        raise RequestError(
            "run.incomplete", "result.json lacks cases or start", place=str(run.folder), remedy="run it again"
        ) from None
    return dataclasses.replace(make_loop(config, network, task), start=start), network


def _stored_task(result: Mapping[str, Any], config: Config) -> Task:
    """Return the task as the result tells it: its file may be gone, and a draw need not be repeated."""
    told, rows = result["task"], result["outputs"]
    cases = tuple(tuple(float(value) for value in row["inputs"]) for row in rows)
    if told["kind"] == "gate":
        cases = tuple(tuple(2.0 * bit - 1.0 for bit in case) for case in cases)
    scales = Scales(config.task.level, config.task.target, config.task.offsets)
    return Task(told["name"], told["kind"], cases, tuple(row["target"] for row in rows), told["goal"], scales=scales)


def measure_along(folder: str | Path) -> Run:
    """Measure the gradient along a finished learning run anew, from its waveforms, and store it in its result.

    Parameters
    ----------
    folder : str or Path
        Of the run.

    Returns
    -------
    Run
        With ``gradient_along`` in its result; ``result.json`` is rewritten.

    Raises
    ------
    RequestError
        ``run.no-result``; ``run.not-valid`` for a run whose simulation does not count; ``run.no-waveforms``;
        ``run.multirate`` for a run in leaps, of which this is measured burst by burst while it runs; what `stored_loop`
        refuses.
    """
    run = Run.load(folder)
    place = str(run.folder)
    if "multirate" in run.result:
        raise RequestError(
            "run.multirate", "a run in leaps", place=place, remedy="its result.json has gradient_along of every burst"
        )
    if run.verdict != "ok":
        raise RequestError(
            "run.not-valid", f"the verdict is {run.verdict}", place=place, remedy="give the folder of a valid run"
        )
    loop, network = stored_loop(run)
    if isinstance(loop, DigitalLoop):
        raise RequestError(
            "gradient.digital",
            "the gradients of a digital update are in its result already",
            place=place,
            remedy="see gradient_along in result.json",
        )
    nets = [channel.net for channel in loop.channels(network)]
    try:
        waves = run.waveforms()
        signals = {net: waves[net].values for net in nets}
    except (OSError, KeyError):
        raise RequestError(
            "run.no-waveforms", "waveforms.nc is missing or lacks a channel", place=place, remedy="run it again"
        ) from None
    along = along_figures(learning_trajectory(waves["time"].values, signals, loop, network), loop)
    write_json({**run.result, "gradient_along": along}, run.folder / RESULT)
    return Run.load(run.folder)
