"""Runs in which Python plays a part beside ngspice, in one transient: a digital update, or blocks that it computes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from hgesim.cosim import Listener, PythonSource, Session
from hgesim.design import Design
from hgesim.engine import Ended, Progress, RawData, RunResult, Verdict, conclude
from hgesim.errors import EngineError
from hgesim.experiment.along import digital_along
from hgesim.experiment.attempt import Attempt, Judge
from hgesim.experiment.build import draw_redraw
from hgesim.experiment.folder import netlist_folder
from hgesim.experiment.result import energy_figures, learning_figures
from hgesim.experiment.watch import Status, Watch
from hgesim.learning import DigitalUpdate, digital_history, measure_epoch
from hgesim.loop import Channel, ComputedBlocks, DigitalLoop, Timeline
from hgesim.loop.digital import OUTPUT, control_source, dither_source
from hgesim.netlist import DECK

__all__ = ["DigitalAttempt", "MixedAttempt", "attempt_kind"]

_LATE = 0.01  # of a ramp
_BEFORE = 16  # rows before an epoch that its first window may look at
_ENDS = tuple(f"cosim.{verdict}" for verdict in Verdict)


def attempt_kind(design: Design) -> type[Attempt]:
    """Return the kind of attempt that a design needs."""
    if isinstance(design.loop, DigitalLoop):
        return DigitalAttempt
    return MixedAttempt if design.python_parts else Attempt


class MixedAttempt(Attempt):
    """A loop some of whose blocks Python computes."""

    def simulate(self, watch: Callable[[Progress], None] | None) -> tuple[RunResult, Judge]:
        """Run ngspice and the computed blocks together to the end."""
        converters, line = self.design.loop.converters, self.design.loop.timeline
        blocks = ComputedBlocks(self.design.circuit.elements, converters)
        source = PythonSource(blocks, blocks.nodes, grid=converters.clock.period, initial=blocks.initial)
        listeners = [Listener(blocks.watch, blocks.nodes)] if converters.clock.jitter else []
        began = time.monotonic()

        def work(session: Session) -> None:
            for pause in _pauses(line):
                session.run(pause)
                if watch is not None:
                    rows = len(session.waveforms().values)
                    watch(Progress(session.time, line.stop, time.monotonic() - began, rows))

        return self._ran(work, {blocks.sources: source}, listeners), self.judged

    def _ran(self, work: Callable[[Session], None], sources: Any = None, listeners: Any = ()) -> RunResult:
        """Let a session on the netlist, written as for any other run, work; return its verdict, whatever ended it."""
        folder = netlist_folder(self.design, self.folder / "netlist", self.dialect)
        given = {"sources": sources, "listeners": listeners, "timeout": self.config.engine.timeout}
        session: Session | None = None
        try:
            with Session(folder / DECK, folder=folder, **given) as session:
                work(session)
        except EngineError as error:
            if error.code not in _ENDS:  # no end of a run: closing the session has made that an interrupted one
                raise
            if session is None:  # it ended before it began
                verdict = Verdict(error.code.partition(".")[2])
                return conclude(folder, Ended(self.design.loop.timeline.stop, 0.0, 0, verdict, error.message))
        except KeyboardInterrupt:
            if session is None or session.result is None:
                raise
            if session.result.ok:  # between the last step and the figures
                ended = Ended(self.design.loop.timeline.stop, session.result.engine_s, 0, Verdict.INTERRUPTED)
                return conclude(folder, ended)
        assert session.result is not None  # a session that is closed has a verdict
        return session.result


class DigitalAttempt(MixedAttempt):
    """A loop whose lock-in, loss and update are Python: controls are set between epochs."""

    def simulate(self, watch: Callable[[Progress], None] | None) -> tuple[RunResult, Judge]:
        """Run epoch after epoch up to the measurement without dither."""
        loop, network, values = self.design.loop, self.design.network, self.config.loop
        assert isinstance(loop, DigitalLoop)
        channels, began = loop.channels(network)[:-1], time.monotonic()
        update = DigitalUpdate(loop, lambda number: draw_redraw(values.seed, values.start_range, len(channels), number))
        ended, output = 0.0, f"v({OUTPUT})"

        def work(session: Session) -> None:
            nonlocal ended
            first = 0  # row: a long run is not read from its begin after every epoch
            for epoch, pause in enumerate(_pauses(loop.timeline)):
                session.run(pause)
                waves = session.waveforms()
                found = waves.columns(["time", output], first)
                here = update.take(measure_epoch(found["time"], found[output], loop, network, epoch))
                first = max(len(waves.values) - _BEFORE, 0)
                if isinstance(watch, Watch) and watch.tell is not None:
                    progress = Progress(session.time, loop.timeline.stop, time.monotonic() - began, len(waves.values))
                    status = (epoch + 1, loop.timeline.epochs, here.loss, watch.attempt, loop.loss_unit)
                    watch.tell(Status(progress, *status))
                ended = session.time
                if update.done:
                    return
                _apply(session, update, channels)

        ran = self._ran(work)
        if update.done and ran.verdict == Verdict.INTERRUPTED:  # the loss was low enough before the time was up
            ran = conclude(ran.folder, Ended(ended, ran.engine_s))
        return ran, functools.partial(self._judged_update, update)

    def _judged_update(self, update: DigitalUpdate, raw: RawData) -> dict[str, Any]:
        """Return the figures of a valid transient: what it took, what was learnt, and how Python went about it."""
        design, loop = self.design, update.loop
        history = digital_history(update, design.network)
        figures = energy_figures(design, raw) | learning_figures(design, history, self.config.loop.control_range)
        figures["continue_with"] = {
            "start": history.controls[-1].tolist(),
            "threshold_start": float(history.threshold[-1]),
        }
        figures["gradient_along"] = digital_along(update, design.network)
        limits = np.abs(history.controls[-1]) >= float(loop.converters.dac(loop.control_reach)) * (1 - 1e-12)
        channels = loop.channels(design.network)[:-1]
        figures["digital"] = {
            "optimizer": asdict(loop.digital.optimizer),
            "lock_in": loop.digital.estimate,
            "ended": update.reason,
            "best_epoch": None if update.best is None else update.best + 1,
            "redraws": update.redraws,
            "clip": loop.clip,
            "at_limit": [c.net for c, there in zip(channels, limits, strict=True) if there],
        }
        return figures


def _pauses(line: Timeline) -> list[float | None]:
    """Return when to look after each epoch: a little into the ramp that follows, clear of its corner; last, the end."""
    return [*(number * line.epoch + _LATE * line.ramp for number in range(1, line.epochs)), None]


def _apply(session: Session, update: DigitalUpdate, channels: tuple[Channel, ...]) -> None:
    """Set the controls of the epoch to come; of the last one, silence the dithers."""
    for channel, volt in zip(channels, update.position[:-1].tolist(), strict=True):
        session.alter(control_source(channel.name), volt)
        if update.final:
            session.alter(dither_source(channel.name), [0.0, 0.0, channel.carrier], parameter="sin")
