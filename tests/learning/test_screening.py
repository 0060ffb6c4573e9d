"""Screening sorts every start once, scores as a run is judged, and puts the best first."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from small_designs import small_loop

from hgesim.learning import (
    Screened,
    averaged_run,
    judge_ends,
    network_outputs,
    proportion_interval,
    score,
    screen_starts,
    sort_starts,
)
from hgesim.loop import Draw, HomodyneLoop, Scales, curve_task, gate_task
from hgesim.network import DiscParameters, dopant_disc

DISC = dopant_disc(6, DiscParameters(current=100e-9))
STARTS = np.random.default_rng(0).uniform(-0.6, 0.6, (60, 5))


@pytest.fixture(scope="module")
def loop() -> HomodyneLoop:
    short = small_loop(DISC, "AND")
    return dataclasses.replace(short, timeline=dataclasses.replace(short.timeline, epochs=8))


def test_starts_are_sorted(loop: HomodyneLoop) -> None:
    over, solved = sort_starts(DISC, loop, STARTS)
    for start, beyond, done in zip(STARTS, over, solved, strict=True):
        outputs = network_outputs(DISC, loop.task, start)
        assert beyond == (max(abs(outputs)) * 2e6 > 1.2)
        assert done == (not beyond and outputs[3] >= max(outputs[:3]))
    found = screen_starts(DISC, loop, STARTS)
    assert found.over_range == tuple(np.flatnonzero(over)) and found.solved == tuple(np.flatnonzero(solved))
    assert sorted((*found.over_range, *found.solved, *found.tried)) == list(range(60))
    assert found.over_range and found.solved and found.tried


def test_ends_are_scored_as_runs_are(loop: HomodyneLoop) -> None:
    found = screen_starts(DISC, loop, STARTS)
    run = averaged_run(DISC, loop, STARTS[list(found.tried)])
    for k, one in enumerate(found.scores):
        outputs = network_outputs(DISC, loop.task, run.controls[k])
        alone = score(loop.task, outputs, [], -run.threshold[k] / 2.5e6)
        assert one.value == pytest.approx(alone.value, rel=1e-6)
        errors = 2e6 * (outputs + run.threshold[k] / 2.5e6 - 50e-9 * np.array([-1, -1, -1, 1]))
        railed = max(*abs(run.controls[k]), abs(run.threshold[k]), *abs(errors)) > 1.2
        assert bool(one.reason) == (bool(alone.reason) or railed)
    learnt = found.learnt
    assert learnt and len(learnt) < len(found.tried)
    assert {number for number, _ in learnt} == {
        number for number, one in zip(found.tried, found.scores, strict=True) if not one.reason
    }
    values = [one.value for _, one in learnt]
    assert values == sorted(values, reverse=True)


def test_a_railed_end_has_not_learnt(loop: HomodyneLoop) -> None:
    free = screen_starts(DISC, loop, STARTS)
    narrow = screen_starts(DISC, loop, STARTS, control_range=0.1)
    assert free.learnt and not narrow.learnt and narrow.tried == free.tried
    ((_, one), *_) = free.learnt
    number = free.scores.index(one)
    assert narrow.scores[number].reason == "a control or the error ends at the limit of its range"
    assert narrow.scores[number].value == one.value


def test_the_threshold_rails_too(loop: HomodyneLoop) -> None:
    start = STARTS[screen_starts(DISC, loop, STARTS).solved[0]]
    outputs = network_outputs(DISC, loop.task, start)
    middle = -2.5e6 * (outputs[3] + max(outputs[:3])) / 2
    easy = dataclasses.replace(loop, task=gate_task("AND", margin=0.0))
    easy_shift = dataclasses.replace(easy.settings, threshold_resistance=2.5e6 * 1.3 / abs(middle))
    for settings, voltage, railed in ((easy.settings, middle, False), (easy_shift, math.copysign(1.3, middle), True)):
        (found,) = judge_ends(DISC, dataclasses.replace(easy, settings=settings), [[*start, voltage]])
        assert found.threshold == pytest.approx(-middle / 2.5e6)
        assert bool(found.reason) == railed


def test_an_error_beyond_the_range_is_railed(loop: HomodyneLoop) -> None:
    """A gate that is done, but with outputs so far off their targets that the read-out limits: nor is a run learnt."""
    for start in STARTS:
        outputs = network_outputs(DISC, loop.task, start)
        middle = (outputs[3] + max(outputs[:3])) / 2
        furthest = max(abs(outputs - middle - 50e-9 * np.array([-1, -1, -1, 1])))
        done = outputs[3] - max(outputs[:3]) > 0.3 * np.ptp(outputs)
        if done and abs(middle) < 400e-9 and 1.2 / 2e7 < furthest < 1.2 / 1e5:
            break
    else:
        raise AssertionError("no such start")
    end = [*start, -2.5e6 * middle]
    for ohms in (1e5, 2e7):
        there = dataclasses.replace(loop, settings=dataclasses.replace(loop.settings, transimpedance=ohms))
        (found,) = judge_ends(DISC, there, [end])
        assert found.value > 0.25
        assert found.reason == ("a control or the error ends at the limit of its range" if ohms == 2e7 else "")


def test_curves_put_the_least_error_first() -> None:
    network = dopant_disc(6, DiscParameters(current=100e-9, electrodes=6, inputs=(3,)))
    task = curve_task("cubic", Draw(4, 5, scales=Scales(target=20e-9)), error=1e3)
    short = small_loop(DISC, "AND")
    loop = HomodyneLoop(task, short.plan, dataclasses.replace(short.timeline, cases=4), short.settings, (0.0,) * 4)
    ends = np.random.default_rng(2).uniform(-0.3, 0.3, (6, 5))
    learnt = Screened((), (), tuple(range(6)), judge_ends(network, loop, ends)).learnt
    errors = [one.value for _, one in learnt]
    assert len(errors) > 1 and errors == sorted(errors) and errors[0] < errors[-1]


def test_nothing_to_try(loop: HomodyneLoop) -> None:
    found = screen_starts(DISC, loop, np.zeros((0, 5)))
    assert found.tried == () and found.scores == () and found.learnt == ()


@pytest.mark.parametrize(("successes", "tried"), [(0, 20), (1, 20), (5, 20), (20, 20), (7, 15), (1, 1)])
def test_wilsons_interval(successes: int, tried: int) -> None:
    """Both ends are where the share found is 1.96 standard errors off, which is Wilson's definition."""
    low, high = proportion_interval(successes, tried)
    found, z = successes / tried, 1.959964
    assert 0 <= low <= found <= high <= 1
    for end in (low, high):
        if end in (0.0, 1.0):
            assert end == pytest.approx(found)
        else:
            assert abs(found - end) == pytest.approx(z * math.sqrt(end * (1 - end) / tried), rel=1e-5)


def test_no_trials_say_nothing() -> None:
    assert proportion_interval(0, 0) == (0.0, 1.0)
