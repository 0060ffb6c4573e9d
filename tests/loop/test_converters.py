"""Converters against what theory says of rounding, of jitter and of clipping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.loop import Clock, Converter, Converters


def test_rounding_leaves_an_even_error_of_a_twelfth() -> None:
    """Of a signal busy over many codes: mean 0, variance q^2/12, never beyond half a step."""
    for bits in (4, 8, 12):
        adc = Converter(bits, 1.5)
        assert adc.step == pytest.approx(3.0 / 2**bits)
        volts = np.random.default_rng(bits).uniform(-1.5 + adc.step, 1.5 - adc.step, 200_000)
        error = adc(volts) - volts
        assert error.var() == pytest.approx(adc.step**2 / 12, rel=0.01)
        assert abs(error.mean()) < 4 * adc.step / math.sqrt(12 * 200_000)
        assert np.abs(error).max() <= adc.step / 2 * (1 + 1e-9)


def test_a_full_sine_has_the_textbooks_ratio_of_signal_to_noise() -> None:
    """6.02 b + 1.76 dB."""
    for bits in (6, 10):
        sine = (1.0 - Converter(bits, 1.0).step) * np.sin(2 * np.pi * 0.1234567 * np.arange(100_000))
        error = Converter(bits, 1.0)(sine) - sine
        ratio = 10 * math.log10(sine.var() / error.var())
        assert ratio == pytest.approx(6.02 * bits + 1.76, abs=0.2)


def test_codes_and_clipping() -> None:
    adc = Converter(3, 1.0)
    assert sorted({float(v) for v in adc(np.linspace(-3, 3, 2001))}) == [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75]
    assert Converter(1, 1.0)([-0.6, 0.2, 0.9]).tolist() == [-1.0, 0.0, 0.0]
    assert Converter(reach=0.5)([-2.0, 0.123456789, 2.0]).tolist() == [-0.5, 0.123456789, 0.5]
    assert Converter()([-2e9, 3.3]).tolist() == [-2e9, 3.3] and Converter().step == 0


def test_jitter_spoils_a_fast_sine() -> None:
    """SNR = -20 log10(2 pi f sigma): 20 dB less for ten times the frequency or the jitter."""
    time = np.arange(0, 1e-3, 1e-8)
    for frequency, sigma in ((20e3, 100e-9), (200e3, 100e-9), (200e3, 10e-9)):
        converters = Converters(clock=Clock(2e6, sigma), seed=5)
        at, found = converters.sample(time, np.sin(2 * np.pi * frequency * time), (1e-5, 9.9e-4), "test")
        error = found - np.sin(2 * np.pi * frequency * at)
        ratio = 10 * math.log10(0.5 / error.var())
        assert ratio == pytest.approx(-20 * math.log10(2 * np.pi * frequency * sigma), abs=0.5)


def test_jitter_longer_than_a_period_reads_what_is_there() -> None:
    """The first tick may be read late, and others before it: nothing is read beyond the wave."""
    time = np.arange(0, 1e-3, 1e-8)
    for seed in range(5):
        converters = Converters(clock=Clock(1e6, 20e-6), seed=seed)
        _, found = converters.sample(time, np.sin(2 * np.pi * 20e3 * time), (3e-4, 5e-4))
        assert np.abs(found).max() <= 1 + 1e-9


def test_without_jitter_samples_are_those_of_the_wave() -> None:
    """At 20 steps a period, as the simulator has, the spline is right to 1e-4; a straight line would not be to 1e-3."""
    time = np.arange(0, 1e-3, 1 / (20 * 13e3))
    at, found = Converters(clock=Clock(100e3)).sample(time, np.sin(2 * np.pi * 13e3 * time), (1e-4, 9e-4))
    assert at == pytest.approx(1e-4 + np.arange(81) * 1e-5)
    true = np.sin(2 * np.pi * 13e3 * at)
    assert (
        np.abs(found - true).max()
        < 1e-4
        < 1e-3
        < np.abs(np.interp(at, time, np.sin(2 * np.pi * 13e3 * time)) - true).max()
    )


def test_ideal_converters_change_nothing() -> None:
    time, volts = np.array([0.0, 1.0, 2.5, 4.0]), np.array([0.0, 2.0, -1.0, 3.0])
    at, found = Converters().sample(time, volts, (0.5, 3.25))
    assert at.tolist() == [0.5, 1.0, 2.5, 3.25] and found == pytest.approx([1.0, 2.0, -1.0, 1.0])
    assert (
        Converters(seed=7).ideal and not Converters(Converter(8, 1.0)).ideal and not Converters(clock=Clock(1e3)).ideal
    )


def test_the_same_seed_and_place_give_the_same_samples() -> None:
    time = np.linspace(0, 1, 4001)
    wave = np.sin(40 * time)

    def sampled(seed: int, *place: str | int) -> list[float]:
        return Converters(clock=Clock(200.0, 1e-3), seed=seed).sample(time, wave, (0.1, 0.9), *place)[1].tolist()

    assert sampled(3, "case", 1) == sampled(3, "case", 1)
    assert sampled(3, "case", 1) != sampled(3, "case", 2) != sampled(4, "case", 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Converter(8), "bits of no range"),
        (lambda: Converter(0, 1.0), "converters.bad-value"),
        (lambda: Converter(33, 1.0), "1 to 32"),
        (lambda: Converter(8.5, 1.0), "whole number"),  # type: ignore[arg-type]
        (lambda: Converter(8, -1.0), "above 0"),
        (lambda: Clock(0.0), "converters.rate"),
        (lambda: Clock(1e3, -1e-9), "0 or more"),
        (lambda: Clock(None, 1e-9), "give converters.rate"),
        (lambda: Converters(adc=8), "adc"),  # type: ignore[arg-type]
        (lambda: Converters(seed=-1), "converters.seed"),
        (lambda: Clock().ticks(0.0, 1.0), "no-clock"),
        (lambda: Converters(clock=Clock(10.0)).sample([0, 1], [0, 1], (0.0, 0.05)), "more than 40 Hz"),
    ],
)
def test_nonsense_is_refused(make: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        make()
