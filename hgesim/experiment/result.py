"""What a run's result says: figures worked out from waveforms and network, nothing from the simulator's own word."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim._version import __version__
from hgesim.blocks import Size
from hgesim.circuit import Dc, VoltageSource
from hgesim.design import Design
from hgesim.engine import RawData, RunResult, Verdict
from hgesim.learning import (
    History,
    correlation,
    correlation_loss,
    dither_curvature,
    learnt_epoch,
    network_outputs,
    score,
    separation,
)
from hgesim.loop import DigitalLoop, HomodyneLoop, Task, reference_lags
from hgesim.loop.digital import OUTPUT
from hgesim.loop.wiring import ERROR
from hgesim.waveforms import supply_energies

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
        "learnt_epoch": None,
        "reason": "" if run.verdict == Verdict.OK else "the simulation is not valid",
        "task": {
            "kind": loop.task.kind,
            "name": loop.task.name,
            "inputs": [design.network.electrode_labels[i] for i in design.network.inputs],
            "goal": loop.task.goal,
            "cases": {"shown": len(loop.task.cases), "held_out": len(loop.task.test_cases)},
        },
        "rule": loop.rule,
        "update": loop.update,
        "python_parts": list(design.python_parts),
        "converters": None if loop.converters.ideal else _converters(loop),
        "technology": design.technology,
        "ideal_parts": _ideal_parts(design),
        "nonideal": design.nonideal.on,
        "design": design.digest,
        "signals": design.signals,
        "plan": _plan(loop, design),
        "timeline": _timeline(loop),
        "transistors": circuit.transistors,
        "size": _size(design),
        "nodes": len(set(circuit.nets()) - {"0"}),
        "timepoints": run.points,
        "iterations": run.iterations,
        "simulated_s": run.reached,
        "engine_s": run.engine_s,
    }


def _converters(loop: HomodyneLoop) -> dict[str, Any]:
    parts = loop.converters
    listed = {
        name: {"bits": one.bits, "range": one.reach if math.isfinite(one.reach) else None}
        for name, one in (("adc", parts.adc), ("dac", parts.dac))
    }
    return {**listed, "rate": parts.clock.rate, "jitter": parts.clock.jitter, "seed": parts.seed}


def _size(design: Design) -> dict[str, Any]:
    sizes = design.sizes
    total = sum(sizes.values(), Size())
    return {
        "gates_m2": total.gates,
        "capacitance_f": total.capacitance,
        "gates_per_block_m2": {kind: size.gates for kind, size in sizes.items()},
    }


def _ideal_parts(design: Design) -> list[str]:
    digital = isinstance(design.loop, DigitalLoop)
    parts = [
        "data and dither sources" if digital else "data, target, hold, dither and reference sources",
        "what holds the start for the first 20 ns",
        "supplies",
        *(["sources of the controls"] if digital else ["threshold resistor"]),
        "dopant network: mean-field model",
    ]
    if digital:
        parts.append(f"computed by Python, once an epoch: {', '.join(design.loop.python_parts)}")
    if design.python_parts and design.loop.converters.ideal:
        parts.append("converters between the circuit and Python")
    parts += [f"{kind} ({block.technology}): {block.ideal_parts}" for kind, block in design.blocks.items()]
    return parts


def _plan(loop: HomodyneLoop, design: Design) -> dict[str, Any]:
    plan = loop.plan
    return {
        "carriers": [{"channel": c.name, "frequency": c.carrier} for c in loop.channels(design.network) if c.carrier],
        "base": plan.base,
        "spacing": plan.spacing,
        "beat": plan.beat,
        "step": plan.step,
        "fastest_product": plan.fastest_product,
        "third_order_hits": plan.hits,
        **({} if isinstance(loop, DigitalLoop) else {"reference": _reference(loop, design)}),
    }


def _reference(loop: HomodyneLoop, design: Design) -> dict[str, Any]:
    return {
        "shape": loop.settings.reference_shape,
        "amplitude": loop.settings.reference,
        "lag_deg": np.degrees(reference_lags(loop.settings, loop.plan.carriers, design.blocks)),
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
    ends = np.array([loop.start, history.controls[-1]])
    outputs, held = network_outputs(network, task, ends), network_outputs(network, task, ends, task.test_cases)
    settings = loop.settings
    thresholds = [-v / settings.threshold_resistance for v in (loop.threshold_start, float(history.threshold[-1]))]
    before, after = (score(task, *found) for found in zip(outputs, held, thresholds, strict=True))
    railed = _railed(design, history, control_range)
    epochs = np.rint(history.time / loop.timeline.epoch).astype(int)
    row = learnt_epoch(task, history.figure)
    reason = after.reason or (f"ended at the limit of its range: {', '.join(railed)}" if railed else "")
    return {
        "reason": reason,
        "learnt": not reason,
        "learnt_epoch": None if reason or row is None else int(epochs[row - 1]),
        "loss": {"initial": float(history.loss[0]), "final": float(history.loss[-1]), "unit": loop.loss_unit},
        "outputs": _table(task.shown_cases, task.targets, *outputs),
        "outputs_loop": _table(task.shown_cases, task.targets, history.outputs[0], history.outputs[-1]),
        "outputs_held_out": _table(task.test_cases, task.test_targets, *held),
        "score": {
            "name": after.name,
            "initial": before.value,
            "final": after.value,
            "shown": {"initial": before.shown, "final": after.shown},
        },
        **_class_figures(task, outputs, history),
        **({"margin": after.shown} if task.kind == "gate" else {}),
        "swing": after.swing,
        "threshold": after.threshold,
        "railed": railed,
        "dither": {
            "amplitude": settings.dither,
            "threshold_amplitude": settings.threshold_dither,
            "thermal_voltage": network.kT,
            "curvature": dither_curvature(network, loop, ends[1]),
        },
        "history": {
            "epoch": epochs,
            "time": history.time,
            "loss": history.loss,
            "errors": history.errors,
            "controls": {c.name: history.controls[:, i] for i, c in enumerate(loop.channels(network)[:-1])},
            "threshold": history.threshold,
            "score": history.figure,
            **({} if history.separation is None else {"separation": history.separation}),
        },
    }


def _class_figures(task: Task, outputs: FloatArray, history: History) -> dict[str, Any]:
    """Return how far the classes are apart, before and after: by the network alone, and in the loop."""
    if task.kind == "curve":
        return {}

    def ends(pair: FloatArray) -> dict[str, float]:
        gaps = separation(pair, task.targets)
        return {"initial": float(gaps[0]), "final": float(gaps[1])}

    laboratory = {
        when: {
            "correlation": correlation(row, task.targets),
            "loss": correlation_loss(row, task.targets),
        }
        for when, row in zip(("initial", "final"), outputs, strict=True)
    }
    return {
        "separation": {"network": ends(outputs), "loop": ends(history.outputs[[0, -1]])},
        "correlation": laboratory,
    }


def _table(cases: Any, targets: Any, before: FloatArray, after: FloatArray) -> list[dict[str, Any]]:
    return [
        {"inputs": list(inputs), "target": target, "initial": float(first), "final": float(last)}
        for inputs, target, first, last in zip(cases, targets, before, after, strict=True)
    ]


def _railed(design: Design, history: History, control_range: float) -> list[str]:
    """Name the nets that ended where circuits saturate: controls out of range, an error at the read-out's limit."""
    if isinstance(design.loop, DigitalLoop):  # its controls may stay at their limit; its read-out may not bend
        return [OUTPUT] if np.abs(history.outputs[-1]).max() > design.loop.straight else []
    channels = design.loop.channels(design.network)
    ends = [*history.controls[-1], history.threshold[-1]]
    railed = [channel.net for channel, end in zip(channels, ends, strict=True) if abs(end) > control_range]
    return railed + ([ERROR] if np.abs(history.errors[-1]).max() > control_range else [])


def energy_figures(design: Design, raw: RawData) -> dict[str, Any]:
    """Return the energy drawn from the supplies, in all and per kind of block (all instances of a kind together)."""
    supplies = {
        source.name: source.wave.value
        for source in design.circuit.elements
        if isinstance(source, VoltageSource)
        and isinstance(source.wave, Dc)
        and source.name.startswith(("v_vp_", "v_vn_"))
    }
    per_block: dict[str, float] = {}
    for name, energy in supply_energies(raw, supplies).items():
        kind = name[len("v_vp_") :]
        per_block[kind] = per_block.get(kind, 0.0) + energy
    return {"energy_j": {"total": sum(per_block.values()), "per_block": per_block}}


def meanings(signals: Mapping[str, Any]) -> dict[str, str]:
    """Return a long name for every stored net."""
    parts = {"error": "error: output of the read-out", "target": "target", "threshold": "threshold"}
    parts["output"] = "output of the read-out"
    names = {signals[part]: words for part, words in parts.items() if part in signals}
    names |= {net: f"control {label}" for label, net in signals["controls"].items()}
    names |= {net: f"data input {label}" for label, net in signals["inputs"].items()}
    return names | dict.fromkeys(signals.get("mixer_input", ()), "mixer input")
