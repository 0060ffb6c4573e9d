"""Where the mean field holds: its output currents against kinetic Monte Carlo and the exact master equation.

python examples/mean_field_limits.py [OUTPUT.png] [SETTINGS] [EVENTS]
"""

from __future__ import annotations

import sys

import numpy as np

import hgesim as hg
from hgesim.network import kinetic_monte_carlo, master_equation
from hgesim.report.style import LIGHT, look, new_figure

DEVICES = (1, 2, 3)
SMALL = {"dopants": 10}  # all the master equation can take; Monte Carlo takes the default device


def random_settings(network: hg.Network, count: int, seed: int) -> np.ndarray:
    """Draw controls within 0.6 V and inputs of either 0.3 V level."""
    draw, volts = np.random.default_rng(seed), np.zeros((count, network.n_electrodes))
    volts[:, network.controls] = draw.uniform(-0.6, 0.6, (count, len(network.controls)))
    volts[:, network.inputs] = draw.choice([-0.3, 0.3], (count, len(network.inputs)))
    return volts


def compare(temperature: float, settings: int, events: int) -> dict[str, tuple[np.ndarray, ...]]:
    """Return mean field, reference and its error over all devices, in median currents of each, by comparison."""
    found: dict[str, list[np.ndarray]] = {"master equation": [], "master equation, Coulomb": [], "Monte Carlo": []}
    for device in DEVICES:
        for name, coulomb in (("master equation", False), ("master equation, Coulomb", True)):
            network = hg.dopant_disc(device, temperature=temperature, coulomb=coulomb, **SMALL)
            volts, out = random_settings(network, settings, device), network.output
            exact = master_equation(network, volts).currents[:, out]
            found[name].append(scaled(network.output_current(volts), exact, 0 * exact))
        network = hg.dopant_disc(device, temperature=temperature)
        walk = kinetic_monte_carlo(network, volts, seed=device, events=events)
        mean = network.output_current(volts)
        found["Monte Carlo"].append(scaled(mean, walk.currents[:, out], walk.errors[:, out]))
    return {name: tuple(np.concatenate(parts, axis=1)) for name, parts in found.items()}


def scaled(mean: np.ndarray, exact: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Divide by the median current of the device, whose scale means nothing here."""
    return np.array([mean, exact, error]) / np.median(np.abs(exact))


def describe(name: str, mean: np.ndarray, exact: np.ndarray, error: np.ndarray) -> None:
    """Print how far the mean field is off."""
    off = np.abs(mean - exact)
    relative = off / np.abs(exact)
    print(f"{name}, {len(mean)} settings: relative deviation, median {np.median(relative):.2g};", end=" ")
    print(f"in median currents, 90 % below {np.quantile(off, 0.9):.2g}, largest {off.max():.2g}", end="")
    if error.any():
        excess = max(0.0, np.mean(off**2 - error**2)) ** 0.5
        print(
            f"; median error bar {np.median(error / np.abs(exact)):.2g}, within 2 errors {np.mean(off < 2 * error):.0%}"
        )
        print(f"  rms deviation beyond the errors: {excess:.2g} median currents", end="")
    print()


def main(out: str = "mean_field_limits.png", settings: int = 40, events: int = 1_000_000) -> None:
    """Compare at 77 K and 300 K, print and draw."""
    titles = {
        "master equation": "10 dopants: master equation",
        "master equation, Coulomb": "the same, sites repel each other",
        "Monte Carlo": "20 dopants: Monte Carlo, 2 errors",
    }
    with look():
        figure = new_figure(12.0, 5.2)
        panels = dict(zip(titles, figure.subplots(2, 3, sharex="col", height_ratios=[2, 1]).T, strict=True))
        for temperature, colour in {77.0: LIGHT["blue"], 300.0: LIGHT["orange"]}.items():
            for name, (mean, exact, error) in compare(temperature, settings, events).items():
                describe(f"{name}, {temperature:g} K", mean, exact, error)
                top, bottom = panels[name]
                style = {"fmt": "o", "ms": 3, "lw": 0.7, "color": colour, "alpha": 0.7}
                top.errorbar(exact, mean, xerr=2 * error, label=f"{temperature:g} K", **style)
                bottom.errorbar(exact, mean - exact, yerr=2 * error, **style)
        for name, (top, bottom) in panels.items():
            ends = np.array([-1.0, 1.0]) * max(np.abs(top.get_xlim()))
            top.plot(ends, ends, color=LIGHT["soft"], lw=0.8, zorder=0)
            bottom.axhline(0, color=LIGHT["soft"], lw=0.8, zorder=0)
            top.set(title=titles[name], ylabel="mean field, in median currents")
            bottom.set(xlabel="output current, all correlations", ylabel="difference")
            top.legend()
        figure.tight_layout()
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])
    print("figure:", out)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:4]))
