"""What a run's result says: figures worked out from waveforms and network, nothing from the simulator's own word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim._version import __version__
from hgesim.circuit import VoltageSource
from hgesim.design import Design
from hgesim.engine import RawData, RunResult, Verdict
from hgesim.learning import History, dither_curvature, network_outputs, score_gate, separation
from hgesim.loop import HomodyneLoop
from hgesim.loop.homodyne import ERROR
from hgesim.waveforms import supply_energy

__all__ = ["FORMAT_VERSION", "energy_figures", "learning_figures", "run_figures"]

FORMAT_VERSION = 1
FloatArray = NDArray[np.float64]


def run_figures(design: Design, run: RunResult) -> dict[str, Any]:
    """Return what any run has, good or bad: verdict, circuit, plan, time line and costs."""
    loop, circuit = design.loop, design.circuit
    owner = circuit.owner(run.node) if run.node else ""
    return {
        "format_version": FORMAT_VERSION,
        "hgesim_version": __version__,
        "verdict": str(run.verdict),
        "message": run.message + (f"; node {run.node} belongs to {owner}" if owner else ""),
        "learnt": False,
        "reason": "" if run.verdict == Verdict.OK else "the simulation is not valid",
        "task": {
            "kind": "gate",
            "gate": loop.task.gate,
            "inputs": [design.network.electrode_labels[i] for i in design.network.inputs],
            "margin": loop.task.margin,
        },
        "rule": loop.rule,
        "technology": design.technology,
        "ideal_parts": _ideal_parts(design),
        "design": design.digest,
        "signals": design.signals,
        "plan": _plan(loop, design),
        "timeline": _timeline(loop),
        "transistors": circuit.transistors,
        "nodes": len(set(circuit.nets()) - {"0"}),
        "timepoints": run.points,
        "iterations": run.iterations,
        "simulated_s": run.reached,
        "engine_s": run.engine_s,
    }


def _ideal_parts(design: Design) -> list[str]:
    parts = [
        "data, target, hold, dither and reference sources",
        "what holds the start for the first 20 ns",
        "supplies",
        "threshold resistor",
        "dopant network: mean-field model",
    ]
    parts += [f"{kind} ({block.technology}): {block.ideal_parts}" for kind, block in design.blocks.items()]
    return parts


def _plan(loop: HomodyneLoop, design: Design) -> dict[str, Any]:
    plan = loop.plan
    return {
        "carriers": [{"channel": c.name, "frequency": c.carrier} for c in loop.channels(design.network)],
        "base": plan.base,
        "spacing": plan.spacing,
        "beat": plan.beat,
        "step": plan.step,
        "fastest_product": plan.fastest_product,
        "third_order_hits": plan.hits,
    }


def _timeline(loop: HomodyneLoop) -> dict[str, Any]:
    line = loop.timeline
    return {
        "ramp": line.ramp,
        "settle": line.settle,
        "window": line.window,
        "case": line.case,
        "epoch": line.epoch,
        "epochs": line.epochs,
        "cases": line.cases,
    }


def learning_figures(design: Design, history: History, control_range: float) -> dict[str, Any]:
    """Return what was learnt, judged by the network alone at the start and end controls.

    Parameters
    ----------
    design : Design
        What ran.
    history : History
        At least one complete epoch.
    control_range : float
        Controls beyond it, in volt, count as railed.
    """
    loop, network, task = design.loop, design.network, design.loop.task
    start, end = np.array(loop.start), history.controls[-1]
    before, after = network_outputs(network, task, start), network_outputs(network, task, end)
    threshold = -float(history.threshold[-1]) / loop.settings.threshold_resistance
    score = score_gate(after, task.targets, threshold)
    settings = loop.settings
    railed = _railed(design, history, control_range)
    reason = score.reason(task) or (f"ended at the limit of its range: {', '.join(railed)}" if railed else "")
    return {
        "reason": reason,
        "learnt": not reason,
        "loss": {"initial": float(history.loss[0]), "final": float(history.loss[-1])},
        "outputs": _table(task.cases, task.targets, before, after),
        "outputs_loop": _table(task.cases, task.targets, history.outputs[0], history.outputs[-1]),
        "separation": {
            "network": {"initial": separation(before, task.targets), "final": score.separation},
            "loop": {
                "initial": separation(history.outputs[0], task.targets),
                "final": separation(history.outputs[-1], task.targets),
            },
        },
        "swing": score.swing,
        "margin": score.margin,
        "threshold": threshold,
        "railed": railed,
        "dither": {
            "amplitude": settings.dither,
            "threshold_amplitude": settings.threshold_dither,
            "thermal_voltage": network.kT,
            "curvature": dither_curvature(network, loop, end),
        },
        "history": {
            "epoch": list(range(1, len(history.time) + 1)),
            "time": history.time,
            "loss": history.loss,
            "errors": history.errors,
            "controls": {c.name: history.controls[:, i] for i, c in enumerate(loop.channels(network)[:-1])},
            "threshold": history.threshold,
            "separation": history.separation,
        },
    }


def _table(cases: Any, targets: Any, before: FloatArray, after: FloatArray) -> list[dict[str, Any]]:
    return [
        {"inputs": list(inputs), "target": target, "initial": float(first), "final": float(last)}
        for inputs, target, first, last in zip(cases, targets, before, after, strict=True)
    ]


def _railed(design: Design, history: History, control_range: float) -> list[str]:
    """Name the nets that ended where circuits saturate: controls out of range, an error at the read-out's limit."""
    channels = design.loop.channels(design.network)
    ends = [*history.controls[-1], history.threshold[-1]]
    railed = [channel.net for channel, end in zip(channels, ends, strict=True) if abs(end) > control_range]
    return railed + ([ERROR] if np.abs(history.errors[-1]).max() > control_range else [])


def energy_figures(design: Design, raw: RawData) -> dict[str, Any]:
    """Return the energy drawn from the supplies, in all and per kind of block (all instances of a kind together)."""
    time = np.asarray(raw.values[:, 0])
    per_block: dict[str, float] = {}
    for source in design.circuit.elements:
        if isinstance(source, VoltageSource) and source.name.startswith(("v_vp_", "v_vn_")):
            kind = source.name[len("v_vp_") :]
            energy = supply_energy(time, raw[f"i({source.name})"], source.wave.value)  # type: ignore[union-attr]
            per_block[kind] = per_block.get(kind, 0.0) + energy
    return {"energy_j": {"total": sum(per_block.values()), "per_block": per_block}}


def meanings(signals: Mapping[str, Any]) -> dict[str, str]:
    """Return a long name for every stored net."""
    names = {
        signals["error"]: "error: output of the read-out",
        signals["target"]: "target",
        signals["threshold"]: "threshold",
    }
    names |= {net: f"control {label}" for label, net in signals["controls"].items()}
    names |= {net: f"data input {label}" for label, net in signals["inputs"].items()}
    return names | dict.fromkeys(signals["mixer_input"], "mixer input")
