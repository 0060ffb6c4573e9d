"""The table of the foundry transistor: made anew it is the same, and between its points it is right."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from hgesim.engine import Engine
from hgesim.engine.nfet_table import main, measure
from hgesim.network.spline import Spline
from hgesim.network.transistors import gf180_channel


@pytest.mark.slow
def test_the_shipped_table_is_what_the_script_makes(tmp_path: Path, ngspice: Engine) -> None:
    assert main([str(tmp_path / "table.npz")]) == 0
    made, shipped = Spline.read(tmp_path / "table.npz"), Spline.read(files("hgesim.network") / "nfet_03v3.npz")
    assert np.array_equal(made.low, shipped.low) and np.array_equal(made.high, shipped.high)
    assert np.abs(made.weights - shipped.weights).max() < 1e-4  # logarithms: parts in ten thousand of the current
    assert (Path(str(files("hgesim.network"))) / "nfet_03v3.npz").stat().st_size < 300_000


@pytest.mark.parametrize(("source", "drop"), [(1.0, 1.0), (2.0, 1.3), (3.3, 3.3)])
def test_currents_between_the_points(source: float, drop: float, tmp_path: Path, ngspice: Engine) -> None:
    random = np.random.default_rng(3)
    s = random.uniform(0.0, source, 400)
    d = random.uniform(0.0, 1.0, 400) * np.minimum(drop, 3.3 - s)
    g = random.uniform(0.0, 3.3, 400)
    volts = np.stack([s, s + d, g])[:, :, None]
    found = measure(tmp_path, np.repeat(volts, 2, axis=2))[:, 0]
    channel = gf180_channel(s + d, s, g, np.array(0.0), np.array(1.0))
    assert np.abs(channel.current - found).max() < 1e-4 * found.max()
    strong = found > 1e-9
    assert strong.sum() > 50
    assert np.abs(channel.current[strong] / found[strong] - 1).max() < 2e-4
