"""How fast the exact solution of a network is, against ngspice on the same operating points, in one run.

Usage: python twin_speed.py [points]

Three ways to the output current of a disc of 30 dopants at 77 K: the exact solution with all gradients; one ngspice
process for each operating point; and ngspice in this process (its shared library, through PySpice), where the sources
are altered and ``op`` is run again. The last two give no gradient. All three have to agree.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from ctypes.util import find_library
from pathlib import Path

import numpy as np

from hgesim.design import network_bench
from hgesim.engine import fill_folder, read_raw, run_deck, select_engine
from hgesim.netlist import write_files
from hgesim.network import Network, dopant_disc

PROCESSES = 10  # operating points that get a process of their own; more only take longer


def measure_twin(network: Network, volts: np.ndarray) -> tuple[np.ndarray, float]:
    network.output_and_gradient(volts[:1])  # compiled once for each machine
    begin = time.perf_counter()
    current, _, _ = network.output_and_gradient(volts)
    return current, (time.perf_counter() - begin) / len(volts)


def measure_processes(network: Network, volts: np.ndarray, folder: Path) -> tuple[np.ndarray, float]:
    engine, found = select_engine("ngspice"), []
    begin = time.perf_counter()
    for number, row in enumerate(volts[:PROCESSES]):
        circuit = network_bench(network, row[None])
        place = write_files(circuit, folder / str(number))
        fill_folder(place)
        result = run_deck(place, engine, end_time=0.0, timeout=60)
        if not result.ok:
            raise SystemExit(result.message)
        output = f"i(v_{network.electrode_labels[network.output]})"
        found.append(circuit.analysis.at_points(read_raw(result.raw)[output])[0])
    return np.array(found), (time.perf_counter() - begin) / len(found)


def measure_shared(network: Network, volts: np.ndarray, folder: Path) -> tuple[np.ndarray, float]:
    """Alter the sources to each point and find its operating point from afar."""
    spice = shared_ngspice()
    deck = write_files(network_bench(network, volts[:1]), folder / "shared")
    fill_folder(deck)
    spice.exec_command("set num_threads=1")
    spice.exec_command(f"osdi {deck / 'bond.osdi'}")
    labels = network.electrode_labels
    spice.load_circuit("\n".join(plain_lines((deck / "deck.cir").read_text(), labels)))
    output, found = f"v_{labels[network.output]}", []
    begin = time.perf_counter()
    for row in volts:
        for label, value in zip(labels, row.tolist(), strict=True):
            spice.exec_command(f"alter v_{label} = {value:.12e}")
        spice.exec_command("op")
        answer = spice.exec_command(f"print i({output})")
        found.append(float(re.search(r"=\s*(\S+)", answer)[1]))
        spice.exec_command("destroy all")
    return np.array(found), (time.perf_counter() - begin) / len(volts)


def plain_lines(deck: str, labels: tuple[str, ...]) -> list[str]:
    """Turn the deck of a sweep into one whose electrodes are plain sources."""
    lines = deck.split(".control")[0].splitlines()
    sources = tuple(f"{letter}{mark}_{label} " for label in labels for letter, mark in (("v", ""), ("b", "v")))
    kept = [line for line in lines if not line.startswith((*sources, "vcase_number", ".dc", ".save"))]
    return [*kept, *(f"v_{label} el_{label} 0 dc 0" for label in labels), ".end"]


def shared_ngspice():
    """Return PySpice's ngspice, made to bear the notes that ngspice writes to its error stream."""
    # the packages of Debian have the library without the name that PySpice looks for
    os.environ.setdefault("NGSPICE_LIBRARY_PATH", find_library("ngspice") or "libngspice.so")
    import PySpice.Spice.NgSpice.Shared as shared

    def send_char(message, number, data):
        self = shared.ffi.from_handle(data)
        stream, _, text = shared.ffi_string_utf8(message).partition(" ")
        (self._stderr if stream == "stderr" else self._stdout).append(text)
        if text.lower().startswith("error") or "aborted" in text:
            setattr(self, f"_error_in_{stream}", True)
        return 0

    shared.NgSpiceShared._send_char = staticmethod(send_char)
    return shared.NgSpiceShared.new_instance()


def main(points: int = 1000) -> None:
    network = dopant_disc(1, dopants=30)
    volts = np.random.default_rng(0).uniform(-0.6, 0.6, (points, network.n_electrodes))
    exact, twin = measure_twin(network, volts)
    rows = [("exact solution, with gradients", points, twin, 0.0)]
    with tempfile.TemporaryDirectory() as folder:
        for name, measure, count in (
            ("ngspice, a process per point", measure_processes, PROCESSES),
            ("ngspice in process, alter and op", measure_shared, PROCESSES),
        ):
            current, took = measure(network, volts[:count], Path(folder).resolve())
            error = np.abs(current - exact[:count]).max() / np.abs(exact[:count]).max()
            rows.append((name, count, took, error))
    print(f"{network.n_sites} dopants, {network.n_bonds} bonds, {network.temperature:g} K, {os.cpu_count()} processors")
    print(f"{'':34}{'points':>8}{'ms a point':>12}{'ratio':>10}{'difference':>12}")
    for name, count, took, error in rows:
        print(f"{name:34}{count:>8}{1e3 * took:>12.4g}{took / twin:>10.4g}{error:>12.1e}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
