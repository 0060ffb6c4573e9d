"""Two engines on one design: how alike their waveforms are, and what each takes for a time point.

python examples/two_engines.py [TECHNOLOGY] [EPOCHS] [REPEATS]

The engines choose time points of their own, so VACASK's waveforms are interpolated to those of ngspice. Differences are
in percent of the largest value of the signal. Costs are processor time of the simulator's process alone, measured by
turns from runs of two lengths, so that what every run takes to begin stands apart.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.interpolate import Akima1DInterpolator

import hgesim as hg
from hgesim.engine import select_engine
from hgesim.experiment import PointCost, point_cost

SETTINGS = Path(__file__).with_name("and.toml")
DIALECTS = {"ngspice": "osdi", "vacask": "vacask"}


def waveforms(name: str, sets: list[str], folder: Path) -> xr.Dataset:
    """Return the waveforms of a learning run."""
    return hg.learn(SETTINGS, folder / name, overrides=[*sets, f"engine.name={name}"]).waveforms()


def differences(a: xr.Dataset, b: xr.Dataset) -> dict[str, tuple[float, float]]:
    """Return the largest and the rms difference of every net over the largest value of its first waveform."""
    time, found = a["time"].values, {}
    for name in (name for name in a if not name.startswith("i(")):
        one, other = a[name].values, Akima1DInterpolator(b["time"].values, b[name].values)(time)
        apart = np.abs(other - one) / np.abs(one).max()
        found[name] = float(np.nanmax(apart)), float(np.sqrt(np.nanmean(apart**2)))
    return found


def costs(sets: list[str], epochs: int, repeats: int, folder: Path) -> dict[str, list[PointCost]]:
    """Return what the engines took, by turns."""
    design = hg.Experiment.from_file(SETTINGS, sets).design
    engines = {name: select_engine(name, requires=frozenset({"osdi"})) for name in DIALECTS}
    found: dict[str, list[PointCost]] = {name: [] for name in DIALECTS}
    for turn in range(repeats):
        for name, dialect in DIALECTS.items():
            found[name].append(point_cost(design, engines[name], dialect, folder / f"{turn}" / name, epochs + 1))
    return found


def main(technology: str = "ideal", epochs: int = 1, repeats: int = 3) -> None:
    """Run both and print."""
    sets = [f"circuit.technology={technology}", f"loop.epochs={epochs}"]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        first, second = (waveforms(name, sets, folder) for name in DIALECTS)
        print(f"{'signal':12} largest    rms, % of its largest value")
        for signal, (largest, rms) in differences(first, second).items():
            print(f"{signal:12} {100 * largest:7.3f} {100 * rms:6.3f}")
        found = costs(sets, epochs, repeats, folder)
    for name, measured in found.items():
        times = ", ".join(f"{1e6 * cost.per_point:.0f}" for cost in measured)
        start = statistics.median(cost.start for cost in measured)
        print(f"{name:8} {times} us a point, {measured[0].iterations:.2f} iterations; {start:.2f} s to begin")
    ratios = [b.per_point / a.per_point for a, b in zip(found["ngspice"], found["vacask"], strict=True)]
    print(f"VACASK takes {statistics.median(ratios):.2f} times what ngspice takes for a point")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:4]))
