"""What an engine takes for a time point of a design: processor time, without what every run takes to begin."""

from __future__ import annotations

import dataclasses
import resource
from dataclasses import dataclass
from pathlib import Path

from hgesim.arguments import check_whole
from hgesim.design import Design
from hgesim.engine import Engine, run_deck
from hgesim.errors import EngineError
from hgesim.experiment.folder import netlist_folder

__all__ = ["PointCost", "point_cost"]


@dataclass(frozen=True)
class PointCost:
    """Processor time of an engine.

    Parameters
    ----------
    points : int
        Time points that the figure comes from.
    per_point : float
        Processor time for each, s.
    start : float
        What a run takes besides: reading and compiling the deck, the operating point, s.
    iterations : float
        Newton iterations for each point.
    """

    points: int
    per_point: float
    start: float
    iterations: float


def point_cost(design: Design, engine: Engine, dialect: str, folder: Path, epochs: int = 3) -> PointCost:
    """Measure what an engine takes for a design, from two transients of different length.

    Parameters
    ----------
    design : Design
        What runs.
    engine : Engine
        The simulator.
    dialect : str
        That it reads.
    folder : Path
        For the decks.
    epochs : int
        Of the longer run, above 1; the shorter one has one.

    Returns
    -------
    PointCost
        From the processor time of the engine's process. Other processes on the machine make it larger: repeat, and
        compare engines by turns.

    Raises
    ------
    RequestError
        ``engine.bad-value`` for less than two epochs.
    EngineError
        ``engine.no-epoch`` when a run is not valid.
    """
    check_whole(epochs, 2, "engine.bad-value", "epochs")
    (short, few, first), (long, many, second) = (
        _run(design, engine, dialect, folder / f"{number}", number) for number in (1, epochs)
    )
    per_point = (second - first) / (long - short)
    return PointCost(long - short, per_point, first - short * per_point, (many - few) / (long - short))


def _run(design: Design, engine: Engine, dialect: str, folder: Path, epochs: int) -> tuple[int, int, float]:
    """Return time points, iterations and processor time of a run."""
    line = dataclasses.replace(design.loop.timeline, epochs=epochs)
    shortened = design.replace(loop=dataclasses.replace(design.loop, timeline=line))
    deck = netlist_folder(shortened, folder, dialect)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = run_deck(deck, engine, end_time=line.stop)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not ran.ok:
        raise EngineError("engine.no-epoch", ran.message, place=str(folder), remedy="see its engine.log")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ran.points, ran.iterations or 0, seconds
