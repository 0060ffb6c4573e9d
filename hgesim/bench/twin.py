"""The exact solution of a network against ngspice and against Newton's method written with SciPy, point by point."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.bench.child import peak_memory, run_child
from hgesim.bench.figure import Bench, Figure, Pairs, Target, timed
from hgesim.bench.newton import newton_current
from hgesim.design import CaseSweep, network_bench
from hgesim.engine import fill_folder, read_raw, run_deck, select_engine
from hgesim.errors import EngineError, HgeError
from hgesim.netlist import write_files
from hgesim.network import DiscParameters, Network, dopant_disc

__all__ = ["agreement", "draw", "measure", "ways"]

FloatArray = NDArray[np.float64]
Way = Callable[[Network, FloatArray, Path], tuple[FloatArray, float]]  # currents, and second a point

_FASTER = 100.0
_DOPANTS = 30
_LARGE = (100, 500, 2000)
_BATCH = 1000  # points at once for 30 dopants, fewer for more
_POINTS = 5  # that a process is started for in each repeat
_REPEATS = 3
_AGREE = 1e-4  # of the largest current, as in the tests of the compiled network
_METHOD = (
    "Random operating points of a dopant disc at 77 K. Time of a point: in batches of a thousand, with all "
    "gradients, by the exact solution; one by one and without gradients by the others. Pairs in turn; ratio: the "
    "other over the exact solution, median and range. Currents agree within 1e-4 of the largest."
)


def draw(dopants: int) -> Network:
    """Draw a disc of constant density, that of 30 dopants with the radius of the default."""
    return dopant_disc(1, dopants=dopants, radius=DiscParameters().radius * (dopants / _DOPANTS) ** 0.5)


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Measure three other ways on 30 dopants, then larger devices against a process per point."""
    network = draw(_DOPANTS)
    repeats = 1 if bench.quick else _REPEATS
    figures = []
    for name, (what, way) in ways().items():
        bench.tell(what)
        pairs, apart = _compared(network, way, bench.folder / name, (_BATCH, _POINTS), repeats)
        target = Target(_FASTER) if name == "process" and not bench.quick else None
        details = {"dopants": _DOPANTS, "bonds": network.n_bonds, "difference": apart}
        compared = pairs.compared()
        figures.append(Figure(f"twin.{name}", what, "s", **compared, target=target, method=_METHOD, details=details))
    return (*figures, *(_large(dopants, bench) for dopants in _LARGE if not bench.quick))


def ways() -> dict[str, tuple[str, Way]]:
    """Return the other ways to an output current, by name, with a few words."""
    return {
        "process": ("exact solution, against an ngspice process a point", _by_process),
        "op": ("exact solution, against alter and op in process", _by_alter),
        "scipy": ("exact solution, against Newton in SciPy", _by_newton),
    }


def _compared(network: Network, way: Way, folder: Path, counts: tuple[int, int], repeats: int) -> tuple[Pairs, float]:
    """Measure the exact solution and another way in turn; return the times of a point and how far they are apart."""
    batch, points = counts
    volts = np.random.default_rng(0).uniform(-0.6, 0.6, (batch, network.n_electrodes))
    exact, _, _ = network.output_and_gradient(volts)  # compiled once for each machine
    values, references, apart = [], [], 0.0
    for number in range(repeats):
        some = np.arange(number * points, (number + 1) * points) % batch
        values.append(timed(lambda: network.output_and_gradient(volts))[0] / batch)
        place = folder / str(number)
        place.mkdir(parents=True)
        found, took = way(network, volts[some], place)
        references.append(took)
        apart = max(apart, agreement(found, exact[some], exact))
    return Pairs(tuple(values), tuple(references)), apart


def agreement(found: FloatArray, exact: FloatArray, scale: FloatArray) -> float:
    """Return the largest difference over the largest current.

    Raises
    ------
    HgeError
        ``bench.differs`` above 1e-4: then the two do not solve the same thing.
    """
    apart = float(np.abs(found - exact).max() / np.abs(scale).max())
    if not apart < _AGREE:
        raise HgeError("bench.differs", f"currents differ by {apart:.1e} of the largest", place="twin")
    return apart


def _large(dopants: int, bench: Bench) -> Figure:
    """Measure a larger device in a process of its own, whose memory is told."""
    bench.tell(f"{dopants} dopants")
    printed = run_child([sys.executable, "-m", "hgesim.bench.twin", str(dopants)], folder=bench.folder).printed
    told = json.loads(printed.splitlines()[-1])
    pairs = Pairs(tuple(told.pop("values")), tuple(told.pop("references")))
    what = f"exact solution of {dopants} dopants, against a process"
    return Figure(f"twin.{dopants}", what, "s", **pairs.compared(), method=_METHOD, details=told)


def main(dopants: int) -> None:
    """Measure one device and print what was found, and the memory that it took."""
    network = draw(dopants)
    before, batch = peak_memory(), max(2, _BATCH * _DOPANTS // dopants // 10)
    pairs, apart = _compared(network, _by_process, Path("large") / str(dopants), (batch, 2), 2)
    newton, _ = _compared(network, _by_newton, Path("newton") / str(dopants), (batch, 2), 1)
    told: dict[str, Any] = {"values": pairs.values, "references": pairs.references, "newton_s": newton.reference}
    told |= {"dopants": dopants, "bonds": network.n_bonds, "batch": batch, "difference": apart}
    print(json.dumps(told | {"peak_bytes": peak_memory(), "peak_before_bytes": before}))


def _by_process(network: Network, volts: FloatArray, folder: Path) -> tuple[FloatArray, float]:
    """Write a deck for each point and run it."""
    engine = select_engine("ngspice")

    def work() -> FloatArray:
        found = []
        for number, row in enumerate(volts):
            circuit = network_bench(network, row[None])
            place = write_files(circuit, folder / str(number))
            fill_folder(place)
            result = run_deck(place, engine, end_time=0.0, timeout=600)
            if not result.ok:
                raise EngineError("bench.failed", result.message, place="twin")
            assert isinstance(circuit.analysis, CaseSweep)
            output = f"i(v_{network.electrode_labels[network.output]})"
            found.append(circuit.analysis.at_points(read_raw(result.raw)[output])[0])
        return np.array(found)

    return _a_point(work, volts)


def _a_point(work: Callable[[], FloatArray], volts: FloatArray) -> tuple[FloatArray, float]:
    took, found = timed(work)
    return found, took / len(volts)


def _by_alter(network: Network, volts: FloatArray, folder: Path) -> tuple[FloatArray, float]:
    """Load the network into ngspice's library once, then alter the sources and find the operating point again."""
    deck = write_files(network_bench(network, volts[:1]), folder)
    fill_folder(deck)
    labels, spice = network.electrode_labels, _library()
    spice.exec_command("set num_threads=1")
    spice.exec_command(f"osdi {deck / 'bond.osdi'}")
    spice.load_circuit("\n".join(_plain_lines((deck / "deck.cir").read_text(encoding="ascii"), labels)))

    def work() -> FloatArray:
        found = []
        for row in volts:
            for label, value in zip(labels, row.tolist(), strict=True):
                spice.exec_command(f"alter v_{label} = {value:.12e}")
            spice.exec_command("op")
            answer = re.search(r"=\s*(\S+)", spice.exec_command(f"print i(v_{labels[network.output]})"))
            found.append(float(answer[1]) if answer else math.nan)
            spice.exec_command("destroy all")
        return np.array(found)

    try:
        return _a_point(work, volts)
    finally:
        spice.exec_command("remcirc")


def _plain_lines(deck: str, labels: Sequence[str]) -> list[str]:
    """Turn the deck of a sweep into one whose electrodes are plain sources."""
    lines = deck.split(".control")[0].splitlines()
    sources = tuple(f"{letter}{mark}_{label} " for label in labels for letter, mark in (("v", ""), ("b", "v")))
    kept = [line for line in lines if not line.startswith((*sources, "vcase_number", ".dc", ".save"))]
    return [*kept, *(f"v_{label} el_{label} 0 dc 0" for label in labels), ".end"]


def _library() -> Any:
    """Return ngspice's library through PySpice, which has to bear what ngspice notes on its error stream."""
    # the packages of Debian have the library without the name that PySpice looks for
    os.environ.setdefault("NGSPICE_LIBRARY_PATH", find_library("ngspice") or "libngspice.so")
    from PySpice.Spice.NgSpice import Shared as shared

    def send_char(message: Any, _number: int, data: Any) -> int:
        self = shared.ffi.from_handle(data)
        stream, _, text = shared.ffi_string_utf8(message).partition(" ")
        (self._stderr if stream == "stderr" else self._stdout).append(text)
        return 0

    shared.NgSpiceShared._send_char = staticmethod(send_char)
    try:
        return shared.NgSpiceShared.new_instance()
    except OSError as error:
        raise EngineError(
            "bench.no-library", str(error), place="twin", remedy="install libngspice0, or set NGSPICE_LIBRARY_PATH"
        ) from None


def _by_newton(network: Network, volts: FloatArray, _: Path) -> tuple[FloatArray, float]:
    return _a_point(lambda: np.array([newton_current(network, row) for row in volts]), volts)


if __name__ == "__main__":
    main(int(sys.argv[1]))
