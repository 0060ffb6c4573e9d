"""Make the table of the foundry transistor that the exact solution of `hgesim.network.Gf180Nmos` bonds looks up.

``python -m hgesim.engine.nfet_table [FILE]`` runs ngspice with the foundry's models (about ten seconds) and writes
``hgesim/network/nfet_03v3.npz``: for each point of an even grid in the three variables of
`hgesim.network.transistors.table_coordinates` the logarithm of the channel current over the charge-based formula, as
the weights of a cubic spline. The current is that of the source's terminal, so that what impact ionisation takes from
the drain to the body is left out.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hgesim.network as network_package
from hgesim.circuit import BondInstance, Dc, Element, Table, VoltageSource
from hgesim.design.circuit import CaseSweep, Circuit
from hgesim.engine.engines import select_engine
from hgesim.engine.fill import fill_folder
from hgesim.engine.raw import read_raw
from hgesim.engine.run import run_deck
from hgesim.errors import EngineError
from hgesim.netlist import write_files
from hgesim.network import Gf180Nmos
from hgesim.network.spline import Spline
from hgesim.network.transistors import EKV, gf180_formula, pinch_off, table_coordinates

__all__ = ["make_table", "measure"]

FloatArray = NDArray[np.float64]

COUNTS = (10, 64, 80)  # grid points of source, drop and overdrive
FARTHEST = 3.3  # volt, of source and drop against the body and the source
DEEPEST = -0.25  # volt of overdrive: some picoampere
LEAST = 5e-4  # volt of drop in the place of none


def make_table(folder: Path) -> Spline:
    """Simulate the grid in a folder and return the spline."""
    strongest = float(pinch_off(np.array(FARTHEST))[0])
    zero = np.array(0.0)
    corners = [table_coordinates(zero, zero, np.array(DEEPEST))]
    corners.append(table_coordinates(np.array(FARTHEST), np.array(FARTHEST), np.array(strongest)))
    low, high = np.array(corners, dtype=float)
    log_source, log_drop, arc = (np.linspace(*span) for span in zip(low, high, COUNTS, strict=True))
    source, drop, over = 0.3 * np.expm1(log_source), np.maximum(0.05 * np.expm1(log_drop), LEAST), 0.1 * np.sinh(arc)
    d, u = (part.ravel() for part in np.meshgrid(drop, over, indexing="ij"))
    s = np.repeat(source[:, None], len(d), axis=1)
    depth = u + s + EKV.surface  # pinch_off, inverted
    gate = EKV.threshold - EKV.surface + depth + EKV.body_effect * (np.sqrt(depth) - np.sqrt(EKV.surface))
    volts = np.stack([s, s + d, gate])
    still = volts[:, :, :1] * [[[1.0]], [[1.0]], [[0.0]]]  # nothing but the leak from source to body
    still[1] = still[0]
    measured = measure(folder, np.concatenate([still, volts], axis=2))
    current = measured[:, 1:] - measured[:, :1]
    formula = gf180_formula(u, np.broadcast_to(d, s.shape))[0]
    return Spline.through(low, high, np.log(current / formula).reshape(COUNTS))


def measure(folder: Path, volts: FloatArray) -> FloatArray:
    """Return the source's current of one unit at voltages (3: source, drain, gate; transistors, points)."""
    elements: list[Element] = []
    for number, terminals in enumerate(volts.transpose(1, 0, 2).tolist()):
        nets = [f"{end}{number}" for end in ("source", "drain", "gate")]
        elements += [
            VoltageSource(f"v_{net}", net, "0", Table(tuple(values)) if end else Dc(values[0]))
            for end, (net, values) in enumerate(zip(nets, terminals, strict=True))
        ]
        law = Gf180Nmos(nets[2])
        elements.append(BondInstance(f"bond_{number}", nets[1], nets[0], law, gate=nets[2], body="0"))
    probes = tuple(f"i(v_source{number})" for number in range(volts.shape[1]))
    circuit = Circuit("table of a transistor", tuple(elements), CaseSweep(volts.shape[2], 2), probes)
    write_files(circuit, folder)
    fill_folder(folder)
    result = run_deck(folder, select_engine(), end_time=0.0, timeout=600)
    if not result.ok:
        raise EngineError("engine.no-table", result.message, place=str(folder))
    raw = read_raw(result.raw)
    return np.stack([circuit.analysis.at_points(raw[probe]) for probe in probes])  # type: ignore[union-attr]


def main(arguments: list[str]) -> int:
    """Write the table."""
    target = Path(arguments[0]) if arguments else Path(network_package.__file__).with_name("nfet_03v3.npz")
    with tempfile.TemporaryDirectory() as folder:
        spline = make_table(Path(folder))
    np.savez_compressed(target, low=spline.low, high=spline.high, weights=spline.weights.astype(np.float32))
    print(f"{target}: {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
