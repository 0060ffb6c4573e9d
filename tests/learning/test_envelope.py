"""Leaps over the periods of known maps: they end where every period in turn leads, and say how sure they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from hgesim.errors import HgeError, RequestError
from hgesim.learning import Envelope, Leaps, follow_envelope

PERIODS = 400
Map = Callable[[np.ndarray], np.ndarray]


def truth(step: Map, start: list[float], periods: int = PERIODS) -> np.ndarray:
    path = [np.array(start)]
    for _ in range(periods - 1):
        path.append(step(path[-1]))
    return np.array(path)


class Counted:
    """What a burst measures, and how often it was asked."""

    def __init__(self, step: Map, off: float = 0.0) -> None:
        self.step, self.off, self.asked = step, off, list[int]()

    def __call__(self, state: np.ndarray, period: int) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append(period)
        begin = state + self.off * (-1.0) ** len(self.asked)
        return begin, self.step(begin)


def follow(step: Map, model: Map, start: list[float], tolerance: float, off: float = 0.0) -> tuple[Envelope, Counted]:
    measure = Counted(step, off)
    return follow_envelope(start, PERIODS, model, measure, Leaps(tolerance)), measure


STIFF = np.array([[-0.5, 0.4, 0.0], [-0.02, -0.03, 0.01], [0.0, -0.01, -0.005]])  # time constants 2 to 150 periods
DRIVE = np.array([0.1, -0.02, 0.004])


def stiff(state: np.ndarray, wrong: float = 0.0) -> np.ndarray:
    """One period of a linear equation, solved exactly; `wrong` by such a share, in all coefficients differently."""
    shares = 1 + wrong * np.array([[1.0, -0.7, 0.3], [-0.5, 0.8, 1.0], [0.2, -1.0, -0.6]])
    block = np.zeros((4, 4))
    block[:3, :3], block[:3, 3] = STIFF * shares, DRIVE * (1 - wrong)
    return np.asarray((np.column_stack([state, np.ones(len(np.atleast_2d(state)))]) @ expm(block).T)[:, :3])


@pytest.mark.parametrize("off", [0.0, 2e-3])
def test_a_stiff_linear_equation_with_a_wrong_model(off: float) -> None:
    """Coefficients wrong by a third: the fast part settles on another line, the slow ones have other speeds."""

    def step(state: np.ndarray) -> np.ndarray:
        return stiff(state[None])[0]

    path = truth(step, [1.0, 0.5, -0.8])
    found, measure = follow(step, lambda states: stiff(states, 0.35), [1.0, 0.5, -0.8], 4e-3, off)
    assert not found.failure and found.path.shape == (PERIODS, 3)
    error = np.abs(found.path[-1] - path[-1]).max()
    assert error < found.error < 0.05 and np.abs(found.path - path).max() < 0.05
    assert len(measure.asked) < PERIODS / 8
    assert [leap.begin + leap.periods for leap in found.leaps] == measure.asked[1:]
    alone = truth(lambda state: stiff(state[None], 0.35)[0], [1.0, 0.5, -0.8])
    assert np.abs(alone[-1] - path[-1]).max() > 10 * error  # the model by itself


def limited(state: np.ndarray, gain: float = 8.0, bend: float = 0.3, speed: float = 0.02) -> np.ndarray:
    """Steps of limited length towards a bent valley, and along it: what a loop with a limiting amplifier does."""
    x, y = state[..., 0], state[..., 1]
    down = np.stack([gain * (x - bend * np.sin(3 * y)), 0.5 * (y - 1.2)], axis=-1)
    return state - speed * down / np.sqrt(1 + (down**2).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("tolerance", [0.01, 0.005])
def test_steps_of_limited_length_along_a_valley(tolerance: float) -> None:
    path = truth(limited, [0.8, -1.5])
    found, measure = follow(limited, lambda states: limited(states, 6.0, 0.36, 0.017), [0.8, -1.5], tolerance)
    assert not found.failure
    assert np.abs(found.path[-1] - path[-1]).max() < found.error < 20 * tolerance
    assert np.abs(found.path - path).max() < 10 * tolerance
    assert len(measure.asked) < PERIODS / 5
    kept = [leap.error for leap in found.leaps if leap.kept]
    assert max(kept) <= tolerance < max([leap.error for leap in found.leaps if not leap.kept], default=np.inf)
    assert found.error >= 2 * np.sqrt(np.square(kept).sum()) * (1 - 1e-12)


def test_against_a_solver_of_differential_equations() -> None:
    """A period as the flow of van der Pol's equation over a short time; the model has another damping."""

    def flow(states: np.ndarray, damping: float) -> np.ndarray:
        return np.array([_flow(state, damping, 0.02) for state in np.atleast_2d(states)])

    def _flow(state: np.ndarray, damping: float, span: float) -> np.ndarray:
        found = solve_ivp(
            lambda _, y: [y[1], damping * (1 - y[0] ** 2) * y[1] - y[0]], (0, span), state, rtol=1e-9, atol=1e-11
        )
        return np.asarray(found.y[:, -1])

    end = _flow(np.array([0.5, 0.0]), 1.0, 0.02 * 149)
    found = follow_envelope(
        [0.5, 0.0], 150, lambda s: flow(s, 0.8), lambda s, _: (s, flow(s, 1.0)[0]), Leaps(0.01, longest=30)
    )
    assert not found.failure and np.abs(found.path[-1] - end).max() < found.error < 0.3
    assert len(found.leaps) < 150 / 5


def test_a_model_without_fault_leaps_as_far_as_it_may() -> None:
    found, measure = follow(limited, limited, [0.8, -1.5], 1e-3)
    assert found.error < 1e-12 and np.allclose(found.path, truth(limited, [0.8, -1.5]), atol=1e-12)
    assert max(leap.periods for leap in found.leaps) <= Leaps(1e-3).longest
    assert len(measure.asked) < 12


def test_states_stay_within_their_limit() -> None:
    def away(state: np.ndarray) -> np.ndarray:
        return np.clip(1.05 * state + 0.01, -1.0, 1.0)

    found = follow_envelope([0.0], 200, lambda s: 1.02 * s, lambda s, _: (s, away(s)), Leaps(0.05, limit=1.0))
    assert not found.failure and found.path.max() == 1.0 == found.path[-1, 0]


def test_it_gives_up_where_a_period_tells_nothing_of_the_next() -> None:
    random = np.random.default_rng(0)

    def kicked(state: np.ndarray, _: int) -> tuple[np.ndarray, np.ndarray]:
        return state, state + random.normal(0, 1.0, 2)

    found = follow_envelope([0.0, 0.0], PERIODS, lambda s: s, kicked, Leaps(1e-3))
    assert "over one period is off by" in found.failure and len(found.path) < 10
    assert not found.leaps[-1].kept and found.leaps[-1].periods == 1


def test_it_gives_up_where_leaps_gain_nothing() -> None:
    """Moves of half the tolerance, drawn anew in each period: leaps of one or two are kept, longer ones seldom."""
    moves = 0.5e-3 * np.random.default_rng(0).normal(size=PERIODS)
    found = follow_envelope([0.0], PERIODS, lambda s: s, lambda s, period: (s, s + moves[period]), Leaps(1e-3))
    gained = sum(leap.periods + 1 for leap in found.leaps[-10:] if leap.kept)
    assert found.failure == f"the last 10 bursts stood for {gained} periods only" and gained < 15
    assert len(found.path) < PERIODS / 2


def test_errors_of_model_and_burst_end_it() -> None:
    def broken(states: np.ndarray) -> np.ndarray:
        if states.max() > 0.5:
            raise HgeError("network.no-convergence", "site 3")
        return states

    found = follow_envelope([0.0], 100, broken, lambda s, _: (s, s + 0.02), Leaps(0.01))
    assert found.failure == "site 3" and 1 < len(found.path) <= 26

    def first(state: np.ndarray, period: int) -> tuple[np.ndarray, np.ndarray]:
        raise HgeError("engine.no", "nothing runs")

    with pytest.raises(HgeError, match="nothing runs"):
        follow_envelope([0.0], 100, broken, first, Leaps(0.01))


@pytest.mark.parametrize("factor", [1.03, 0.97])
def test_the_error_goes_on_growing_where_leaps_ended(factor: float) -> None:
    """Bursts fail half way: whoever follows the truth from there ends as far off as is said, where paths part."""

    def measure(state: np.ndarray, period: int) -> tuple[np.ndarray, np.ndarray]:
        if period > 60:
            raise HgeError("engine.no", "it stopped")
        return state, factor * state + 0.01

    found = follow_envelope([0.3], 120, lambda s: 0.995 * s, measure, Leaps(0.05))
    left = 120 - len(found.path)
    assert found.failure == "it stopped" and left > 50
    leapt = 2 * np.sqrt(np.square([leap.error for leap in found.leaps if leap.kept]).sum())
    assert 0.9 * leapt * max(factor**left, 1.0) < found.error < 1.1 * leapt * max(factor**119, 1.0)
    end, exact = found.path[-1, 0], 0.3
    for _ in range(left):
        end = factor * end + 0.01
    for _ in range(119):
        exact = factor * exact + 0.01
    assert abs(end - exact) < found.error


@pytest.mark.parametrize("periods", [2, 3, 4, 5, 9])
def test_few_periods(periods: int) -> None:
    measure = Counted(limited)
    found = follow_envelope([0.8, -1.5], periods, lambda s: limited(s, 6.0), measure, Leaps(0.05))
    assert found.path.shape == (periods, 2) and measure.asked == sorted(set(measure.asked))
    assert max(measure.asked) <= periods - 2


@pytest.mark.parametrize(
    "wrong", [{"tolerance": 0.0}, {"first": 0}, {"longest": 1.5}, {"limit": -1.0}, {"tolerance": float("nan")}]
)
def test_what_is_no_leap_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(RequestError, match=r"envelope\.bad-value"):
        Leaps(**{"tolerance": 1e-3, **wrong})  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"envelope\.bad-value.*periods"):
        follow_envelope([0.0], 1, lambda s: s, lambda s, _: (s, s), Leaps(1e-3))
