"""Every law compiled to SPICE against the exact solution, in both dialects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from law_networks import LAWS, law_network, law_voltages
from small_designs import simulate

from hgesim.design import network_bench
from hgesim.engine import Engine


@pytest.mark.parametrize("temperature", [77.0, 300.0])
@pytest.mark.parametrize("dialect", ["osdi", "b-source"])
@pytest.mark.parametrize("name", LAWS)
def test_operating_points_agree(
    name: str, dialect: str, temperature: float, tmp_path: Path, osdi_engine: Engine
) -> None:
    network = law_network(name, temperature)
    table = law_voltages(name, network)
    circuit = network_bench(network, table)
    raw = simulate(circuit, tmp_path, osdi_engine, dialect)
    found = np.column_stack([circuit.analysis.at_points(raw[f"i(v_{label})"]) for label in network.electrode_labels])
    exact = network.solve(table).currents
    assert np.abs(found - exact).max() < 1e-4 * np.abs(exact).max()
