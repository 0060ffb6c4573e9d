"""Goal figures against plain loops, the best threshold by trying them all, correlations by NumPy and by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from small_designs import small_star

from hgesim.errors import RequestError
from hgesim.learning import (
    already_solved,
    case_voltages,
    correlation,
    correlation_loss,
    goal_figure,
    learnt_epoch,
    network_outputs,
    score,
    separation,
)
from hgesim.loop import GATES, Scales, Task, gate_task

NA = 1e-9


def task_of(kind: Any, targets: Any, goal: float = 0.75, held: Any = (), target: float = 50e-9) -> Task:
    cases = [tuple((x,) for x in np.linspace(-1, 1, len(part)).tolist()) for part in (targets, held)]
    return Task("t", kind, cases[0], tuple(targets), goal, cases[1], tuple(held), scales=Scales(target=target))


def share_right(outputs: Any, targets: Any, threshold: float) -> float:
    """Mean over the classes of the share of each on its side."""
    shares = []
    for wanted in sorted(set(targets)):
        sides = [(y > threshold) == (wanted == 1) for y, t in zip(outputs, targets, strict=True) if t == wanted]
        shares.append(sum(sides) / len(sides))
    return sum(shares) / len(shares)


def normalised_deviation(outputs: Any, targets: Any, threshold: float, unit: float) -> float:
    mean = sum(targets) / len(targets)
    spread = sum((t - mean) ** 2 for t in targets)
    return math.sqrt(sum(((y - threshold) / unit - t) ** 2 for y, t in zip(outputs, targets, strict=True)) / spread)


def test_learnt_epoch_is_the_first_of_those_that_stay() -> None:
    gate, curve = task_of("gate", (0, 1), goal=0.25), task_of("curve", (0.0, 0.5, 1.0), goal=0.2)
    assert learnt_epoch(gate, [0.1, 0.3, 0.2, 0.25, 0.6]) == 4
    assert learnt_epoch(gate, [0.3, 0.3]) == 1
    assert learnt_epoch(gate, [0.3, 0.2]) is None
    assert learnt_epoch(curve, [0.9, 0.2, 0.1]) == 2 and learnt_epoch(curve, [0.1, float("nan")]) is None


def test_accuracy_is_a_share_of_cases() -> None:
    random = np.random.default_rng(3)
    targets = (1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0)
    task = task_of("classes", targets)
    outputs = random.normal(0, 20 * NA, (6, 5, 7))
    thresholds = random.normal(0, 10 * NA, (6, 5))
    found = goal_figure(task, outputs, targets, thresholds)
    assert found.shape == (6, 5)
    for index in np.ndindex(6, 5):
        assert found[index] == pytest.approx(share_right(outputs[index], targets, thresholds[index]))
    assert len(set(found.ravel().tolist())) > 3


def test_the_error_of_a_curve() -> None:
    random = np.random.default_rng(4)
    targets = (-0.7, 0.1, 0.4, 0.9, -0.2)
    task = task_of("curve", targets, target=30e-9)
    outputs, thresholds = random.normal(0, 30 * NA, (8, 5)), random.normal(0, 10 * NA, 8)
    found = goal_figure(task, outputs, targets, thresholds)
    for row, threshold, value in zip(outputs, thresholds, found, strict=True):
        assert value == pytest.approx(normalised_deviation(row, targets, threshold, 30e-9))
    exact = 7e-9 + 30e-9 * np.array(targets)
    assert goal_figure(task, exact, targets, 7e-9) == pytest.approx(0, abs=1e-12)
    constant = np.full(5, 30e-9 * np.mean(targets))  # the best constant has error 1, by the unit's definition
    assert goal_figure(task, constant, targets, 0.0) == pytest.approx(1.0)


def test_the_margin_of_a_gate_takes_no_threshold() -> None:
    task = gate_task("AND")
    outputs = np.array([[0.0, 1.0, 2.0, 10.0], [0.0, 5.0, 5.0, 4.0], [3.0, 3.0, 3.0, 3.0]]) * NA
    np.testing.assert_allclose(goal_figure(task, outputs, task.targets, np.zeros(3)), [0.8, -0.2, -1.0])


# ---- starts that are no demonstration ----------------------------------------------------------------------------


@pytest.mark.parametrize("goal", [0.6, 0.75, 1.0])
def test_classes_with_the_best_of_all_thresholds(goal: float) -> None:
    """Try a threshold in every gap between outputs, and beyond both ends."""
    random = np.random.default_rng(5)
    targets = (1.0, 0.0, 1.0, 0.0, 0.0, 1.0)
    task = task_of("classes", targets, goal)
    outputs = random.choice(np.arange(-4, 5) * 10 * NA, (200, 6))
    outputs[0] = [3 * NA, -3 * NA, 4 * NA, -2 * NA, -5 * NA, 2 * NA]
    found = already_solved(task, outputs)
    for row, solved in zip(outputs, found, strict=True):
        levels = sorted({*row.tolist()})
        tried = [levels[0] - NA, *(0.5 * (a + b) for a, b in itertools.pairwise(levels)), levels[-1] + NA]
        best = max(share_right(row, targets, threshold) for threshold in tried)
        assert solved == (best >= goal)
    assert found.any() and not found.all()


def test_a_case_alone_is_judged_in_units_of_the_target() -> None:
    task = task_of("curve", (-1.0,), 0.25, target=20e-9)
    found = goal_figure(task, np.array([[-20.0], [-15.0], [7.0]]) * NA, task.targets, np.array([0.0, 0.0, 2 * NA]))
    np.testing.assert_allclose(found, [0.0, 0.25, 1.25], atol=1e-12)
    assert score(task, np.array([-16 * NA]), np.empty(0), 0.0).reason == ""
    assert "error 0.3" in score(task, np.array([-14 * NA]), np.empty(0), 0.0).reason
    assert already_solved(task, np.array([7 * NA]))  # a threshold alone can do it
    for cases in ({"held": (0.5,)}, {"targets": (0.3, 0.3)}):
        with pytest.raises(RequestError, match="all targets are equal"):
            task_of("curve", **{"targets": (-1.0,), **cases})


def test_curves_with_the_best_of_all_thresholds() -> None:
    random = np.random.default_rng(6)
    targets = (-1.0, -0.3, 0.2, 0.8)
    task = task_of("curve", targets, 0.5)
    outputs = 50e-9 * np.array(targets) + random.uniform(-90 * NA, 90 * NA, (60, 1)) + random.normal(0, 20e-9, (60, 4))
    found = already_solved(task, outputs)
    for row, solved in zip(outputs, found, strict=True):
        tried = np.linspace(row.min() - 60 * NA, row.max() + 60 * NA, 301)  # a parabola: 1 nA is fine enough
        best = min(normalised_deviation(row, targets, threshold, 50e-9) for threshold in tried)
        if abs(best - 0.5) > 1e-3:
            assert solved == (best <= 0.5)
    assert found.any() and not found.all()


@pytest.mark.parametrize("gate", GATES)
def test_gates_count_as_done_with_any_separation(gate: str) -> None:
    random = np.random.default_rng(7)
    outputs = random.choice([-2.0, 0.0, 1.0, 3.0], (100, 4)) * NA
    for row, solved in zip(outputs, already_solved(gate_task(gate), outputs), strict=True):
        ones = [y for y, bit in zip(row, GATES[gate], strict=True) if bit]
        zeros = [y for y, bit in zip(row, GATES[gate], strict=True) if not bit]
        assert solved == (min(ones) > max(zeros))


# ---- held-out cases decide ---------------------------------------------------------------------------------------


def test_held_out_cases_decide_on_classes() -> None:
    task = task_of("classes", (1.0, 0.0, 1.0, 0.0), 0.75, held=(1.0, 0.0, 0.0, 1.0))
    right, wrong = np.array([2.0, -2.0, 1.0, -1.0]) * NA, np.array([-2.0, 2.0, -1.0, 1.0]) * NA
    good, poor = np.array([2.0, -2.0, -1.0, -1.0]) * NA, np.array([2.0, -2.0, 1.0, -1.0]) * NA
    learnt = score(task, wrong, good, 0.0)
    assert (learnt.name, learnt.value, learnt.shown, learnt.reason) == ("accuracy", 0.75, 0.0, "")
    assert learnt.separation == pytest.approx(-4 * NA) and learnt.swing == pytest.approx(4 * NA)
    by_heart = score(task, right, poor, 0.0)
    assert (by_heart.value, by_heart.shown) == (0.5, 1.0)
    assert by_heart.reason == "accuracy 50.0% on the held-out cases is below 75.0%"
    assert "shown" in score(task_of("classes", (1.0, 0.0), 0.75), [-NA, NA], [], 0.0).reason


def test_held_out_cases_decide_on_curves() -> None:
    targets, held = (-1.0, 0.0, 1.0), (-0.5, 0.5)
    task = task_of("curve", targets, 0.2, held=held)
    exact, flat = 50e-9 * np.array(targets), np.zeros(2)
    by_heart = score(task, exact, flat, 0.0)
    assert by_heart.name == "error" and by_heart.shown == pytest.approx(0) and by_heart.value == pytest.approx(1)
    assert by_heart.reason == "error 1 on the held-out cases is above 0.2" and by_heart.separation is None
    assert score(task, np.zeros(3), 50e-9 * np.array(held), 0.0).reason == ""


def test_outputs_of_chosen_cases() -> None:
    network = small_star()
    task = Task("t", "classes", ((-1.0, 0.5), (0.2, 1.0)), (0.0, 1.0), 0.9, ((0.3, -0.4), (1.0, 0.0)), (1.0, 0.0))
    volts = case_voltages(network, task, [0.1, -0.2], task.test_cases)
    np.testing.assert_allclose(volts, [[0.0, 0.09, -0.12, 0.1, -0.2], [0.0, 0.3, 0.0, 0.1, -0.2]])
    assert network_outputs(network, task, [0.1, -0.2], ()).shape == (0,)
    g = np.array([3e-7, 1e-7, 0.5e-7, 2e-7, 1.5e-7])
    assert network_outputs(network, task, [0.1, -0.2], task.test_cases) == pytest.approx(g[0] * volts @ g / g.sum())


# ---- the laboratory's loss ---------------------------------------------------------------------------------------


def test_correlation_is_pearsons() -> None:
    random = np.random.default_rng(9)
    for _ in range(20):
        outputs, targets = random.normal(0, 1e-8, 9), np.array([0, 1, 0, 0, 1, 1, 0, 1, 0])
        assert correlation(outputs, targets) == pytest.approx(np.corrcoef(outputs, targets)[0, 1])
    assert correlation([1e-9, 1e-9], [0, 1]) == 0.0


def test_the_laboratorys_loss_by_hand() -> None:
    """Outputs 0, 1, 2, 3 for 0, 0, 1, 1: corr = 2/sqrt(5), sep = 1 nA, sigmoid((1 - 5)/3) = 0.208609."""
    found = correlation_loss(np.arange(4) * NA, [0, 0, 1, 1])
    assert found == pytest.approx((1.1 - 0.894427) / (0.208609 + 0.05), rel=1e-5)
    # perfect: 5 nA apart is the middle of the sigmoid, far apart its end
    assert correlation_loss(np.array([0, 5]) * NA, [0, 1]) == pytest.approx(0.1 / 0.55)
    assert correlation_loss(np.array([0, 5e6]) * NA, [0, 1]) == pytest.approx(0.1 / 1.05)
    assert correlation_loss(np.array([5e6, 0]) * NA, [0, 1]) == pytest.approx(2.1 / 0.05)  # inverted; no overflow
    assert separation(np.array([5e6, 0]) * NA, [0, 1]) == pytest.approx(-5e6 * NA)
