"""Baselines: how far other optimisers get on the same device with the same number of device evaluations.

What is counted is what a device would be asked: one evaluation is one input case measured at one setting of the
controls, whoever computes it. An optimiser stops at the first point measured that solves the problem, or when its
budget is used up; it never asks for more than its budget.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hgesim.errors import RequestError, nearest
from hgesim.learning.problem import (
    Descent,
    FloatArray,
    Meter,
    Problem,
    bad_value,
    check_array,
    check_count,
    check_real,
    check_type,
)
from hgesim.seeds import generator

__all__ = [
    "Descent",
    "Evolution",
    "Gradient",
    "Problem",
    "Spsa",
    "evolution",
    "gradient_descent",
    "random_search",
    "spsa",
]

METHODS = ("plain", "momentum", "adam")
_MOMENTUM, _SQUARES, _TINY = 0.9, 0.999, 1e-8  # as Kingma and Ba propose
_LEAST = np.finfo(float).tiny  # what counts as positive
_DRAWS = 64


@dataclass(frozen=True)
class Evolution:
    """Settings of `evolution`: 25 genomes and 5 elites are customary for dopant networks.

    Parameters
    ----------
    population, elites : int
        Genomes of a generation; how many of the best survive unchanged.
    blend : float
        Alpha of the crossover: by how much of their distance children may lie outside their parents.
    mutation : float
        Probability that a gene is drawn anew.
    """

    population: int = 25
    elites: int = 5
    blend: float = 0.5
    mutation: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what makes no generation."""
        if not check_count(self.elites, "evolution.elites") < check_count(self.population, "evolution.population"):
            raise bad_value("evolution.elites", self.elites, "fewer than the population")
        check_real(self.blend, "evolution.blend", "0 or more")
        check_real(self.mutation, "evolution.mutation", "a probability", most=1.0)


@dataclass(frozen=True)
class Spsa:
    """Settings of `spsa`: in step k = 0, 1, ... the gain is a/(A + k + 1)^alpha, the perturbation c/(k + 1)^gamma.

    Parameters
    ----------
    a : float
        Gain, in squared control unit over loss; it has to suit the loss, so there is no default.
    A, alpha, gamma : float
        Delay and decay exponents; the defaults have been used with dopant networks.
    c : float
        First perturbation of each control, in their unit (50 mV with dopant networks).
    """

    a: float
    A: float = 0.1
    c: float = 0.05
    alpha: float = 0.4
    gamma: float = 0.101

    def __post_init__(self) -> None:
        """Refuse gains that are none."""
        for name in ("a", "c"):
            check_real(getattr(self, name), f"spsa.{name}", "a positive value", least=_LEAST)
        for name in ("A", "alpha", "gamma"):
            check_real(getattr(self, name), f"spsa.{name}", "0 or more")


@dataclass(frozen=True)
class Gradient:
    """Settings of `gradient_descent`.

    Parameters
    ----------
    rate : float
        Step over gradient; with `normalised` or ``adam`` the length of a step (of each control) in the control unit.
    method : str
        ``"plain"``, ``"momentum"`` (0.9 of the last step is kept) or ``"adam"``.
    normalised : bool
        Divide every gradient by its length.
    """

    rate: float
    method: str = "plain"
    normalised: bool = False

    def __post_init__(self) -> None:
        """Refuse a rate or a method that is none."""
        check_real(self.rate, "gradient.rate", "a positive value", least=_LEAST)
        if self.method not in METHODS:
            raise RequestError(
                "baselines.unknown-method",
                f'"{self.method}"',
                place="gradient.method",
                remedy=nearest(str(self.method), METHODS),
            )


def random_search(problem: Problem, start: ArrayLike, *, seed: int, budget: int) -> Descent:
    """Measure the start, then points drawn evenly from the box.

    Parameters
    ----------
    problem : Problem
        What to minimise.
    start : array, (C,)
        First point, inside the box.
    seed : int
        Not negative; decides all draws.
    budget : int
        Greatest number of device evaluations; at least those of one point.

    Raises
    ------
    RequestError
        ``baselines.bad-value``, or ``baselines.bad-problem`` if a function of the problem gives the wrong shape or
        values that are not finite.
    """
    meter = Meter(problem, start, budget)
    random = _random(seed, "random_search")
    meter.measure(meter.start[None])
    while meter.goes_on:
        meter.measure(random.uniform(problem.low, problem.high, (_DRAWS, problem.n_controls)))
    return meter.descent()


def evolution(
    problem: Problem, start: ArrayLike, *, seed: int, budget: int, settings: Evolution | None = None
) -> Descent:
    """Evolve a population: elites survive, the others are children of two ranked parents.

    The first generation is the start and points drawn from the box. Parents are drawn by linear rank (the best most
    often, the worst never to seldom), genes by the blend crossover BLX-alpha (Eshelman and Schaffer, Foundations of
    Genetic Algorithms 2 (1993) 187), and a gene mutates by being drawn anew. Elites are not measured again.

    Parameters
    ----------
    problem, start, seed, budget
        As in `random_search`, with the same errors.
    settings : Evolution, optional
        Population and operators.
    """
    settings = check_type(settings or Evolution(), Evolution, "settings")
    meter = Meter(problem, start, budget)
    random = _random(seed, "evolution")
    size = settings.population
    ranks = np.arange(size, 0, -1)
    points = random.uniform(problem.low, problem.high, (size, problem.n_controls))
    points[0] = meter.start
    losses = meter.measure(points)
    while meter.goes_on:
        order = np.argsort(losses, kind="stable")
        points, losses = points[order], losses[order]
        parents = random.choice(size, (2, size - settings.elites), p=ranks / ranks.sum())
        children = _children(problem, random, points[parents], settings)
        points = np.concatenate([points[: settings.elites], children])
        losses = np.concatenate([losses[: settings.elites], meter.measure(children)])
    return meter.descent()


def _children(problem: Problem, random: np.random.Generator, parents: FloatArray, settings: Evolution) -> FloatArray:
    """Return one child, (n, C), of each pair of parents, (2, n, C)."""
    least, most = parents.min(axis=0), parents.max(axis=0)
    reach = settings.blend * (most - least)
    blended = random.uniform(least - reach, most + reach)
    drawn = random.uniform(problem.low, problem.high, blended.shape)
    return problem.clip(np.where(random.random(blended.shape) < settings.mutation, drawn, blended))


def spsa(problem: Problem, start: ArrayLike, *, seed: int, budget: int, settings: Spsa) -> Descent:
    """Descend by simultaneous perturbation: two measurements a step, whatever the number of controls.

    All controls are moved by +c or -c at random, and once more the other way round; the difference of the losses over
    2 c, with the signs, estimates the gradient (Spall, IEEE Transactions on Automatic Control 37 (1992) 332). Both
    points stay in the box: the pair's centre is moved inwards (Sadegh, Automatica 33 (1997) 889). Only the start and
    the pairs are measured, so only they can be found to solve the problem.

    Parameters
    ----------
    problem, start, seed, budget
        As in `random_search`, with the same errors.
    settings : Spsa
        Gains; `Spsa.c` may be half the narrowest side of the box at most.
    """
    meter = Meter(problem, start, budget)
    random = _random(seed, "spsa")
    settings = check_type(settings, Spsa, "settings")
    if 2 * settings.c > (problem.high - problem.low).min():
        raise bad_value("spsa.c", settings.c, "half the narrowest side of the box at most")
    meter.measure(meter.start[None])
    controls, step = meter.start, 0
    while meter.goes_on and meter.room >= 2:
        gain = settings.a / (settings.A + step + 1) ** settings.alpha
        c = settings.c / (step + 1) ** settings.gamma
        signs = random.choice([-1.0, 1.0], problem.n_controls)
        centre = np.clip(controls, problem.low + c, problem.high - c)
        losses = meter.measure(problem.clip(centre + c * signs * np.array([[1.0], [-1.0]])))
        if len(losses) == 2:
            controls = problem.clip(controls - gain * (losses[0] - losses[1]) / (2 * c) * signs)
        step += 1
    return meter.descent()


def gradient_descent(problem: Problem, start: ArrayLike, *, seed: int, budget: int, settings: Gradient) -> Descent:
    """Descend along the exact gradient.

    The gradient comes from the problem, but a device has none to give: every step is counted as the 1 + C losses that
    one-sided finite differences would take, the loss at the point itself first. Momentum as Polyak's heavy ball; Adam
    as in Kingma and Ba, arXiv 1412.6980.

    Parameters
    ----------
    problem, start, budget
        As in `random_search`, with the same errors.
    seed : int
        Checked but not used: nothing is drawn. It is there so that all optimisers are called alike.
    settings : Gradient
        Rate and method.
    """
    meter = Meter(problem, start, budget)
    _random(seed, "gradient_descent")
    settings = check_type(settings, Gradient, "settings")
    controls, mean, squares = meter.start, np.zeros(problem.n_controls), np.zeros(problem.n_controls)
    step = 0
    while meter.goes_on:
        losses, slopes = problem.gradient(controls[None])
        slope = check_array(slopes, (1, problem.n_controls), "gradient")[0]
        meter.record(controls[None], check_array(losses, (1,), "gradient"))
        if not (meter.goes_on and meter.room > problem.n_controls):  # no gradient without a point to follow
            break
        meter.pay(problem.n_controls)
        step += 1
        if settings.normalised and (length := np.linalg.norm(slope)) > 0:
            slope = slope / length
        if settings.method == "adam":
            mean = _MOMENTUM * mean + (1 - _MOMENTUM) * slope
            squares = _SQUARES * squares + (1 - _SQUARES) * slope**2
            move = mean / (1 - _MOMENTUM**step) / (np.sqrt(squares / (1 - _SQUARES**step)) + _TINY)
        else:
            mean = (_MOMENTUM if settings.method == "momentum" else 0.0) * mean + slope
            move = mean
        controls = problem.clip(controls - settings.rate * move)
    return meter.descent()


def _random(seed: int, name: str) -> np.random.Generator:
    try:
        return generator(seed, "baselines", name)
    except (TypeError, ValueError):
        raise bad_value("seed", seed, "a whole number, 0 or more") from None
