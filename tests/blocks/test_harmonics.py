"""f2 = 3 f1 and a switching mixer: the channel at f1 hears the other one through the reference's third harmonic."""

from __future__ import annotations

import numpy as np
import pytest
from block_bench import Bench, mean, use
from scipy.integrate import quad

from hgesim.blocks import CONTRACT, TECHNOLOGIES, get_block
from hgesim.blocks.transfer import mixer_harmonic, mixer_output
from hgesim.errors import RequestError

BASE = 10e3
TOLERANCES = {"ideal": 0.002, "gf180": 0.04, "discrete": 0.03}  # found: 0.1986, 0.2049, 0.2025; a tanh has 0.1986


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("reference", [0.02, 0.3, 1.0])
def test_harmonics_are_the_fourier_integrals(number: int, reference: float) -> None:
    def part(n: int) -> float:
        def term(x: float) -> float:
            return float(np.tanh(reference / CONTRACT.mixer_knee * np.sin(x)) * np.sin(n * x))

        return quad(term, 0, np.pi / 2, epsabs=1e-12)[0] + quad(term, np.pi / 2, np.pi, epsabs=1e-12)[0]

    assert mixer_harmonic(number, reference) == pytest.approx(part(number) / part(1), abs=1e-9)


def test_between_a_multiplier_and_a_square_wave() -> None:
    assert mixer_harmonic(3) == pytest.approx(0.1986, abs=1e-4)
    assert mixer_harmonic(3, 1e-3) < 1e-5  # tanh x = x - x^3/3: (r/lo0)^2/12
    assert mixer_harmonic(3, 1e-3) == pytest.approx((1e-3 / CONTRACT.mixer_knee) ** 2 / 12, rel=1e-3)
    assert mixer_harmonic(3, 2.0) == pytest.approx(1 / 3, rel=0.02)


@pytest.mark.parametrize("second", [3, 5, 2, 7 / 5])
def test_the_error_of_a_lock_in_at_f1(second: float) -> None:
    """Two dithers, the other one three times as strong at the output: the mean is that of g1 + 3 b_n/b_1."""
    turn = 2 * np.pi * np.arange(5 * 4096) / 4096
    own, other = 1e-3 * np.sin(turn), 3e-3 * np.sin(second * turn)
    reference = CONTRACT.mixer_reference * np.sin(turn)
    error = mixer_output(own + other, reference).mean() / mixer_output(own, reference).mean() - 1
    expected = 3 * mixer_harmonic(int(second)) if second == int(second) else 0.0
    assert error == pytest.approx(expected, abs=1e-3)
    multiplied = ((own + other) * reference).mean() / (own * reference).mean() - 1
    assert multiplied == pytest.approx(0, abs=1e-12)  # no switching, no error


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_the_circuits_answer_to_the_third_harmonic(bench: Bench, technology: str) -> None:
    block = get_block("mixer", technology)
    outputs = {}
    for number, name in ((1, "own"), (3, "third"), (2, "second")):
        source = f"vs s 0 sin(0 0.02 {number * BASE})\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\nvl l 0 sin(0 0.3 {BASE})\n"
        lines = source + use(block, "x1", "p n l a b")
        data = bench.run([block], lines, ".tran 0.5e-6 3e-4 0 0.25e-6", "v(a) v(b)")
        outputs[name] = mean(data["time"], data["v(a)"] - data["v(b)"], 1e-4, 3e-4)
    offset = outputs["second"]  # an even harmonic is not heard: what is left is the block's offset
    assert abs(offset) < 1e-3
    error = (outputs["third"] - offset) / (outputs["own"] - offset)
    assert error == pytest.approx(mixer_harmonic(3), rel=TOLERANCES[technology])


@pytest.mark.parametrize("number", [0, 16, -1, 2.5, None])
def test_no_harmonic(number: object) -> None:
    with pytest.raises(RequestError, match=r"blocks\.bad-value.* number"):
        mixer_harmonic(number)  # type: ignore[arg-type]


@pytest.mark.parametrize("reference", [0.0, -0.3, 5.1, float("nan"), float("inf")])
def test_no_reference(reference: float) -> None:
    with pytest.raises(RequestError, match=r"blocks\.bad-value.* reference"):
        mixer_harmonic(3, reference)
