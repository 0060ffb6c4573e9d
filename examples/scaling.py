"""How long a gradient takes: homodyne extraction against its rivals, on dopant devices of 2 to 40 controls.

python examples/scaling.py [FOLDER] [--parameters 2 5 10 20 40] [--periods 2 100 1000] [--runs 200]

Every way moves all or some controls of the exact device, sees the output current with the same white noise, and is
judged by the time after which the error of the whole gradient (root mean square over runs, relative to its length) is
10 %. No carrier is above B = 10 kHz, no code is switched faster than at 2 B. The noise is given as the number of
periods of B after which ONE sine knows a derivative of root-mean-square size to 10 %: few periods are a quiet (or
slow) device, many a noisy (or fast) one. So devices of different size compare.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

import hgesim as hg
from hgesim.learning import (
    Perturbation,
    code_interference,
    differences_in_turn,
    random_codes,
    simultaneous_signs,
    sines_in_turn,
    sines_together,
    walsh_codes,
)
from hgesim.report.style import LIGHT, look, new_figure

BANDWIDTH = 10e3  # Hz
DITHER = 1e-3  # V on each control
GOAL = 0.1
WINDOW = 10e-3  # s, 100 periods of B
TURNS = {"one sine at a time": sines_in_turn, "central differences": differences_in_turn}
TOGETHER = {"homodyne": sines_together, "Walsh codes": walsh_codes}
RANDOM = {"SPSA": simultaneous_signs, "random codes": random_codes}
SLOTS = {"SPSA": 2, "random codes": 1}  # of 1/2B for each independent word
WAYS = (*TOGETHER, *TURNS, *RANDOM)
COLOURS = dict(zip(WAYS, ("blue", "green", "amber", "purple", "orange", "soft"), strict=True))
Row = dict[str, float | int | str]


@dataclass(frozen=True)
class Device:
    """A dopant network with controls and nothing else, at a random point."""

    controls: int
    seed: int = 1

    @cached_property
    def network(self) -> hg.Network:
        """Two dopants for each electrode, as dense as the 20 of the usual disc."""
        dopants = 2 * (self.controls + 1)
        radius = 50e-9 * (dopants / 20) ** 0.5
        return hg.dopant_disc(self.seed, electrodes=self.controls + 1, inputs=(), dopants=dopants, radius=radius)

    @cached_property
    def point(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Voltages, exact gradient by the controls, site potentials."""
        volts = np.random.default_rng(self.seed).uniform(-0.6, 0.6, self.controls + 1)
        volts[0] = 0.0
        _, gradient, potentials = self.network.output_and_gradient(volts)
        return volts, gradient[1:], potentials

    @property
    def gradient(self) -> np.ndarray:
        """Exact derivatives by the controls, in siemens."""
        return self.point[1]

    def output(self, moves: np.ndarray) -> np.ndarray:
        """Return the output current while the controls are moved, (K,) in ampere."""
        volts, _, start = self.point
        moved = np.repeat(volts[None], len(moves), axis=0)
        moved[:, 1:] += moves
        return self.network.solve(moved, np.repeat(start[None], len(moves), axis=0)).currents[:, 0]

    def density(self, periods: float) -> float:
        """Return the noise S, A^2/Hz, of S/(A^2 T) = (10 %)^2 mean g^2 at T = periods/B."""
        return float(GOAL**2 * DITHER**2 * periods / BANDWIDTH * (self.gradient**2).mean())


@cache
def block_of(name: str, controls: int, dither: float) -> Perturbation:
    return {**TOGETHER, **TURNS}[name](np.full(controls, dither), BANDWIDTH)


def noise(random: np.random.Generator, shape: tuple[int, ...], step: float, density: float) -> np.ndarray:
    return random.normal(0.0, np.sqrt(density / 2 / step), shape)


def foretold(name: str, device: Device, sizes: np.ndarray, density: float) -> tuple[float, float]:
    """Return the time to the goal by theory, without curvature, and the length of a block or word, in second."""
    if name in RANDOM:
        word = SLOTS[name] / (2 * BANDWIDTH)
        error = (density / (2 * sizes**2 * word) + code_interference(device.gradient, sizes, 1)).sum()
    else:
        block = block_of(name, len(sizes), float(sizes[0]))
        word, error = block.duration, block.noise_variance(density).sum()
    return word * max(1.0, np.ceil(error / (device.gradient**2).sum() / GOAL**2)), word


def repeated(block: Perturbation, device: Device, density: float, blocks: int, runs: int) -> tuple[np.ndarray, float]:
    """Return the error after 1, 2, ... blocks, and that without noise: what the device's curvature does."""
    random = np.random.default_rng(7)
    clean = block.estimate(device.output(block.moves)) - device.gradient
    squares = np.zeros(blocks)
    for _ in range(runs):
        parts = block.estimate(noise(random, (blocks, len(block.moves)), block.step, density))
        means = parts.cumsum(axis=0) / np.arange(1, blocks + 1)[:, None]
        squares += ((clean + means) ** 2).sum(axis=1)
    size = (device.gradient**2).sum()
    return np.sqrt(squares / runs / size), float(np.sqrt((clean**2).sum() / size))


def growing(way: Perturbation, output: np.ndarray, every: int) -> np.ndarray:
    """Return the estimates after every so many slots, (n, C): sums grow, nothing is measured twice."""
    count = np.arange(1, len(output) + 1)[:, None]
    mean = output.cumsum()[:, None] / count
    products = (way.moves * output[:, None]).cumsum(axis=0) - mean * way.moves.cumsum(axis=0)
    return (products / (way.moves**2).cumsum(axis=0))[every - 1 :: every]


def first(errors: np.ndarray, word: float) -> float:
    """Return the time at which the error is first at the goal."""
    reached = errors <= GOAL
    return float(word * (reached.argmax() + 1)) if reached.any() else np.nan


def scan(device: Device, sizes: np.ndarray, cases: list[float], runs: int) -> tuple[list[Row], dict[str, tuple]]:
    """Measure all ways on one device at several strengths of the noise; also the curves of the middle one."""
    rows: list[Row] = []
    curves: dict[str, tuple] = {}
    middle = cases[len(cases) // 2]
    clean: dict[str, list[tuple[Perturbation, np.ndarray]]] = {}
    for name, build in RANDOM.items():
        times = [foretold(name, device, sizes, device.density(periods)) for periods in cases]
        words = int(1.4 * max(time for time, _ in times) / times[0][1]) + 4
        ways = [build(sizes, BANDWIDTH, words, seed) for seed in range(runs)]
        clean[name] = [(way, device.output(way.moves)) for way in ways]
    for periods in cases:
        density = device.density(periods)
        for name in WAYS:
            theory, word = foretold(name, device, sizes, density)
            floor = np.nan
            if name in RANDOM:
                random = np.random.default_rng(7)
                squares = 0.0
                for way, output in clean[name]:
                    seen = output + noise(random, output.shape, way.step, density)
                    squares = squares + ((growing(way, seen, SLOTS[name]) - device.gradient) ** 2).sum(axis=1)
                errors = np.sqrt(squares / runs / (device.gradient**2).sum())
            else:
                block = block_of(name, len(sizes), float(sizes[0]))
                errors, floor = repeated(block, device, density, int(1.4 * theory / word) + 4, 4 * runs)  # cheap
            found = first(errors, word)
            rows.append({"parameters": device.controls, "dither_V": float(sizes[0]), "periods": periods, "way": name,
                         "density_A2_Hz": density, "found_s": found, "theory_s": theory, "floor": floor})  # fmt: skip
            if periods == middle:
                curves[name] = word * np.arange(1, len(errors) + 1), errors
    return rows, curves


def lag(device: Device) -> list[Row]:
    """Measure what a one-pole at B does when the whole gradient has to be had in WINDOW: carriers rise with N."""
    rows: list[Row] = []
    for name in (*TOGETHER, *TURNS):
        block = block_of(name, device.controls, DITHER)
        block = Perturbation(block.moves, WINDOW / len(block.moves))
        fine = block if name in ("homodyne", "one sine at a time") else finer(block, 16)
        spectrum = np.fft.rfft(device.output(block.moves).repeat(len(fine.moves) // len(block.moves)))
        spectrum[1:] *= pole(np.fft.rfftfreq(len(fine.moves), fine.step)[1:])
        found = fine.estimate(np.fft.irfft(spectrum, len(fine.moves))) - device.gradient
        told = (fine.response_matrix(pole) - np.eye(device.controls)) @ device.gradient
        size = np.linalg.norm(device.gradient)
        rows.append({"parameters": device.controls, "way": name, "found": float(np.linalg.norm(found) / size),
                     "theory": float(np.linalg.norm(told) / size)})  # fmt: skip
    return rows


def pole(f: np.ndarray) -> np.ndarray:
    return 1 / (1 + 1j * f / BANDWIDTH)


def slow_noise(device: Device, runs: int) -> list[Row]:
    """Measure the variance under noise S (1 + B/f) over that under S, in eight blocks or 1024 slots of random codes."""
    rows: list[Row] = []
    for name in WAYS:
        if name in RANDOM:
            block, blocks = RANDOM[name](np.full(device.controls, DITHER), BANDWIDTH, 1024 // SLOTS[name], 0), 1
        else:
            block, blocks = block_of(name, device.controls, DITHER), 8
        total = blocks * len(block.moves)
        squares = np.zeros(device.controls)
        random = np.random.default_rng(3)
        for _ in range(runs):
            coloured = np.fft.rfft(noise(random, (total,), block.step, 1.0))
            coloured[1:] *= np.sqrt(slow(np.fft.rfftfreq(total, block.step)[1:]))
            squares += block.estimate(np.fft.irfft(coloured, total)) ** 2
        white = block.noise_variance(1.0, blocks).sum()
        rows.append({"parameters": device.controls, "way": name, "found": float(squares.sum() / runs / white),
                     "theory": float(block.noise_variance(slow, blocks).sum() / white)})  # fmt: skip
    return rows


def slow(f: np.ndarray) -> np.ndarray:
    return 1 + BANDWIDTH / f


def finer(block: Perturbation, samples: int) -> Perturbation:
    """Return the same steps with more samples in each, for a filter that does not follow them at once."""
    return Perturbation(block.moves.repeat(samples, axis=0), block.step / samples)


def time_table(rows: list[Row]) -> None:
    """Print the times: a line for each noise and size, the shortest in bold."""
    print("| noise (periods) | controls | " + " | ".join(WAYS) + " |\n" + "|---" * (2 + len(WAYS)) + "|")
    for periods, count in sorted({(row["periods"], row["parameters"]) for row in rows}):
        line = {row["way"]: row for row in rows if (row["periods"], row["parameters"]) == (periods, count)}
        best = np.nanmin([float(row["found_s"]) for row in line.values()])
        cells = (f"**{milliseconds(r)}**" if r["found_s"] == best else milliseconds(r) for r in map(line.get, WAYS))
        print(f"| {periods:g} | {count} | " + " | ".join(cells) + " |")


def small_table(rows: list[Row], ways: list[str], cell: Callable[[Row], str]) -> None:
    """Print rows as a table with a line for each size."""
    print("| controls | " + " | ".join(ways) + " |\n" + "|---" * (len(ways) + 1) + "|")
    for count in sorted({row["parameters"] for row in rows}):
        line = {row["way"]: cell(row) for row in rows if row["parameters"] == count}
        print(f"| {count} | " + " | ".join(line[way] for way in ways) + " |")


def milliseconds(row: Row) -> str:
    return f"{1e3 * float(row['found_s']):.3g} ({1e3 * float(row['theory_s']):.3g})"


def draw(rows: list[Row], curves: dict[str, tuple], cases: list[float], count: int, out: Path) -> None:
    """Draw time over size for each noise, and error over time for one device."""
    words = {cases[0]: "quiet device", cases[-1]: "noisy device"}
    with look():
        figure = new_figure(3.4 * len(cases) + 3.6, 4.1)
        panels = figure.subplots(1, len(cases) + 1, gridspec_kw={"width_ratios": [1] * len(cases) + [1.15]})
        for axes, periods in zip(panels, cases, strict=False):
            for name in WAYS:
                kept = sorted(
                    (r for r in rows if r["way"] == name and r["periods"] == periods), key=lambda r: r["parameters"]
                )
                sizes = [row["parameters"] for row in kept]
                style = {"color": LIGHT[COLOURS[name]], "lw": 2.0 if name == "homodyne" else 1.2}
                axes.plot(sizes, [1e3 * row["theory_s"] for row in kept], **style)
                axes.plot(sizes, [1e3 * row["found_s"] for row in kept], "o", ms=4.5, color=style["color"], label=name)
            axes.set(xscale="log", yscale="log", xlabel="controls", xticks=sizes)
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_xticklabels([str(size) for size in sizes])
            axes.set_xticks([], minor=True)
            title = f"noise: {periods:g} periods" + (f" ({words[periods]})" if periods in words else "")
            axes.set_title(title)
        panels[0].set_ylabel("time to 10 % error of the gradient (ms)\npoints: measured, lines: theory")
        last = panels[-1]
        for name, (times, errors) in curves.items():
            few = np.unique(np.geomspace(1, len(times), 60).astype(int)) - 1
            style = {"color": LIGHT[COLOURS[name]], "lw": 2.0 if name == "homodyne" else 1.2}
            last.plot(1e3 * times[few], 100 * errors[few], "." if len(few) == 1 else "-", **style)
        last.axhline(100 * GOAL, color=LIGHT["rule"], lw=0.8, zorder=0)
        last.set(xscale="log", yscale="log", xlabel="measuring time (ms)", ylabel="error of the gradient (%)")
        last.xaxis.set_major_formatter("{x:g}")
        last.yaxis.set_major_formatter("{x:g}")
        last.set(ylim=(3, 300), title=f"{count} controls, {cases[len(cases) // 2]:g} periods")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", ncols=len(WAYS), columnspacing=1.5, handletextpad=0.3)
        figure.tight_layout(rect=(0, 0, 1, 0.92))
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])


def main() -> None:
    """Measure, print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="scaling", type=Path)
    parser.add_argument("--parameters", nargs="+", type=int, default=[2, 5, 10, 20, 40])
    parser.add_argument("--periods", nargs="+", type=float, default=[2.0, 100.0, 1000.0])
    parser.add_argument("--runs", type=int, default=200, help="divided by the number of controls, at least 4")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    cases = sorted(given.periods)
    middle = cases[len(cases) // 2]
    shown = given.parameters[len(given.parameters) // 2]
    each: list[Row] = []
    shared: list[Row] = []
    curves: dict[str, tuple] = {}
    for count in given.parameters:
        device, runs = Device(count), max(4, given.runs // count)
        rows, found = scan(device, np.full(count, DITHER), cases, runs)
        each += rows
        curves = found if count == shown else curves
        # the rivals in turn keep the whole dither: at any time only one of them is on
        rows, _ = scan(device, np.full(count, DITHER / count**0.5), [middle], runs)
        whole = [row for row in each if (row["parameters"], row["periods"]) == (count, middle)]
        shared += [a if a["way"] in TURNS else b for a, b in zip(whole, rows, strict=True)]
        print(f"{count} controls done, {runs} runs", flush=True)
    print(f"\nTime to 10 % of the gradient in ms, found (theory); {1e3 * DITHER:g} mV on each control, B = 10 kHz\n")
    time_table(each)
    print("\nThe same where all dithers together have the power of one of 1 mV: 1 mV/sqrt(N) on each, 1 mV in turn\n")
    time_table(shared)
    fixed = [way for way in WAYS if way not in RANDOM]
    print("\nError without noise, by curvature and intermodulation (%)\n")
    small_table([row for row in each if row["periods"] == middle], fixed, lambda r: f"{100 * float(r['floor']):.2g}")
    print(f"\nError (%) behind a one-pole at B where one block lasts {1e3 * WINDOW:g} ms, found (theory)\n")
    lags = [row for count in given.parameters for row in lag(Device(count))]
    small_table(lags, fixed, lambda r: f"{100 * float(r['found']):.2g} ({100 * float(r['theory']):.2g})")
    print("\nVariance by noise of density S (1 + B/f), over that by S, found (theory)\n")
    slows = slow_noise(Device(shown), 2 * given.runs)
    small_table(slows, list(WAYS), lambda r: f"{float(r['found']):.2f} ({float(r['theory']):.2f})")
    for name, rows in (("each", each), ("shared", shared), ("lag", lags), ("slow", slows)):
        with (given.folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    draw(each, curves, cases, shown, given.folder / "scaling.png")
    print(f"\nfigure and tables: {given.folder}")


if __name__ == "__main__":
    main()
