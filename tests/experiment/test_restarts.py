"""Hopeless starts are given up and others drawn: the rule, the bookkeeping, and one whole run."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_samples import raw_bytes
from quick_settings import AND, QUICK

from hgesim.config import load_config
from hgesim.engine import Engine, Progress
from hgesim.errors import EngineError, RequestError
from hgesim.experiment import Experiment
from hgesim.experiment.attempt import Attempt
from hgesim.experiment.build import build_design, draw_start
from hgesim.experiment.watch import Redraw, Watch, hopeless
from hgesim.learning import History, already_solved, network_outputs

CONFIG, FOLDER = load_config(AND, ["circuit.technology=ideal"])
DESIGN, SEED = build_design(CONFIG, FOLDER), CONFIG.loop.seed
PATIENCE = 5


def history_of(losses: Any, errors: Any = None, controls: Any = None, threshold: float = 0.0) -> History:
    """A made-up history: only what the rule looks at is filled in."""
    loss = np.array(losses, dtype=float)
    n = len(loss)
    shown = np.full((n, 4), 0.1) if errors is None else np.array(errors, dtype=float)
    at = np.array(DESIGN.loop.start if controls is None else controls)
    return History(
        DESIGN.loop.timeline.epoch * np.arange(1.0, n + 1),
        shown,
        shown,
        loss,
        np.tile(at, (n, 1)),
        np.full(n, threshold),
        None,
        np.zeros(n),
    )


# ---- the rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("losses", "given_up"),
    [
        ([1.0] * 5, False),  # not yet
        ([1.0] * 6, True),
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4], False),
        ([1.0, 0.97, 0.97, 0.97, 0.97, 0.97], True),  # 3 % are no progress
        ([1.0, 0.97, 0.97, 0.97, 0.97, 0.94], False),  # 6 % are
        ([1.0, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9], True),  # the best was long ago
        ([1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.9, 0.9], False),  # the best is young
    ],
)
def test_no_progress(losses: list[float], given_up: bool) -> None:
    why = hopeless(DESIGN, history_of(losses), PATIENCE)
    assert why == ("no progress in 5 epochs" if given_up else "")


def test_over_range_for_three_epochs() -> None:
    fine, beyond = [0.1, 0.2, -0.3, 0.4], [0.1, 0.2, -1.25, 0.4]
    falling = [1.0, 0.5, 0.25, 0.12]
    for errors, given_up in (
        ([beyond] * 2, False),
        ([beyond] * 3, True),
        ([beyond, beyond, beyond, fine], False),
        ([fine, beyond, beyond, beyond], True),
        ([beyond, fine, beyond, beyond], False),
    ):
        why = hopeless(DESIGN, history_of(falling[: len(errors)], errors), PATIENCE)
        assert why == ("an output over range for 3 epochs" if given_up else "")


def test_a_run_that_has_arrived_is_not_stuck() -> None:
    """No progress is no shame where the task is done already."""
    network, task = DESIGN.network, DESIGN.loop.task
    for seed in range(500):
        controls = np.array(draw_start(seed, 0.6, 5))
        outputs = network_outputs(network, task, controls)
        if outputs[3] - max(outputs[:3]) > 0.3 * np.ptp(outputs):
            break
    threshold = -2.5e6 * (outputs[3] + max(outputs[:3])) / 2
    assert hopeless(DESIGN, history_of([1.0] * 9, controls=controls, threshold=threshold), PATIENCE) == ""
    assert hopeless(DESIGN, history_of([1.0] * 9, controls=controls, threshold=threshold + 2), PATIENCE)


# ---- the bookkeeping ---------------------------------------------------------------------------------------------


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[tuple[float, ...]]]]:
    """Replace the transient: each attempt does what the script says, and its start is noted."""

    def install(*script: Exception | dict[str, Any]) -> list[tuple[float, ...]]:
        starts: list[tuple[float, ...]] = []
        watched.clear()

        def run(self: Attempt, watch: Any = None) -> dict[str, Any]:
            starts.append(self.design.loop.start)
            watched.append(None if watch is None else watch.patience)
            step = script[len(starts) - 1]
            if isinstance(step, Exception):
                raise step
            return {"message": "", "reason": "", "learnt": False, **step}

        monkeypatch.setattr(Attempt, "run", run)
        return starts

    watched: list[int | None] = []
    install.watched = watched  # type: ignore[attr-defined]
    yield install


BAD = {"verdict": "ok", "reason": "margin 1.0% is below 25.0%"}
GOOD = {"verdict": "ok", "learnt": True}
ONCE = [*QUICK, "engine.repeats=0"]
RESTARTS = [*ONCE, "loop.restarts=3", "loop.patience=4"]


def test_starts_are_given_up_one_after_the_other(tmp_path: Path, scripted: Any, osdi_engine: Engine) -> None:
    starts = scripted(Redraw("stuck"), {"verdict": "aborted", "message": "time step too small"}, BAD, GOOD)
    experiment = Experiment.from_file(AND, RESTARTS)
    run = experiment.run(tmp_path / "run", workers=1)
    attempts = run.result["attempts"]
    assert run.learnt and [one["given_up"] for one in attempts] == ["stuck", "time step too small", BAD["reason"], ""]
    assert [tuple(one["start"]) for one in attempts] == starts and len(set(starts)) == 4
    assert scripted.watched == [4, 4, 4, None]  # nobody watches the last: it runs to its end
    drawn = [one["draw"] for one in attempts]
    assert drawn[0] == 0 and drawn == sorted(set(drawn))
    loop, network = experiment.design.loop, experiment.design.network
    for number, start in zip(drawn, starts, strict=True):
        assert start == draw_start(SEED, 0.6, 5, number)
    for number in range(drawn[-1]):  # those passed over do the task already, or are over range
        if number not in drawn:
            outputs = network_outputs(network, loop.task, np.array(draw_start(SEED, 0.6, 5, number)))
            assert already_solved(loop.task, outputs) or np.abs(outputs).max() > 1.2 / 2e6
    assert json.loads((tmp_path / "run" / "result.json").read_text())["attempts"] == attempts
    again = scripted(Redraw("stuck"), BAD, BAD, GOOD)
    Experiment.from_file(AND, RESTARTS).run(tmp_path / "again", workers=1)
    assert again == starts


def test_the_last_start_counts_as_it_is(tmp_path: Path, scripted: Any, osdi_engine: Engine) -> None:
    starts = scripted(BAD, BAD)
    run = Experiment.from_file(AND, [*ONCE, "loop.restarts=1"]).run(tmp_path / "run", workers=1)
    assert len(starts) == 2 and not run.learnt and run.exit_code == 3
    assert run.result["reason"] == BAD["reason"]
    assert [one["given_up"] for one in run.result["attempts"]] == [BAD["reason"], ""]
    scripted(Redraw("stuck"), {"verdict": "aborted", "message": "time step too small"})
    run = Experiment.from_file(AND, [*ONCE, "loop.restarts=1"]).run(tmp_path / "aborted", workers=1)
    assert run.verdict == "aborted" and run.exit_code == 1


@pytest.mark.parametrize("overrides", [[], ["loop.restarts=5"]])
def test_a_start_that_learns_is_kept(tmp_path: Path, scripted: Any, osdi_engine: Engine, overrides: list[str]) -> None:
    starts = scripted(GOOD)
    run = Experiment.from_file(AND, [*QUICK, *overrides]).run(tmp_path / "run", workers=1)
    assert starts == [draw_start(SEED, 0.6, 5)] and run.learnt
    (only,) = run.result["attempts"]
    assert (only["draw"], only["start"], only["given_up"]) == (0, list(starts[0]), "")


def test_an_aborted_run_is_repeated_with_shorter_steps_before_another_start_is_drawn(
    tmp_path: Path, scripted: Any, osdi_engine: Engine
) -> None:
    aborted = {"verdict": "aborted", "message": "time step too small"}
    starts = scripted(aborted, aborted, BAD, GOOD)
    run = Experiment.from_file(AND, [*QUICK, "engine.repeats=1", "loop.restarts=2"]).run(tmp_path / "run", workers=1)
    assert starts[0] == starts[1] and len(set(starts)) == 3
    steps = [one["step"] for one in run.result["attempts"]]
    assert steps[1] < steps[0] == steps[2] == steps[3]
    assert [bool(one["given_up"]) for one in run.result["attempts"]] == [True, True, True, False]


def test_an_interrupt_is_no_reason_to_go_on(tmp_path: Path, scripted: Any, osdi_engine: Engine) -> None:
    starts = scripted({"verdict": "interrupted", "message": "by the user"}, GOOD)
    run = Experiment.from_file(AND, RESTARTS).run(tmp_path / "run", workers=1)
    assert len(starts) == 1 and run.verdict == "interrupted"


@pytest.fixture
def by_start(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[tuple[float, ...], str]]:
    """Replace the transient by what a table says of its start: how long it takes, and what comes out.

    A transient looks at its watch while it lasts, as a real one does. Returned is what became of each that was begun.
    """

    def install(table: list[tuple[float, Exception | dict[str, Any]]]) -> dict[tuple[float, ...], str]:
        became: dict[tuple[float, ...], str] = {}
        starts = [draw_start(SEED, 0.6, 5, number) for number in worth(len(table))]

        def run(self: Attempt, watch: Any = None) -> dict[str, Any]:
            start = self.design.loop.start
            lasts, step = table[starts.index(start)]
            became[start] = "begun"
            (self.folder / "engine.log").write_text(f"{start}")
            (self.folder / "netlist").mkdir(exist_ok=True)
            until = time.monotonic() + lasts
            try:
                while time.monotonic() < until:
                    watch(Progress(0.0, 1.0, 0.1, 0))
                    time.sleep(0.01)
            except KeyboardInterrupt:
                return {"verdict": "interrupted", "message": "by the user", "reason": "", "learnt": False}
            except Redraw:
                became[start] = "ended"
                raise
            became[start] = "done"
            if isinstance(step, Exception):
                raise step
            return {"message": "", "reason": "", "learnt": False, **step}

        monkeypatch.setattr(Attempt, "run", run)
        return became

    return install


def worth(count: int) -> list[int]:
    """Numbers of the first draws that are worth a transient."""
    experiment, found = Experiment.from_file(AND, RESTARTS), list[int]()
    while len(found) < count:
        found.append(experiment._next_start(found[-1] + 1 if found else 0)[1])
    return found


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_the_first_in_the_order_of_the_draws_wins(
    workers: int, tmp_path: Path, by_start: Any, osdi_engine: Engine
) -> None:
    """A later start that learns at once leaves no trace where an earlier one learns in its own time."""
    became = by_start([(0.3, Redraw("stuck")), (0.1, BAD), (0.6, GOOD), (0.0, GOOD)])
    seen: list[int] = []
    run = Experiment.from_file(AND, RESTARTS).run(
        tmp_path / "run", workers=workers, progress=lambda status: seen.append(status.attempt)
    )
    drawn = worth(4)
    assert run.learnt and [one["draw"] for one in run.result["attempts"]] == drawn[:3]
    assert [one["given_up"] for one in run.result["attempts"]] == ["stuck", BAD["reason"], ""]
    assert [one["draw"] for one in run.result["passed_over"]] == [n for n in range(drawn[2]) if n not in drawn]
    assert (run.folder / "engine.log").read_text() == str(draw_start(SEED, 0.6, 5, drawn[2]))
    assert not (run.folder / "starts").exists() and (run.folder / "netlist").is_dir()
    assert len(became) == (3 if workers == 1 else 4)
    assert seen == sorted(seen) and {0, 2} <= set(seen) <= {0, 1, 2}


def test_starts_that_are_not_needed_are_ended(tmp_path: Path, by_start: Any, osdi_engine: Engine) -> None:
    became = by_start([(2.0, GOOD), (60.0, GOOD), (60.0, GOOD), (60.0, GOOD)])
    began = time.monotonic()
    assert Experiment.from_file(AND, RESTARTS).run(tmp_path / "run", workers=4).learnt
    assert time.monotonic() - began < 30
    assert [*became.values()].count("done") == 1 and "begun" not in became.values()


def test_errors_come_when_it_is_their_turn(tmp_path: Path, by_start: Any, osdi_engine: Engine) -> None:
    broken = EngineError("engine.not-installed", "gone", remedy="install it")
    by_start([(0.2, GOOD), (0.0, broken), (0.0, GOOD), (0.0, GOOD)])
    assert Experiment.from_file(AND, RESTARTS).run(tmp_path / "run", workers=2).learnt
    by_start([(0.2, BAD), (0.0, broken), (0.0, GOOD), (0.0, GOOD)])
    with pytest.raises(EngineError, match="gone"):
        Experiment.from_file(AND, RESTARTS).run(tmp_path / "broken", workers=2)


def test_an_interrupt_ends_all_and_is_the_verdict(tmp_path: Path, by_start: Any, osdi_engine: Engine) -> None:
    by_start([(60.0, GOOD)] * 4)
    threading.Timer(3.0, signal.raise_signal, [signal.SIGINT]).start()
    run = Experiment.from_file(AND, RESTARTS).run(tmp_path / "run", workers=2)
    assert run.verdict == "interrupted" and len(run.result["attempts"]) == 1


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_wrong_numbers_of_workers(workers: Any, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        Experiment.from_file(AND, RESTARTS).run(tmp_path / "run", workers=workers)
    assert caught.value.code == "run.bad-workers" and not (tmp_path / "run").exists()


def test_restarts_are_in_the_settings() -> None:
    start = "loop.start=[0.1, 0.0, 0.1, -0.2, 0.3]"
    with pytest.raises(RequestError) as caught:
        Experiment.from_file(AND, [start, "loop.restarts=1"])
    assert (caught.value.code, caught.value.place) == ("config.conflict", "loop.restarts")
    assert Experiment.from_file(AND, [start]).design.loop.start[4] == 0.3
    for bad in ("loop.restarts=-1", "loop.patience=1", "loop.restarts=1.5"):
        with pytest.raises(RequestError) as caught:
            Experiment.from_file(AND, [bad])
        assert caught.value.place == bad.partition("=")[0]


def test_starts_are_independent_draws() -> None:
    draws = [draw_start(3, 0.6, 5, number) for number in range(50)] + [draw_start(4, 0.6, 5)]
    assert len(set(draws)) == 51 and np.abs(draws).max() <= 0.6
    assert np.abs(np.mean(draws)) < 4 * 0.6 / np.sqrt(3 * 51 * 5)


# ---- a whole run -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_loop_that_stands_still_is_stuck(tmp_path: Path, osdi_engine: Engine) -> None:
    """With rate 0 no start gets anywhere: the first is given up in the middle, the last runs to its end."""
    overrides = ["circuit.technology=ideal", "loop.rate=0", "loop.epochs=8", "loop.restarts=1", "loop.patience=2"]
    seen: list[tuple[int, int]] = []
    experiment = Experiment.from_file(AND, overrides)
    run = experiment.run(tmp_path / "run", progress=lambda status: seen.append((status.attempt, status.epoch)))
    first, last = run.result["attempts"]
    assert first["given_up"] == "no progress in 2 epochs" and last["given_up"] == ""
    assert run.verdict == "ok" and not run.learnt and len(run.result["history"]["loss"]) == 8
    assert run.result["simulated_s"] == pytest.approx(experiment.design.loop.timeline.stop)
    assert max(epoch for attempt, epoch in seen if attempt == 0) < 6 and {attempt for attempt, _ in seen} == {0, 1}
    np.testing.assert_allclose(
        [values[-1] for values in run.result["history"]["controls"].values()], last["start"], atol=3e-3
    )


def test_progress_is_looked_at_only_where_there_are_rows(tmp_path: Path) -> None:
    """A raw file that is not there yet, or half written, is no reason to give up."""
    told: list[Any] = []
    watch = Watch(DESIGN, tmp_path / "none.raw", 2, 3, told.append)
    watch(Progress(1e-3, 1.0, 5.0, 10))
    (tmp_path / "none.raw").write_bytes(b"Title: x\nBinary:\n\x00")
    watch(Progress(2e-3, 1.0, 9.0, 20))
    assert [(one.epoch, one.loss, one.attempt) for one in told] == [(0, None, 2)] * 2
    assert dataclasses.replace(watch, patience=None).patience is None


def rows_of(losses: list[float]) -> tuple[tuple[str, ...], np.ndarray]:
    """Make up a run that stands at its start with such a loss in each epoch: names and rows of a raw file."""
    line, channels = DESIGN.loop.timeline, DESIGN.loop.channels(DESIGN.network)
    time = np.linspace(0.0, len(losses) * line.epoch, 400 * len(losses) + 1)
    epoch = np.minimum((time / line.epoch + 1e-9).astype(int), len(losses) - 1)
    columns = [time, np.sqrt(losses)[epoch], *(np.full(len(time), channel.start) for channel in channels)]
    return ("time", "v(err)", *(f"v({channel.net})" for channel in channels)), np.column_stack(columns)


@pytest.mark.parametrize("looks", [1, 3, 40])
def test_when_a_run_is_given_up_does_not_hang_on_when_it_is_looked_at(looks: int, tmp_path: Path) -> None:
    """Stuck from its fourth epoch on, better later: however few the looks, epoch 4 + patience decides."""
    losses = [1.0, 0.8, 0.6, 0.5, 0.5, 0.5, 0.5, 0.1, 0.01]
    names, rows = rows_of(losses)
    told: list[Any] = []
    watch = Watch(DESIGN, tmp_path / "w.raw", 0, 3, told.append)
    for row in np.linspace(0, len(rows), looks + 1).astype(int)[1:].tolist():
        (tmp_path / "w.raw").write_bytes(raw_bytes(rows[:row], points=0, names=names))
        try:
            watch(Progress(rows[row - 1, 0], rows[-1, 0], 0.1, row))
        except Redraw as why:
            assert str(why) == "no progress in 3 epochs" and rows[row - 1, 0] >= 7 * DESIGN.loop.timeline.epoch
            break
    else:
        pytest.fail("never given up")
    patient = Watch(DESIGN, tmp_path / "w.raw", 0, None, told.append)
    (tmp_path / "w.raw").write_bytes(raw_bytes(rows, names=names))
    patient(Progress(rows[-1, 0], rows[-1, 0], 0.1, len(rows)))
    assert (told[-1].epoch, told[-1].loss) == (9, pytest.approx(0.01, rel=1e-2))
