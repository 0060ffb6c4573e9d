"""Scores against brute force, and histories of made-up waveforms whose figures are known."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from small_designs import ohmic_star, small_loop, small_star

from hgesim.learning import (
    case_voltages,
    dither_curvature,
    epoch_history,
    network_outputs,
    score,
    separation,
)
from hgesim.loop import GATES, HomodyneLoop, gate_task
from hgesim.network import Network, dopant_disc

# ---- scores ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", GATES)
def test_separation_and_threshold_against_brute_force(gate: str) -> None:
    """A gate separates exactly when some threshold tells its classes apart; above it means 1."""
    targets = GATES[gate]
    random = np.random.default_rng(8)
    seen = set()
    for _ in range(300):
        outputs = random.choice([-3.0, -1.0, 0.0, 0.5, 2.0, 7.0], 4) * 1e-9
        gap = min(
            one - zero
            for (one, a), (zero, b) in itertools.product(zip(outputs, targets, strict=True), repeat=2)
            if a == 1 and b == 0
        )
        assert separation(outputs, targets) == gap
        candidates = np.concatenate([outputs - 1e-10, outputs + 1e-10])
        able = [t for t in candidates if all((y > t) == bool(bit) for y, bit in zip(outputs, targets, strict=True))]
        assert bool(able) == (gap > 0)
        for threshold in candidates:
            found = score(gate_task(gate, margin=0), outputs, [], threshold)
            assert (found.reason == "") == (threshold in able)
            assert found.swing == pytest.approx(max(outputs) - min(outputs))
            assert found.separation == gap
            if found.swing:
                assert found.name == "margin" and found.shown == found.value
                assert found.value == pytest.approx(gap / (max(outputs) - min(outputs)))
        seen.add(gap > 0)
    if gate not in ("XOR", "XNOR"):
        assert seen == {True, False}


def test_an_inverted_gate_is_no_gate() -> None:
    outputs = np.array([1.0, 1.0, 1.0, 0.0]) * 1e-9  # low for 1 AND 1
    assert separation(outputs, GATES["AND"]) == -1e-9
    assert separation(outputs, GATES["NAND"]) == 1e-9
    assert score(gate_task("NAND"), outputs, [], 0.5e-9).reason == ""
    assert score(gate_task("AND"), -outputs, [], -0.5e-9).reason == ""


@pytest.mark.parametrize(
    ("outputs", "threshold", "words"),
    [
        ([0.0, 1.0, 2.0, 10.0], 5.0, ""),
        ([0.0, 1.0, 2.0, 10.0], 1.5, "does not lie between"),
        ([0.0, 1.0, 2.0, 10.0], 10.0, "does not lie between"),
        ([0.0, 1.0, 2.0, 10.0], 2.0, "does not lie between"),
        ([0.0, 1.0, 8.0, 10.0], 9.0, "margin 20.0% is below 25.0%"),
        ([0.0, 1.0, 7.49, 10.0], 9.0, ""),
        ([0.0, 1.0, 7.51, 10.0], 9.0, "margin 24.9% is below 25.0%"),
        ([0.0, 1.0, 12.0, 10.0], 9.0, "separation -2 nA"),
        ([0.0, 1.0, 10.0, 10.0], 9.0, "separation 0 nA"),
        ([3.0, 3.0, 3.0, 3.0], 3.0, "separation 0 nA"),
        ([0.0, 1.0, np.nan, 10.0], 5.0, "margin"),
    ],
)
def test_reasons(outputs: list[float], threshold: float, words: str) -> None:
    reason = score(gate_task("AND", margin=0.25), np.array(outputs) * 1e-9, [], threshold * 1e-9).reason
    assert bool(reason) == bool(words)
    assert words in reason


def test_a_score_without_swing_is_wrong() -> None:
    assert score(gate_task("AND"), [0.0] * 4, [], 0.0).value == -1.0


# ---- the network alone -------------------------------------------------------------------------------------------


def test_case_voltages_electrode_by_electrode() -> None:
    roles = ("control", "input", "output", "ground", "input", "control")
    network = ohmic_star(1e-7, 2e-7, 3e-7, 1e-7, 1e-7, 2e-7, roles=roles)
    task = gate_task("AND")
    found = case_voltages(network, task, [0.1, -0.2])
    assert found.shape == (4, 6)
    for row, (first, second) in zip(found, task.shown_cases, strict=True):
        assert row.tolist() == pytest.approx([0.1, 0.6 * first - 0.3, 0.0, 0.0, 0.6 * second - 0.3, -0.2])
    many = case_voltages(network, task, np.arange(12.0).reshape(3, 2, 2))
    assert many.shape == (3, 2, 4, 6)
    assert many[2, 1, :, 0].tolist() == [10.0] * 4


def test_outputs_of_an_ohmic_star_are_those_of_a_divider() -> None:
    network, task = small_star(), gate_task("AND")
    g = np.array([3e-7, 1e-7, 0.5e-7, 2e-7, 1.5e-7])
    expected = [g[0] * (g[1:] @ [0.6 * a - 0.3, 0.6 * b - 0.3, 0.25, -0.1]) / g.sum() for a, b in task.shown_cases]
    assert network_outputs(network, task, [0.25, -0.1]) == pytest.approx(expected, rel=1e-9)


def direct_curvature(network: Network, loop: HomodyneLoop, controls: np.ndarray) -> float:
    """Average over one beat on a grid far finer than any harmonic of the device."""
    time = (np.arange(20000) + 0.5) / 20000 * loop.plan.beat
    carriers = np.array(loop.plan.carriers[: len(controls)])
    moved = controls + loop.settings.dither * np.sin(2 * np.pi * np.outer(time, carriers))
    still = network_outputs(network, loop.task, controls)
    return float(np.abs(network_outputs(network, loop.task, moved).mean(axis=0) - still).max() / np.ptp(still))


@pytest.mark.parametrize("dither", [2e-3, 10e-3, 30e-3])
def test_curvature_is_the_time_average(dither: float) -> None:
    network = dopant_disc(2, dopants=3, electrodes=5, inputs=(1, 3))
    loop = small_loop(network, dither=dither)
    controls = np.array([0.05, -0.1])
    found = dither_curvature(network, loop, controls)
    assert found == pytest.approx(direct_curvature(network, loop, controls), rel=1e-3)
    assert found > 0


def test_a_linear_network_has_no_curvature() -> None:
    assert dither_curvature(small_star(), small_loop(small_star(), dither=0.1), np.array([0.1, 0.2])) < 1e-9


# ---- histories ---------------------------------------------------------------------------------------------------

EPOCHS = 3


def made_up(
    loop: HomodyneLoop, network: Network, errors: np.ndarray, controls: np.ndarray, threshold: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Errors constant over each window, wild outside; controls as given in the last case of each epoch; dither."""
    line = loop.timeline
    time = np.unique(np.concatenate([np.linspace(0, line.stop, 60001), np.arange(EPOCHS * 4 + 1) * line.case]))
    epoch = np.minimum((time / line.epoch + 1e-9).astype(int), EPOCHS - 1)
    case = np.minimum(((time - epoch * line.epoch) / line.case + 1e-9).astype(int), 3)
    inside = time - epoch * line.epoch - case * line.case >= line.pause - 2e-6
    err = np.where(inside, errors[epoch, case] + 0.05 * np.sin(2 * np.pi * loop.plan.carriers[0] * time), 1.3)
    signals = {"err": err}
    for number, channel in enumerate(loop.channels(network)):
        values = (controls[:, number] if number < controls.shape[1] else threshold)[epoch]
        if number < controls.shape[1]:
            values = values + 0.2 * (case < 3)  # where they are in the last window counts
        signals[channel.net] = values + channel.dither * np.sin(2 * np.pi * channel.carrier * time)
    return time, signals


@pytest.fixture
def story() -> tuple[HomodyneLoop, Network, np.ndarray, np.ndarray, np.ndarray]:
    network = small_star()
    loop = small_loop(network, gate="OR", epochs=EPOCHS)
    random = np.random.default_rng(9)
    return (
        loop,
        network,
        random.normal(0, 0.2, (EPOCHS, 4)),
        random.normal(0, 0.3, (EPOCHS, 2)),
        np.array([0.1, 0.0, -0.3]),
    )


def test_history_of_a_made_up_run(story: tuple) -> None:
    loop, network, errors, controls, threshold = story
    time, signals = made_up(loop, network, errors, controls, threshold)
    history = epoch_history(time, signals, loop, network)
    assert history.time == pytest.approx(loop.timeline.epoch * np.arange(1, EPOCHS + 1))
    assert history.errors == pytest.approx(errors, abs=1e-3)
    assert history.controls == pytest.approx(controls, abs=1e-4)
    assert history.threshold == pytest.approx(threshold, abs=1e-4)
    assert history.loss == pytest.approx((errors**2).mean(axis=1), rel=0.02)
    alone = [float(separation(network_outputs(network, loop.task, c), loop.task.targets)) for c in history.controls]
    assert history.separation == pytest.approx(alone, rel=1e-9)
    hinge = dataclasses.replace(loop, settings=dataclasses.replace(loop.settings, loss="hinge"))
    wrong = np.where(errors * np.array(loop.task.target_levels) > 0, errors, 0.0)
    assert 0 < np.count_nonzero(wrong) < wrong.size
    assert epoch_history(time, signals, hinge, network).loss == pytest.approx((wrong**2).mean(axis=1), rel=0.02)


def test_outputs_are_worked_back_through_target_and_threshold(story: tuple) -> None:
    """Error = -R (I + V_threshold/R_threshold - I_target): with the errors of given currents, these come out."""
    loop, network, _, controls, threshold = story
    settings = loop.settings
    currents = np.random.default_rng(3).normal(0, 60e-9, (EPOCHS, 4))
    wanted = np.array([-1, 1, 1, 1]) * loop.task.target
    errors = -settings.transimpedance * (currents + threshold[:, None] / settings.threshold_resistance - wanted)
    history = epoch_history(*made_up(loop, network, errors, controls, threshold), loop, network)
    assert history.outputs == pytest.approx(currents, abs=1e-9)


@pytest.mark.parametrize(("share", "rows"), [(0.1, 0), (0.33, 0), (0.34, 1), (0.66, 1), (0.99, 2), (1.0, 3)])
def test_incomplete_epochs_do_not_count(story: tuple, share: float, rows: int) -> None:
    loop, network, errors, controls, threshold = story
    time, signals = made_up(loop, network, errors, controls, threshold)
    kept = time <= share * loop.timeline.stop * (1 + 1e-12)
    history = epoch_history(time[kept], {name: values[kept] for name, values in signals.items()}, loop, network)
    assert len(history.time) == len(history.errors) == len(history.outputs) == len(history.separation) == rows
    assert history.controls.shape == (rows, 2)
    assert history.errors.shape == (rows, 4)
    assert history.errors == pytest.approx(errors[:rows], abs=1e-3)


def test_a_history_read_piece_by_piece_is_the_history(story: tuple) -> None:
    """Epochs read one after the other, each from its own rows on, are those read at once; its head is its first."""
    loop, network, errors, controls, threshold = story
    time, signals = made_up(loop, network, errors, controls, threshold)
    whole, pieces = epoch_history(time, signals, loop, network), []
    for epoch in range(EPOCHS):
        kept = (time >= epoch * loop.timeline.epoch * (1 - 1e-12)) & (time <= (epoch + 1.5) * loop.timeline.epoch)
        some = {name: values[kept] for name, values in signals.items()}
        pieces.append(epoch_history(time[kept], some, loop, network, epoch).head(1))
    joined = pieces[0].then(pieces[1]).then(pieces[2])
    for field in dataclasses.fields(whole):
        assert getattr(joined, field.name) == pytest.approx(getattr(whole, field.name), rel=1e-9), field.name
    assert len(whole.head(2).loss) == len(whole.head(2).separation) == 2


def test_no_points_no_epochs(story: tuple) -> None:
    loop, network = story[:2]
    nothing = {c.net: np.zeros(0) for c in loop.channels(network)} | {"err": np.zeros(0)}
    assert len(epoch_history(np.zeros(0), nothing, loop, network).loss) == 0
