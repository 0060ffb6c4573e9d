"""Two combs of five carriers on one dopant device: what intermodulation adds to each derivative, foretold and found.

python examples/intermodulation.py [SEED] [AMPLITUDE_V]
"""

from __future__ import annotations

import sys

import numpy as np

import hgesim as hg
from hgesim.blocks.transfer import mixer_harmonic
from hgesim.learning import second_and_third_derivatives
from hgesim.loop import derivative_errors, products_on_carriers

COMBS = ((8, 16, 24, 32, 40), (5, 9, 13, 19, 23))
PHASES = {"all sines start together": np.zeros(5), "each with its own phase": np.array([0.3, 1.2, 2.5, 4.0, 5.1])}


def measured(network: hg.Network, volts: np.ndarray, amplitude: float, theta: np.ndarray) -> np.ndarray:
    """Return the complex derivatives that a lock-in without error finds over one beat."""
    moved = np.repeat(volts[None], len(theta), axis=0)
    moved[:, network.controls] += amplitude * np.sin(theta)
    return 2j * (network.output_current(moved)[:, None] * np.exp(-1j * theta)).mean(axis=0) / amplitude


def main(seed: int = 1, amplitude: float = 1e-3) -> None:
    """Count, foretell, measure, print."""
    network = hg.dopant_disc(seed)
    controls = list(network.controls)
    volts = np.random.default_rng(0).uniform(-0.4, 0.4, network.n_electrodes)
    exact = network.gradient(volts)[controls]
    curved = second_and_third_derivatives(network, volts)
    scale = np.abs(exact).max()
    print(
        f"device {seed}, dither {1e3 * amplitude:g} mV on each of {len(controls)} controls; errors in % of the largest"
    )
    for comb in COMBS:
        counts = [sum(not p.unavoidable for p in products_on_carriers(comb, order)) for order in (2, 3)]
        print(f"\ncomb {comb}: {counts[0]} products of second and {counts[1]} of third order on carriers")
        for words, phases in PHASES.items():
            theta = 2 * np.pi * np.outer(np.arange(1024), comb) / 1024 + phases
            found = 100 * (measured(network, volts, amplitude, theta) - exact) / scale
            told = 100 * derivative_errors(comb, amplitude, curved, phases) / scale
            print(f"  {words}\n    carrier  in phase: foretold    found    quadrature: foretold    found")
            for m, a, b in zip(comb, told, found, strict=True):
                print(f"    {m:7d} {a.real:20.4f} {b.real:8.4f} {a.imag:24.4f} {b.imag:8.4f}")
    print(
        f"\nf2 = 3 f1 at the switching mixer: f1's lock-in hears {100 * mixer_harmonic(3):.1f} % of the other's signal"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *map(float, sys.argv[2:3]))
