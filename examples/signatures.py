"""Signatures of dopant devices: negative differential resistance, gates among random settings, Mott's law.

python examples/signatures.py [OUTPUT.png] [SETTINGS] [FILMS]
"""

from __future__ import annotations

import sys

import numpy as np

import hgesim as hg
from hgesim.learning import (
    Share,
    Sweep,
    gate_abundance,
    hopping_exponent,
    hopping_film,
    input_sweeps,
    negative_slopes,
    random_voltages,
    zero_bias_conductance,
)
from hgesim.report.style import LIGHT, look, new_figure

DEVICES = (1, 2, 3)
COLOURS = [LIGHT["blue"], LIGHT["orange"], LIGHT["green"]]
TEMPERATURES = np.array([50.0, 60.0, 72.0, 86.0, 104.0, 125.0, 150.0, 200.0])
DEEP = 0.1  # a fall of the current by this part of the sweep's swing is one that an instrument sees


def resistances(network: hg.Network, settings: int) -> tuple[Share, Share, Share, Sweep]:
    """Count settings with a falling current, by slope, by depth and by a peak, and return the best peaks first."""
    controls = random_voltages(network, settings, seed=0)
    volts = np.zeros((settings, network.n_electrodes))
    volts[:, network.controls] = controls
    volts[:, network.inputs] = np.random.default_rng(0).choice([-0.3, 0.3], (settings, len(network.inputs)))
    points = negative_slopes(network, volts)[:, network.inputs].any(axis=1)
    few = controls[: settings // 5]
    sweeps = [input_sweeps(network, few, electrode=electrode, points=121) for electrode in network.inputs]
    both = Sweep(sweeps[0].voltages, *(np.concatenate([getattr(s, k) for s in sweeps]) for k in ("currents", "falls")))
    top, swing = both.currents.max(axis=1), np.ptp(both.currents, axis=1)
    peak = top - both.currents[:, [0, -1]].max(axis=1)  # how far the current both rises before and falls after
    counts = (points, both.falls > DEEP, (peak > DEEP * swing) & (both.falls > DEEP))
    order = peak.argsort()[::-1]
    return *(Share(int(c.sum()), len(c)) for c in counts), Sweep(both.voltages, both.currents[order], both.falls[order])


def mott(films: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ln(G T) of the films, (films, T), and what the exponent's fit gives, (T,)."""
    sites, density, width, radius = 1000, 0.025e18, 0.5, 3e-9
    siemens = np.array([zero_bias_conductance(hopping_film(s, sites), 0, 1, TEMPERATURES) for s in range(films)])
    fit = hopping_exponent(TEMPERATURES, siemens)
    logs = np.log(siemens * TEMPERATURES)
    slope = np.polyfit(TEMPERATURES ** (-1 / 3), logs.mean(axis=0), 1)[0]
    expected = 13.8 / (8.617333e-5 * density / width * radius**2)
    print(
        f"{films} films of {sites} sites, {density * 1e-18:g} /nm^2, levels flat over {width:g} eV, a = 3 nm, 50-200 K:"
    )
    print(f"  exponent {fit.exponent:.3f} +- {fit.error:.3f} (Mott in two dimensions: 0.333)")
    print(f"  T0 at exponent 1/3: {-(slope**3):.3g} K; percolation theory, 13.8/(k g a^2): {expected:.3g} K")
    return logs, fit.constant - (fit.scale / TEMPERATURES) ** fit.exponent


def draw(out: str, curves: list[Sweep], gates: list[dict[str, Share]], film: tuple[np.ndarray, np.ndarray]) -> None:
    """Draw one figure of three panels."""
    with look():
        figure = new_figure(11.0, 3.7)
        left, middle, right = figure.subplots(1, 3)
        for device, colour, curve, shares in zip(DEVICES, COLOURS, curves, gates, strict=True):
            left.plot(curve.voltages, 1e9 * curve.currents[0], color=colour, label=f"device {device}")
            places = np.arange(len(shares)) + 0.22 * (device - 2)
            ends = 100 * np.array([share.interval for share in shares.values()]).T
            middle.vlines(places, *ends, color=colour)
            middle.plot(places, [100 * share.value for share in shares.values()], "o", ms=4, color=colour)
        left.set(title="Negative differential resistance, 77 K", xlabel="one input (V)", ylabel="output current (nA)")
        left.legend()
        middle.set(title="Gates among random controls, 77 K", ylabel="share of settings (%), 95 % intervals")
        middle.set(yscale="log", ylim=(0.01, 100), yticks=[0.01, 0.1, 1, 10, 100])
        middle.set_yticklabels(["0.01", "0.1", "1", "10", "100"])
        middle.set_xticks(range(len(gates[0])), list(gates[0]))
        logs, fitted = film
        x = TEMPERATURES ** (-1 / 3)
        right.errorbar(x, logs.mean(axis=0), yerr=2 * logs.std(axis=0) / len(logs) ** 0.5, fmt="o", ms=4,
                       color=LIGHT["blue"], label=f"mean of {len(logs)} films, 2 errors")  # fmt: skip
        right.plot(x, fitted, color=LIGHT["soft"], label="fit, free exponent")
        right.set(title="Variable-range hopping, 200 K to 50 K", xlabel="(1 K / T)^(1/3)", ylabel="mean ln(G T)")
        right.legend()
        figure.tight_layout()
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])
    print("figure:", out)


def main(out: str = "signatures.png", settings: int = 2000, films: int = 100) -> None:
    """Measure, print and draw."""
    curves, gates = [], []
    for device in DEVICES:
        network = hg.dopant_disc(device)
        shares = gate_abundance(network, settings, seed=0)
        ungated = network.replace(levers=np.zeros_like(network.levers), site_leak=0.0)
        without = gate_abundance(ungated, settings, seed=0)
        *counts, curve = resistances(network, settings)
        print(f"device {device}, 77 K, controls +-0.6 V, inputs +-0.3 V, margin 25 %:")
        for gate, share in shares.items():
            print(f"  {gate:5}{share!s:36} without gating {without[gate].count}")
        *never, _ = resistances(ungated, settings)
        kinds = ("dI/dV < 0 at an input", f"a sweep falls > {DEEP:.0%}", f"a peak of > {DEEP:.0%}")
        for kind, share, none in zip(kinds, counts, never, strict=True):
            print(f"  {kind:24}{share!s:38} without gating {none.count}")
        curves.append(curve)
        gates.append(shares)
    draw(out, curves, gates, mott(films))


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:4]))
