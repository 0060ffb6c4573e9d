"""What hgesim adds to the engine: whole learning runs against bare ``ngspice -b`` on the decks that they wrote."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median

from hgesim.bench.child import example, run_child, run_hgesim
from hgesim.bench.figure import Bench, Figure, Pairs, Target, interleaved
from hgesim.engine import select_engine
from hgesim.experiment import Run

__all__ = ["allowance", "measure"]

_ALLOWED_S, _ALLOWED_SHARE = 2.0, 0.05
_IDEAL = ("--set", "circuit.technology=ideal")
_METHOD = (
    "Wall time of `hgesim learn --no-report` less that of `ngspice -n -b deck.cir` in the folder that it wrote, "
    "against 2 s plus 5 % of the latter. Pairs in turn; ratio: overhead over allowance, median and range. Report "
    "and imports are measured apart."
)


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Measure with ideal blocks, where the engine takes little time, and with transistors."""
    if bench.quick:
        return (_overhead(bench, "ideal", [*_IDEAL, "--set", "loop.epochs=4"], 1),)
    return _overhead(bench, "ideal", _IDEAL, 3), _overhead(bench, "gf180", [], 3)


def allowance(bare: float) -> float:
    """Return the overhead that is allowed beside so much time of the engine, in second."""
    return _ALLOWED_S + _ALLOWED_SHARE * bare


def _overhead(bench: Bench, name: str, changes: Sequence[str], repeats: int) -> Figure:
    folder, engine = bench.folder / name, select_engine("ngspice")

    def learn() -> float:
        bench.tell(f"hgesim learn, {name}")
        return run_hgesim("learn", example("xor.toml"), *changes, "--out", folder, "--force", "--no-report").wall_s

    def bare() -> float:
        bench.tell(f"ngspice -b, {name}")
        return run_child([engine.path, "-n", "-b", "deck.cir"], folder=folder / "netlist").wall_s

    learn()  # the first run on a machine compiles, and writes the deck
    walls = interleaved(learn, bare, repeats)
    added = tuple(whole - alone for whole, alone in zip(walls.values, walls.references, strict=True))
    pairs = Pairs(added, tuple(map(allowance, walls.references)))
    details = {
        "learn_s": walls.values,
        "bare_s": walls.references,
        "points": Run.load(folder).result["timepoints"],
        "report_s": run_hgesim("report", folder).wall_s,
        "import_s": median(run_child([sys.executable, "-c", "import hgesim"]).wall_s for _ in range(3)),
    }
    what = f"overhead of learn over ngspice, {name}"
    target = None if bench.quick else Target(1.0, at_most=True)
    return Figure(
        f"overhead.{name}", what, "s", **pairs.compared(less=False), target=target, method=_METHOD, details=details
    )
