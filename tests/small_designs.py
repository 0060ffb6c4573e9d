"""Networks and loops small enough to reckon with by hand, and one call that simulates a circuit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hgesim.design import Circuit, Transient, network_bench
from hgesim.engine import Engine, RawData, fill_folder, read_raw, run_deck
from hgesim.loop import HomodyneLoop, LoopSettings, Scales, Timeline, gate_task, plan_tones
from hgesim.netlist import write_files
from hgesim.network import Law, Network, Ohmic

ROLES = ("output", "input", "input", "control", "control")


def star(laws: Sequence[Law], roles: Sequence[str] = ROLES, **changes: object) -> Network:
    """One site `n` in the middle, one bond to each electrode e0, e1, ..."""
    count = len(laws)
    values: dict[str, object] = {
        "site_labels": ("n",),
        "electrode_labels": tuple(f"e{k}" for k in range(count)),
        "roles": tuple(roles),
        "levels": np.zeros(1),
        "levers": np.zeros((1, count)),
        "site_positions": np.zeros((1, 2)),
        "electrode_positions": np.zeros((count, 2)),
        "bond_sites": np.array([[0, k + 1] for k in range(count)]),
        "bond_laws": tuple(laws),
    }
    return Network(**{**values, **changes})  # type: ignore[arg-type]


def ohmic_star(*conductances: float, roles: Sequence[str] = ROLES, **changes: object) -> Network:
    return star([Ohmic(value) for value in conductances], roles, **changes)


def small_star() -> Network:
    """Five different conductances: output, two inputs, two controls."""
    return ohmic_star(3e-7, 1e-7, 0.5e-7, 2e-7, 1.5e-7)


def small_loop(
    network: Network,
    gate: str = "AND",
    *,
    start: Sequence[float] | None = None,
    threshold_start: float = 0.0,
    beats: int = 1,
    epochs: int = 1,
    target: float = 50e-9,
    **settings: float | str,
) -> HomodyneLoop:
    controls = len(network.controls)
    plan = plan_tones(controls + 1, 1e3)
    return HomodyneLoop(
        gate_task(gate, Scales(target=target)),
        plan,
        Timeline(100e-6, 50e-6, beats * plan.beat, 4, epochs),
        LoopSettings(**settings),
        tuple(start if start is not None else np.linspace(-0.1, 0.2, controls).tolist()),
        threshold_start,
    )


def simulate(circuit: Circuit, folder: Path, engine: Engine, dialect: str = "osdi") -> RawData:
    write_files(circuit, folder, dialect)
    fill_folder(folder)
    end = circuit.analysis.stop if isinstance(circuit.analysis, Transient) else 0.0
    result = run_deck(folder, engine, end_time=end, timeout=60)
    assert result.ok, result.message
    return read_raw(result.raw)


def bench_difference(network: Network, table: np.ndarray, folder: Path, engine: Engine, dialect: str = "osdi") -> float:
    """Return the largest difference of any electrode's current to the exact solution, over the largest current."""
    circuit = network_bench(network, table)
    raw = simulate(circuit, folder, engine, dialect)
    found = np.column_stack([circuit.analysis.at_points(raw[f"i(v_{label})"]) for label in network.electrode_labels])
    exact = network.solve(table).currents
    assert found.shape == exact.shape
    return float(np.abs(found - exact).max() / np.abs(exact).max())
