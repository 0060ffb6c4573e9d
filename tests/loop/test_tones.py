"""Tone plans: the properties that the lock-in rests on, counted and computed anew."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.loop import TonePlan, check_tones, plan_tones
from hgesim.loop.tones import third_order_hits

CHANNELS = range(2, 21)


def products_on_teeth(comb: Sequence[int], order: int) -> int:
    """Count the mixing products of one order on a comb: every vector of integers with that sum of magnitudes.

    A vector and its negative are one frequency; f_i + f_j - f_j has the sum 1 and is not among those of the sum 3.
    """
    found = 0
    for vector in itertools.product(range(-order, order + 1), repeat=len(comb)):
        if sum(map(abs, vector)) == order and next(n for n in vector if n) > 0:
            found += abs(sum(n * m for n, m in zip(vector, comb, strict=True))) in comb
    return found


@pytest.mark.parametrize(
    ("comb", "second", "third"),
    [
        ((8, 16, 24, 32, 40), 16, 35),  # the comb of 2019, bad; figures counted elsewhere
        ((5, 9, 13, 19, 23), 0, 20),  # the comb of 2020
        ((1, 3, 5), 0, None),
        ((2, 3, 5, 11), None, None),
        ((7, 9, 11, 17), 0, None),
    ],
)
def test_third_order_hits_are_all_products_of_order_three(comb: tuple[int, ...], second: int, third: int) -> None:
    assert third_order_hits(comb) == products_on_teeth(comb, 3)
    if third is not None:
        assert third_order_hits(comb) == third
    if second is not None:
        assert products_on_teeth(comb, 2) == second


@pytest.mark.parametrize("channels", CHANNELS)
def test_plans_keep_their_promises(channels: int) -> None:
    plan = plan_tones(channels, 500.0)
    multiples = plan.multiples
    assert len(set(multiples)) == channels
    assert all(m % 2 == 1 for m in multiples)
    assert max(multiples) < 3 * min(multiples)
    for a, b in itertools.product(multiples, repeat=2):
        assert a + b not in multiples
        assert abs(a - b) not in multiples
    assert plan.carriers == tuple(500.0 * m for m in multiples)
    assert plan.spacing == min(abs(a - b) for a, b in itertools.combinations(plan.carriers, 2))
    assert plan.step == pytest.approx(1 / (20 * max(plan.carriers)), rel=1e-12)
    assert plan.fastest_product == 3 * max(plan.carriers)
    assert check_tones(plan.carriers).hits == plan.hits  # a user may write the plan down


@pytest.mark.parametrize("channels", CHANNELS)
def test_no_product_of_second_order_reaches_a_lock_in(channels: int) -> None:
    """The mixer switches, so its reference has odd harmonics; the squarer makes all products of second order."""
    plan = plan_tones(channels, 1.0)
    phase = 2 * np.pi * (np.arange(16384) + 0.5) / 16384
    sines = np.sin(np.outer(plan.multiples, phase))
    squared = sines.sum(axis=0) ** 2
    switched = np.tanh(sines / 0.42)  # as hard as the reference of 0.3 V at a knee of 0.126 V
    assert np.abs(switched @ squared).max() / len(phase) < 1e-12
    cross = switched @ sines.T / len(phase)  # and a carrier reaches its own lock-in only
    assert np.abs(cross - np.diag(np.diag(cross))).max() < 1e-12
    assert np.diag(cross).min() > 0.5


@pytest.mark.parametrize("channels", range(2, 9))
def test_plans_have_fewest_hits(channels: int) -> None:
    odd = range(1, 4 * channels + 2, 2)
    legal = [comb for comb in itertools.combinations(odd, channels) if comb[-1] < 3 * comb[0]]
    assert plan_tones(channels, 1.0).hits == min(map(third_order_hits, legal))


def test_large_plans_are_not_far_from_the_fewest_hits() -> None:
    random = np.random.default_rng(1)
    plan = plan_tones(14, 1.0)
    odd = [m for m in range(1, 58, 2) if 3 * m > 57]
    others = [third_order_hits(sorted(random.choice(odd, 14, replace=False).tolist())) for _ in range(100)]
    assert plan.hits <= min(others)


@pytest.mark.parametrize(
    "plan", [plan_tones(6, 1e3), plan_tones(3, 40.0), check_tones([25.0, 45.0, 65.0, 95.0, 115.0]), check_tones([7.5])]
)
def test_the_beat_holds_whole_periods_of_everything(plan: TonePlan) -> None:
    second = {abs(a + s * b) for a in plan.carriers for b in plan.carriers for s in (-1, 1)}
    for frequency in {*plan.carriers, *second, *(abs(a - b) for a in plan.carriers for b in second)}:
        assert frequency * plan.beat == pytest.approx(round(frequency * plan.beat), abs=1e-9)
    assert not all((f * plan.beat / 2).is_integer() for f in plan.carriers)  # and no shorter time does: half a beat


@pytest.mark.parametrize(
    ("carriers", "words"),
    [
        ([5e3, 5e3], ["equal"]),
        ([5e3, 7e3, 12e3], ["5 kHz", "7 kHz", "12 kHz"]),
        ([5e3, 10e3], ["5 kHz + 5 kHz = 10 kHz"]),
        ([12e3, 7e3, 5e3], ["5 kHz + 7 kHz = 12 kHz"]),  # in any order: f_k = f_i - f_j is the same
        ([5e3, 7e3, 15e3], ["3 x 5 kHz", "15 kHz", "third harmonic"]),
        ([8.0, 16.0, 24.0, 32.0, 40.0], ["8 Hz + 8 Hz = 16 Hz"]),
        ([100.001, 200.002], ["100.001 Hz"]),
    ],
)
def test_collisions_are_refused_with_the_frequencies(carriers: list[float], words: list[str]) -> None:
    with pytest.raises(RequestError) as caught:
        check_tones(carriers)
    assert (caught.value.code, caught.value.place) == ("tones.collision", "loop.carriers")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("carriers", [[], [0.0], [-5.0], [math.nan], [math.inf], [1e-5], [1000.0001, 3.0]])
def test_no_carriers(carriers: list[float]) -> None:
    with pytest.raises(RequestError) as caught:
        check_tones(carriers)
    assert caught.value.code == "tones.bad-carrier"


def test_the_users_carriers_are_kept() -> None:
    carriers = [1234.567, 1300.001, 1999.999]
    assert check_tones(carriers).carriers == pytest.approx(carriers, rel=1e-14)
    assert check_tones(carriers).base == pytest.approx(0.001)


@pytest.mark.parametrize("steps", [6.0, 5.9, 1.0, 0.0, -20.0, math.nan, math.inf])
def test_a_step_that_aliases_is_refused(steps: float) -> None:
    """The fastest product is 3 f: half its period is a sixth of the highest carrier's."""
    with pytest.raises(RequestError) as caught:
        plan_tones(3, 1e3, steps)
    assert (caught.value.code, caught.value.place) == ("tones.step-too-coarse", "engine.steps_per_cycle")
    assert "33 kHz" in str(caught.value)
    assert plan_tones(3, 1e3, 6.1).step < 1 / (2 * 33e3)


@pytest.mark.parametrize("base", [0.0, -1.0, math.nan, math.inf])
def test_no_base(base: float) -> None:
    with pytest.raises(RequestError, match=r"tones\.bad-base"):
        plan_tones(3, base)


def test_no_channel() -> None:
    with pytest.raises(RequestError, match=r"tones\.no-channel"):
        plan_tones(0, 1e3)
    assert plan_tones(1, 1e3).carriers == (1e3,)
