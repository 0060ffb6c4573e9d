"""Optimisers on problems whose answers are known, counted by somebody else, and on a real dopant network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hgesim.errors import RequestError
from hgesim.learning import network_outputs, score
from hgesim.learning.baselines import (
    Descent,
    Evolution,
    Gradient,
    Problem,
    Spsa,
    evolution,
    gradient_descent,
    random_search,
    spsa,
)
from hgesim.learning.score import case_voltages
from hgesim.loop import Scales, gate_task
from hgesim.network import DiscParameters, Network, dopant_disc
from hgesim.seeds import generator

Array = NDArray[np.float64]
CENTRE, SCALES = np.array([0.3, -0.2, 0.5]), np.array([1.0, 2.0, 4.0])


class Device:
    """A problem that keeps every point it was asked for."""

    def __init__(
        self,
        loss: Callable[[Array], Array],
        slope: Callable[[Array], Array],
        good: float = -math.inf,
        box: tuple[Array, Array] = (-np.ones(3), np.ones(3)),
        evaluations: int = 4,
    ) -> None:
        self.asked: list[Array] = []
        self.value, self.slope, self.good = loss, slope, good
        self.problem = Problem(self.loss, self.gradient, self.solved, *box, evaluations)

    def loss(self, points: Array) -> Array:
        self.asked += list(points.copy())
        return self.value(points)

    def gradient(self, points: Array) -> tuple[Array, Array]:
        return self.loss(points), self.slope(points)

    def solved(self, points: Array) -> NDArray[np.bool_]:
        return self.value(points) <= self.good


def bowl(good: float = -math.inf, centre: Array = CENTRE, **changes: Any) -> Device:
    return Device(
        lambda x: (SCALES * (x - centre) ** 2).sum(axis=-1), lambda x: 2 * SCALES * (x - centre), good, **changes
    )


def valley(good: float = -math.inf) -> Device:
    """Rosenbrock's banana, least at (1, 1)."""

    def slope(x: Array) -> Array:
        bend = x[:, 1] - x[:, 0] ** 2
        return np.stack([-2 * (1 - x[:, 0]) - 40 * x[:, 0] * bend, 20 * bend], axis=-1)

    box = (np.full(2, -2.0), np.full(2, 2.0))
    return Device(lambda x: (1 - x[:, 0]) ** 2 + 10 * (x[:, 1] - x[:, 0] ** 2) ** 2, slope, good, box)


def egg_box(good: float = -math.inf) -> Device:
    """Rastrigin's function with its least value at (0.31, 0.31), and 120 other minima in the box."""

    def loss(x: Array) -> Array:
        z = x - 0.31
        return (z**2 + 2 * (1 - np.cos(2 * np.pi * z))).sum(axis=-1)

    def slope(x: Array) -> Array:
        z = x - 0.31
        return 2 * z + 4 * np.pi * np.sin(2 * np.pi * z)

    return Device(loss, slope, good, (np.full(2, -5.0), np.full(2, 5.0)))


Run = Callable[..., Descent]


def with_settings(optimiser: Run, settings: Any) -> Run:
    return lambda problem, start, **rest: optimiser(problem, start, settings=settings, **rest)


OPTIMISERS: dict[str, Run] = {
    "random": random_search,
    "evolution": evolution,
    "spsa": with_settings(spsa, Spsa(a=0.05)),
    "plain": with_settings(gradient_descent, Gradient(0.1)),
    "momentum": with_settings(gradient_descent, Gradient(0.02, "momentum")),
    "adam": with_settings(gradient_descent, Gradient(0.05, "adam")),
    "normalised": with_settings(gradient_descent, Gradient(0.05, normalised=True)),
}
every = pytest.mark.parametrize("name", OPTIMISERS)
DRAWING = ("random", "evolution", "spsa")


@every
def test_a_bowl_is_solved_and_the_solution_is_the_last_point_measured(name: str) -> None:
    good = 0.15 if name == "random" else 0.01
    device = bowl(good)
    run = OPTIMISERS[name](device.problem, np.full(3, -0.9), seed=3, budget=8000)
    assert run.solved and device.value(run.controls) <= good
    assert run.losses[-1] == device.value(run.controls) and np.all(run.losses[:-1] > good)
    assert run.evaluations_to_solve == run.evaluations == run.spent[-1] <= 8000
    assert np.all(np.diff(run.spent) >= 4)


@every
@pytest.mark.parametrize("budget", [4, 7, 8, 15, 16, 100, 403, 1000])
def test_the_budget_is_kept_and_used(name: str, budget: int) -> None:
    device = bowl()
    run = OPTIMISERS[name](device.problem, np.zeros(3), seed=1, budget=budget)
    points = budget // 4
    assert not run.solved and run.evaluations_to_solve is None
    if name in ("random", "evolution"):
        assert len(device.asked) == points and run.evaluations == 4 * points
    elif name == "spsa":
        assert len(device.asked) == 1 + 2 * ((points - 1) // 2) and run.evaluations == 4 * len(device.asked)
    else:  # a point and three finite differences at each but the last
        steps = (points - 1) // 4
        assert len(device.asked) == 1 + steps and run.evaluations == 4 * (1 + 4 * steps) <= budget
    assert len(run.losses) == len(run.spent) == len(device.asked)
    np.testing.assert_array_equal(run.losses, device.value(np.array(device.asked)))
    assert run.losses.min() == device.value(run.controls)


@every
def test_the_seed_decides_everything(name: str) -> None:
    once, again, other = (
        OPTIMISERS[name](bowl().problem, np.full(3, 0.1), seed=seed, budget=600) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(once.losses, again.losses)
    np.testing.assert_array_equal(once.controls, again.controls)
    assert np.array_equal(once.losses, other.losses) == (name not in DRAWING)


@every
@pytest.mark.parametrize("start", [(-1.0, 1.0, -1.0), (0.0, 0.0, 0.0)])
def test_no_point_lies_outside_the_box(name: str, start: tuple[float, ...]) -> None:
    device = bowl(centre=np.array([3.0, -3.0, 0.2]))
    run = OPTIMISERS[name](device.problem, start, seed=2, budget=4000)
    asked = np.array(device.asked)
    assert np.abs(asked).max() <= 1
    np.testing.assert_array_equal(asked[0], start)
    if name in ("plain", "momentum", "adam"):
        np.testing.assert_allclose(run.controls, [1, -1, 0.2], atol=0.02)
    if name == "spsa":
        assert run.controls[0] > 0.8 and run.controls[1] < -0.8


@pytest.mark.parametrize("name", ["random", "evolution", "spsa"])
def test_measuring_ends_with_the_first_point_that_solves(name: str) -> None:
    free = OPTIMISERS[name](bowl().problem, np.full(3, -0.9), seed=4, budget=4000)
    good = float(np.sort(free.losses)[5])
    first = int(np.argmax(free.losses <= good))
    run = OPTIMISERS[name](bowl(good).problem, np.full(3, -0.9), seed=4, budget=4000)
    assert run.evaluations_to_solve == 4 * (first + 1)
    np.testing.assert_array_equal(run.losses, free.losses[: first + 1])


@every
def test_a_solved_start_costs_one_point(name: str) -> None:
    run = OPTIMISERS[name](bowl(math.inf).problem, np.full(3, 0.2), seed=4, budget=4000)
    assert run.evaluations_to_solve == 4
    np.testing.assert_array_equal(run.controls, np.full(3, 0.2))


@pytest.mark.parametrize("settings", [Gradient(0.05, "adam"), Gradient(0.002, "momentum")], ids=lambda s: s.method)
def test_descent_follows_the_valley(settings: Gradient) -> None:
    run = gradient_descent(valley(1e-3).problem, (-1.5, 1.5), seed=0, budget=20_000, settings=settings)
    assert run.solved
    np.testing.assert_allclose(run.controls, [1, 1], atol=0.08)


def test_evolution_comes_near_the_end_of_the_valley() -> None:
    runs = [evolution(valley().problem, (-1.5, 1.5), seed=seed, budget=20_000) for seed in range(5)]
    assert np.median([run.losses.min() for run in runs]) < 0.02
    for run in runs:
        np.testing.assert_allclose(run.controls, [1, 1], atol=0.3)


def test_among_many_minima_evolution_finds_the_least_and_descent_the_nearest() -> None:
    start, budget = (-3.6, 4.4), 4 * 1500
    evolved = [evolution(egg_box().problem, start, seed=seed, budget=budget).losses.min() for seed in range(5)]
    drawn = [random_search(egg_box().problem, start, seed=seed, budget=budget).losses.min() for seed in range(5)]
    assert np.median(evolved) < 0.1 * np.median(drawn)
    device = egg_box()
    stuck = gradient_descent(device.problem, start, seed=0, budget=budget, settings=Gradient(0.01))
    assert stuck.losses[-1] > 10
    np.testing.assert_allclose(device.slope(stuck.controls), 0, atol=1e-6)
    assert np.abs(stuck.controls - start).max() < 0.5


def test_plain_descent_follows_the_closed_form() -> None:
    device, start, rate = bowl(), np.array([-0.8, 0.7, 0.1]), 0.06
    gradient_descent(device.problem, start, seed=0, budget=4 * 4 * 20, settings=Gradient(rate))
    steps = np.arange(len(device.asked))[:, None]
    np.testing.assert_allclose(device.asked, CENTRE + (1 - 2 * rate * SCALES) ** steps * (start - CENTRE), atol=1e-12)


def test_steps_of_the_other_methods() -> None:
    start = np.array([-0.8, 0.7, 0.1])
    walks = {}
    for name, settings in {
        "momentum": Gradient(0.01, "momentum"),
        "adam": Gradient(0.01, "adam"),
        "normalised": Gradient(0.01, normalised=True),
    }.items():
        device = bowl()
        gradient_descent(device.problem, start, seed=0, budget=400, settings=settings)
        walks[name] = np.diff(device.asked, axis=0)
    np.testing.assert_allclose(np.linalg.norm(walks["normalised"], axis=1), 0.01, rtol=1e-12)
    np.testing.assert_allclose(walks["adam"][0], -0.01 * np.sign(start - CENTRE), rtol=1e-6)
    slopes = 2 * SCALES * (start + np.cumsum(walks["momentum"], axis=0) - CENTRE)
    np.testing.assert_allclose(walks["momentum"][1:], 0.9 * walks["momentum"][:-1] - 0.01 * slopes[:-1], atol=1e-12)


def test_a_flat_problem_goes_nowhere() -> None:
    for settings in (Gradient(0.1, normalised=True), Gradient(0.1, "adam"), Gradient(0.1)):
        device = Device(lambda x: np.ones(len(x)), np.zeros_like)
        run = gradient_descent(device.problem, np.zeros(3), seed=0, budget=100, settings=settings)
        np.testing.assert_array_equal(run.controls, np.zeros(3))


def test_spsa_obeys_its_recurrence() -> None:
    device, settings = bowl(), Spsa(a=0.02, A=2.0, c=0.04, alpha=0.6, gamma=0.1)
    run = spsa(device.problem, (0.1, 0.2, 0.0), seed=9, budget=4 * 101, settings=settings)
    plus, minus = np.array(device.asked[1::2]), np.array(device.asked[2::2])
    k = np.arange(50)[:, None]
    c = 0.04 / (k + 1) ** 0.1
    np.testing.assert_allclose(np.abs(plus - minus), 2 * c * np.ones(3), rtol=1e-9)
    assert len(np.unique(np.sign(plus - minus), axis=0)) == 8  # all directions occur
    centres = (plus + minus) / 2
    slope = ((run.losses[1::2] - run.losses[2::2])[:, None]) / (plus - minus)
    np.testing.assert_allclose(centres[0], [0.1, 0.2, 0.0], atol=1e-12)
    np.testing.assert_allclose(centres[1:], (centres - 0.02 / (2 + k + 1) ** 0.6 * slope)[:-1], atol=1e-12)


def test_spsa_estimates_the_gradient_without_bias() -> None:
    """The mean over many directions is the gradient (exactly so for a quadratic)."""
    true = 2 * SCALES * (0 - CENTRE)
    found = []
    for seed in range(2000):
        device = bowl()
        run = spsa(device.problem, np.zeros(3), seed=seed, budget=12, settings=Spsa(a=1e-3))
        plus, minus = device.asked[1:]
        found.append((run.losses[1] - run.losses[2]) / (plus - minus))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert np.all(np.abs(np.mean(found, axis=0) - true) < 4 * error)
    assert np.all(error < 0.2)


@pytest.mark.parametrize(("blend", "mutation"), [(0.0, 0.0), (0.5, 0.0), (0.0, 1.0)])
def test_children_are_blends_of_their_parents(blend: float, mutation: float) -> None:
    device = bowl(box=(np.full(3, -10.0), np.full(3, 10.0)))
    settings = Evolution(population=12, elites=3, blend=blend, mutation=mutation)
    evolution(device.problem, np.zeros(3), seed=1, budget=4 * (12 + 9 * 40), settings=settings)
    asked = np.array(device.asked)
    first, later = asked[:12], asked[12:]
    inside = np.all((later >= first.min(axis=0)) & (later <= first.max(axis=0)))
    spread = later[-9:].std(axis=0).max()
    if mutation:
        assert spread > 3  # drawn evenly from a box of 20: 5.8
    elif blend:
        assert spread < 2
    else:
        assert inside and spread < 1e-3
    # the next generation comes from ranked parents: nearer to the centre than the first
    if not mutation:
        assert np.median(device.value(later[:9])) < np.median(device.value(first))


PROBLEM = bowl().problem


@pytest.mark.parametrize(
    ("call", "place"),
    [
        (lambda: random_search(PROBLEM, np.zeros(3), seed=0, budget=3), "budget"),
        (lambda: random_search(PROBLEM, np.zeros(3), seed=0, budget=0), "budget"),
        (lambda: random_search(PROBLEM, np.zeros(3), seed=0, budget=100.0), "budget"),  # type: ignore[arg-type]
        (lambda: evolution(PROBLEM, np.zeros(3), seed=-1, budget=100), "seed"),
        (lambda: spsa(PROBLEM, np.zeros(3), seed=0.5, budget=100, settings=Spsa(1.0)), "seed"),  # type: ignore[arg-type]
        (lambda: gradient_descent(PROBLEM, np.zeros(3), seed=-2, budget=100, settings=Gradient(1.0)), "seed"),
        (lambda: random_search(PROBLEM, np.zeros(2), seed=0, budget=100), "start"),
        (lambda: random_search(PROBLEM, np.full(3, 1.1), seed=0, budget=100), "start"),
        (lambda: random_search(PROBLEM, [0, math.nan, 0], seed=0, budget=100), "start"),
        (lambda: random_search(PROBLEM, "abc", seed=0, budget=100), "start"),
        (lambda: random_search(None, np.zeros(3), seed=0, budget=100), "problem"),  # type: ignore[arg-type]
        (lambda: evolution(PROBLEM, np.zeros(3), seed=0, budget=100, settings=Spsa(1.0)), "settings"),  # type: ignore[arg-type]
        (lambda: spsa(PROBLEM, np.zeros(3), seed=0, budget=100, settings=None), "settings"),  # type: ignore[arg-type]
        (lambda: gradient_descent(PROBLEM, np.zeros(3), seed=0, budget=9, settings=0.1), "settings"),  # type: ignore[arg-type]
        (lambda: spsa(PROBLEM, np.zeros(3), seed=0, budget=100, settings=Spsa(1.0, c=1.01)), "spsa.c"),
        (lambda: Spsa(0.0), "spsa.a"),
        (lambda: Spsa(math.nan), "spsa.a"),
        (lambda: Spsa("1"), "spsa.a"),  # type: ignore[arg-type]
        (lambda: Spsa(1.0, alpha=-0.1), "spsa.alpha"),
        (lambda: Spsa(1.0, A=math.inf), "spsa.A"),
        (lambda: Gradient(-1.0), "gradient.rate"),
        (lambda: Gradient(10**400), "gradient.rate"),
        (lambda: Evolution(population=5), "evolution.elites"),
        (lambda: Evolution(elites=0), "evolution.elites"),
        (lambda: Evolution(population=10.5), "evolution.population"),  # type: ignore[arg-type]
        (lambda: Evolution(blend=-1.0), "evolution.blend"),
        (lambda: Evolution(mutation=1.5), "evolution.mutation"),
        (lambda: bowl(evaluations=0), "problem.evaluations"),
        (lambda: bowl(box=([0, math.inf], [1, 2])), "problem.low"),
    ],
)
def test_senseless_arguments_are_refused(call: Callable[[], object], place: str) -> None:
    with pytest.raises(RequestError) as caught:
        call()
    assert (caught.value.code, caught.value.place) == ("baselines.bad-value", place)
    assert caught.value.remedy


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(RequestError, match=r'baselines\.unknown-method\] gradient\.method: "adm"; did you mean "adam"'):
        Gradient(0.1, "adm")


def test_senseless_problems_are_refused() -> None:
    def solved(points: Array) -> NDArray[np.bool_]:
        return np.zeros(len(points), bool)

    def gradient(points: Array) -> tuple[Array, Array]:
        return np.zeros(len(points)), np.zeros((1, 2))

    def loss(points: Array) -> Array:
        return np.zeros(len(points))

    low, high = np.zeros(3), np.ones(3)
    cases: list[tuple[tuple[Any, ...], str]] = [
        ((None, gradient, solved, low, high), "problem"),
        ((loss, gradient, solved, low, low), "problem.low, problem.high"),
        ((loss, gradient, solved, low, high[:2]), "problem.low, problem.high"),
        ((lambda x: x, gradient, solved, low, high), "problem.loss"),
        ((lambda x: np.full(len(x), math.nan), gradient, solved, low, high), "problem.loss"),
        ((loss, gradient, solved, low, high), "problem.gradient"),
        ((loss, gradient, loss, low, high), "problem.solved"),
    ]
    for values, place in cases:
        with pytest.raises(RequestError) as caught:
            problem = Problem(*values)
            settings = Gradient(0.1)
            if place == "problem.gradient":
                gradient_descent(problem, low, seed=0, budget=10, settings=settings)
            random_search(problem, low, seed=0, budget=10)
        assert (caught.value.code, caught.value.place) == ("baselines.bad-problem", place)


def test_the_box_of_a_problem_is_its_own() -> None:
    low = -np.ones(3)
    problem = bowl(box=(low, np.ones(3))).problem
    low[:] = 5
    assert problem.low.max() == -1 and problem.n_controls == 3
    with pytest.raises(ValueError, match="read-only"):
        problem.low[0] = 0


# ---- a dopant network --------------------------------------------------------------------------------------------

TARGET, OHMS = 50e-9, 2.5e6


def and_problem(network: Network) -> Problem:
    """Mean square of the loop's error (V^2, at 2 MOhm) over the cases of AND; the last control is the threshold."""
    task = gate_task("AND", Scales(target=TARGET))
    signs = np.array(task.target_levels)

    def errors(points: Array) -> Array:
        return 2e6 * (network_outputs(network, task, points[:, :-1]) + points[:, -1:] / OHMS - TARGET * signs)

    def loss(points: Array) -> Array:
        return np.asarray((errors(points) ** 2).mean(axis=1))

    def gradient(points: Array) -> tuple[Array, Array]:
        current, slope, _ = network.output_and_gradient(case_voltages(network, task, points[:, :-1]))
        e = 2e6 * (current + points[:, -1:] / OHMS - TARGET * signs)
        by_control = np.concatenate([slope[..., list(network.controls)], np.full((*e.shape, 1), 1 / OHMS)], axis=-1)
        return (e**2).mean(axis=1), (2 * e[..., None] * 2e6 * by_control).mean(axis=1)

    def solved(points: Array) -> NDArray[np.bool_]:
        outputs = network_outputs(network, task, points[:, :-1])
        return np.array(
            [not score(task, y, [], -t / OHMS).reason for y, t in zip(outputs, points[:, -1], strict=True)], dtype=bool
        )

    box = np.array([*np.full(len(network.controls), 0.6), 1.2])
    return Problem(loss, gradient, solved, -box, box, len(task.cases))


@pytest.fixture(scope="module")
def device() -> tuple[Problem, Array]:
    network = dopant_disc(6, DiscParameters(current=100e-9))
    start = generator(41, "loop", "start").uniform(-0.6, 0.6, len(network.controls))
    return and_problem(network), np.append(start, 0.0)


def test_the_networks_gradient_is_that_of_its_loss(device: tuple[Problem, Array]) -> None:
    problem, start = device
    step = 1e-5 * np.eye(len(start))
    finite = (problem.loss(0.9 * start + step) - problem.loss(0.9 * start - step)) / 2e-5
    value, slope = problem.gradient(0.9 * start[None])
    np.testing.assert_allclose(slope[0], finite, rtol=1e-4, atol=1e-4 * np.abs(finite).max())
    np.testing.assert_allclose(value, problem.loss(0.9 * start[None]))


NETWORK_OPTIMISERS: dict[str, Run] = {
    "random": random_search,
    "evolution": evolution,
    "spsa": with_settings(spsa, Spsa(a=0.05)),
    "adam": with_settings(gradient_descent, Gradient(0.03, "adam")),
    "normalised": with_settings(gradient_descent, Gradient(0.05, normalised=True)),
}


@pytest.mark.parametrize("name", NETWORK_OPTIMISERS)
def test_a_dopant_network_is_taught_and(device: tuple[Problem, Array], name: str) -> None:
    problem, start = device
    assert not problem.solved(start[None])[0]
    run = NETWORK_OPTIMISERS[name](problem, start, seed=1, budget=4000)
    assert run.evaluations <= 4000
    assert run.losses.min() < 0.5 * run.losses[0]
    assert run.solved and problem.solved(run.controls[None])[0]
