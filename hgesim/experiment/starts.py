"""Starts tried until one is to be kept, several at a time: the first in the order of the draws wins."""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hgesim.design import Design
from hgesim.engine import Verdict
from hgesim.errors import HgeError
from hgesim.experiment.attempt import Attempt
from hgesim.experiment.watch import Redraw, Status, Watch

__all__ = ["Outcome", "Start", "first_kept", "try_start"]

_FINER = 1.2
_SCRATCH = "starts"
_LOOK_S = 0.5


@dataclass(frozen=True)
class Start:
    """One start to be tried.

    Parameters
    ----------
    number : int
        In the order in which they are tried, from 0.
    draw : int
        Of the random start.
    attempt : Attempt
        What runs.
    patience : int or None
        Epochs without progress after which it is given up; None for the last, which counts as it is.
    repeats : int
        How often a transient in which the simulator gave up is repeated with a shorter step.
    passed : tuple of dict
        Starts that were drawn before this one and after the last, and not simulated.
    """

    number: int
    draw: int
    attempt: Attempt
    patience: int | None
    repeats: int
    passed: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a start: its figures, its transients one by one, and whether it is to be kept."""

    start: Start
    result: dict[str, Any]
    attempts: tuple[dict[str, Any], ...]
    kept: bool


@dataclass
class _Race:
    """What the threads know of each other: which start is waited for, whether the rest is to end, and how."""

    tell: Callable[[Status], None] | None
    waited_for: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    interrupted: threading.Event = field(default_factory=threading.Event)

    def show(self, status: Status) -> None:
        """Tell the status of the start that is waited for, and end the run from within where that is asked for."""
        if self.ended.is_set():
            raise Redraw("another start was kept")
        if self.interrupted.is_set():
            raise KeyboardInterrupt
        if self.tell is not None and status.attempt == self.waited_for:
            self.tell(status)


def try_start(start: Start, tell: Callable[[Status], None] | None) -> Outcome:
    """Simulate one start, with shorter steps where the simulator gives up, and say whether it is to be kept."""
    attempt, repeats, attempts = start.attempt, start.repeats, list[dict[str, Any]]()
    while True:
        design = attempt.design
        watched = tell is not None or start.patience is not None
        watch = Watch(design, attempt.raw, start.number, start.patience, tell) if watched else None
        result, why = _try(attempt, watch)
        again = result.get("verdict") == Verdict.ABORTED and repeats > 0
        kept = not why or (start.patience is None and not again)
        attempts.append(
            {
                "draw": start.draw,
                "start": list(design.loop.start),
                "step": design.loop.plan.step,
                "given_up": "" if kept else why,
            }
        )
        if kept or not again:
            return Outcome(start, result, tuple(attempts), kept)
        attempt, repeats = replace(attempt, design=_finer(design)), repeats - 1


def _try(attempt: Attempt, watch: Watch | None) -> tuple[dict[str, Any], str]:
    """Run one transient; return its figures and why it is to be given up, if it is."""
    try:
        result = attempt.run(watch)
    except Redraw as hopeless:
        return {}, str(hopeless)
    if result["verdict"] == Verdict.ABORTED:
        return result, result["message"]
    if result["verdict"] == Verdict.OK and not result["learnt"]:
        return result, result["reason"]
    return result, ""


def _finer(design: Design) -> Design:
    """Return the same design with a shorter time step: where Newton's iteration failed it usually does not again."""
    plan = design.loop.plan
    finer = replace(plan, steps_per_cycle=plan.steps_per_cycle * _FINER)
    return design.replace(loop=replace(design.loop, plan=finer))


def first_kept(
    starts: Iterator[Start], folder: Path, workers: int, tell: Callable[[Status], None] | None = None
) -> tuple[Outcome, ...]:
    """Try starts, some beside each other, until one is to be kept.

    What comes out is what comes out one after the other: starts behind the first that is kept leave no trace.

    Parameters
    ----------
    starts : iterator of Start
        In their order, drawn as they are needed; the last of them has no patience.
    folder : Path
        Gets the files of the one that is kept.
    workers : int
        Transients at a time.
    tell : callable, optional
        Gets the status of the start that is waited for.

    Returns
    -------
    tuple of Outcome
        Of all starts up to the one that is kept, which is the last.

    Raises what an attempt raises, or drawing a start, where it is that start's turn.
    """
    race, outcomes, running = _Race(tell), list[Outcome](), deque[Future[Outcome]]()
    scratch = folder / _SCRATCH
    with _pool(workers, race) as pool:
        while not outcomes or not outcomes[-1].kept:
            while len(running) < workers and (future := _begin(starts, scratch, pool, race)) is not None:
                running.append(future)
            outcomes.append(_wait(running.popleft(), race))
            race.waited_for += 1
    for item in (scratch / str(outcomes[-1].start.number)).iterdir():
        shutil.move(item, folder / item.name)
    shutil.rmtree(scratch)
    return tuple(outcomes)


@contextmanager
def _pool(workers: int, race: _Race) -> Iterator[ThreadPoolExecutor]:
    """Give threads, which wait for simulators; what still runs at the end is ended."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    finally:
        race.ended.set()
        pool.shutdown(cancel_futures=True)


def _begin(starts: Iterator[Start], scratch: Path, pool: ThreadPoolExecutor, race: _Race) -> Future[Outcome] | None:
    """Draw the next start and set off, each in a folder of its own; None where there is none left."""
    try:
        start = next(starts)
    except StopIteration:
        return None
    except HgeError as error:  # counts when it is this start's turn
        failed = Future[Outcome]()
        failed.set_exception(error)
        return failed
    aside = replace(start.attempt, folder=scratch / str(start.number))
    aside.folder.mkdir(parents=True)
    return pool.submit(try_start, replace(start, attempt=aside), race.show)


def _wait(future: Future[Outcome], race: _Race) -> Outcome:
    """Wait for a start; a first Ctrl-C ends the transients from within, which makes them results like any other."""
    while True:
        try:
            while not wait([future], _LOOK_S).done:
                pass  # a signal that another thread took is only seen between two waits
            return future.result()
        except KeyboardInterrupt:
            if race.interrupted.is_set():
                raise
            race.interrupted.set()
