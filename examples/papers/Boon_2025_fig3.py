"""Figure 3 of Boon et al. (Nature Communications 2025, doi 10.1038/s41467-025-65155-7): all derivatives at once.

python examples/papers/Boon_2025_fig3.py [OUTPUT_FOLDER] [--sets 1000] [--repeats 200] [--device 1] ...

b: the mean squared error of one derivative against the spacing of the carriers. c, d: parallel against one-at-a-time
derivatives of random voltage sets at 10 Hz and 40 Hz. From the paper: the spacings, 1,000 sets, 0.1 s, noise of 1e-5
nA^2/Hz, a channel 2.05 (1, 20) times weaker than its neighbours. Not from the paper, hence arguments of this script:
device, voltages, dither, frequencies, filter, one- or two-sided noise, in-phase part or magnitude, and whether 0.1 s
is the time of each derivative or shared by all seven when they are taken one at a time. The seven electrodes other
than the output carry a dither each; the output current at every sample is the exact solution of the dopant network at
77 K, so that all products of the dithers are in it (sampled at 8 kHz; at 16 kHz derivatives of 40 sets differ by 0.03
nA/V rms). A boxcar of 0.1 s has nulls at all multiples of 10 Hz, which would make c and d alike: a low-pass is drawn
below it.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import hgesim as hg
from hgesim.errors import HgeError
from hgesim.loop import Boxcar, LowPass, crosstalk, magnitude_penalty, noise_variance
from hgesim.report.style import LIGHT, log_ticks, look, new_figure
from hgesim.seeds import generator
from hgesim.units import parse_quantity
from hgesim.waveforms import demodulate, derivative

NANO = 1e-9
WEAKER, BAND = 2.05, (1.0, 20.0)
SPACINGS = (2.0, 3.0, 5.0, 7.0, 10.0, 12.5, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 55.0, 80.0)
PANELS = {"c": 10.0, "d": 40.0}
RANGE = 0.6  # V, of the random voltages
ORDER = 16  # samples in a period of a single dither: harmonics up to 14 stay off the carrier
CHUNK = 20  # waveforms at once


@dataclass(frozen=True)
class Bench:
    """A device and how it is measured."""

    network: hg.Network
    dither: float
    density: float  # one-sided, A^2/Hz
    time: float
    first: float  # the lowest carrier, Hz
    sampling: float
    estimate: str
    shared: bool
    filters: dict[str, Boxcar | LowPass]
    random: np.random.Generator

    def __post_init__(self) -> None:
        """Refuse nonsense before the long part."""
        noise_variance(self.density, self.time, self.dither)

    @property
    def dithered(self) -> list[int]:
        """All electrodes but the output."""
        return [k for k in range(self.network.n_electrodes) if k != self.network.output]

    def comb(self, spacing: float) -> np.ndarray:
        """Return a carrier for each dithered electrode."""
        return self.first + spacing * np.arange(len(self.dithered))

    def alone(self, name: str) -> Boxcar | LowPass:
        """Return the filter that a derivative has when they are taken one at a time."""
        return self.filters[name].faster(len(self.dithered)) if self.shared else self.filters[name]

    def floor(self, name: str) -> float:
        """Return the mean squared error of one at a time: noise alone."""
        return float(noise_variance(self.density, self.alone(name), self.dither))

    def error(self, variance: Any, slope: Any) -> Any:
        """Return the mean squared error of an estimate whose in-phase part has this variance.

        The magnitude's is that of normal errors, which those of a few neighbours are only about.
        """
        return variance if self.estimate == "in-phase" else variance * magnitude_penalty(slope / np.sqrt(variance))

    def times(self, sampling: float) -> np.ndarray:
        """Return the samples of one reading, both ends included."""
        return np.arange(int(np.ceil(self.time * sampling - 1e-6)) + 1) / sampling

    def waves(self, volts: np.ndarray, wave: np.ndarray) -> np.ndarray:
        """Return the exact output current, (P, T), at voltages (P, E) with dithers (P, T, C) on them, without noise."""
        there = np.repeat(volts[:, None], wave.shape[1], axis=1)
        there[..., self.dithered] += wave
        return self.network.output_current(there)

    def noisy(self, current: np.ndarray, sampling: float) -> np.ndarray:
        """Add white noise: of one-sided density S, samples have the variance S/2 times their rate."""
        return current + self.random.normal(0.0, (self.density * sampling / 2) ** 0.5, current.shape)

    def phases(self, count: int) -> np.ndarray:
        """Draw a phase for each dither of `count` readings."""
        return self.random.uniform(0.0, 2.0 * np.pi, (count, len(self.dithered)))


def parallel(bench: Bench, volts: np.ndarray, comb: np.ndarray, amplitudes: np.ndarray) -> Iterator[dict[str, Any]]:
    """Measure all derivatives at once, (P, C) for each filter; also without noise, under the name "clean"."""
    t = bench.times(bench.sampling)
    for begin in range(0, len(volts), CHUNK):
        part = volts[begin : begin + CHUNK]
        phases = bench.phases(len(part))
        wave = amplitudes * np.sin(2 * np.pi * t[:, None] * comb + phases[:, None])
        current = bench.waves(part, wave)
        noisy = bench.noisy(current, bench.sampling)
        found = {
            name: derivative(*demodulate(t, noisy, comb, used, phases), amplitudes, bench.estimate)
            for name, used in bench.filters.items()
        }
        clean = demodulate(t, current, comb, bench.time, phases)
        yield found | {"clean": derivative(*clean, amplitudes)}


def one_at_a_time(bench: Bench, volts: np.ndarray) -> Iterator[dict[str, Any]]:
    """Measure derivative after derivative at the first carrier, (P, C) for each filter, and "clean".

    A device without memory repeats itself in every period of a single dither: one period is solved.
    """
    sampling, channels = ORDER * bench.first, len(bench.dithered)
    t = bench.times(sampling)
    turn = bench.dither * np.sin(2 * np.pi * np.arange(ORDER) / ORDER)
    waves = (np.eye(channels)[:, None] * turn[:, None]).reshape(-1, channels)  # channel after channel
    for begin in range(0, len(volts), CHUNK):
        part = volts[begin : begin + CHUNK]
        period = bench.waves(part, np.repeat(waves[None], len(part), axis=0)).reshape(len(part), channels, ORDER)
        current = period[..., np.arange(len(t)) % ORDER]
        noisy = bench.noisy(current, sampling)

        def read(signal: np.ndarray, used: Any, estimate: str) -> np.ndarray:
            parts = demodulate(t, signal, [bench.first], used)
            return derivative(*parts, bench.dither, estimate)[..., 0]

        found = {name: read(noisy, bench.alone(name), bench.estimate) for name in bench.filters}
        yield found | {"clean": read(current, bench.time, "in-phase")}


def joined(parts: Iterator[dict[str, Any]]) -> dict[str, np.ndarray]:
    found = list(parts)
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def random_sets(bench: Bench, count: int) -> np.ndarray:
    volts = np.zeros((count, bench.network.n_electrodes))
    volts[:, bench.dithered] = bench.random.uniform(-RANGE, RANGE, (count, len(bench.dithered)))
    return volts


def operating_point(bench: Bench) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
    """Find voltages where one electrode is weaker than the others by about as much as is asked for.

    Returns
    -------
    volts, target, derivatives, amplitudes
        Of (E,), the channel, and both (C,) in the order of the electrodes. The other dithers are scaled until their
        outputs are exactly so much stronger. The target's derivative is at least the device's median. Of the 150 of
        2,000 sets that then need the least scaling it is the one where the target's derivative changes least within the
        dithers: the theory has no curvature in it.
    """
    volts, channels = random_sets(bench, 2000), np.arange(len(bench.dithered))
    slopes = bench.network.gradient(volts)[:, bench.dithered]
    scale = WEAKER * np.abs(slopes[:, :, None] / slopes[:, None, :])  # (set, target, other)
    scale[:, channels, channels] = 1.0
    effort = np.abs(np.log(scale)).max(axis=2)
    effort[np.abs(slopes) < np.median(np.abs(slopes))] = np.inf
    few = effort.min(axis=1).argsort()[:150]
    target = effort[few].argmin(axis=1)
    amplitudes = bench.dither * scale[few, target]
    step = np.zeros((len(few), len(channels), bench.network.n_electrodes))
    step[:, channels, bench.dithered] = amplitudes
    around = [bench.network.gradient(volts[few, None] + sign * step)[..., bench.dithered] for sign in (1, 0, -1)]
    change = (around[0] - 2 * around[1] + around[2])[np.arange(len(few)), :, target]
    best = np.abs(change).sum(axis=1).argmin()
    return volts[few[best]], int(target[best]), slopes[few[best]], amplitudes[best]


def panel_b(bench: Bench, repeats: int) -> list[dict[str, float | str]]:
    """Return theory and simulation for each filter and spacing, in (nA/V)^2, with the simulation's standard error.

    That is the one of a mean of squares of normal errors, an upper limit where a few neighbours make most of them.
    """
    volts, target, slopes, amplitudes = operating_point(bench)
    middle = len(slopes) // 2
    order = np.insert(np.delete(np.arange(len(slopes)), target), middle, target)  # carrier -> channel
    print(
        f"b: channel {bench.network.electrode_labels[bench.dithered[target]]}, {slopes[target] / NANO:.1f} nA/V; "
        f"dithers of {amplitudes.min() * 1e3:.1f} to {amplitudes.max() * 1e3:.1f} mV, others {WEAKER} times stronger"
    )
    rows: list[dict[str, float | str]] = []
    for spacing in SPACINGS:
        comb = bench.comb(spacing)[np.argsort(order)]
        found = joined(parallel(bench, np.repeat(volts[None], repeats, axis=0), comb, amplitudes))
        if spacing == max(PANELS.values()):
            products = rms(found["clean"][:, target] - slopes[target]) / NANO
            print(f"b: products of the dithers, which no theory here holds: {products:.2f} nA/V rms at {spacing:g} Hz")
        for name, used in bench.filters.items():
            squares = ((found[name][:, target] - slopes[target]) / NANO) ** 2
            theory = expected(bench, used, spacing, slopes[target] / NANO, WEAKER)
            rows.append(
                {
                    "filter": name,
                    "spacing": spacing,
                    "theory": theory,
                    "simulation": float(squares.mean()),
                    "error": theory * (2.0 / repeats) ** 0.5,
                    "floor": bench.floor(name) / NANO**2,
                    "derivative": float(slopes[target] / NANO),
                }
            )
    for name in bench.filters:
        mine = [row for row in rows if row["filter"] == name]
        theory, simulation, error = (np.array([row[k] for row in mine]) for k in ("theory", "simulation", "error"))
        z = (simulation - theory) / error
        ratio, spread = (simulation / theory).mean(), ((error / theory) ** 2).sum() ** 0.5 / len(mine)
        print(
            f"b, {name}: simulation/theory {ratio:.3f} +- {spread:.3f} over {len(mine)} spacings of {repeats} "
            f"readings; deviations {rms(z):.2f} standard errors rms, {np.abs(z).max():.2f} at most"
        )
    return rows


def expected(bench: Bench, used: Boxcar | LowPass, spacing: float, slope: float, weaker: float) -> float:
    """Return the mean squared error of the middle channel in (nA/V)^2, its derivative being `slope` nA/V."""
    comb = bench.comb(spacing)
    slopes = np.full(len(comb), weaker * slope)
    slopes[len(comb) // 2] = slope
    leaks = crosstalk(used, comb, slopes, np.full(len(comb), bench.dither))[len(comb) // 2]
    noise = noise_variance(bench.density, used, bench.dither) / NANO**2
    return float(bench.error(leaks + noise, slope))


def panels_cd(bench: Bench, sets: int) -> dict[str, np.ndarray]:
    """Measure random voltage sets both ways, (sets, C) in nA/V each; "exact" is the adjoint gradient."""
    volts = random_sets(bench, sets)
    amplitudes = np.full(len(bench.dithered), bench.dither)
    slopes = bench.network.gradient(volts)[:, bench.dithered]
    single = joined(one_at_a_time(bench, volts))
    found = {"exact": slopes} | {f"single, {name}": values for name, values in single.items()}
    for spacing in PANELS.values():
        many = joined(parallel(bench, volts, bench.comb(spacing), amplitudes))
        found |= {f"parallel {spacing:g} Hz, {name}": values for name, values in many.items()}
        distortion = rms(many["clean"] - single["clean"])
        for name, used in bench.filters.items():
            leaks = crosstalk(used, bench.comb(spacing), slopes, amplitudes)
            squares = bench.error(leaks + noise_variance(bench.density, used, bench.dither), slopes)
            squares = squares + bench.error(bench.floor(name), slopes)
            error, theory = many[name] - single[name], float(np.mean(squares)) ** 0.5
            print(
                f"{spacing:g} Hz, {name}: RMSE {rms(error) / NANO:.2f} nA/V, "
                f"median {np.median(np.abs(error)) / NANO:.2f}; "
                f"theory {theory / NANO:.2f} (leakage and noise), products of the dithers {distortion / NANO:.2f}; "
                f"correlation {np.corrcoef(many[name].flat, single[name].flat)[0, 1]:.4f}"
            )
    return {name: values / NANO for name, values in found.items()}


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def draw_b(axes: Any, bench: Bench, name: str, rows: list[dict[str, float | str]]) -> None:
    """Draw the mean squared error of one filter."""
    mine = [row for row in rows if row["filter"] == name]
    slope, used = float(mine[0]["derivative"]), bench.filters[name]
    x = np.linspace(1.0, 85.0, 1200)
    edges = [[expected(bench, used, spacing, slope, weaker) for spacing in x] for weaker in BAND]
    axes.fill_between(x, *edges, color=LIGHT["rule"], lw=0, label="1 to 20 times weaker")
    line = [expected(bench, used, spacing, slope, WEAKER) for spacing in x]
    axes.plot(x, line, color=LIGHT["blue"], label=f"{WEAKER:g} times weaker, theory")
    axes.axhline(float(mine[0]["floor"]), color=LIGHT["ink"], ls="--", lw=1, label="one at a time, theory")
    y, error = (np.array([row[key] for row in mine], dtype=float) for key in ("simulation", "error"))
    axes.errorbar(
        [row["spacing"] for row in mine], y, 2 * error, fmt="o", ms=3.5, color=LIGHT["orange"], elinewidth=1,
        label="simulated device, 2 std. errors",
    )  # fmt: skip
    axes.set(yscale="log", xlim=(0, 85), xlabel="spacing of the carriers (Hz)", ylabel="mean squared error ((nA/V)²)")
    axes.set_ylim(0.3 * float(mine[0]["floor"]), 3.0 * max(edges[1]))
    log_ticks(axes)
    axes.legend(fontsize=7.5, loc="upper right")


def draw_scatter(axes: Any, found: dict[str, np.ndarray], name: str, spacing: float) -> None:
    """Draw parallel over one-at-a-time derivatives."""
    x, y = found[f"single, {name}"].ravel(), found[f"parallel {spacing:g} Hz, {name}"].ravel()
    end = 1.1 * float(np.abs([x, y]).max())
    axes.axline((0, 0), slope=1, color=LIGHT["soft"], lw=0.8)
    axes.plot(x, y, ".", ms=2, color=LIGHT["blue"], alpha=0.35, mew=0, rasterized=True)
    for which, scale in (("x", axes.set_xscale), ("y", axes.set_yscale)):
        scale("symlog", linthresh=30.0, linscale=1.0)
        axes.tick_params(axis=which, which="minor", length=0)
    ticks = [-1000, -100, 0, 100, 1000]
    axes.set(xlim=(-end, end), ylim=(-end, end), xlabel="one at a time (nA/V)", ylabel="in parallel (nA/V)")
    axes.set_xticks(ticks, [f"{tick:g}".replace("-", "\u2212") for tick in ticks])
    axes.set_yticks(ticks, [f"{tick:g}".replace("-", "\u2212") for tick in ticks])
    axes.set_aspect("equal", anchor="N")
    words = f"RMSE {rms(y - x):.1f} nA/V\nr = {np.corrcoef(x, y)[0, 1]:.4f}\n{len(x):,} derivatives"
    axes.text(0.04, 0.96, words, transform=axes.transAxes, va="top", fontsize=8)


def draw(target: Path, bench: Bench, rows: list[dict[str, float | str]], found: dict[str, np.ndarray]) -> None:
    """Draw a row of panels for each filter."""
    with look():
        figure = new_figure(11.5, 4.0 * len(bench.filters) + 0.5)
        for axes, (name, used) in zip(figure.subplots(len(bench.filters), 3), bench.filters.items(), strict=True):
            draw_b(axes[0], bench, name, rows)
            axes[0].set_title(f"b  {title(used)}")
            for panel, one in zip(PANELS, axes[1:], strict=True):
                draw_scatter(one, found, name, PANELS[panel])
                one.set_title(f"{panel}  {PANELS[panel]:g} Hz apart, {name}")
        figure.tight_layout(rect=(0, 0.05, 1, 1), h_pad=2.0, w_pad=1.5)
        words = (
            f"Dithers of {1e3 * bench.dither:g} mV from {bench.first:g} Hz up, on all electrodes but the output. "
            "These, the device and both filters are hgesim's choice, not the paper's.\n"
            f"A boxcar of {bench.time:g} s has nulls at multiples of {1 / bench.time:g} Hz, so that c and d look alike "
            "with it; a low-pass has none. Axes of c and d are linear within ±30 nA/V, logarithmic beyond."
        )
        figure.text(0.01, 0.008, words, fontsize=8, color=LIGHT["soft"])
        figure.savefig(target, dpi=150, facecolor=LIGHT["paper"])


def title(used: Boxcar | LowPass) -> str:
    if isinstance(used, Boxcar):
        return f"boxcar of {used.time:g} s"
    return f"{'one pole' if used.poles == 1 else 'two poles'} at {used.corner:g} Hz, read after {used.time:g} s"


def write(folder: Path, bench: Bench, rows: list[dict[str, float | str]], found: dict[str, np.ndarray]) -> None:
    """Write the numbers of the figure as two tables."""
    with (folder / "figure3b.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows({key: f"{v:.6g}" if isinstance(v, float) else v for key, v in row.items()} for row in rows)
    with (folder / "figure3cd.csv").open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["set", "electrode", *(f"{name} (nA/V)" for name in found)])
        for number, values in enumerate(np.stack(list(found.values()), axis=-1)):
            for electrode, row in zip(bench.dithered, values, strict=True):
                label = bench.network.electrode_labels[electrode]
                lines.writerow([number, label, *(f"{value:.6g}" for value in row)])


def count(text: str) -> int:
    """Read a number of at least 1."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def read_words(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("folder", nargs="?", default="runs/Boon_2025_fig3", type=Path)
    add("--sets", type=count, default=1000, help="random voltage sets of c and d")
    add("--repeats", type=count, default=200, help="readings for each point of b")
    add("--device", type=int, default=1, help="seed of the dopant disc")
    add("--seed", type=int, default=0, help="of voltages, phases and noise")
    add("--dither", default="5 mV")
    add("--psd", type=float, default=1e-5, help="of the noise, nA^2/Hz")
    add("--sides", type=int, default=1, choices=(1, 2), help="one- or two-sided density")
    add("--time", default="0.1 s")
    add("--first", default="1 kHz", help="lowest carrier")
    add("--sampling", default="8 kHz")
    add("--corner", default="5 Hz", help="of the low-pass")
    add("--poles", type=int, default=1, choices=(1, 2))
    add("--estimate", default="in-phase", choices=("in-phase", "magnitude"))
    add("--sequential", default="each", choices=("each", "shared"), help="time of one-at-a-time: for each, or for all")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    """Measure, print, write and draw."""
    chosen = read_words(words)
    time = parse_quantity(chosen.time, "s", place="--time")
    filters = {
        "boxcar": Boxcar(time),
        "low-pass": LowPass(parse_quantity(chosen.corner, "Hz", place="--corner"), chosen.poles, time),
    }
    bench = Bench(
        network=hg.dopant_disc(chosen.device),
        dither=parse_quantity(chosen.dither, "V", place="--dither"),
        density=chosen.psd * chosen.sides * NANO**2,
        time=time,
        first=parse_quantity(chosen.first, "Hz", place="--first"),
        sampling=parse_quantity(chosen.sampling, "Hz", place="--sampling"),
        estimate=chosen.estimate,
        shared=chosen.sequential == "shared",
        filters=filters,
        random=generator(chosen.seed, "examples", "Boon_2025_fig3"),
    )
    chosen.folder.mkdir(parents=True, exist_ok=True)
    rows = panel_b(bench, chosen.repeats)
    found = panels_cd(bench, chosen.sets)
    write(chosen.folder, bench, rows, found)
    draw(chosen.folder / "figure3.png", bench, rows, found)
    print(f"figure: {chosen.folder / 'figure3.png'}; numbers: figure3b.csv, figure3cd.csv beside it")


if __name__ == "__main__":
    try:
        main()
    except HgeError as error:
        raise SystemExit(str(error)) from None
