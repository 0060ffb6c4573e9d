"""A run folder made without any simulator: the twin gives the outputs, tones on a ramp the waveforms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hgesim.network import Network, dopant_disc, write_network

LEVEL, THRESHOLD_OHM = 0.3, 2.5e6  # V, Ohm
GATES = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "XOR": (0, 1, 1, 0)}
BITS = ((0, 0), (0, 1), (1, 0), (1, 1))
ODD = (9, 11, 13, 19, 21, 25, 33, 35, 39, 43, 47, 49)


def outputs(network: Network, controls: np.ndarray) -> np.ndarray:
    volts = np.zeros((*controls.shape[:-1], 4, network.n_electrodes))
    volts[..., network.controls] = controls[..., None, :]
    volts[..., network.inputs[:2]] = LEVEL * (2 * np.array(BITS) - 1)
    return network.output_current(volts)


def separation(currents: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return currents[..., targets == 1].min(axis=-1) - currents[..., targets == 0].max(axis=-1)


def screen(network: Network, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw controls at random; return a bad and a good setting."""
    random = np.random.default_rng(1)
    draws = random.uniform(-0.6, 0.6, (150, len(network.controls)))
    currents = outputs(network, draws)
    relative = separation(currents, targets) / np.ptp(currents, axis=-1)
    return draws[int(np.argmin(relative))], draws[int(np.argmax(relative))]


def make_run(
    folder: Path, network: Network | None = None, gate: str = "OR", epochs: int = 30, points: int = 40_000
) -> Path:
    """Write a run folder that looks like a successful run.

    Parameters
    ----------
    folder : Path
        Where to; made when missing.
    network : Network, optional
        Any with two inputs.
    gate : str
        One of `GATES`.
    epochs, points : int
        Epochs of the run, points of the waveforms.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = network or dopant_disc(2)
    targets = np.array(GATES[gate])
    first, last = screen(network, targets)
    ease = 1 - np.exp(-5 * np.arange(epochs + 1) / epochs)
    tracks = first + ease[:, None] / ease[-1] * (last - first)
    currents = outputs(network, tracks)
    centre = (currents[:, targets == 1].mean(axis=1) + currents[:, targets == 0].mean(axis=1)) / 2
    half = 0.3 * float(np.ptp(currents[-1]))
    threshold = centre[-1] * ease / ease[-1]
    errors = 0.5 * np.tanh((currents - threshold[:, None] - half * (2 * targets - 1)) / half)  # V
    loss = (errors**2).mean(axis=1)
    labels = [network.electrode_labels[k] for k in network.controls]
    inputs = [network.electrode_labels[k] for k in network.inputs[:2]]
    ramp, settle, window = 1e-4, 5e-5, 1e-3
    case = ramp + settle + window
    tones = [{"channel": name, "frequency": 1e3 * ODD[k]} for k, name in enumerate([*labels, "threshold"])]
    nets = {label: f"el_{label}" for label in [*labels, *inputs]}
    apart = separation(currents, targets)
    swing = float(np.ptp(currents[-1]))
    figures = {
        "loss": {"initial": float(loss[0]), "final": float(loss[-1])},
        "outputs": table(targets, currents[0], currents[-1]),
        "outputs_loop": table(targets, currents[0] - 2e-9, currents[-1] + 1e-9),
        "separation": {
            "network": {"initial": float(apart[0]), "final": float(apart[-1])},
            "loop": {"initial": float(apart[0] - 1e-9), "final": float(apart[-1] + 2e-9)},
        },
        "swing": swing,
        "margin": float(apart[-1] / swing),
        "threshold": float(threshold[-1]),
        "history": {
            "epoch": list(range(1, epochs + 1)),
            "time": [k * 4 * case for k in range(1, epochs + 1)],
            "loss": loss[1:].tolist(),
            "controls": {label: tracks[1:, k].tolist() for k, label in enumerate(labels)},
            "threshold": (-THRESHOLD_OHM * threshold[1:]).tolist(),
            "separation": apart[1:].tolist(),
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
            "epoch": 4 * case,
            "epochs": epochs,
            "cases": 4,
        },
        "timepoints": points,
        "iterations": 5 * points,
        "simulated_s": epochs * 4 * case,
    }
    result = {**plain_figures(gate, inputs), **figures}
    put(folder, result)
    config = {
        "network": {"file": None, "seed": 2, "dopants": network.n_sites, "radius": 5e-8, "temperature": None},
        "task": {"gate": gate, "level": LEVEL, "target": half, "margin": 0.25},
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
    write_waveforms(folder, result, all_tracks, errors, points)
    return folder


def table(targets: np.ndarray, first: np.ndarray, last: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"inputs": list(bits), "target": int(targets[q]), "initial": float(first[q]), "final": float(last[q])}
        for q, bits in enumerate(BITS)
    ]


def plain_figures(gate: str, inputs: list[str]) -> dict[str, Any]:
    """Return what is the same in every made-up run."""
    return {
        "format_version": 1,
        "hgesim_version": "0.1.0",
        "verdict": "ok",
        "message": "",
        "learnt": True,
        "reason": "",
        "task": {"kind": "gate", "name": gate, "inputs": inputs, "goal": 0.25},
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
        "transistors": 164,
        "nodes": 106,
        "wall_s": 138.2,
        "engine_s": 136.9,
        "energy_j": {"total": 3.4e-4, "per_block": {"readout": 6e-5, "mixer": 1.7e-4, "integrator": 1.1e-4}},
        "dither": {"amplitude": 0.01, "threshold_amplitude": 0.03, "thermal_voltage": 0.0066, "curvature": 0.021},
        "network_op": {"twin_difference": 4e-8},
    }


def write_waveforms(folder: Path, result: dict[str, Any], tracks: np.ndarray, errors: np.ndarray, points: int) -> None:
    """Write unequally spaced waveforms with the tones where a lock-in expects them."""
    import xarray as xr

    line, signals = result["timeline"], result["signals"]
    random = np.random.default_rng(3)
    time = np.sort(random.uniform(0, result["simulated_s"], points))
    time[[0, -1]] = 0.0, result["simulated_s"]
    epoch = np.minimum((time / line["epoch"]).astype(int), line["epochs"] - 1)
    case = np.minimum(((time - epoch * line["epoch"]) / line["case"]).astype(int), 3)
    alive = (time - epoch * line["epoch"] - case * line["case"]) > line["ramp"] + line["settle"]
    ends = np.linspace(0.0, result["simulated_s"], len(tracks))
    error, ripple = -errors[epoch, case], np.zeros(points)
    waves: dict[str, np.ndarray] = {}
    for k, net in enumerate([*signals["controls"].values(), signals["threshold"]]):
        tone = np.sin(2 * np.pi * result["plan"]["carriers"][k]["frequency"] * time)
        waves[net] = np.interp(time, ends, tracks[:, k]) + 0.01 * tone
        ripple += 0.01 * (1 + 0.4 * k) * tone
    for k, net in enumerate(signals["inputs"].values()):
        waves[net] = LEVEL * (2 * np.array(BITS)[case, k] - 1.0)
    waves["target"] = 2.0 * np.array([row["target"] for row in result["outputs"]])[case] - 1.0
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
