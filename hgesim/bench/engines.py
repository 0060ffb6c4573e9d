"""Engines against each other: VACASK against ngspice, and ngspice's library against its program."""

from __future__ import annotations

import numpy as np

from hgesim.bench.child import example, run_hgesim
from hgesim.bench.figure import Bench, Figure, Target, interleaved
from hgesim.engine import select_engine
from hgesim.errors import HgeError
from hgesim.experiment import Experiment, PointCost, Run, point_cost

__all__ = ["measure"]

_REPEATS = 3
_DEARER = 1.05
_DIALECTS = {"vacask": "vacask", "ngspice": "osdi"}
_VACASK = (
    "Processor time of the simulator alone for a time point of examples/xor.toml, from transients of one epoch and of "
    "{epochs}, so that what every run takes to begin stands apart. Pairs in turn; ratio: VACASK over ngspice, median "
    "and range."
)
_SHARED = (
    "Wall time of `hgesim learn --no-report` on examples/xor.toml for {epochs} epochs with --engine shared and with "
    "--engine ngspice. Both have to store the same waveforms to the last digit. Pairs in turn; ratio: shared over "
    "ngspice, median and range."
)


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Measure both."""
    return _vacask(bench, 2 if bench.quick else 4), _shared(bench, 1 if bench.quick else 10)


def _vacask(bench: Bench, epochs: int) -> Figure:
    design = Experiment.from_file(example("xor.toml")).design
    found: dict[str, list[PointCost]] = {name: [] for name in _DIALECTS}

    def cost(name: str) -> float:
        bench.tell(f"a time point by {name}")
        engine = select_engine(name, requires=frozenset({"osdi"}))
        folder = bench.folder / f"cost_{name}" / str(len(found[name]))
        found[name].append(point_cost(design, engine, _DIALECTS[name], folder, epochs))
        return found[name][-1].per_point

    pairs = interleaved(lambda: cost("vacask"), lambda: cost("ngspice"), 1 if bench.quick else _REPEATS)
    details = {
        name: {"start_s": float(np.median([one.start for one in costs])), "iterations": costs[0].iterations}
        for name, costs in found.items()
    }
    return Figure(
        "engines.vacask",
        "a time point by VACASK, against ngspice",
        "s",
        **pairs.compared(less=False),
        method=_VACASK.format(epochs=epochs),
        details=details,
    )


def _shared(bench: Bench, epochs: int) -> Figure:
    settings = ["--set", f"loop.epochs={epochs}", "--no-report", "--force"]

    def learn(name: str) -> float:
        bench.tell(f"hgesim learn --engine {name}")
        return run_hgesim("learn", example("xor.toml"), "--engine", name, *settings, "-o", bench.folder / name).wall_s

    learn("shared")  # the first run on a machine compiles
    pairs = interleaved(lambda: learn("shared"), lambda: learn("ngspice"), 1 if bench.quick else _REPEATS)
    one, other = (Run.load(bench.folder / name).waveforms() for name in ("shared", "ngspice"))
    if not one.equals(other):
        raise HgeError("bench.differs", "the engines' waveforms are not the same", place="engines.shared")
    target = None if bench.quick else Target(_DEARER, at_most=True)
    return Figure(
        "engines.shared",
        "hgesim learn with ngspice's library, against its program",
        "s",
        **pairs.compared(less=False),
        target=target,
        method=_SHARED.format(epochs=epochs),
    )
