"""Angles, errors, ranges and calibration as arithmetic, without a simulator."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from small_designs import small_star

from hgesim.blocks.transfer import CONTRACT, loss_slope
from hgesim.errors import RequestError
from hgesim.learning import (
    Readings,
    best_range,
    branch_gains,
    calibrated_gradient,
    compare_gradients,
    counted_points,
    difference_voltages,
    exact_gradient,
    finite_difference,
    gradient_angle,
    gradient_error,
    uncalibrated_gradient,
)
from hgesim.loop import LoopSettings, OpenLoop, OperatingPoints, Timeline, plan_tones
from hgesim.loop.open_loop import RELEASE

VOLTS = ((0.0, 0.1, -0.2, 0.3, 0.15), (0.0, -0.1, 0.2, 0.05, -0.4), (0.0, 0.3, 0.3, -0.3, 0.1))
SLOPES = np.array([[3e-7, -1e-7], [2e-7, 5e-7], [-4e-7, 1e-7]])
CURRENT = np.array([1e-7, -2e-7, 5e-8])


def open_loop(measured: str = "output", **settings: Any) -> OpenLoop:
    points = OperatingPoints(VOLTS, (5e-8, -5e-8, 0.0), (0.1, 0.1, -0.2))
    plan = plan_tones(3, 1e3)
    line = Timeline(1e-4, 1e-3, plan.beat, 3, 1)
    return OpenLoop(points, plan, line, LoopSettings(**settings), measured)


def test_angles_and_errors_of_known_vectors() -> None:
    a, b = np.array([[1.0, 0.0], [1.0, 1e-7], [0.0, -2.0]]), np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert gradient_angle(a, b) == pytest.approx([45.0, np.degrees(1e-7), 180.0], rel=1e-9)
    assert gradient_error(a, b) == pytest.approx([1 / np.sqrt(2), 1e-7, 3.0])
    assert gradient_angle([0.0, 0.0], [1.0, 0.0]) == pytest.approx(90.0)
    assert not np.isfinite(gradient_error([1.0], [0.0]))


def test_a_tenth_of_the_median_counts() -> None:
    assert counted_points([[1.0], [10.0], [0.99], [20.0], [30.0]]).tolist() == [True, True, False, True, True]
    assert not counted_points(np.zeros((4, 2))).any()


def test_comparison_takes_medians_and_weighs_points_alike() -> None:
    """A scale error of 10 % is no angle, whatever the size of the gradient; one wrong control is its own error."""
    reference = np.array([[3.0, 4.0], [3e3, 4e3], [1e-12, 0.0]])
    counted = [True, True, False]
    scaled = compare_gradients(1.1 * reference, reference, counted)
    assert (scaled.points, scaled.angle_deg) == (2, pytest.approx(0, abs=1e-9))
    assert (scaled.relative_error, scaled.worst_relative_error) == (pytest.approx(0.1), pytest.approx(0.1))
    bent = compare_gradients(reference * [1.0, 1.2], reference, counted)
    assert bent.control_relative_error == pytest.approx((0.0, 0.2))
    assert bent.control_angle_deg == pytest.approx((0.0, 0.0), abs=1e-9)
    assert bent.relative_error == pytest.approx(0.16)
    turned = compare_gradients(reference * [[1, 1], [1, -1], [1, 1]], reference, counted)
    assert turned.control_angle_deg == pytest.approx((0.0, 90.0), abs=1e-6)
    with pytest.raises(RequestError, match="nothing-counts"):
        compare_gradients(reference, reference, [False] * 3)


@pytest.mark.parametrize("measured", ["output", "loss"])
def test_calibration_undoes_any_gain(measured: str) -> None:
    """Means made up with gains come back as the exact derivatives; of the loss there is one more for each point."""
    loop = open_loop(measured, dither=4e-3, transimpedance=1e5)
    branch = np.array([-30.0, -41.0, -25.0])
    tones = np.array([4e-3, 4e-3, 30e-3 / 2.5e6])
    points = np.array([1.0, -0.3, 2.0])[:, None] if measured == "loss" else 1.0
    known = 7.0 if measured == "loss" else 1.0
    drives = points * branch * tones * np.column_stack([SLOPES, np.ones(3)])
    error = -1e5 * (CURRENT + np.array([0.1, 0.1, -0.2]) / 2.5e6 - np.array([5e-8, -5e-8, 0.0]))
    standard = Readings(np.zeros(1), (known * branch * tones * [6e-8, 6e-8, 1.0])[None])
    gains = branch_gains(standard, 6e-8, loop)
    assert gains / gains[-1] == pytest.approx(branch / branch[-1])
    found = calibrated_gradient(Readings(error, drives), gains, loop)
    assert found == pytest.approx(exact_gradient(loop, CURRENT, SLOPES), rel=1e-12)
    by_hand = SLOPES if measured == "output" else 2 * error[:, None] * -1e5 * SLOPES
    assert found == pytest.approx(by_hand, rel=1e-12)
    # with all branches taken to be alike it is wrong
    assert gradient_error(calibrated_gradient(Readings(error, drives), np.full(3, -30.0), loop), found).min() > 0.05


@pytest.mark.parametrize("measured", ["output", "loss"])
def test_the_nominal_chain_needs_no_calibration(measured: str) -> None:
    loop = open_loop(measured, dither=1e-3, transimpedance=1e5)
    error = np.array([0.03, -0.05, 0.08])
    slopes = loss_slope(error) if measured == "loss" else np.ones(3)
    # in phase and small: coupler 26, mixer 1.6
    drives = np.column_stack([1e-3 * -1e5 * SLOPES * slopes[:, None] * 26 * 1.602, np.ones(3)])
    found = uncalibrated_gradient(Readings(error, drives), loop)
    expected = SLOPES if measured == "output" else -2e5 * error[:, None] * SLOPES
    assert found == pytest.approx(expected, rel=5e-3)


def test_an_uncalibrated_gradient_knows_shape_and_trim_of_the_references() -> None:
    """A hard switch has 4/pi of a sine's mean against 1.6/2.75 times 2, and a trim turns the lead of the coupler."""
    loop = open_loop(dither=1e-3, transimpedance=1e5)
    drives = np.column_stack([1e-3 * SLOPES, np.ones(3)])
    plain = uncalibrated_gradient(Readings(CURRENT, drives), loop)
    hard = open_loop(dither=1e-3, transimpedance=1e5, reference=1.5, reference_shape="square")
    assert uncalibrated_gradient(Readings(CURRENT, drives), hard) * (2.75 * 2 / np.pi) == pytest.approx(
        plain * 1.602, rel=3e-3
    )
    turned = open_loop(dither=1e-3, transimpedance=1e5, reference_phase=(45.0, -45.0, 0.0))
    lead = np.arctan(1 / (2 * np.pi * 1e-4 * np.array(loop.plan.carriers[:2])))
    share = np.cos(lead + np.radians([45.0, -45.0])) / np.cos(lead)
    assert uncalibrated_gradient(Readings(CURRENT, drives), turned) * share == pytest.approx(plain, rel=1e-9)


def test_the_range_is_the_greatest_that_is_straight() -> None:
    loop = open_loop(dither=10e-3, transimpedance=2e6)
    ohms = best_range(loop, CURRENT, SLOPES)
    tones = np.sqrt((10e-3 * np.linalg.norm(SLOPES, axis=1)).max() ** 2 + (30e-3 / 2.5e6) ** 2)
    assert CONTRACT.coupler_gain * tones * ohms <= 0.1 < CONTRACT.coupler_gain * tones * 2.5 * ohms
    assert best_range(loop, CURRENT, 20 * SLOPES) < ohms
    # near its zero the loss circuit's slope is below 1, so the loss bears a wider range
    loss = open_loop("loss", dither=10e-3, transimpedance=2e6)
    balance = np.array(loss.points.targets) - np.array(loss.points.thresholds) / 2.5e6
    assert best_range(loss, balance, SLOPES) > ohms >= best_range(loss, balance + 1e-6, SLOPES)
    assert best_range(open_loop(dither=10e-3, transimpedance=700.0), CURRENT, SLOPES) == 700.0
    # a large constant current, not the ripple, sets the limit of 1.2 V
    quiet = open_loop(dither=1e-6, threshold_dither=1e-6, transimpedance=2e6)
    assert best_range(quiet, CURRENT + 1.5e-6, SLOPES) == 5e5
    with pytest.raises(RequestError, match="over-range"):
        best_range(loop, CURRENT + 1.0, SLOPES)


def test_differences_of_a_known_function() -> None:
    network = small_star()
    table, step = difference_voltages(network, VOLTS)
    assert table.shape == (15, 5) and step == 1e-3
    assert table[0].tolist() == list(VOLTS[0])
    assert (table[1] - table[0]).tolist() == pytest.approx([0, 0, 0, 1e-3, 0])
    assert (table[4] - table[0]).tolist() == pytest.approx([0, 0, 0, 0, -1e-3])
    current, slopes, _ = network.output_and_gradient(np.array(VOLTS))
    for measured in ("output", "loss"):
        loop = open_loop(measured)
        exact = exact_gradient(loop, current, slopes[:, 3:])
        assert finite_difference(network.output_current(table), step, loop) == pytest.approx(exact, rel=1e-7)


def test_points_are_checked() -> None:
    assert OperatingPoints(VOLTS).targets == (0.0, 0.0, 0.0)
    assert OperatingPoints(VOLTS, (1.0, 2.0, 3.0)).take([2, 0]).targets == (3.0, 1.0)
    for bad in ((), ((),), ((np.nan,),), "no", ((1.0, 2.0), (1.0,))):
        with pytest.raises(RequestError, match="bad-points"):
            OperatingPoints(bad)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="targets"):
        OperatingPoints(VOLTS, (1.0,))


def test_an_open_loop_is_checked() -> None:
    loop = open_loop()
    for changes, code in (
        ({"plan": None}, "loop.bad-value"),
        ({"points": VOLTS}, "loop.bad-value"),
        ({"release": "long"}, "loop.bad-time"),
        ({"measured": "power"}, "gradient.unknown-quantity"),
        ({"release": 0.0}, "loop.bad-time"),
        ({"release": 1.0}, "loop.bad-time"),
        ({"timeline": Timeline(1e-4, 1e-3, 1e-3, 3, 2)}, "loop.case-count"),
        ({"timeline": Timeline(1e-6, RELEASE + 1e-7, 1e-3, 3, 1)}, "loop.bad-time"),
    ):
        with pytest.raises(RequestError) as refused:
            dataclasses.replace(loop, **changes)  # type: ignore[arg-type]
        assert refused.value.code == code
    with pytest.raises(RequestError, match="channel-count"):
        dataclasses.replace(loop, plan=plan_tones(4, 1e3)).channels(small_star())
    short = dataclasses.replace(loop, points=OperatingPoints(((0.0, 0.1),) * 3))
    with pytest.raises(RequestError, match="5 electrodes"):
        short.channels(small_star())
    with pytest.raises(RequestError, match="missing-block"):
        loop.elements(small_star(), {})


def test_shapes_that_do_not_fit_are_refused() -> None:
    loop, network = open_loop(), small_star()
    readings = Readings(np.zeros(3), np.ones((3, 3)))
    calls = (
        lambda: compare_gradients(SLOPES, SLOPES[:2], [True] * 3),
        lambda: compare_gradients(SLOPES, SLOPES, [True] * 2),
        lambda: compare_gradients("no", SLOPES, [True] * 3),  # type: ignore[arg-type]
        lambda: gradient_angle(SLOPES, np.ones(3)),
        lambda: gradient_error(1.0, 2.0),
        lambda: gradient_error("no", [1.0]),  # type: ignore[arg-type]
        lambda: counted_points([1.0]),
        lambda: best_range(loop, CURRENT[:2], SLOPES),
        lambda: best_range(loop, CURRENT, SLOPES[:2]),
        lambda: exact_gradient(loop, CURRENT, SLOPES[0]),
        lambda: calibrated_gradient(readings, np.ones(2), loop),
        lambda: difference_voltages(network, VOLTS[0]),
        lambda: finite_difference(np.ones(14), 1e-3, loop),
        lambda: finite_difference(np.ones(6), 1e-3, loop),
    )
    for call in calls:
        with pytest.raises(RequestError, match="bad-shape"):
            call()
    for value in (0.0, np.inf, "a"):
        with pytest.raises(RequestError, match="bad-value"):
            branch_gains(readings, value, loop)  # type: ignore[arg-type]
        with pytest.raises(RequestError, match="bad-value"):
            finite_difference(np.ones(15), value, loop)  # type: ignore[arg-type]
