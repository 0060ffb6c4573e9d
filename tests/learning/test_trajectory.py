"""The angle along a trajectory: made-up waveforms whose angle is known, from finite differences of the device alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from small_designs import small_loop, small_star

from hgesim.blocks.transfer import loss_value
from hgesim.errors import RequestError
from hgesim.experiment.along import along_figures
from hgesim.learning import Trajectory, descent_angle, learning_trajectory, network_outputs
from hgesim.loop import HomodyneLoop, Task
from hgesim.network import DiscParameters, Network, dopant_disc

FloatArray = NDArray[np.float64]
STAR = small_star()
DISC = dopant_disc(6, DiscParameters(current=100e-9))
R, RB = 2e6, 2.5e6
MOVE = 2e-3


def error_of(network: Network, loop: HomodyneLoop, channels: FloatArray) -> FloatArray:
    """Error of every case, by Kirchhoff's law at the summing node."""
    target = loop.task.target * np.array(loop.task.target_levels)
    threshold = channels[-1] / loop.settings.threshold_resistance
    return -R * (network_outputs(network, loop.task, channels[:-1]) + threshold - target)


def slope(loss, channels: FloatArray) -> FloatArray:  # type: ignore[no-untyped-def]
    """Central differences of a function of the channels."""
    steps = 1e-5 * np.eye(len(channels))
    return np.array([(loss(channels + step) - loss(channels - step)) / 2e-5 for step in steps])


def rotated(direction: FloatArray, degrees: float) -> FloatArray:
    """Turn a unit vector by an angle, in the plane of it and of a fixed other one."""
    other = np.roll(direction, 1) + 0.3
    other -= (other @ direction) * direction
    angle = np.radians(degrees)
    return np.asarray(np.cos(angle) * direction + np.sin(angle) * other / np.linalg.norm(other))


def made_up(
    network: Network, loop: HomodyneLoop, degrees: float, lag: float = 0.0
) -> tuple[FloatArray, dict[str, FloatArray], FloatArray]:
    """Waveforms in which every case moves the controls by 2 mV at an angle to the descent of its loss."""
    line, here = loop.timeline, np.array([*loop.start, loop.threshold_start])
    knots, values = [0.0], [here]
    for number in range(line.cases * line.epochs):
        case, move = number % line.cases, np.zeros(len(here))
        for _ in range(4):  # the gradient is that of the middle of the move
            down = -slope(lambda x, q=case: loss_value(error_of(network, loop, x))[q], here + move / 2)[:-1]
            move = np.append(MOVE * rotated(down / np.linalg.norm(down), degrees), 0.5 * MOVE)
        begin, end = line.span(number // line.cases, case)
        knots += [begin, end]
        values += [here, here + move]
        here = here + move
    fine = np.arange(0, line.stop, loop.plan.step)
    random = np.random.default_rng(0).uniform(0, line.stop, len(fine) // 3)
    time = np.unique([*fine, *random, *knots, line.stop])
    tracks = {
        channel.net: np.interp(time, knots, np.array(values)[:, k])
        + channel.dither * np.sin(2 * np.pi * channel.carrier * time - lag)
        for k, channel in enumerate(loop.channels(network))
    }
    return time, tracks, np.diff(np.array(values)[::2], axis=0)


def follow(network: Network, loop: HomodyneLoop, degrees: float) -> Trajectory:
    time, tracks, _ = made_up(network, loop, degrees)
    return learning_trajectory(time, tracks, loop, network)


@pytest.mark.parametrize(("degrees", "network"), [(0.0, STAR), (30.0, STAR), (30.0, DISC), (85.0, DISC), (150.0, DISC)])
def test_a_known_angle_is_found(degrees: float, network: Network) -> None:
    """150 degrees is what a loop does whose references are inverted and which would else be off by 30."""
    loop = small_loop(network, epochs=2, threshold_start=0.02)
    found = follow(network, loop, degrees)
    assert found.case_angles().shape == (2, 4)
    assert found.counted.sum() >= 6
    np.testing.assert_allclose(found.case_angles(), degrees, atol=0.05)


@pytest.mark.parametrize("lag", [0.0, 0.01])
def test_moves_are_free_of_the_dither(lag: float) -> None:
    """10 mV of dither on controls, 30 mV on the threshold, lagging by 1 % or not: moves are right to a microvolt."""
    loop = small_loop(DISC, epochs=2)
    time, tracks, moves = made_up(DISC, loop, 30.0, lag)
    found = learning_trajectory(time, tracks, loop, DISC)
    np.testing.assert_allclose(found.moves.reshape(-1, 6), moves, atol=1e-6)
    np.testing.assert_allclose(found.epoch_moves, moves.reshape(2, 4, 6).sum(axis=1), atol=1e-6)


def test_gradients_are_those_of_finite_differences() -> None:
    loop = small_loop(DISC, epochs=2)
    time, tracks, moves = made_up(DISC, loop, 30.0)
    found = learning_trajectory(time, tracks, loop, DISC)
    begins = np.array([*loop.start, 0.0]) + np.concatenate([np.zeros((1, 6)), np.cumsum(moves, axis=0)])
    for epoch in range(2):
        whole = slope(lambda x: (error_of(DISC, loop, x) ** 2).mean(), begins[4 * epoch])
        np.testing.assert_allclose(found.gradients[epoch], whole, rtol=1e-3, atol=1e-3 * np.abs(whole).max())
        step = found.epoch_moves[epoch, :-1]
        cosine = -step @ whole[:-1] / np.linalg.norm(step) / np.linalg.norm(whole[:-1])
        assert found.epoch_angles()[epoch] == pytest.approx(np.degrees(np.arccos(cosine)), abs=0.1)
        root = np.sqrt([10.0] * 5 + [30.0])
        step, down = found.epoch_moves[epoch] / root, -whole * root
        cosine = step @ down / np.linalg.norm(step) / np.linalg.norm(down)
        assert found.epoch_angles("channels")[epoch] == pytest.approx(np.degrees(np.arccos(cosine)), abs=0.1)
        for case in range(4):
            k = 4 * epoch + case
            one = slope(lambda x, q=case: loss_value(error_of(DISC, loop, x))[q], (begins[k] + begins[k + 1]) / 2)
            np.testing.assert_allclose(found.case_gradients[epoch, case], one, rtol=1e-3, atol=1e-3 * np.abs(one).max())


def test_the_angle_is_taken_where_the_loop_descends() -> None:
    """By hand: with dithers of 1 and 4, a step along the ripples (1, 4) is straight down from a gradient (-1, -1)."""
    assert descent_angle([1.0, 0.0], [-1.0, -1.0], [0.01, 0.01]) == pytest.approx(45)
    assert descent_angle([1.0, 4.0], [-1.0, -1.0], [1.0, 4.0]) == pytest.approx(0, abs=1e-9)
    # (1, 1) in the scaled coordinates is (1, 1/2), descent there (1, 2): cosine 4/5
    assert descent_angle([1.0, 1.0], [-1.0, -1.0], [1.0, 4.0]) == pytest.approx(np.degrees(np.arccos(0.8)))
    assert descent_angle([1e-9, 1e-15], [-1.0, 0.0], [1.0, 1.0]) == pytest.approx(np.degrees(1e-6), rel=1e-6)
    assert np.isnan(descent_angle([[0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]], [1.0, 1.0])).all()
    random = np.random.default_rng(1)
    moves, gradients, dither = random.normal(size=(50, 6)), random.normal(size=(50, 6)), random.uniform(0.1, 9, 6)
    downhill = (moves * gradients).sum(axis=1) < 0
    assert ((descent_angle(moves, gradients, dither) < 90) == downhill).all() and 5 < downhill.sum() < 45


def test_a_closed_hinge_has_no_gradient() -> None:
    loop = small_loop(DISC, "XOR", epochs=1, loss="hinge")
    start = np.array([*loop.start, 0.0])
    wrong = error_of(DISC, loop, start) * np.array(loop.task.target_levels) > 0
    assert wrong.any() and not wrong.all()
    found = follow(DISC, loop, 30.0)
    assert not found.case_gradients[0, ~wrong].any() and np.isnan(found.case_angles()[0, ~wrong]).all()
    np.testing.assert_allclose(found.case_angles()[0, wrong], 30, atol=0.05)
    assert not found.counted[0, ~wrong].any() and found.counted[0, wrong].any()
    counted = slope(lambda x: (np.where(wrong, error_of(DISC, loop, x), 0.0) ** 2).mean(), start)
    np.testing.assert_allclose(found.gradients[0], counted, rtol=1e-3, atol=1e-3 * np.abs(counted).max())


def test_a_curve_is_followed_too() -> None:
    loop = small_loop(DISC, epochs=1)
    cases = ((-1.0, -0.5), (0.2, 0.1), (0.9, 1.0))
    task = Task("bend", "curve", cases, (0.3, -0.6, 0.8), 0.1, scales=loop.task.scales)
    loop = dataclasses.replace(loop, task=task, timeline=dataclasses.replace(loop.timeline, cases=3))
    np.testing.assert_allclose(follow(DISC, loop, 30.0).case_angles(), [[30.0] * 3], atol=0.05)


def test_what_counts() -> None:
    """Not a case whose error is within the ripple of the dither, nor one beyond the read-out, nor one that rests."""
    loop = small_loop(STAR, epochs=1, start=(0.05, 0.1))
    found = follow(STAR, loop, 30.0)
    error = error_of(STAR, loop, np.array([0.05, 0.1, 0.0]))
    # conductances of the star in 1e-7 S: output 3, controls 2 and 1.5, of 8 in all
    ripple = np.linalg.norm([R * 3e-7 * 2 / 8 * 0.01, R * 3e-7 * 1.5 / 8 * 0.01, R / RB * 0.03])
    assert np.abs(error).min() > 1.2 * ripple and found.counted.all()
    sizes = np.sort(np.abs(error))
    assert sizes[2] > 1.2 * sizes[1]
    loud = small_loop(STAR, start=(0.05, 0.1), threshold_dither=float(sizes[1:3].mean()) * RB / R)
    assert (follow(STAR, loud, 30.0).counted[0] == (np.abs(error) >= sizes[2])).all()
    far = small_loop(STAR, start=(0.05, 0.1), threshold_start=1.3, threshold_resistance=8e5)
    beyond = np.abs(error_of(STAR, far, np.array([0.05, 0.1, 1.3]))) > 1.45
    assert beyond.any() and not follow(STAR, far, 30.0).counted[0, beyond].any()
    still = follow(STAR, small_loop(STAR, start=(0.05, 0.1), dither=0.05), 30.0)  # 2 mV are 0.04 of it
    assert np.isfinite(still.case_angles()).all() and not still.counted.any()
    assert np.isnan(still.epoch_angles()).all()


def test_nothing_moves_or_nothing_is_complete() -> None:
    loop = small_loop(STAR, epochs=2, start=(0.05, 0.1))
    time, tracks, _ = made_up(STAR, loop, 30.0)
    dither = {c.net: c.dither * np.sin(2 * np.pi * c.carrier * time) for c in loop.channels(STAR)}
    off = dataclasses.replace(loop, settings=dataclasses.replace(loop.settings, rate=0.0))
    rest = along_figures(learning_trajectory(time, dither, off, STAR), off)
    assert rest["window"]["angle_deg"] == {"controls": None, "channels": None} and "rate is 0" in rest["reason"]
    assert rest["epoch"]["counted"] == 0 and rest["epoch"]["relative_error"]["controls"] is None
    begun = time < 0.9 * loop.timeline.epoch
    none = learning_trajectory(time[begun], {net: track[begun] for net, track in tracks.items()}, loop, STAR)
    short = along_figures(none, loop)
    assert short["window"]["of"] == 0 and "no epoch is complete" in short["reason"]
    one = time < 1.5 * loop.timeline.epoch
    part = learning_trajectory(time[one], {net: track[one] for net, track in tracks.items()}, loop, STAR)
    np.testing.assert_allclose(part.moves, learning_trajectory(time, tracks, loop, STAR).moves[:1], atol=1e-9)


def test_the_figures_are_the_medians_of_what_counts() -> None:
    loop = small_loop(DISC, epochs=2)
    time, tracks, _ = made_up(DISC, loop, 30.0)
    told = along_figures(learning_trajectory(time, tracks, loop, DISC), loop)
    assert told["window"]["angle_deg"]["controls"] == pytest.approx(30, abs=0.05)
    assert told["window"]["relative_error"]["controls"] == pytest.approx(2 * np.sin(np.radians(15)), abs=1e-3)
    assert told["reason"] == "" and told["window"]["of"] == 8 and told["epoch"]["of"] == 2
    past = told["history"]
    assert np.array(past["window_angle_deg"]["channels"]).shape == np.array(past["counted"]).shape == (2, 4)
    assert told["epoch"]["angle_deg"]["controls"] == pytest.approx(
        np.median(past["epoch_angle_deg"]["controls"]), abs=0.01
    )
    assert told["epoch"]["downhill"] == sum(angle < 90 for angle in past["epoch_angle_deg"]["controls"])


def test_what_is_refused() -> None:
    loop = small_loop(STAR)
    time, tracks, _ = made_up(STAR, loop, 30.0)
    with pytest.raises(RequestError, match=r"gradient\.no-signal.*threshold"):
        learning_trajectory(time, {net: wave for net, wave in tracks.items() if net != "threshold"}, loop, STAR)
    with pytest.raises(RequestError, match=r"gradient\.no-signal.*el_e4"):
        learning_trajectory(time, {**tracks, "el_e4": tracks["el_e4"][:-1]}, loop, STAR)
    for dither in ([0.01], [0.01, 0.0], [0.01, float("nan")], 0.01):
        with pytest.raises(RequestError, match=r"gradient\.bad-value"):
            descent_angle([1.0, 0.0], [1.0, 1.0], dither)
    with pytest.raises(RequestError, match=r"gradient\.unknown-part"):
        learning_trajectory(time, tracks, loop, STAR).case_angles("inputs")
