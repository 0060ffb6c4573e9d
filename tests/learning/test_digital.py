"""The digital part of a loop: gradients against differences, and learning on the exact network."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from small_designs import small_loop, small_star

from hgesim.errors import RequestError
from hgesim.experiment.along import digital_along
from hgesim.learning import (
    DigitalUpdate,
    Measured,
    case_voltages,
    correlation_loss,
    correlation_loss_slope,
    digital_gradients,
    exact_digital_run,
    exact_measurement,
    measure_epoch,
    network_outputs,
    output_loss,
)
from hgesim.learning.digital import summed_error
from hgesim.loop import (
    Clock,
    Converter,
    Converters,
    DigitalLoop,
    DigitalSettings,
    LoopSettings,
    Optimizer,
    Scales,
    gate_task,
    plan_tones,
)
from hgesim.network import Network, dopant_disc

TARGETS = (0.0, 0.0, 0.0, 1.0)


def digital(
    network: Network, loss: str = "mse", epochs: int = 5, converters: Converters | None = None, **values: Any
) -> DigitalLoop:
    analog = small_loop(network, epochs=epochs)
    settings = LoopSettings(loss=loss, dither=5e-3)
    plan = plan_tones(len(network.controls), 1e3)
    made = (analog.task, plan, analog.timeline, settings, analog.start, 0.05)
    return DigitalLoop(*made, converters or Converters(), DigitalSettings(**values))


def test_the_correlation_loss_has_the_right_slope() -> None:
    """Central differences of the loss itself, where separations are negative, small and large."""
    rng = np.random.default_rng(3)
    for spread in (3e-9, 8e-9, 40e-9):
        for targets in (TARGETS, (0.0, 1.0, 1.0, 0.0), (1.0, 0.0, 1.0, 1.0, 0.0)):
            for shift in (0.0, 1.0, 3.0):
                y = spread * (rng.standard_normal(len(targets)) + shift * np.array(targets))
                step = 1e-5 * spread
                found = correlation_loss_slope(y, targets)
                for k in range(len(y)):
                    beside = np.array([y, y])
                    beside[:, k] += (step, -step)
                    hand = (correlation_loss(beside[0], targets) - correlation_loss(beside[1], targets)) / (2 * step)
                    assert found[k] == pytest.approx(hand, rel=1e-5, abs=1e-6 * np.abs(found).max())


def test_equal_outputs_have_no_correlation_to_descend() -> None:
    slope = correlation_loss_slope(np.full(4, 20e-9), TARGETS)
    assert np.isfinite(slope).all() and slope[3] < 0 < slope[:3].max()  # what is left is the separation


@pytest.mark.parametrize("loss", ["mse", "hinge", "correlation"])
def test_the_chain_rule_gives_the_losses_gradient(loss: str) -> None:
    """Central differences through network and loss, by every control and by the threshold."""
    network = dopant_disc(3)
    loop = digital(network, loss, control_range=1.2)
    count = len(network.controls)
    place = np.append(0.1 * np.random.default_rng(1).standard_normal(count), 0.03)

    def value(at: np.ndarray) -> float:
        return output_loss(loop, network_outputs(network, loop.task, at[:-1]), float(at[-1]))[0]

    measured = exact_measurement(loop, network, place[:-1])
    found, by_output, by_threshold = output_loss(loop, measured.outputs, float(place[-1]))
    gradient = np.append(by_output @ measured.derivatives, by_threshold)
    assert found == pytest.approx(value(place))
    beside = [place + sign * 1e-5 * unit for unit in np.eye(count + 1) for sign in (1, -1)]
    hand = np.array([value(at) for at in beside]).reshape(-1, 2) @ (1, -1) / 2e-5
    assert gradient == pytest.approx(hand, rel=1e-4, abs=1e-5 * np.abs(hand).max())


def test_a_linear_network_learns_by_least_squares() -> None:
    """Of an ohmic star the mean squared error is a parabola: descent ends at the solution of the normal equations."""
    network = small_star()
    loop = digital(network, epochs=3000, optimizer=Optimizer("gradient-descent", 0.5), control_range=1e3)
    update = exact_digital_run(loop, network)
    zero = case_voltages(network, loop.task, np.zeros(2))
    current, gradient, _ = network.output_and_gradient(zero)
    matrix = np.column_stack([gradient[:, list(network.controls)], np.full(4, 1 / loop.settings.threshold_resistance)])
    wanted = loop.task.target * np.array(loop.task.target_levels)
    residual = np.linalg.lstsq(1e9 * matrix, 1e9 * (wanted - current), rcond=None)
    least = np.sum((matrix @ residual[0] - (wanted - current)) ** 2) / 4 * loop.settings.transimpedance**2
    assert update.epochs[0].loss > 1.5 * least
    assert update.epochs[-1].loss == pytest.approx(least, rel=1e-6)
    moved = [epoch.loss for epoch in update.epochs[:-1]]
    assert (np.diff(moved) <= 1e-15).all()


def test_the_last_epoch_measures_the_best_without_moving() -> None:
    network = small_star()
    loop = digital(network, epochs=8, optimizer=Optimizer("gradient-descent", 4.0))  # too fast: it overshoots
    update = exact_digital_run(loop, network)
    losses = [epoch.loss for epoch in update.epochs]
    assert len(losses) == 8 and update.best == int(np.argmin(losses[:-1])) and losses[-1] == min(losses)
    assert [epoch.note for epoch in update.epochs] == [""] * 7 + ["final"]
    assert update.epochs[-1].controls.tolist() == update.epochs[update.best].controls.tolist()
    assert np.abs([epoch.controls for epoch in update.epochs]).max() <= loop.digital.control_range
    with pytest.raises(RequestError, match="last measurement"):
        update.take(update.epochs[0].measured)


def test_a_low_loss_ends_the_run() -> None:
    network = small_star()
    rule = Optimizer("gradient-descent", 0.5)
    full = exact_digital_run(digital(network, epochs=20, optimizer=rule), network)
    wanted = full.epochs[6].loss
    update = exact_digital_run(digital(network, epochs=20, optimizer=rule, stop_loss=wanted), network)
    assert len(update.epochs) == 8 and "stop_loss" in update.reason
    assert update.epochs[-1].loss == wanted and update.best == 6


def test_an_output_beyond_the_clip_has_all_controls_drawn_anew() -> None:
    network = small_star()
    loop = digital(network, epochs=6, clip=30e-9, optimizer=Optimizer("momentum", 1e-3))
    drawn = {1: [0.4, 0.4], 2: [0.01, -0.01]}
    loud = exact_measurement(loop, network, drawn[1])
    assert np.abs(loud.outputs).max() > loop.clip
    quiet = Measured(np.array([1e-9, 2e-9, -3e-9, 4e-9]), np.ones((4, 2)) * 1e-7)
    update = DigitalUpdate(loop, drawn.__getitem__)
    for shown in (loud, loud, quiet, quiet, quiet, quiet):
        assert update.take(shown) is update.epochs[-1]
    assert update.redraws == [1, 2] and update.best is not None and update.best >= 2
    assert update.epochs[1].controls.tolist() == drawn[1] and update.epochs[2].controls.tolist() == drawn[2]
    assert [epoch.note for epoch in update.epochs] == ["over range", "over range", "", "", "", "final"]
    assert update.epochs[1].threshold == loop.threshold_start


def test_an_output_beyond_the_converter_is_over_range() -> None:
    """The read-out is straight there, but what it shows is clipped: no gradient is in it."""
    network = small_star()
    loop = digital(network, epochs=4, converters=Converters(Converter(10, 0.5)))
    reach = 0.5 / loop.settings.transimpedance
    assert 0.97 * reach < loop.clip < reach < digital(network).clip
    for size, note in ((0.9 * reach, ""), (1.4 * reach, "over range"), (-1.4 * reach, "over range")):
        time, volts = sampled(loop, size * np.array([0.1, 1.0, 0.3, -0.2]), np.full((4, 2), 1e-9))
        update = DigitalUpdate(loop, lambda number: [0.0, 0.0])
        assert update.take(measure_epoch(time, volts, loop, network, 0)).note == note


def test_a_control_at_the_end_of_its_converter_comes_back_at_once() -> None:
    network = small_star()
    dac = Converters(dac=Converter(12, 0.3))
    loop = digital(network, epochs=9, converters=dac, optimizer=Optimizer("gradient-descent", 1.0))
    update = DigitalUpdate(loop, lambda number: [0.0, 0.0])
    for sign in (1.0, 1.0, 1.0, -1.0):
        error = summed_error(loop, np.zeros(4), float(update.position[-1]))
        slope = sign * 0.2 / (2 * loop.settings.transimpedance * error.mean())  # by which both controls move 0.2 V
        update.take(Measured(np.zeros(4), np.full((4, 2), slope)))
    places = [float(epoch.controls[1]) for epoch in update.epochs]
    assert places[2] == places[3] == pytest.approx(0.3, abs=dac.dac.step * 1.01)
    assert update.position[1] == pytest.approx(0.1, abs=dac.dac.step)


def test_the_correlation_loss_puts_the_threshold_between_the_classes() -> None:
    network = dopant_disc(3)
    loop = digital(network, "correlation", epochs=4)
    update = exact_digital_run(loop, network, lambda number: [0.0] * len(network.controls))
    for epoch in update.epochs:
        y = epoch.measured.outputs
        middle = (y[3] + y[:3].max()) / 2
        assert -epoch.threshold / loop.settings.threshold_resistance == pytest.approx(middle)


def test_once_the_hinge_is_content_there_is_no_angle() -> None:
    """Outputs all on their side have no gradient: neither a right nor a wrong one."""
    network = small_star()
    loop = digital(network, "hinge", epochs=3)
    loop = dataclasses.replace(loop, task=gate_task("AND", Scales(target=1e-12)))
    outputs = exact_measurement(loop, network, loop.start).outputs
    middle = -0.5 * (outputs[3] + outputs[:3].max()) * loop.settings.threshold_resistance
    update = exact_digital_run(dataclasses.replace(loop, threshold_start=middle), network)
    assert [epoch.loss for epoch in update.epochs] == [0.0] * 3
    assert np.isnan(digital_gradients(update, network).loss_angles).all()
    along = digital_along(update, network)
    assert (along["epoch"]["counted"], along["epoch"]["of"], along["epoch"]["angle_deg"]["controls"]) == (0, 2, None)
    assert along["history"]["epoch_angle_deg"]["channels"] == [None, None]


def sampled(loop: DigitalLoop, outputs: np.ndarray, slopes: np.ndarray, quadrature: float = 0.0) -> tuple[Any, Any]:
    """A read-out's voltage of known outputs and derivatives, one epoch long; each case with its own."""
    line = loop.timeline
    time = np.arange(0, line.epoch + 1e-9, loop.plan.step / 2)
    case = np.clip((time - line.ramp / 2) // line.case, 0, line.cases - 1).astype(int)  # changes between windows
    turns = 2 * np.pi * np.outer(time, loop.plan.carriers)
    ripple = loop.settings.dither * (slopes[case] * (np.sin(turns) + quadrature * np.cos(turns))).sum(axis=1)
    return time, -loop.settings.transimpedance * (outputs[case] + ripple)


def test_the_lock_in_reads_what_is_in_the_signal() -> None:
    network = small_star()
    outputs, slopes = (
        1e-9 * np.array([12.0, -40.0, 33.0, 5.0]),
        1e-9 * np.array([[3.0, -80], [9, 1], [-50, 20], [0.1, 70]]),
    )
    loop = digital(network)
    time, volts = sampled(loop, outputs, slopes, 0.75)
    found = measure_epoch(time, volts, loop, network, 0)
    assert found.outputs == pytest.approx(outputs, rel=1e-3)
    assert found.derivatives == pytest.approx(slopes, rel=1e-3, abs=1e-11)
    loop = digital(network, estimate="magnitude")
    found = measure_epoch(time, volts, loop, network, 0)
    assert found.derivatives == pytest.approx(1.25 * slopes, rel=1e-3, abs=1e-11)  # root of 1 + 0.75^2, with the sign


def test_a_coarse_converter_costs_what_its_step_says() -> None:
    """White rounding noise of q^2/12 at the clock's rate: a derivative's deviation is q/R root(2/(12 n))/A."""
    network = small_star()
    outputs, slopes = 1e-9 * np.array([12.0, -40.0, 33.0, 5.0]), np.full((4, 2), 60e-9)
    bits, rate = 11, 200e3
    errors = []
    for seed in range(30):
        moved = outputs + 1e-9 * seed
        loop = digital(network, converters=Converters(Converter(bits, 1.65), clock=Clock(rate)))
        time, volts = sampled(loop, moved, slopes)
        errors.append(measure_epoch(time, volts, loop, network, 0).derivatives - slopes)
    step = Converter(bits, 1.65).step
    samples = rate * loop.timeline.window
    wanted = step / loop.settings.transimpedance * math.sqrt(2 / (12 * samples)) / loop.settings.dither
    assert np.std(errors) == pytest.approx(wanted, rel=0.35)


def test_what_makes_no_loop_is_refused() -> None:
    network = small_star()
    loop = digital(network)
    for changes, said in (
        ({"timeline": dataclasses.replace(loop.timeline, epochs=1)}, "at least 2"),
        ({"start": (1.3, 0.0)}, "a larger range"),
        ({"digital": DigitalSettings(clip=1e-6)}, "straight up to 6e-07 A"),
        ({"digital": Optimizer()}, "DigitalSettings"),
    ):
        with pytest.raises(RequestError, match=said):
            dataclasses.replace(loop, **changes)
    for values, said in (
        ({"estimate": "magnitud"}, 'did you mean "magnitude"'),
        ({"clip": -1.0}, "loop.clip"),
        ({"stop_loss": math.nan}, "loop.stop_loss"),
        ({"control_range": 0.0}, "loop.control_range"),
        ({"optimizer": "adam"}, "loop.optimizer"),
    ):
        with pytest.raises(RequestError, match=said):
            DigitalSettings(**values)
    with pytest.raises(RequestError, match="3 carriers for 2 controls"):
        dataclasses.replace(loop, plan=plan_tones(3, 1e3)).channels(network)
    with pytest.raises(RequestError, match=r'no circuit computes the loss "correlation".*digital'):
        small_loop(network, loss="correlation")
