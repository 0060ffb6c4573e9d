"""A learning run in leaps: some epochs simulated, those in between by the averaged equations, which agree with them."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.blocks import CHOP
from hgesim.blocks.transfer import CONTRACT
from hgesim.design import Design
from hgesim.engine import Progress, Verdict
from hgesim.errors import HgeError, RequestError
from hgesim.experiment.along import along_figures
from hgesim.experiment.attempt import Attempt
from hgesim.experiment.bursts import Burst, Bursts, InvalidBurst, history_of, in_order
from hgesim.experiment.result import learning_figures, meanings, run_figures
from hgesim.experiment.watch import Watch
from hgesim.learning import AveragedLoop, Envelope, History, Leaps, Trajectory, follow_envelope
from hgesim.network import Memristor
from hgesim.nonideal import FACTORS
from hgesim.waveforms import save_stretches

__all__ = ["Multirate", "refuse_leaps"]

FloatArray = NDArray[np.float64]

# With fewer pieces than this there is nothing to leap over.
_FEWEST = 8
# Begun anew where another transient passes, a transient has to move on as that does, but for this share of the move.
_ALIKE = 0.1
_SLOW = ("level_ageing", "dielectric_absorption", "reference_frequency", "control_step")


def refuse_leaps(design: Design) -> None:
    """Refuse a design of which a few epochs do not tell the others.

    Raises
    ------
    RequestError
        ``multirate.no-leap`` for noise in time, for what drifts, remembers or moves by steps, for bonds with a state,
        and where Python plays a part.
    """
    if design.python_parts:
        raise RequestError(
            "multirate.no-leap",
            f"Python plays a part: {', '.join(design.python_parts)}",
            place="engine.multirate",
            remedy="leave it out",
        )
    held = {name for name, factor in FACTORS.items() if factor.draw == "in time"}.union(_SLOW)
    for name in design.nonideal.on:
        if name in held:
            raise RequestError(
                "multirate.no-leap",
                "a few epochs do not tell what it does in the others",
                place=f"nonideal.{name}",
                remedy="leave it out, or leave out engine.multirate",
            )
    if any(isinstance(law, Memristor) for law in design.network.bond_laws):
        raise RequestError(
            "multirate.no-leap",
            "memristive bonds have states of their own, which a leap would forget",
            place="engine.multirate",
            remedy="leave it out",
        )


@dataclass(frozen=True)
class Multirate(Attempt):
    """An attempt that simulates some epochs and leaps over the others; settings that count also: ``engine``."""

    def run(self, watch: Callable[[Progress], None] | None = None) -> dict[str, Any]:
        """Simulate, and return the figures; those of an invalid run are not scored.

        What `watch` raises ends the simulation and comes through.
        """
        self.clear()
        work = _Work(self, Bursts(self, watch if isinstance(watch, Watch) else None))
        result = self._result(work)
        if work.bursts.ran and work.bursts.ran[-1].log.is_file():
            shutil.copyfile(work.bursts.ran[-1].log, self.folder / "engine.log")
        return result

    def _result(self, work: _Work) -> dict[str, Any]:
        """Leap and judge; what goes wrong makes a result, too."""
        try:
            figures = work.figures(*work.follow())
        except InvalidBurst as stopped:
            return work.invalid(stopped)
        except KeyboardInterrupt:  # between two bursts: one under way comes back with its verdict
            if not work.bursts.ran:
                raise
            return work.invalid(InvalidBurst(work.bursts.ran[-1], Verdict.INTERRUPTED, "interrupted between bursts"))
        return figures | self.check_network(figures)


@dataclass
class _Work:
    """One run in leaps."""

    attempt: Attempt
    bursts: Bursts
    unlike: float = 0.0

    @property
    def design(self) -> Design:
        """Return the whole run."""
        return self.attempt.design

    @property
    def piece(self) -> int:
        """Return how many epochs a burst has: where blocks chop and the cases are odd in number, two are one cycle."""
        chops = any(CHOP[0] in block.ports for block in self.design.blocks.values())
        return 2 if chops and self.design.loop.timeline.cases % 2 else 1

    def follow(self) -> tuple[Envelope, Burst]:
        """Leap, and simulate the last epochs: one piece and what is left over, or all that leaps could not do."""
        loop, piece = self.design.loop, self.piece
        epochs, start = loop.timeline.epochs, np.array([*loop.start, loop.threshold_start])
        model = AveragedLoop(self.design.network, loop)

        def advance(channels: FloatArray) -> FloatArray:
            for _ in range(piece):
                channels = model.epoch(channels)[0]
            return channels

        def measure(channels: FloatArray, number: int) -> tuple[FloatArray, FloatArray]:
            if number == 0:
                return self._first(channels)
            burst = self.bursts.simulate(channels, number * piece, piece)
            return burst.place(0), burst.place(piece)

        leaps = Leaps(self.attempt.config.engine.leap_error, limit=CONTRACT.integrator_limit)
        try:
            if epochs // piece < _FEWEST:
                raise HgeError("multirate.short", f"{epochs} epochs are too few to leap over")
            found = follow_envelope(start, epochs // piece, advance, measure, leaps)
        except HgeError as error:  # before the first leap
            found = Envelope(start[None], 0.0, (), error.message)
        reached = piece * (len(found.path) - 1)
        return found, self.bursts.simulate(found.path[-1], reached, epochs - reached)

    def _first(self, start: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Simulate the first two pieces together, and the second alone from where it begins: both have to agree."""
        piece = self.piece
        both = self.bursts.simulate(start, 0, 2 * piece)
        alone = self.bursts.simulate(both.place(piece), piece, piece)
        move = both.place(2 * piece) - both.place(piece)
        self.unlike = float(np.abs(alone.place(piece) - alone.place(0) - move).max())
        if self.unlike > _ALIKE * max(float(np.abs(move).max()), self.attempt.config.engine.leap_error):
            raise HgeError(
                "multirate.memory",
                f"begun anew, an epoch goes on otherwise than before, by {self.unlike:.2g} V: something slow remembers",
            )
        return both.place(0), both.place(piece)

    def figures(self, found: Envelope, last: Burst) -> dict[str, Any]:
        """Return the result of a run that got through."""
        design, loop = self.design, self.design.loop
        kept = self._kept(found, last)
        self._save(kept)
        self.bursts.ran[-1].raw.unlink()
        weights = [burst.epochs for burst in kept]
        energy = {
            kind: float(np.average([burst.power[kind] for burst in kept], weights=weights)) * loop.timeline.stop
            for kind in last.power
        }
        history = history_of(kept)
        return {
            **run_figures(design, self.bursts.ran[-1]),
            **self.bursts.costs,
            "energy_j": {"total": sum(energy.values()), "per_block": energy},
            **learning_figures(design, history, self.attempt.config.loop.control_range),
            "continue_with": {"start": last.ends[:-1], "threshold_start": last.ends[-1]},
            "gradient_along": self._along(kept, history),
            "multirate": self._told(found, last),
        }

    def _along(self, kept: list[Burst], history: History) -> dict[str, Any]:
        """Return the gradient along the epochs simulated, or why there is none."""
        found = list[Trajectory]()
        for burst in kept:
            if isinstance(burst.trajectory, HgeError):
                return {"of": "loss", "reason": str(burst.trajectory)}
            found.append(burst.trajectory)
        along = along_figures(functools.reduce(Trajectory.then, found), self.design.loop)
        along["history"]["epoch"] = np.rint(history.time / self.design.loop.timeline.epoch).astype(int)
        return along

    def _kept(self, found: Envelope, last: Burst) -> list[Burst]:
        """Return the bursts that the path stands on, none over an epoch of the next: first, kept leaps', last."""
        ends = {0, *(self.piece * (leap.begin + leap.periods) for leap in found.leaps if leap.kept)}
        kept = [burst for burst in self.bursts.done if burst.epoch in ends and burst.epoch < last.epoch]
        return in_order([*kept, last], self.design.loop.timeline.epoch)

    def _told(self, found: Envelope, last: Burst) -> dict[str, Any]:
        """Return what a result says of the leaps."""
        line, config = self.design.loop.timeline, self.attempt.config
        simulated = self.bursts.costs["simulated_s"]
        leapt = self.piece * sum(leap.periods for leap in found.leaps if leap.kept)
        # all periods but the first were begun anew, or leapt over with what such periods told
        error = found.error + (self.unlike * last.epoch / self.piece if leapt else 0.0)
        names = [channel.name for channel in self.design.loop.channels(self.design.network)]
        path = np.round(found.path, 6)
        return {
            "in_materia": not leapt,
            "bursts": len(self.bursts.ran),
            "repeats": self.bursts.repeats,
            "leaps": [
                {
                    "begin": self.piece * leap.begin,
                    "epochs": self.piece * leap.periods,
                    "error": leap.error,
                    "kept": leap.kept,
                }
                for leap in found.leaps
            ],
            "epochs": {"of": line.epochs, "leapt": leapt, "simulated": simulated / line.epoch},
            "simulated_s": simulated,
            "represented_s": line.stop,
            "factor": line.stop / simulated,
            "error": {
                "voltage": error,
                "share": error / (2.0 * config.loop.control_range),
                "restart": self.unlike,
                "allowed_per_leap": config.engine.leap_error,
            },
            "fallback": {"epoch": last.epoch, "reason": found.failure} if found.failure else None,
            "path": {
                "epoch": self.piece * np.arange(len(path)),
                "controls": {name: path[:, number] for number, name in enumerate(names[:-1])},
                "threshold": path[:, -1],
            },
        }

    def invalid(self, stopped: InvalidBurst) -> dict[str, Any]:
        """Return the result of a run that does not count; the waveforms so far are kept."""
        line = self.design.loop.timeline
        done = in_order(self.bursts.done, line.epoch)
        self._save(done)
        simulated = self.bursts.costs["simulated_s"]
        represented = (done[-1].epoch + done[-1].epochs) * line.epoch if done else stopped.ran.reached
        return {
            **run_figures(self.design, stopped.ran),
            **self.bursts.costs,
            "verdict": str(stopped.verdict),
            "message": str(stopped),
            "reason": "the simulation is not valid",
            "multirate": {
                "in_materia": False,
                "bursts": len(self.bursts.ran),
                "repeats": self.bursts.repeats,
                "simulated_s": simulated,
                "represented_s": represented,
            },
        }

    def _save(self, bursts: list[Burst]) -> None:
        """Store the waveforms of bursts, if they are wanted, over the time of the run, with gaps where it leapt."""
        if bursts and self.attempt.waveforms:
            waves = [burst.waves for burst in bursts]
            save_stretches(waves, self.attempt.folder / "waveforms.nc", meanings(self.design.signals))
