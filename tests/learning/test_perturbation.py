"""Estimators of a gradient against their formulas; what each formula is about can be switched off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.learning import (
    Perturbation,
    code_interference,
    differences_in_turn,
    random_codes,
    second_and_third_derivatives,
    simultaneous_signs,
    sines_in_turn,
    sines_together,
    walsh_codes,
)
from hgesim.loop import plan_tones
from hgesim.network import dopant_disc

BANDWIDTH = 1e4
DENSITY = 3e-9
SIZES = np.array([0.1, 0.2, 0.05, 0.1, 0.3])
SLOPES = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
WAYS: dict[str, Callable[..., Perturbation]] = {
    "sines": sines_together,
    "sines in turn": sines_in_turn,
    "differences": differences_in_turn,
    "walsh": walsh_codes,
    "signs": lambda sizes, band: simultaneous_signs(sizes, band, 64, 5),
    "codes": lambda sizes, band: random_codes(sizes, band, 256, 5),
}
ORTHOGONAL = ("sines", "sines in turn", "differences", "walsh")
every_way = pytest.mark.parametrize("way", WAYS)


def white(random: np.random.Generator, way: Perturbation, shape: tuple[int, ...], density: float) -> np.ndarray:
    """Return the means over one sample each of white noise: the integral's variance is S t/2."""
    return random.normal(0.0, np.sqrt(density / 2 / way.step), shape)


def one_pole(corner: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda f: 1 / (1 + 1j * f / corner)


@pytest.mark.parametrize("count", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("name", ORTHOGONAL)
def test_a_straight_function_has_its_slopes(name: str, count: int) -> None:
    random = np.random.default_rng(count)
    sizes, slopes = random.uniform(0.1, 1.0, count), random.normal(size=count)
    way = WAYS[name](sizes, BANDWIDTH)
    outputs = 7.0 + way.moves @ slopes
    assert way.estimate(outputs) == pytest.approx(slopes, abs=1e-11)
    assert way.estimate(np.tile(outputs, (2, 3))) == pytest.approx(np.tile(slopes, (2, 1)), abs=1e-11)
    assert way.response_matrix() == pytest.approx(np.eye(count), abs=1e-11)


def test_what_a_block_lasts() -> None:
    """In units of 1/B: a beat of the plan; a round; a power of two of half slots."""
    assert sines_together(SIZES, BANDWIDTH).duration * BANDWIDTH == pytest.approx(max(plan_tones(5, 1.0).multiples))
    assert sines_in_turn(SIZES, BANDWIDTH).duration * BANDWIDTH == pytest.approx(5)
    assert differences_in_turn(SIZES, BANDWIDTH).duration * BANDWIDTH == pytest.approx(5)
    assert [walsh_codes(np.ones(n), 1.0).duration for n in (1, 2, 3, 4, 5, 8, 9)] == [1, 2, 4, 4, 8, 8, 16]
    assert simultaneous_signs(SIZES, BANDWIDTH, 7, 0).duration * BANDWIDTH == pytest.approx(7)
    assert random_codes(SIZES, BANDWIDTH, 8, 0).duration * BANDWIDTH == pytest.approx(4)


@every_way
def test_energies(way: str) -> None:
    block = WAYS[way](SIZES, BANDWIDTH)
    shape = 0.5 if way.startswith("sines") else 1.0
    share = 1 / 5 if way in ("sines in turn", "differences") else 1.0
    assert block.energy == pytest.approx(shape * share * SIZES**2 * block.duration, rel=1e-12)


@every_way
def test_variance_of_white_noise(way: str) -> None:
    """S/(A^2 T) for sines, half of it for codes, C times as much in turn; 4000 runs know a variance to 2.2 %."""
    block, blocks, runs = WAYS[way](SIZES, BANDWIDTH), 2, 4000
    random = np.random.default_rng(11)
    length = blocks * len(block.moves)
    found = block.estimate(white(random, block, (runs, length), DENSITY)).var(axis=0)
    expected = block.noise_variance(DENSITY, blocks)
    np.testing.assert_allclose(found, expected, rtol=5 * np.sqrt(2 / runs))
    time = blocks * block.duration
    formula = DENSITY / (SIZES**2 * time)
    formula *= {"sines": 1.0, "sines in turn": 5.0, "differences": 2.5}.get(way, 0.5)
    # of random codes only the part that is left without their mean
    np.testing.assert_allclose(expected, formula, rtol=0.03 if way == "codes" else 1e-9)
    assert not block.noise_variance(0.0).any()


@every_way
def test_variance_of_slow_noise(way: str) -> None:
    """Noise of density S (1 + f_c/f), made in the frequency domain over ten blocks, corner B/2."""
    block, blocks, runs = WAYS[way](SIZES, BANDWIDTH), 10, 1500
    length = blocks * len(block.moves)
    frequencies = np.fft.rfftfreq(length, block.step)

    def density(f: np.ndarray) -> np.ndarray:
        return DENSITY * (1 + 0.5 * BANDWIDTH / f)

    random = np.random.default_rng(12)
    shaped = np.fft.rfft(white(random, block, (runs, length), DENSITY))
    shaped[:, 1:] *= np.sqrt(density(frequencies[1:]) / DENSITY)
    found = block.estimate(np.fft.irfft(shaped, length)).var(axis=0)
    expected = block.noise_variance(density, blocks)
    np.testing.assert_allclose(found, expected, rtol=5 * np.sqrt(2 / runs))
    assert (expected > 1.3 * block.noise_variance(DENSITY, blocks)).all()  # white noise alone is much less


@pytest.mark.parametrize("name", ["signs", "codes"])
def test_random_signs_interfere(name: str) -> None:
    """Noise-free: (N - 1)/K of the squared gradient in all, nothing when one parameter alone is moved or counts."""
    words, runs = 32, 3000

    def block(sizes: np.ndarray, seed: int) -> Perturbation:
        if name == "signs":
            return simultaneous_signs(sizes, BANDWIDTH, words, seed)
        return random_codes(sizes, BANDWIDTH, words, seed)

    ways = [block(SIZES, seed) for seed in range(runs)]
    error = np.array([way.estimate(4.0 + way.moves @ SLOPES) for way in ways]) - SLOPES
    expected = code_interference(SLOPES, SIZES, words)
    if (
        name == "codes"
    ):  # the mean of the block is taken off, and with it the square m^2 of a code's mean: E m^4 = 3/K^2
        expected = expected + 3 * SLOPES**2 / words**2
    slack = 5 * np.sqrt(2 / runs) + (0 if name == "signs" else 1.5 / words)
    np.testing.assert_allclose((error**2).mean(axis=0), expected, rtol=slack)
    same = np.full(5, 0.1)
    total = code_interference(SLOPES, same, words).sum()
    assert total == pytest.approx(4 / words * (SLOPES**2).sum())  # (N - 1) |g|^2/K
    alone = block(SIZES[:1], 3)
    left = 0.0 if name == "signs" else alone.moves.mean() ** 2 / SIZES[0] ** 2  # their mean, of order 1/K
    assert alone.estimate(4.0 + alone.moves @ [2.0]) == pytest.approx(2.0 * (1 - left), abs=1e-12)
    assert not code_interference([2.0], [0.1], words).any()
    one = block(SIZES, 3)
    only = one.estimate(one.moves @ [0.0, 0.0, 5.0, 0.0, 0.0])[2]
    mean = 0.0 if name == "signs" else (one.moves[:, 2].mean() / SIZES[2]) ** 2
    assert only == pytest.approx(5.0 * (1 - mean), abs=1e-12)


@pytest.mark.parametrize("name", [*ORTHOGONAL, "signs"])
def test_no_second_order_on_any_parameter(name: str) -> None:
    random = np.random.default_rng(2)
    block = WAYS[name](SIZES, BANDWIDTH)
    form = random.normal(size=(5, 5))
    curved = np.einsum("tj,jk,tk->t", block.moves, form, block.moves)
    assert np.abs(block.estimate(curved)).max() < 1e-12
    codes = WAYS["codes"](SIZES, BANDWIDTH)  # random codes have it, as they have the first order
    curved = np.einsum("tj,jk,tk->t", codes.moves, form, codes.moves)
    assert np.abs(codes.estimate(curved)).max() > 1e-3


def test_even_walsh_rows_would_have_second_order() -> None:
    """The rows 1, 2, 3 of the same matrix are orthogonal too, but 1 xor 2 is 3."""
    rows = np.array([[1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], float).T
    block = Perturbation(rows, 1e-4)
    assert block.response_matrix() == pytest.approx(np.eye(3))
    assert block.estimate(rows[:, 0] * rows[:, 1]) == pytest.approx([0, 0, 1])


@pytest.mark.parametrize(
    ("name", "own", "other"),
    [
        ("sines", 1 / 8, 1 / 4),
        ("sines in turn", 1 / 8, 0.0),
        ("differences", 1 / 6, 0.0),
        ("walsh", 1 / 6, 1 / 2),
        ("signs", 1 / 6, 1 / 2),
    ],
)
def test_cubic_terms_of_each_way(name: str, own: float, other: float) -> None:
    """y = (d_0^3 + 3 d_0 d_1^2)/6: I''' and I_011 are 1, and add own A_0^2 + other A_1^2 to the first derivative."""
    block = WAYS[name](np.array([0.2, 0.3]), BANDWIDTH)
    d, e = block.moves.T
    assert block.estimate(d**3 / 6)[0] == pytest.approx(own * 0.04, rel=1e-9)
    assert block.estimate(d * e**2 / 2)[0] == pytest.approx(other * 0.09, rel=1e-9, abs=1e-15)


@every_way
def test_a_filter_behind_the_device(way: str) -> None:
    """A one-pole in the time domain, run until it is periodic: M g; without the filter it is g itself."""
    fine = 64
    block = WAYS[way](SIZES, BANDWIDTH)
    if not way.startswith("sines"):  # steps: the samples have to be finer than the slots
        block = Perturbation(np.repeat(block.moves, fine, axis=0), block.step / fine)
    corner = 2 * BANDWIDTH
    decay = np.exp(-2 * np.pi * corner * block.step)
    drive = np.tile(block.moves @ SLOPES, 3)
    outputs, state = np.empty_like(drive), 0.0
    for k, value in enumerate(drive):  # held over the sample; the output is the value in the sample's middle
        outputs[k] = state = value + (state - value) * decay
    found = block.estimate(outputs[-len(block.moves) :])
    lag = 0.5 * block.step  # of a held input
    held = block.response_matrix(lambda f: (1 - decay) / (1 - decay * np.exp(-2j * np.pi * f * block.step)))
    assert found == pytest.approx(held @ SLOPES, abs=1e-9)
    exact = block.response_matrix(lambda f: one_pole(corner)(f) * np.exp(2j * np.pi * f * lag))
    assert np.abs(exact - held).max() < (0.03 if way.startswith("sines") else 0.01)
    if way == "sines":
        carriers = BANDWIDTH * np.array(plan_tones(5, 1.0).multiples) / max(plan_tones(5, 1.0).multiples)
        matrix = block.response_matrix(one_pole(corner))
        assert matrix == pytest.approx(np.diag(1 / (1 + (carriers / corner) ** 2)), abs=1e-12)  # cos^2 of the lag
    if way == "walsh":
        assert np.abs(exact - np.diag(np.diag(exact))).max() > 0.05  # a lag makes the codes hear each other


def test_on_the_exact_device() -> None:
    """Sines on a dopant network: the error left is what the third derivatives foretell."""
    network = dopant_disc(1, temperature=300.0, current=20e-9)
    volts = np.array([0.0, 0.3, -0.2, 0.1, 0.25, -0.15, -0.3, 0.2])
    controls = list(network.controls)
    exact = network.gradient(volts)[controls]
    _, third = second_and_third_derivatives(network, volts)
    for build, own, other in ((sines_in_turn, 1 / 8, 0), (differences_in_turn, 1 / 6, 0), (walsh_codes, 1 / 6, 1 / 2)):
        block = build(np.full(5, 1e-3), BANDWIDTH)
        moved = np.repeat(volts[None], len(block.moves), axis=0)
        moved[:, controls] += block.moves
        error = block.estimate(network.output_current(moved)) - exact
        selves, crosses = np.einsum("jjj->j", third), np.einsum("jkk->j", third)
        expected = 1e-6 * (own * selves + other * (crosses - selves))
        if build is walsh_codes:  # and rows 1 xor 3 xor 5 = 7 and so on: codes 0 1 2 3 hear the other three
            for j in range(4):
                a, b, c = (k for k in range(4) if k != j)
                expected[j] += 1e-6 * third[a, b, c]
        assert np.abs(error - expected).max() < 0.03 * np.abs(expected).max()


BAD = [
    (lambda: Perturbation(np.ones(3), 1.0), "moves"),
    (lambda: Perturbation(np.zeros((3, 1)), 1.0), "moves"),
    (lambda: Perturbation(np.ones((0, 2)), 1.0), "moves"),
    (lambda: Perturbation([[1.0, 2.0], [3.0]], 1.0), "moves"),  # type: ignore[arg-type]
    (lambda: Perturbation([[1.0], [np.nan]], 1.0), "moves"),  # type: ignore[arg-type]
    (lambda: Perturbation(np.eye(2), 0.0), "step"),
    (lambda: Perturbation(np.eye(2), "1"), "step"),  # type: ignore[arg-type]
    (lambda: sines_together([], 1.0), "amplitudes"),
    (lambda: sines_together([0.1, 0.0], 1.0), "amplitudes"),
    (lambda: sines_in_turn(0.1, 1.0), "amplitudes"),
    (lambda: walsh_codes([0.1, -0.1], 1.0), "amplitudes"),
    (lambda: differences_in_turn([0.1], -1.0), "bandwidth"),
    (lambda: differences_in_turn([0.1], np.inf), "bandwidth"),
    (lambda: simultaneous_signs([0.1], 1.0, 0, 0), "pairs"),
    (lambda: simultaneous_signs([0.1], 1.0, 1, -1), "seed"),
    (lambda: simultaneous_signs([0.1], 1.0, 1, 0.5), "seed"),  # type: ignore[arg-type]
    (lambda: random_codes([0.1], 1.0, 1, 0), "slots"),
    (lambda: random_codes([0.1], 1.0, 2.5, 0), "slots"),  # type: ignore[arg-type]
    (lambda: code_interference([1.0, 2.0], [0.1], 1), "gradient"),
    (lambda: code_interference([1.0], [0.1], 0), "words"),
    (lambda: walsh_codes([0.1], 1.0).estimate(np.ones(3)), "outputs"),
    (lambda: walsh_codes([0.1], 1.0).estimate([]), "outputs"),
    (lambda: walsh_codes([0.1], 1.0).estimate([1.0, np.inf]), "outputs"),
    (lambda: walsh_codes([0.1], 1.0).noise_variance(-1.0), "density"),
    (lambda: walsh_codes([0.1], 1.0).noise_variance(lambda f: f[:-1]), "density"),
    (lambda: walsh_codes([0.1], 1.0).noise_variance(1.0, 0), "blocks"),
    (lambda: walsh_codes([0.1], 1.0).response_matrix(lambda f: f[:-1]), "response"),
    (lambda: walsh_codes([0.1], 1.0).response_matrix(lambda f: f * np.nan), "response"),
]


@pytest.mark.parametrize(("call", "place"), BAD)
def test_what_is_refused(call: Callable[[], object], place: str) -> None:
    with pytest.raises(RequestError, match=rf"perturbation\.bad-value\] {place}:"):
        call()
