"""Bursts: pieces of a learning run, each a transient of its own, and what all of them cost."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.design import Circuit, Design, Transient, piece_of_run
from hgesim.engine import Progress, RunResult, Verdict, fill_folder, read_raw, run_deck
from hgesim.errors import HgeError
from hgesim.experiment.attempt import Attempt, begun_elsewhere, read_signals
from hgesim.experiment.result import energy_figures
from hgesim.experiment.watch import Watch
from hgesim.learning import History, Trajectory, channel_ends, epoch_history, learning_trajectory
from hgesim.netlist import write_files
from hgesim.waveforms import Stretch

__all__ = ["Burst", "Bursts", "InvalidBurst", "history_of", "in_order"]

FloatArray = NDArray[np.float64]

_FINER = 1.2
_ROUNDING = 1e-9


class InvalidBurst(Exception):
    """A transient that does not count: its result, its verdict, and as text what happened."""

    def __init__(self, ran: RunResult, verdict: Verdict, message: str) -> None:
        super().__init__(message)
        self.ran, self.verdict = ran, verdict


@dataclass(frozen=True)
class Burst:
    """What is kept of a piece of a run.

    Parameters
    ----------
    epoch, epochs : int
        Its first epoch, from 0, and how many it has.
    history : History
        Its rows; times are those of the run.
    trajectory : Trajectory or HgeError
        Likewise; of the run's last piece maybe why the exact solver could not do it.
    ends : ndarray, (C + 1,)
        Channels at its end, without their dithers, in volt.
    power : mapping of str to float
        Mean power of each kind of block, in watt.
    waves : Stretch
        The waveforms, without the pause behind the last epoch.
    """

    epoch: int
    epochs: int
    history: History
    trajectory: Trajectory | HgeError
    ends: FloatArray
    power: dict[str, float]
    waves: Stretch

    def place(self, epochs: int) -> FloatArray:
        """Return where the channels are so many epochs later, at the begin of the first window, in volt."""
        path = self._path
        return np.asarray(path.begins[epochs, 0] if epochs < self.epochs else path.begins[-1, -1] + path.moves[-1, -1])

    @property
    def _path(self) -> Trajectory:
        if isinstance(self.trajectory, HgeError):
            raise self.trajectory
        return self.trajectory

    def before(self, epoch: int, length: float) -> Burst:
        """Return what lies before an epoch; all epochs last `length` seconds."""
        count = min(self.epochs, epoch - self.epoch)
        if count == self.epochs:
            return self
        rows = int(np.searchsorted(self.waves.raw.columns(["time"])["time"], count * length * (1 + _ROUNDING)))
        return dataclasses.replace(
            self,
            epochs=count,
            history=self.history.head(count),
            trajectory=self._path.head(count),
            waves=self.waves._replace(rows=rows),
        )


def in_order(bursts: Iterable[Burst], length: float) -> list[Burst]:
    """Return bursts by epoch, without what the next one has too; of two that begin with the same one, the later one.

    All epochs last `length` seconds.
    """
    order = [found for _, found in sorted({burst.epoch: burst for burst in bursts}.items())]
    return [*(burst.before(after.epoch, length) for burst, after in itertools.pairwise(order)), *order[-1:]]


def history_of(bursts: Sequence[Burst]) -> History:
    """Return the epochs of bursts in order as one table."""
    return functools.reduce(History.then, [burst.history for burst in bursts])


@dataclass
class Bursts:
    """All bursts of an attempt, those that come to nothing among them.

    Parameters
    ----------
    attempt : Attempt
        What runs, where and by what.
    watch : Watch or None
        Is shown the progress and the epochs; what it raises comes through.
    """

    attempt: Attempt
    watch: Watch | None
    done: list[Burst] = field(default_factory=list)
    ran: list[RunResult] = field(default_factory=list)
    repeats: int = 0
    _began: float = field(default_factory=time.monotonic)

    @property
    def costs(self) -> dict[str, Any]:
        """Return what all transients cost together, by the names that a result has."""
        iterations = [ran.iterations for ran in self.ran]
        return {
            "timepoints": sum(ran.points for ran in self.ran),
            "iterations": None if None in iterations else sum(filter(None, iterations)),
            "simulated_s": sum(ran.reached for ran in self.ran),
            "engine_s": sum(ran.engine_s for ran in self.ran),
        }

    def simulate(self, channels: ArrayLike, epoch: int, epochs: int) -> Burst:
        """Simulate some epochs.

        A transient in which the simulator gives up is repeated with a shorter step (``engine.repeats``). All together
        have the time that ``engine.timeout`` gives.

        Parameters
        ----------
        channels : array, (C + 1,)
            At their begin, in volt.
        epoch, epochs : int
            The first, from 0, and how many.

        Raises
        ------
        InvalidBurst
            When it does not count.
        Redraw
            When the watch says so.
        """
        part, circuit = piece_of_run(self.attempt.design, channels, epoch, epochs)
        where = f"epoch {epoch + 1}" if epochs == 1 else f"epochs {epoch + 1} to {epoch + epochs}"
        ran = self._run(part, circuit, epoch)
        if ran.verdict != Verdict.OK:
            raise InvalidBurst(ran, ran.verdict, f"{where}: {ran.message}")
        raw, line, network = read_raw(ran.raw), part.loop.timeline, part.network
        moments, signals = read_signals(part, raw)
        if wrong := begun_elsewhere(part, signals):
            raise InvalidBurst(ran, Verdict.ENGINE_ERROR, f"{where}: {wrong}")
        rows = int(np.searchsorted(moments, line.stop * (1 + _ROUNDING)))  # without the pause behind it
        own = {net: wave[:rows] for net, wave in signals.items()}
        energies = energy_figures(part, raw)["energy_j"]["per_block"]
        burst = Burst(
            epoch,
            epochs,
            epoch_history(moments, signals, part.loop, network).later(epoch * line.epoch),
            self._trajectory(moments, signals, part, last=epoch + epochs == self.attempt.design.loop.timeline.epochs),
            channel_ends(moments[:rows], own, part.loop, network),
            {kind: energy / ran.reached for kind, energy in energies.items()},
            Stretch(raw, epoch * line.epoch, rows),
        )
        self.done.append(burst)
        if self.watch is not None:
            self.watch.judge(history_of(self._until(epoch)))
        return burst

    def _trajectory(
        self, time: FloatArray, signals: dict[str, FloatArray], part: Design, *, last: bool
    ) -> Trajectory | HgeError:
        """Return a piece's trajectory; without that of the last one the run is good."""
        try:
            return learning_trajectory(time, signals, part.loop, part.network)
        except HgeError as error:
            if last:
                return error
            raise

    def _until(self, epoch: int) -> list[Burst]:
        """Return the bursts that begin with an epoch or before: leaps taken back have been further."""
        length = self.attempt.design.loop.timeline.epoch
        return in_order((burst for burst in self.done if burst.epoch <= epoch), length)

    def _run(self, part: Design, circuit: Circuit, epoch: int) -> RunResult:
        """Run a piece, again with a shorter step where the simulator gives up."""
        settings, line = self.attempt.config.engine, part.loop.timeline
        for again in range(1 + settings.repeats):
            analysis = Transient(line.stop + line.pause, part.loop.plan.step / _FINER**again)
            folder = self._write(dataclasses.replace(circuit, analysis=analysis))
            left = max(settings.timeout - self.costs["engine_s"], 0.0)
            progress = self._progress(part, epoch)
            ran = run_deck(folder, self.attempt.engine, end_time=analysis.stop, timeout=left, progress=progress)
            self.ran.append(ran)
            self.repeats += again > 0
            if ran.verdict != Verdict.ABORTED:
                break
        return ran

    def _write(self, circuit: Circuit) -> Any:
        """Write the netlist in the place of the last burst's; of that the mapped waveforms live on."""
        folder = self.attempt.folder / "netlist"
        shutil.rmtree(folder, ignore_errors=True)
        write_files(circuit, folder, self.attempt.dialect)
        fill_folder(folder)
        return folder

    def _progress(self, part: Design, epoch: int) -> Callable[[Progress], None] | None:
        """Return what tells how far the run is; the loss of several epochs is told while they are simulated."""
        watch, line, points = self.watch, self.attempt.design.loop.timeline, self.costs["timepoints"]
        if watch is None:
            return None
        look: Callable[[Progress], None] = watch.show
        if epoch + part.loop.timeline.epochs == line.epochs and part.loop.timeline.epochs > 1:
            past = [burst.before(epoch, line.epoch) for burst in self._until(epoch - 1)]
            look = dataclasses.replace(watch, piece=part, before=history_of(past) if past else None)

        def tell(at: Progress) -> None:
            reached = min(epoch * line.epoch + at.simulated_s, line.stop)
            look(Progress(reached, line.stop, time.monotonic() - self._began, points + at.points))

        return tell
