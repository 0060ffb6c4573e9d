"""How much of one imperfection stops learning? Thresholds on the bench of bench.py, beside hand formulas.

python examples/thresholds.py [FOLDER] [--factors integrator_offset network_noise] [--seeds 16] [--workers 1]

All blocks are ideal but for one imperfection, of the same size and sign at all places. Learnt is what leaves the
network alone within 10 mV of its target (5 nA) after 10 ms, from 45 mV. The size at which that ends is found by
bisection to 2 %; of noise it is the density that leaves 10 mV rms over the seeds.

The formulas. The dither a on control j makes a ripple R g_j a of the error e, with g_j the slope of the output current
there. The loss (k/e0) e^2, the coupler and the mixers, together a gain G, make the drive m_j = G (2 k/e0) e R g_j a of
an integrator of the time constant tau. So e decays at the rate p = G (2 k/e0) R^2 a |g|^2 / tau.

* Integrator: offsets v stop the descent where they balance the drives, sum_j g_j (m_j - v) = 0, at e = 10 mV. What they
  push across the descent is drift (drift.py). An offset at the output of all mixers is the same.
* Loss: an offset moves the minimum by itself.
* Mixer: an offset at the signal input is direct current that the reference takes to its carrier, away from zero. What
  is left is that the gain of a tanh of range x0 falls to 1/cosh^2(v/x0): slow at p t/cosh^2 = ln(45 mV/10 mV).
* Reference: the gain falls to cos(phase), the coupler's lead on top: slow by the same condition, wrong from 90 deg on.
* Noise of the density N = (R i)^2 of e up to B: its square, its product with the ripples and that with e give the
  loss a density of (k/e0)^2 Q, Q = N^2 (2B - f) + 2 N R^2 a^2 |g|^2 + 4 N e^2, at the carriers. A mixer makes twice
  that of the amplitude it reads, the integrators walk at random, and p pulls back: <e^2> = G (k/e0) Q / (4 a tau). The
  mean over the last millisecond has 2 (x - 1 + exp(-x)) / x^2 of that, x = p 1 ms. That noise fills the mixers' range
  and so takes gain from itself is left out.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from bench import LEARNT, START, TRANSIMPEDANCE, Bench, arguments, measure, network

import hgesim as hg
from hgesim.blocks.transfer import CONTRACT, coupler_response, loss_slope, mixer_mean
from hgesim.engine import Verdict
from hgesim.learning import case_voltages
from hgesim.nonideal import NOISE_STEPS

BENCH = Bench("ideal")
NEAR = 1.02  # bisection ends
WIDE = 1.8  # and begins so many times below and above the formula
# Unit of each factor as it is told, and how many make one in SI.
UNITS = {
    "integrator_offset": ("mV", 1e3),
    "loss_offset": ("mV", 1e3),
    "mixer_offset": ("mV", 1e3),
    "reference_phase": ("deg", 1.0),
    "network_noise": ("pA/rtHz", 1e12),
}
DENSITIES = (0.5, 0.7, 1.0, 1.4)  # of noise, relative to the formula


class Loop(NamedTuple):
    """What the formulas need."""

    slopes: np.ndarray  # g of c1 and c2, S, where the loop should end
    dither: float  # V
    tau: float  # s
    gain: float  # of coupler and mixer
    bend: float  # k/e0 of the loss, 1/V
    lead: float  # of the coupler at the carriers, rad
    carrier: float  # Hz, mean
    rate: float  # p, 1/s
    patience: float  # p t / ln(45 mV / 10 mV)


def loop_figures(ends: np.ndarray) -> Loop:
    """Work them out of the twin at the end controls (V), and of the contract of the blocks."""
    design = BENCH.design()
    loop, task = design.loop, design.loop.task
    volts = case_voltages(network(), task, np.array([START, ends]))[:, 0]
    current, slopes = network().output_and_gradient(volts)[:2]
    slopes = slopes[1, list(network().controls)]
    dither, tau = loop.settings.dither, BENCH.tau + CONTRACT.lowpass_r * BENCH.capacitor
    shares = slopes**2 / (slopes @ slopes)
    carrier = float(shares @ loop.plan.carriers[:2])
    through = coupler_response(carrier)
    gain = abs(through) * CONTRACT.coupler_gain * float(mixer_mean(1e-3)) / 1e-3
    rate = gain * loss_slope(1e-3) / 1e-3 * TRANSIMPEDANCE**2 * dither * (slopes @ slopes) / tau
    first = TRANSIMPEDANCE * abs(current[0] - current[1])
    patience = float(rate * loop.timeline.stop / math.log(first / LEARNT))
    bend = CONTRACT.loss_gain / CONTRACT.loss_knee
    return Loop(slopes, dither, tau, gain, bend, float(np.angle(through)), carrier, rate, patience)


def offset_limit(loop: Loop) -> float:
    """Return the offset of the integrators, V."""
    per_volt = 2 * loop.gain * loop.bend * TRANSIMPEDANCE * loop.dither
    return float(LEARNT * per_volt * (loop.slopes @ loop.slopes) / abs(loop.slopes.sum()))


def mixer_limit(loop: Loop) -> float:
    """Return the offset of the mixers' signal inputs, V."""
    return CONTRACT.mixer_range * math.acosh(math.sqrt(loop.patience))


def phase_limit(loop: Loop, sign: int) -> float:
    """Return the phase by which the references may lead (sign 1) or lag (-1), degrees."""
    return math.degrees(math.acos(1 / loop.patience) + sign * loop.lead)


def noise_limit(loop: Loop, band: float) -> float:
    """Return the density of the network's noise, A/rtHz, for noise up to a frequency `band`."""
    ripple = (TRANSIMPEDANCE * loop.dither) ** 2 * (loop.slopes @ loop.slopes)
    x = loop.rate * BENCH.design().loop.timeline.window
    kept = 2 * (x - 1 + math.exp(-x)) / x**2
    wanted = 4 * loop.dither * loop.tau * LEARNT**2 / kept / (loop.gain * loop.bend)
    square, linear = 2 * band - loop.carrier, 2 * ripple + 4 * LEARNT**2
    density = (math.sqrt(linear**2 + 4 * square * wanted) - linear) / (2 * square)
    return float(math.sqrt(density) / TRANSIMPEDANCE)


def bisect(learns: Callable[[float], bool], guess: float) -> float:
    """Return the size at which learning stops, not a number if it is not within `WIDE` of the guess."""
    low, high = guess / WIDE, guess * WIDE
    if not learns(low) or learns(high):
        return math.nan
    while high / low > NEAR:
        middle = math.copysign(math.sqrt(low * high), guess)
        low, high = (middle, high) if learns(middle) else (low, middle)
    return math.copysign(math.sqrt(low * high), guess)


def left(factor: str, sizes: list[float], seeds: int, given: Namespace) -> np.ndarray:
    """Return what is left of the error (V) with sizes and seeds, (sizes, seeds)."""
    pairs = [(size, seed) for size in sizes for seed in range(seeds)]
    about = [{"factor": factor, "size": float(f"{size:.4g}"), "seed": seed} for size, seed in pairs]
    chips = [hg.Nonideal({factor: size}, seed, distribution="fixed") for size, seed in pairs]
    designs = [(words, BENCH.design(chip)) for words, chip in zip(about, chips, strict=True)]
    runs = measure(designs, given.folder, given.workers)
    if bad := [run.about for run in runs if run.verdict != Verdict.OK]:
        raise SystemExit(f"no valid simulation of {bad[0]}")
    return np.array([run.alone for run in runs]).reshape(len(sizes), seeds)


def rms_limit(formula: float, given: Namespace) -> float:
    """Return the density of noise at which `LEARNT` is left, by a power law through some densities."""
    sizes = [share * formula for share in DENSITIES]
    spread = np.sqrt((left("network_noise", sizes, given.seeds, given) ** 2).mean(axis=1))
    for size, value in zip(sizes, spread, strict=True):
        print(f"network_noise {size * 1e12:.3g} pA/rtHz: {1e3 * value:.3g} mV rms left")
    slope, level = np.polyfit(np.log(sizes), np.log(spread / LEARNT), 1)
    return math.exp(-level / slope)


def main() -> None:
    """Find all thresholds and print the table."""
    given = arguments(__doc__, "runs/bench", seeds=16, factors=tuple(UNITS))
    if unknown := set(given.factors) - set(UNITS):
        raise SystemExit(f"no formula for {', '.join(unknown)}; there are those of {', '.join(UNITS)}")
    (ideal,) = measure([({"all": "ideal"}, BENCH.design())], given.folder, given.workers)
    loop = loop_figures(np.array([volts[-1] for volts in ideal.controls]))
    formulas = {
        "integrator_offset": [offset_limit(loop), -offset_limit(loop)],
        "loss_offset": [LEARNT, -LEARNT],
        "mixer_offset": [mixer_limit(loop), -mixer_limit(loop)],
        "reference_phase": [phase_limit(loop, 1), -phase_limit(loop, -1)],
        "network_noise": [noise_limit(loop, 0.5 / (NOISE_STEPS * BENCH.design().loop.plan.step))],
    }
    lines = ["| factor | stops learning at | hand formula | ratio |", "| --- | --- | --- | --- |"]
    for factor, (unit, scale) in UNITS.items():
        for formula in formulas[factor] if factor in given.factors else []:
            if factor == "network_noise":
                found = rms_limit(formula, given)
            else:
                found = bisect(lambda size, f=factor: abs(left(f, [size], 1, given)[0, 0]) < LEARNT, formula)
            told = f"{scale * found:+.3g} {unit} | {scale * formula:+.3g} {unit} | {found / formula:.2f}"
            lines.append(f"| {factor} | {told} |")
    slopes = " and ".join(f"{1e9 * slope:.3g}" for slope in loop.slopes)
    print(f"slopes {slopes} nS; without imperfections {loop.patience:.1f} times faster than it has to be")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
