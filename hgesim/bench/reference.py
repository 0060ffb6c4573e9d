"""Whole learning runs against what one would write without hgesim: ``examples/reference/learn_with_pyspice.py``."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hgesim.bench.child import example, plain_environment, run_child, run_hgesim
from hgesim.bench.figure import Bench, Figure, Pairs, Target, interleaved
from hgesim.blocks import circuits_folder
from hgesim.circuit import Capacitor
from hgesim.design import Design
from hgesim.engine import gf180_models
from hgesim.errors import HgeError
from hgesim.experiment import Experiment, Run
from hgesim.network import to_graph

__all__ = ["Pace", "differences", "measure", "problem_of"]

_FASTER = 20.0
_REPEATS = 3
_DIFFERENCE = 0.01  # of full scale, beyond which the two do not simulate the same thing
_METHOD = (
    "Wall time of the whole process `hgesim learn examples/xor.toml`{epochs}, report included, against the PySpice "
    "script: wall time of its transient for {part}, by the difference of two lengths, scaled by the time "
    "points of the run, and its start once. The script has ngspice's default threads and options, the same bound "
    "on the step, and saves everything. Pairs in turn; ratio: reference over value, median and range."
)

_INLINE = (
    "As reference.nets, once and for a quarter of a case, with the script's --inline: site levels are no nets of their "
    "own but are written out in the expression of each bond, as the formula stands in a paper."
)
_WHAT = "learn, against PySpice"


@dataclass(frozen=True)
class Pace:
    """What a reference run takes: once, and for each time point, in second."""

    start_s: float
    point_s: float

    @classmethod
    def of(cls, told: Sequence[dict[str, float]], clock: str = "wall_s") -> Pace:
        """Take it from two transients of different length."""
        short, long = told
        point = (long[clock] - short[clock]) / (long["points"] - short["points"])
        return cls(max(0.0, short[clock] - point * short["points"]), point)

    def whole(self, points: int) -> float:
        """Return what a run of so many time points takes, in second."""
        return self.start_s + points * self.point_s


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Measure both in turn; the first case of both has to be the same."""
    config, changes = example("xor.toml"), ["--set", "loop.epochs=1"] if bench.quick else []
    design, folder = Experiment.from_file(config).design, bench.folder
    (folder / "problem.json").write_text(json.dumps(problem_of(design)), encoding="utf-8")
    line, paces = design.loop.timeline, list[Pace]()
    lengths = (line.pause, line.pause + (line.case / 4 if bench.quick else line.case))

    def learn() -> float:
        bench.tell("hgesim learn")
        return run_hgesim("learn", config, *changes, "--out", folder / "run", "--force").wall_s

    def reference() -> float:
        bench.tell("the PySpice script")
        told = _reference(folder, lengths)
        paces.append(Pace.of(told))
        return paces[-1].whole(_points(folder))

    pairs = interleaved(learn, reference, 1 if bench.quick else _REPEATS)
    points, details = _points(folder), asdict(paces[-1]) | {"difference": _agreement(folder, design)}
    details["points"] = points
    nets = functools.partial(Figure, "reference.nets", f"{_WHAT}, site levels as nets", "s", **pairs.compared())
    if bench.quick:
        method = _METHOD.format(epochs=" for one epoch", part="a quarter of the first case")
        return (nets(method=method, details=details),)
    method = _METHOD.format(epochs="", part="the first case")
    bench.tell("the PySpice script with one thread")
    details["one_thread_s"] = Pace.of(_reference(folder, lengths, "--threads", "1")).whole(points)
    bench.tell("the PySpice script with levels written into the bonds")
    inline = Pace.of(_reference(folder, (lengths[0], lengths[0] + line.case / 4), "--inline"))
    told = asdict(inline) | {"difference": _agreement(folder, design)}
    written = Pairs((pairs.value,), (inline.whole(points),)).compared() | {"spread": None}
    target = Target(_FASTER)
    return (
        Figure(
            "reference.inline",
            f"{_WHAT}, B-sources in bonds only",
            "s",
            **written,
            target=target,
            method=_INLINE,
            details=told,
        ),
        nets(target=target, method=method, details=details),
    )


def _agreement(folder: Path, design: Design) -> dict[str, float]:
    """Return how far the script's last run is from hgesim's, and refuse to compare what is not the same."""
    apart = differences(folder / "reference.npz", Run.load(folder / "run"), design)
    if not all(share <= _DIFFERENCE for share in apart.values()):
        raise HgeError("bench.differs", f"hgesim and the reference differ: {apart}", place="reference")
    return apart


def _points(folder: Path) -> int:
    return int(Run.load(folder / "run").result["timepoints"])


def _reference(folder: Path, lengths: Sequence[float], *more: str) -> list[dict[str, float]]:
    """Run the script and return what it tells of its transients."""
    script = example("reference/learn_with_pyspice.py")
    words: list[str | Path] = [sys.executable, script, folder / "problem.json"]
    words += [circuits_folder() / "gf180", gf180_models()]
    words += [*(repr(length) for length in lengths), "--save", folder / "reference.npz", *more]
    printed = run_child(words, environment=plain_environment()).printed
    return list(json.loads(printed.splitlines()[-1]))


def problem_of(design: Design) -> dict[str, Any]:
    """Return the device and the loop in plain numbers: what the script reads.

    Parameters
    ----------
    design : Design
        Hopping bonds, blocks of the library's gf180, a mean squared loss, sine references in phase.
    """
    import networkx as nx

    network, loop, line = design.network, design.loop, design.loop.timeline
    settings, channels = loop.settings, loop.channels(network)
    graph = nx.node_link_data(to_graph(network), edges="edges")
    labels = network.electrode_labels
    capacitors = {one.farads for one in design.circuit.elements if isinstance(one, Capacitor)}
    return {
        "network": {
            "temperature": network.temperature,
            "site_leak": network.site_leak,
            "site_capacitance": capacitors.pop(),
            "sites": {
                node["id"]: {key: node[key] for key in ("level", "levers")}
                for node in graph["nodes"]
                if "level" in node
            },
            "bonds": [[bond["source"], bond["target"], bond["rate"]] for bond in graph["edges"]],
        },
        "loop": {
            "temperature": design.temperature,
            "output": labels[network.output],
            "inputs": [labels[number] for number in network.inputs],
            "cases": [list(case) for case in zip(*loop.task.input_levels, strict=True)],
            "targets": list(loop.task.target_levels),
            "ramp": line.ramp,
            "pause": line.pause,
            "case": line.case,
            "stop": line.stop,
            "step": loop.plan.step,
            "transimpedance": settings.transimpedance,
            "target_current": loop.task.target,
            "threshold_resistance": settings.threshold_resistance,
            "integrator_tau": settings.slowness * line.window,
            "reference": settings.reference,
            "channels": [
                {"name": one.name, "net": one.net, "carrier": one.carrier, "dither": one.dither, "start": one.start}
                for one in channels
            ],
            "guess": dict(design.circuit.guess),
        },
    }


def differences(reference: Path, run: Run, design: Design) -> dict[str, float]:
    """Return how far error and channels of a run are from the script's, over its last transient, in full scale.

    The hold's edges and the start, which the two do differently, are left out: only windows count.
    """
    line, waves = design.loop.timeline, run.waveforms()
    with np.load(reference) as stored:
        time = stored["time"]
        inside = (time % line.case > line.pause) & (time <= float(waves["time"][-1]))
        scales = {"err": float(np.abs(stored["err"]).max())}
        scales |= {channel.net: 1.2 for channel in design.loop.channels(design.network)}
        return {
            net: float(
                np.abs(np.interp(time, waves["time"].values, waves[net].values) - stored[net])[inside].max() / scale
            )
            for net, scale in scales.items()
        }
