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
from hgesim.engine import Progress, RawData, RunResult
from hgesim.experiment.along import digital_along
from hgesim.experiment.attempt import Attempt, Judge
from hgesim.experiment.build import draw_redraw
from hgesim.experiment.result import energy_figures, learning_figures
from hgesim.experiment.watch import Status, Watch
from hgesim.learning import DigitalUpdate, digital_history, measure_epoch
from hgesim.loop import Channel, ComputedBlocks, DigitalLoop
from hgesim.loop.digital import OUTPUT, control_source, dither_source

__all__ = ["DigitalAttempt", "MixedAttempt", "attempt_kind"]


def attempt_kind(design: Design) -> type[Attempt]:
    """Return the kind of attempt that a design needs."""
    if isinstance(design.loop, DigitalLoop):
        return DigitalAttempt
    return MixedAttempt if design.python_parts else Attempt


class MixedAttempt(Attempt):
    """A loop some of whose blocks Python computes."""

    def simulate(self, watch: Callable[[Progress], None] | None) -> tuple[RunResult, Judge]:
        """Run ngspice and the computed blocks together to the end."""
        loop, began = self.design.loop, time.monotonic()
        clock = loop.converters.clock
        blocks = ComputedBlocks(self.design.circuit.elements, loop.converters)
        source = PythonSource(blocks, nodes=blocks.nodes, grid=clock.period, initial=blocks.initial)
        listeners = [Listener(blocks.watch, nodes=blocks.nodes)] if clock.jitter else []
        with self._session({blocks.sources: source}, listeners) as session:
            for _ in session:
                if watch is not None:
                    watch(Progress(session.time, loop.timeline.stop, time.monotonic() - began, 2))
        return session.result, self.judged

    def _session(self, sources: Any = None, listeners: Any = ()) -> Session:
        return Session(
            self.design,
            sources=sources,
            listeners=listeners,
            folder=self.folder / "netlist",
            timeout=self.config.engine.timeout,
        )


class DigitalAttempt(MixedAttempt):
    """A loop whose lock-in, loss and update are Python: controls are set between epochs."""

    def simulate(self, watch: Callable[[Progress], None] | None) -> tuple[RunResult, Judge]:
        """Run epoch after epoch up to the measurement without dither."""
        design, values, began = self.design, self.config.loop, time.monotonic()
        loop, channels = design.loop, design.loop.channels(design.network)[:-1]
        assert isinstance(loop, DigitalLoop)
        update = DigitalUpdate(loop, lambda number: draw_redraw(values.seed, values.start_range, len(channels), number))
        with self._session() as session:
            for epoch in session:
                waves = session.waveforms()
                here = update.take(measure_epoch(waves["time"], waves[f"v({OUTPUT})"], loop, design.network, epoch))
                if isinstance(watch, Watch) and watch.tell is not None:
                    progress = Progress(session.time, loop.timeline.stop, time.monotonic() - began, len(waves["time"]))
                    watch.tell(
                        Status(progress, epoch + 1, loop.timeline.epochs, here.loss, watch.attempt, loop.loss_unit)
                    )
                if update.done:
                    break
                _apply(session, update, channels)
        return session.result, functools.partial(self._judged_update, update)

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
        limits = np.abs(history.controls[-1]) >= loop.digital.control_range * (1 - 1e-12)
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


def _apply(session: Session, update: DigitalUpdate, channels: tuple[Channel, ...]) -> None:
    """Set the controls of the epoch to come; of the last one, silence the dithers."""
    for channel, volt in zip(channels, update.position[:-1].tolist(), strict=True):
        session.alter(control_source(channel.name), volt)
        if update.final:
            session.alter(dither_source(channel.name), [0.0, 0.0, channel.carrier], parameter="sin")
