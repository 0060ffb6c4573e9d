"""A run folder made without any simulator: the twin gives the outputs, tones on a ramp the waveforms."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from hgesim.config import TaskConfig
from hgesim.learning import correlation, correlation_loss, goal_figure, network_outputs, separation
from hgesim.loop import Scales, Task, gate_task
from hgesim.network import DiscParameters, Network, dopant_disc, write_network

LEVEL, THRESHOLD_OHM = 0.3, 2.5e6  # V, Ohm
BITS = ((0, 0), (0, 1), (1, 0), (1, 1))
EPOCHS = 30
INPUTS = {1: (4,), 2: (2, 5), 3: (2, 4, 6)}
ODD = (9, 11, 13, 19, 21, 25, 33, 35, 39, 43, 47, 49)


def outputs(network: Network, controls: np.ndarray) -> np.ndarray:
    volts = np.zeros((*controls.shape[:-1], 4, network.n_electrodes))
    volts[..., network.controls] = controls[..., None, :]
    volts[..., network.inputs[:2]] = LEVEL * (2 * np.array(BITS) - 1)
    return network.output_current(volts)


def screen(network: Network, task: Task, span: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw controls at random; return a bad and a good setting."""
    random = np.random.default_rng(1)
    draws = random.uniform(-span, span, (150 if task.kind == "gate" else 40, len(network.controls)))
    currents = network_outputs(network, task, draws)
    if task.kind == "gate":
        fit = separation(currents, task.targets) / np.ptp(currents, axis=-1)
    else:
        fit = np.array([correlation(row, task.targets) for row in currents])
    return draws[int(np.argmin(fit))], draws[int(np.argmax(fit))]


def scales(task: Task, currents: np.ndarray) -> tuple[float, float]:
    """Return threshold and target current that suit the last outputs."""
    wanted = np.array(task.targets)
    if task.kind == "curve":
        slope, offset = np.polyfit(wanted, currents, 1)
        return float(offset), float(abs(slope))
    return float(currents[wanted == 1].mean() + currents[wanted == 0].mean()) / 2, 0.3 * float(np.ptp(currents))


def make_run(
    folder: Path,
    network: Network | None = None,
    gate: str = "OR",
    points: int = 40_000,
    *,
    task: Task | None = None,
) -> Path:
    """Write a run folder that looks like a successful run.

    Parameters
    ----------
    folder : Path
        Where to; made when missing.
    network : Network, optional
        Any with as many inputs as the task.
    gate : str
        The task, unless one is given.
    points : int
        Points of the waveforms.
    task : Task, optional
        Of any kind; its target current is chosen anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    task = task or gate_task(gate, Scales(level=LEVEL))
    count, epochs = len(task.cases), EPOCHS
    network = network or dopant_disc(2, DiscParameters(inputs=INPUTS[task.n_inputs]))
    targets, levels = np.array(task.targets), np.array(task.target_levels)
    first, last = screen(network, task, 0.6)
    ease = 1 - np.exp(-5 * np.arange(epochs + 1) / epochs)
    tracks = first + ease[:, None] / ease[-1] * (last - first)
    currents = network_outputs(network, task, tracks)
    held = network_outputs(network, task, tracks[[0, -1]], task.test_cases)
    end, half = scales(task, currents[-1])
    task = dataclasses.replace(task, scales=dataclasses.replace(task.scales, target=half))
    threshold = end * ease / ease[-1]
    errors = 0.5 * np.tanh((currents - threshold[:, None] - half * levels) / half)  # V
    loss = (errors**2).mean(axis=1)
    labels = [network.electrode_labels[k] for k in network.controls]
    inputs = [network.electrode_labels[k] for k in network.inputs[: task.n_inputs]]
    ramp, settle, window = 1e-4, 5e-5, 1e-3
    case = ramp + settle + window
    tones = [{"channel": name, "frequency": 1e3 * ODD[k]} for k, name in enumerate([*labels, "threshold"])]
    nets = {label: f"el_{label}" for label in [*labels, *inputs]}
    swing = float(np.ptp(currents[-1]))
    figure = goal_figure(task, currents, targets, threshold)
    judged = goal_figure(task, held, task.test_targets, threshold[[0, -1]]) if task.test_cases else figure[[0, -1]]
    figures = {
        "loss": {"initial": float(loss[0]), "final": float(loss[-1])},
        "outputs": table(task.shown_cases, targets, currents[0], currents[-1]),
        "outputs_loop": table(task.shown_cases, targets, currents[0] - 2e-9, currents[-1] + 1e-9),
        "outputs_held_out": table(task.test_cases, task.test_targets, *held),
        "score": {
            "name": {"gate": "margin", "classes": "accuracy", "curve": "error"}[task.kind],
            **ends(judged),
            "shown": ends(figure),
        },
        "swing": swing,
        "threshold": float(threshold[-1]),
        "history": {
            "epoch": list(range(1, epochs + 1)),
            "time": [k * count * case for k in range(1, epochs + 1)],
            "loss": loss[1:].tolist(),
            "controls": {label: tracks[1:, k].tolist() for k, label in enumerate(labels)},
            "threshold": (-THRESHOLD_OHM * threshold[1:]).tolist(),
            "score": figure[1:].tolist(),
        },
        "signals": {
            "error": "err",
            "threshold": "threshold",
            "target": "target",
            "mixer_input": ["drivep", "driven"],
            "controls": {label: nets[label] for label in labels},
            "inputs": {label: nets[label] for label in inputs},
        },
        "plan": {"carriers": tones, "base": 1e3, "spacing": 2e3, "beat": 1e-3, "step": 2e-6, "third_order_hits": 2},
        "timeline": {
            "ramp": ramp,
            "settle": settle,
            "window": window,
            "case": case,
            "epoch": count * case,
            "epochs": epochs,
            "cases": count,
        },
        "timepoints": points,
        "iterations": 5 * points,
        "simulated_s": epochs * count * case,
    }
    figures["learnt"] = bool(judged[-1] <= task.goal if task.kind == "curve" else judged[-1] >= task.goal)
    if task.kind != "curve":
        figures |= class_figures(task, currents)
        figures["history"]["separation"] = separation(currents, targets)[1:].tolist()
    result = {**plain_figures(task, inputs), **figures}
    put(folder, result)
    config = {
        "network": {"file": None, "seed": 2, "dopants": network.n_sites, "radius": 5e-8, "temperature": None},
        "task": {
            **task_settings(task),
            "level": task.scales.level,
            "offsets": list(task.scales.offsets),
            "target": half,
        },
        "loop": {"seed": 9, "epochs": epochs, "rate": 1.0, "start": None},
        "circuit": {"technology": "gf180", "mixer": None, "temperature": 300.0},
        "engine": {"name": "ngspice"},
        "design": "0" * 64,
    }
    (folder / "config.json").write_text(json.dumps(config))
    write_network(network, folder / "network.json")
    (folder / "netlist").mkdir(exist_ok=True)
    (folder / "netlist" / "deck.cir").write_text("* hgesim\n.end\n")
    (folder / "engine.log").write_text("Note: No compatibility mode selected!\nNo. of Data Rows : 40000\n")
    all_tracks = np.column_stack([tracks, -THRESHOLD_OHM * threshold])
    write_waveforms(folder, result, all_tracks, errors, task)
    return folder


def table(inputs: Any, targets: Any, first: np.ndarray, last: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"inputs": list(case), "target": float(target), "initial": float(first[q]), "final": float(last[q])}
        for q, (case, target) in enumerate(zip(inputs, targets, strict=True))
    ]


def ends(values: np.ndarray) -> dict[str, float]:
    return {"initial": float(values[0]), "final": float(values[-1])}


def task_settings(task: Task) -> dict[str, Any]:
    """Return the settings of a kind of task, with the defaults of all other kinds, as a run stores them."""
    usual = TaskConfig().model_dump(mode="json")
    if task.kind == "gate":
        return {**usual, "gate": task.name, "margin": task.goal}
    drawn = {"training": len(task.cases), "test": len(task.test_cases)}
    if task.kind == "curve":
        return {**usual, **drawn, "kind": "curve", "curve": task.name, "error": task.goal}
    known = task.name in ("ring", "sphere")
    return {**usual, "accuracy": task.goal, **({"kind": task.name, **drawn} if known else CSV)}


CSV = {"kind": "classes", "file": "table.csv"}


def class_figures(task: Task, currents: np.ndarray) -> dict[str, Any]:
    apart = separation(currents, task.targets)
    margin = {"margin": float(apart[-1] / np.ptp(currents[-1]))} if task.kind == "gate" else {}
    return {
        "separation": {"network": ends(apart), "loop": ends(apart + np.linspace(-1e-9, 2e-9, len(apart)))},
        "correlation": {
            when: {"correlation": correlation(row, task.targets), "loss": correlation_loss(row, task.targets)}
            for when, row in (("initial", currents[0]), ("final", currents[-1]))
        },
        **margin,
    }


def plain_figures(task: Task, inputs: list[str]) -> dict[str, Any]:
    """Return what is the same in every made-up run."""
    return {
        "format_version": 1,
        "hgesim_version": "0.1.0",
        "verdict": "ok",
        "message": "",
        "reason": "",
        "task": {
            "kind": task.kind,
            "name": task.name,
            "inputs": inputs,
            "goal": task.goal,
            "cases": {"shown": len(task.cases), "held_out": len(task.test_cases)},
        },
        "chosen_from": {"devices": 10, "starts": 200},
        "attempts": [{"draw": 0, "start": [0.0], "given_up": ""}],
        "rule": "homodyne",
        "technology": {
            "readout": "gf180",
            "loss": "gf180",
            "coupler": "gf180",
            "mixer": "discrete",
            "lowpass": "ideal",
            "integrator": "gf180",
        },
        "ideal_parts": ["reference oscillators and dither", "supplies"],
        "engine": {"name": "ngspice", "version": "46", "user_init": False, "dialect": "osdi"},
        "seeds": {"network": 2, "loop": 9},
        "railed": [],
        "learnt_epoch": 3,
        "transistors": 164,
        "size": {"gates_m2": 9.5e-9, "capacitance_f": 4.9e-8},
        "nodes": 106,
        "wall_s": 138.2,
        "engine_s": 136.9,
        "energy_j": {"total": 3.4e-4, "per_block": {"readout": 6e-5, "mixer": 1.7e-4, "integrator": 1.1e-4}},
        "dither": {"amplitude": 0.01, "threshold_amplitude": 0.03, "thermal_voltage": 0.0066, "curvature": 0.021},
        "network_op": {"twin_difference": 4e-8},
    }


def write_waveforms(folder: Path, result: dict[str, Any], tracks: np.ndarray, errors: np.ndarray, task: Task) -> None:
    """Write unequally spaced waveforms with the tones where a lock-in expects them."""
    import xarray as xr

    line, signals, points = result["timeline"], result["signals"], result["timepoints"]
    random = np.random.default_rng(3)
    time = np.sort(random.uniform(0, result["simulated_s"], points))
    time[[0, -1]] = 0.0, result["simulated_s"]
    epoch = np.minimum((time / line["epoch"]).astype(int), line["epochs"] - 1)
    case = np.minimum(((time - epoch * line["epoch"]) / line["case"]).astype(int), line["cases"] - 1)
    alive = (time - epoch * line["epoch"] - case * line["case"]) > line["ramp"] + line["settle"]
    ends = np.linspace(0.0, result["simulated_s"], len(tracks))
    error, ripple = -errors[epoch, case], np.zeros(points)
    waves: dict[str, np.ndarray] = {}
    for k, net in enumerate([*signals["controls"].values(), signals["threshold"]]):
        tone = np.sin(2 * np.pi * result["plan"]["carriers"][k]["frequency"] * time)
        waves[net] = np.interp(time, ends, tracks[:, k]) + 0.01 * tone
        ripple += 0.01 * (1 + 0.4 * k) * tone
    for k, net in enumerate(signals["inputs"].values()):
        waves[net] = np.array(task.input_levels[k])[case]
    waves["target"] = np.array(task.target_levels)[case]
    waves["err"] = error + ripple
    pulse = 5 * alive * ripple * error
    waves["drivep"], waves["driven"] = pulse + 1e-4 * random.normal(size=points), -pulse
    data = xr.Dataset(
        {net: ("time", wave, {"units": "V", "long_name": f"voltage of {net}"}) for net, wave in waves.items()},
        {"time": ("time", time, {"units": "s", "long_name": "time"})},
    )
    data.to_netcdf(folder / "waveforms.nc", engine="h5netcdf")


def put(folder: Path, result: object) -> None:
    (folder / "result.json").write_text(json.dumps(result))
