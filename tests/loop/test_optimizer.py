"""Rules of descent against formulas by hand, and against what theory says of a parabola."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.loop import Optimizer


def run(rule: Optimizer, slope: Any, start: list[float], steps: int) -> list[list[float]]:
    place, state, path = np.array(start), rule.begin(len(start)), [start]
    for _ in range(steps):
        place, state = rule.step(place, slope(place), state)
        path.append(place.tolist())
    return path


def test_gradient_descent_on_a_parabola_shrinks_by_one_minus_rate_times_curvature() -> None:
    curvature = np.array([2.0, 0.5])
    path = run(Optimizer("gradient-descent", 0.3), lambda x: curvature * x, [1.0, -2.0], 7)
    assert path[-1] == pytest.approx([(1 - 0.6) ** 7, -2 * (1 - 0.15) ** 7])


def test_momentum_obeys_its_recurrence() -> None:
    """On a parabola of curvature h: x_(n+1) = (1 + m - rate h) x_n - m x_(n-1)."""
    rate, m, h = 0.1, 0.8, 3.0
    found = [row[0] for row in run(Optimizer("momentum", rate, m), lambda x: h * x, [1.0], 12)]
    hand = [1.0, 1.0 - rate * h]
    while len(hand) < len(found):
        hand.append((1 + m - rate * h) * hand[-1] - m * hand[-2])
    assert found == pytest.approx(hand)
    heavy, plain = Optimizer("momentum", rate, 0.0), Optimizer("gradient-descent", rate)
    assert run(heavy, lambda x: h * x, [1.0], 5) == run(plain, lambda x: h * x, [1.0], 5)


def test_adam_by_hand() -> None:
    """Sums written out: the moments are weighted means of all gradients so far."""
    one, two, rate = 0.9, 0.99, 0.03
    gradients = [1.5, -0.2, 0.7, 3.0]
    given = iter(gradients)
    path = [
        row[0] for row in run(Optimizer("adam", rate, betas=(one, two)), lambda x: np.array([next(given)]), [0.2], 4)
    ]
    x = 0.2
    for n in range(1, 5):
        seen = gradients[:n]
        first = sum(one ** (n - 1 - k) * g for k, g in enumerate(seen)) / sum(one**k for k in range(n))
        second = sum(two ** (n - 1 - k) * g * g for k, g in enumerate(seen)) / sum(two**k for k in range(n))
        x -= rate * first / math.sqrt(second)
        assert path[n] == pytest.approx(x, rel=1e-9)


def test_adams_first_step_is_the_rate_whatever_the_gradient() -> None:
    for size in (1e-6, 1.0, 1e6):
        path = run(Optimizer("adam", 0.05), lambda x, s=size: np.array([s, -s]), [0.0, 0.0], 1)
        assert path[1] == pytest.approx([-0.05, 0.05], rel=1e-5)
    assert run(Optimizer("adam", 0.05), lambda x: np.zeros(1), [0.3], 3)[-1] == [0.3]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": "adm"}, 'did you mean "adam"'),
        ({"name": None}, "loop.unknown-optimizer"),
        ({"rate": 0.0}, "loop.learning_rate"),
        ({"rate": math.nan}, "loop.learning_rate"),
        ({"momentum": 1.0}, "loop.momentum"),
        ({"momentum": True}, "loop.momentum"),
        ({"betas": (0.9,)}, "give two"),
        ({"betas": (0.9, -0.1)}, "loop.betas"),
    ],
)
def test_nonsense_is_refused(values: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestError, match=code):
        Optimizer(**values)


def test_a_gradient_that_is_not_finite_is_refused() -> None:
    rule = Optimizer()
    with pytest.raises(RequestError, match=r"loop\.bad-value"):
        rule.step([0.0], [math.nan], rule.begin(1))
