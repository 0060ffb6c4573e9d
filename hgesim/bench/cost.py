"""What a time point of a learning loop costs, and how much of it is the network's."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hgesim.bench.figure import Bench, Figure, Target
from hgesim.circuit import BondInstance, Element
from hgesim.config import parse_config
from hgesim.design import Circuit, Design, Transient
from hgesim.engine import fill_folder, run_deck, select_engine
from hgesim.errors import EngineError
from hgesim.experiment import build_design
from hgesim.netlist import write_files
from hgesim.network import DiscParameters, Hopping, Network, Ohmic

__all__ = ["Cost", "Spent", "growth", "loop_design", "measure", "plain_network", "point_cost", "spent", "split"]

_UP_TO, _LARGE = 50, 200  # dopants: where targets are
_GROWTH = 6.0
_METHOD = (
    "Loops that learn AND on dopant discs of constant density, five controls, gf180: processor time of the first "
    "{points} time points, the least of {repeats}. Electronics: the same loop around a network of one site, with as "
    "many iterations. "
)
_USUAL = DiscParameters()
_PARTS = 4  # of a bond, to time the bonds: a small difference of large times needs a lever
_SIEMENS = 1e-7  # of each bond of the network that stands for none
_ACCOUNT = {
    "iterations": "Transient iterations",
    "points": "Transient timepoints",
    "whole": "Transient analysis time",
    "load": "Transient load time",
    "factor": "Transient factor time",
    "solve": "Transient solve time",
}


@dataclass(frozen=True)
class Spent:
    """What a transient took of the processor's time, in second for each iteration of Newton's method.

    Parameters
    ----------
    whole : float
        All of it.
    load : float
        Evaluating the elements.
    matrix : float
        Factorising the matrix and solving with it.
    iterations : float
        Iterations for each time point.
    """

    whole: float
    load: float
    matrix: float
    iterations: float


@dataclass(frozen=True)
class Cost:
    """Cost of a time point, in second of the processor's time.

    Parameters
    ----------
    dopants, bonds, controls, transistors : int
        Size of the loop.
    iterations : float
        Of Newton's method for each point.
    electronics : float
        The same loop around a network of one site and ohmic bonds, with as many iterations.
    bonds_s : float
        What evaluating the bonds takes: measured by writing each as several in parallel.
    matrix : float
        What the matrix takes, less that of the electronics.
    rest : float
        What else the network adds: levels, capacitors, start.
    """

    dopants: int
    bonds: int
    controls: int
    transistors: int
    iterations: float
    electronics: float
    bonds_s: float
    matrix: float
    rest: float

    @property
    def network(self) -> float:
        """Return what the network adds."""
        return self.bonds_s + self.matrix + self.rest

    @property
    def whole(self) -> float:
        """Return all of it."""
        return self.electronics + self.network


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Measure the network against the electronics, and 200 dopants against 50."""
    points, repeats = (100, 1) if bench.quick else (500, 5)
    method = _METHOD.format(points=points, repeats=repeats)
    sizes = (_USUAL.dopants, _UP_TO) if bench.quick else (_USUAL.dopants, _UP_TO, _LARGE)
    costs = {
        size: point_cost(loop_design(size), bench.folder / str(size), points=points, repeats=repeats, tell=bench.tell)
        for size in sizes
    }
    figures = [
        Figure(
            f"cost.{size}",
            f"a time point: the network of {size} dopants, against the electronics",
            "s",
            cost.network,
            cost.electronics,
            cost.network / cost.electronics,
            target=Target(1.0, at_most=True) if size <= _UP_TO and not bench.quick else None,
            method=f"{method}Ratio: network over electronics.",
            details=dataclasses.asdict(cost),
        )
        for size, cost in costs.items()
    ]
    if bench.quick:
        return tuple(figures)
    few, many = costs[_UP_TO], costs[_LARGE]
    pairs = {
        "growth": ("a time point", many.whole, few.whole),
        "network": ("the network in an iteration", many.network / many.iterations, few.network / few.iterations),
    }
    for name, (what, value, reference) in pairs.items():
        figures.append(
            Figure(
                f"cost.{name}",
                f"{what}: {_LARGE} dopants, against {_UP_TO}",
                "s",
                value,
                reference,
                value / reference,
                target=Target(_GROWTH, at_most=True),
                method=f"{method}Ratio: {_LARGE} dopants over {_UP_TO}.",
            )
        )
    return tuple(figures)


def loop_design(dopants: int, controls: int = 5, technology: str = "gf180") -> Design:
    """Return a loop that learns AND on a dopant disc as dense as the usual one, with the usual cut-off.

    Parameters
    ----------
    dopants, controls : int
        Two electrodes are inputs besides.
    technology : str
        Of all blocks.
    """
    network = {
        "seed": 112,
        "current": "100 nA",
        "dopants": dopants,
        "radius": _USUAL.radius * (dopants / _USUAL.dopants) ** 0.5,
        "electrodes": controls + 3,
    }
    settings = {
        "network": network,
        "task": {"gate": "AND", "level": "300 mV", "target": "50 nA"},
        "loop": {"seed": 416},
        "circuit": {"technology": technology},
    }
    return build_design(parse_config(settings))


def plain_network(network: Network) -> Network:
    """Return the same electrodes around one site, with an ohmic bond to each: next to nothing for the simulator."""
    count = network.n_electrodes
    return Network(
        site_labels=("n",),
        electrode_labels=network.electrode_labels,
        roles=network.roles,
        levels=np.zeros(1),
        levers=np.zeros((1, count)),
        site_positions=np.zeros((1, 2)),
        electrode_positions=network.electrode_positions,
        bond_sites=np.array([[0, 1 + k] for k in range(count)]),
        bond_laws=(Ohmic(_SIEMENS),) * count,
        temperature=network.temperature,
    )


def split(circuit: Circuit, parts: int = _PARTS) -> Circuit:
    """Return the same circuit with each hopping bond in `parts` equal ones, in parallel: the matrix is the same."""

    def shares(element: Element) -> tuple[Element, ...]:
        if not (isinstance(element, BondInstance) and isinstance(element.law, Hopping)):
            return (element,)
        law = Hopping(element.law.rate / parts)
        return tuple(dataclasses.replace(element, name=f"{element.name}_{k}", law=law) for k in range(parts))

    return dataclasses.replace(
        circuit, elements=tuple(part for element in circuit.elements for part in shares(element))
    )


def spent(circuit: Circuit, folder: Path, points: int) -> Spent:
    """Run the first points of a circuit's transient and return what they took.

    The engine's own account, which is of wall time, gives the shares of the processor's time.

    Raises
    ------
    EngineError
        ``engine.too-old`` without OSDI, ``bench.failed`` where the transient fails or the engine keeps no account.
    """
    assert isinstance(circuit.analysis, Transient)
    step = circuit.analysis.step
    short = dataclasses.replace(circuit, analysis=Transient(points * step, step))
    engine = select_engine("ngspice", requires=frozenset({"osdi"}))
    deck = write_files(short, folder) / "deck.cir"
    text = deck.read_text(encoding="ascii")
    deck.write_text(re.sub(r"^rusage .*$", "rusage all", text, flags=re.MULTILINE), encoding="ascii", newline="\n")
    fill_folder(folder)
    before = _children_s()
    result = run_deck(folder, engine, end_time=points * step)
    processor = _children_s() - before
    log = result.log.read_text(encoding="utf-8", errors="replace")
    account = {name: re.findall(rf"^{words} = (\S+)$", log, re.MULTILINE) for name, words in _ACCOUNT.items()}
    if not (result.ok and all(account.values())):
        why = result.message or "the engine keeps no account of its time"
        raise EngineError("bench.failed", why, place=str(folder))
    told = {name: float(found[-1]) for name, found in account.items()}
    each = processor / result.engine_s / told["iterations"]
    return Spent(
        whole=told["whole"] * each,
        load=told["load"] * each,
        matrix=(told["factor"] + told["solve"]) * each,
        iterations=told["iterations"] / told["points"],
    )


def _children_s() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def point_cost(
    design: Design, folder: Path, *, points: int = 500, repeats: int = 3, tell: Callable[[str], None] = lambda _: None
) -> Cost:
    """Measure what a time point of a loop costs: three decks in turn, the least of the repeats.

    Parameters
    ----------
    design : Design
        A loop on a network of hopping bonds.
    folder : Path
        For the decks.
    points : int
        Time points of each run.
    repeats : int
        Of each deck.
    tell : callable
        Called with a line before each run.

    Returns
    -------
    Cost
        The electronics' iterations are taken to be as many as those of the whole loop.

    Raises
    ------
    EngineError
        What `spent` raises.
    """
    plain = design.replace(network=plain_network(design.network)).circuit
    decks = {"whole": design.circuit, "split": split(design.circuit), "plain": plain}
    found: dict[str, list[Spent]] = {name: [] for name in decks}
    size = f"{design.network.n_sites} dopants, {len(design.network.controls)} controls"
    for number in range(repeats):
        tell(f"{size}, {number + 1} of {repeats}")
        for name, circuit in decks.items():
            found[name].append(spent(circuit, folder / name, points))
    whole, parted, alone = (_least(found[name]) for name in decks)
    network, matrix = whole.whole - alone.whole, whole.matrix - alone.matrix
    bonds = (parted.load - whole.load) / (_PARTS - 1)
    return Cost(
        dopants=design.network.n_sites,
        bonds=design.network.n_bonds,
        controls=len(design.network.controls),
        transistors=design.circuit.transistors,
        iterations=whole.iterations,
        electronics=whole.iterations * alone.whole,
        bonds_s=whole.iterations * bonds,
        matrix=whole.iterations * matrix,
        rest=whole.iterations * (network - bonds - matrix),
    )


def _least(runs: Sequence[Spent]) -> Spent:
    """Return the least of each: small differences of large times do not bear what disturbs a run."""
    names = [field.name for field in dataclasses.fields(Spent)]
    return Spent(*(min(getattr(run, name) for run in runs) for name in names))


def growth(costs: Sequence[Cost]) -> float:
    """Return the exponent with which the network's cost for an iteration grows with the dopants, by least squares."""
    sizes = np.log([cost.dopants for cost in costs])
    return float(np.polyfit(sizes, np.log([cost.network / cost.iterations for cost in costs]), 1)[0])
