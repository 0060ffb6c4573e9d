"""The bench of the examples about imperfect parts: two controls, one data input and one target, on seven bonds.

At 0.25 V of data and the start controls the network gives 2.5 nA; the loop has to bring it to -20 nA, from an error of
-45 mV at the read-out. The threshold's channel is there but behind 1 TOhm: the two controls have to learn. As they are
two for one target, one direction is free.

Each run adds a line to runs.jsonl, with the digest of its design: a run that is there is not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np

import hgesim as hg
from hgesim.blocks import Block
from hgesim.engine import Verdict, read_raw, run_deck, select_engine
from hgesim.experiment import netlist_folder
from hgesim.experiment.result import energy_figures
from hgesim.learning import network_outputs
from hgesim.loop import check_tones
from hgesim.loop.wiring import ERROR
from hgesim.waveforms import window_means

# Bonds I = g v0 sinh(v/v0): two ends, g in nS, v0 in V. "a" and "b" are inside.
BONDS = (
    ("data", "a", 150, 0.25),
    ("c1", "a", 120, 0.20),
    ("a", "b", 180, 0.30),
    ("c2", "b", 200, 0.22),
    ("b", "out", 220, 0.25),
    ("a", "out", 60, 0.15),
    ("c1", "c2", 30, 0.20),
)
ROLES = {"out": "output", "data": "input", "c1": "control", "c2": "control"}
START = (0.3, -0.2)
TARGET, TRANSIMPEDANCE = 20e-9, 2e6
LEARNT = 10e-3  # V at the read-out: 5 nA, of 22.5 nA at the start
OUT_OF_REACH = 1e12


@functools.cache
def network() -> hg.Network:
    """Return the device."""
    graph = nx.Graph()
    for number, (label, role) in enumerate(ROLES.items()):
        graph.add_node(label, role=role, number=number)
    graph.add_nodes_from("ab", kind="node")
    for first, second, slope, scale in BONDS:
        graph.add_edge(first, second, law="sinh", conductance=slope * 1e-9, scale=scale)
    return hg.from_graph(graph)


@dataclass(frozen=True)
class Bench:
    """What the examples vary.

    Parameters
    ----------
    technology : str
        Of all blocks.
    choices : mapping of str to str
        Technologies or variants of single blocks.
    area : float
        Of the gates, relative to what is drawn.
    capacitor, tau : float
        Of the integrators: each capacitor, in farad, and the time constant, in second.
    settings : mapping
        For `hgesim.LoopSettings`, besides the bench's own.
    milliseconds : int
        How long it learns.
    """

    technology: str = "gf180"
    choices: Mapping[str, str] = field(default_factory=dict)
    area: float = 1.0
    capacitor: float = 200e-12
    tau: float = 0.8e-3
    settings: Mapping[str, Any] = field(default_factory=dict)
    milliseconds: int = 10

    def design(self, chip: hg.Nonideal | None = None) -> hg.Design:
        """Return the design on a chip, an ideal one by default."""
        scales, goal = hg.Scales(level=0.25, target=TARGET), LEARNT / (TRANSIMPEDANCE * TARGET)
        task = hg.Task("operating point", "curve", ((1.0,),), (-1.0,), goal, scales=scales)
        plan = check_tones((11e3, 17e3, 13e3))
        line = hg.Timeline(ramp=20e-6, settle=30e-6, window=plan.beat, cases=1, epochs=self.milliseconds)
        own = {"dither": 30e-3, "transimpedance": TRANSIMPEDANCE, "threshold_resistance": OUT_OF_REACH}
        settings = hg.LoopSettings(**{**own, "slowness": self.tau / line.window, **self.settings})
        blocks = hg.block_set(self.technology, area=self.area, **self.choices)
        blocks["integrator"] = with_capacitor(blocks["integrator"], self.capacitor)
        loop = hg.HomodyneLoop(task, plan, line, settings, START)
        return hg.Design(network(), loop, blocks, nonideal=chip or hg.Nonideal())


def with_capacitor(integrator: Block, farad: float) -> Block:
    """Return an integrator with other capacitors: those of the library are for tasks of many cases, far slower."""
    text, changed = re.subn(r"(?m)^(\.subckt .* c=)\S+", rf"\g<1>{farad:g}", integrator.text)
    if changed != 1:
        raise SystemExit(f"no c=... in the line .subckt {integrator.subckt}")
    parameters = tuple((name, farad if name == "c" else value) for name, value in integrator.parameters)
    return dataclasses.replace(integrator, text=text, parameters=parameters)


class Run(NamedTuple):
    """What a run left: means over each millisecond's window, and what it cost."""

    about: dict[str, Any]
    verdict: str
    error: list[float]  # V at the read-out
    controls: list[list[float]]  # V, of c1 and c2 each
    alone: float  # V: what the error would be at the last controls with ideal parts and without dither
    power: float  # W
    engine_s: float
    steps: int

    @property
    def end(self) -> float:
        """Return the error at the end, in volt, whatever its sign; infinite where the simulation is not valid."""
        return abs(self.error[-1]) if self.verdict == Verdict.OK else float("inf")

    @property
    def learnt(self) -> bool:
        """Tell whether the error ended within `LEARNT`."""
        return self.end < LEARNT


def simulate(design: hg.Design, about: dict[str, Any]) -> Run:
    """Run one design in a folder of its own, and read what it did."""
    line, task = design.loop.timeline, design.loop.task
    with tempfile.TemporaryDirectory() as folder:
        deck = netlist_folder(design, Path(folder) / "netlist", "osdi")
        ran = run_deck(deck, select_engine("ngspice"), end_time=line.stop, timeout=7200)
        if ran.verdict != Verdict.OK:
            return Run(about, str(ran.verdict), [], [], float("nan"), float("nan"), ran.engine_s, ran.points)
        raw = read_raw(ran.raw)
        nets = [ERROR, *(design.signals["controls"][label] for label in ("c1", "c2"))]
        spans = np.array([line.span(epoch, 0) for epoch in range(line.epochs)])
        error, *controls = window_means(raw["time"], np.column_stack([raw[f"v({net})"] for net in nets]), spans).T
        power = energy_figures(design, raw)["energy_j"]["total"] / line.stop
    current = float(network_outputs(network(), task, [c[-1] for c in controls])[0])
    alone = -TRANSIMPEDANCE * (current - TARGET * task.target_levels[0])
    found = [error.tolist(), [c.tolist() for c in controls], alone, power]
    return Run(about, str(ran.verdict), *found, ran.engine_s, ran.points)


def measure(designs: Sequence[tuple[dict[str, Any], hg.Design]], folder: Path, workers: int) -> list[Run]:
    """Run what is not in the folder's runs.jsonl yet, and return all in order; each design with words about it."""
    folder.mkdir(parents=True, exist_ok=True)
    store, lock = folder / "runs.jsonl", threading.Lock()
    text = store.read_text() if store.is_file() else ""
    whole, _, torn = text.rpartition("\n")
    if torn:  # a line that was being written when the computer stopped
        store.write_text(f"{whole}\n" if whole else "")
    known = {row.pop("design"): row for row in map(json.loads, whole.splitlines())}

    def one(item: tuple[dict[str, Any], hg.Design]) -> Run:
        about, design = item
        if design.digest not in known:
            run = simulate(design, about)
            if run.verdict in (Verdict.OK, Verdict.ABORTED):  # another verdict may be another one next time
                with lock, store.open("a") as file:
                    file.write(json.dumps({"design": design.digest, **run._asdict()}) + "\n")
            words = " ".join(f"{value}" for value in about.values())
            told = f"error {1e3 * run.error[-1]:+.2f} mV" if run.error else "no result"
            print(f"  {words}: {run.verdict}, {told}, {run.engine_s:.1f} s", flush=True)
            return run
        return Run(**{**known[design.digest], "about": about})

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, designs))


def arguments(words: str | None, folder: str, **options: Any) -> argparse.Namespace:
    """Read the command line: FOLDER, --workers, and a whole number or some values for each option."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(folder))
    for name, default in {"workers": 1, **options}.items():
        if isinstance(default, int):
            parser.add_argument(f"--{name}", type=_count, default=default)
        else:
            parser.add_argument(f"--{name}", nargs="+", type=type(default[0]), default=list(default))
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
