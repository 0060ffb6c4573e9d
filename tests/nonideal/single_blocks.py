"""Single blocks and small loops with imperfections, and a bench that runs them."""

from __future__ import annotations

from small_designs import simulate, small_loop, small_star

from hgesim.blocks import get_block
from hgesim.circuit import BlockInstance, Dc, Element, VoltageSource
from hgesim.design import Circuit, Design, Transient, block_set
from hgesim.engine import RawData
from hgesim.nonideal import Nonideal, deviate

FIXED = {"distribution": "fixed"}
RAILS = tuple(VoltageSource(f"v_{net}", net, "0", Dc(volt)) for net, volt in (("vp", 1.65), ("vn", -1.65)))


def design(chip: Nonideal, technology: str = "ideal") -> Design:
    network = small_star()
    return Design(network, small_loop(network), block_set(technology), nonideal=chip)


def placed(kind: str, technology: str = "ideal", **nets: str) -> BlockInstance:
    block = get_block(kind, technology)
    return BlockInstance(f"x_{kind}", block, {port: nets.get(port, port) for port in block.ports}, note=kind)


def bench(parts: list[Element], probes: tuple[str, ...], stop: float = 1e-4, step: float = 1e-6) -> Circuit:
    return Circuit("bench", (*RAILS, *parts), Transient(stop, step), probes)


def run(parts: list[Element], chip: Nonideal, probes: tuple[str, ...], where: tuple, **times: float) -> RawData:
    folder, engine = where
    return simulate(bench([*deviate(parts, chip)], probes, **times), folder, engine)


def source(net: str, wave: object) -> VoltageSource:
    return VoltageSource(f"v_{net}_in", net, "0", wave)
