"""The exact solution of a network against ngspice and against Newton's method written with SciPy, point by point."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.bench.altered import altered_currents
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
    "Random operating points of a dopant disc at 77 K. Time of a point: in batches of {batch}, with all "
    "gradients, by the exact solution; one by one and without gradients by the others, processes without writing "
    "their decks. Pairs in turn; ratio: the other over the exact solution, median and range. Currents agree "
    "within 1e-4 of the largest."
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
        compared, method = pairs.compared(), _METHOD.format(batch=_BATCH)
        figures.append(Figure(f"twin.{name}", what, "s", **compared, target=target, method=method, details=details))
    return (*figures, *(_large(dopants, bench) for dopants in _LARGE if not bench.quick))


def ways() -> dict[str, tuple[str, Way]]:
    """Return the other ways to an output current, by name, with a few words."""
    return {
        "process": ("exact solution, against an ngspice process a point", _by_process),
        "op": ("exact solution, against alter and op in process", altered_currents),
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
    method = _METHOD.format(batch=told["batch"])
    return Figure(f"twin.{dopants}", what, "s", **pairs.compared(), method=method, details=told)


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
    """Write a deck for each point and run it; only the time of the processes counts."""
    engine, found, took = select_engine("ngspice"), list[float](), 0.0
    for number, row in enumerate(volts):
        circuit = network_bench(network, row[None])
        place = write_files(circuit, folder / str(number))
        fill_folder(place)
        result = run_deck(place, engine, end_time=0.0, timeout=600)
        if not result.ok:
            raise EngineError("bench.failed", result.message, place="twin")
        assert isinstance(circuit.analysis, CaseSweep)
        output = f"i(v_{network.electrode_labels[network.output]})"
        found.append(float(circuit.analysis.at_points(read_raw(result.raw)[output])[0]))
        took += result.engine_s
    return np.array(found), took / len(volts)


def _by_newton(network: Network, volts: FloatArray, _: Path) -> tuple[FloatArray, float]:
    took, found = timed(lambda: np.array([newton_current(network, row) for row in volts]))
    return found, took / len(volts)


if __name__ == "__main__":
    main(int(sys.argv[1]))
