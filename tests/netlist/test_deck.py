"""Decks: what a line may be, that nothing hostile becomes one, and that the same design gives the same bytes."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from small_designs import ohmic_star, simulate, small_loop, small_star

from hgesim.blocks import Block, block_from_file, get_block
from hgesim.circuit import Capacitor, Dc, Resistor, VoltageSource
from hgesim.config import parse_config
from hgesim.design import Circuit, Design, Transient, block_set, network_bench
from hgesim.engine import Engine
from hgesim.errors import HgeError, RequestError
from hgesim.experiment.build import build_design
from hgesim.loop import Timeline
from hgesim.netlist import DECK, DIALECTS, deck_files, verilog_a, write_deck, write_files
from hgesim.netlist.bonds import HOPPING_SUBCKT
from hgesim.netlist.checks import check_deck
from hgesim.network import Network, dopant_disc, from_graph, lattice, read_network, sinh, to_graph
from hgesim.nonideal import FACTORS, Nonideal
from hgesim.waveforms import window_means

STRUCTURAL = (".include", ".lib", ".param", ".model", ".subckt", ".ends", ".options", ".nodeset", ".save", ".tran",
              ".dc", ".end")  # fmt: skip
CONTROL = [".control", "set num_threads=1", "set filetype=binary", "pre_osdi bond.osdi", "run waveforms.raw",
           "rusage totiter tranpoints trantime", "quit", ".endc"]  # fmt: skip
HOSTILE = ["\n", "\r", "\r\n.control\nshell id\n.endc\n", ";", "$", "*", "`id`", " ", "\u2028", "\x00", "\x1b", "а"]


def disc() -> Network:
    return dopant_disc(2, dopants=5, electrodes=5, inputs=(1, 3))


def make(network: Network | None = None, technology: str = "ideal", **choices: Block | str) -> Design:
    network = network or disc()
    return Design(network, small_loop(network), block_set(technology, **choices))


def chip(technology: str) -> Design:
    """With every factor that the technology has."""
    transistors = {"mismatch": "gf180", "transistor_offset": "discrete"}
    sizes = {name: f.typical for name, f in FACTORS.items() if transistors.get(name, technology) == technology}
    return make(technology=technology).replace(nonideal=Nonideal(sizes, seed=3, lost=("e3",)))


DECKS = {
    **{
        f"{t}-{d}": (lambda t=t: make(technology=t).circuit, d)
        for t in ("ideal", "gf180", "discrete")
        for d in DIALECTS
    },
    "bench": (lambda: network_bench(disc(), np.zeros((3, 5))), "osdi"),
    "bench-b": (lambda: network_bench(disc(), np.zeros((3, 5))), "b-source"),
    **{f"chip-{t}": (lambda t=t: chip(t).circuit, "osdi") for t in ("ideal", "gf180", "discrete")},
    "sinh": (lambda: make(lattice(2, 3, law=sinh(), electrodes=5)).circuit, "osdi"),
}


def own_lines(text: str) -> list[str]:
    """Lines outside of subcircuits, comments and continued model cards."""
    lines, depth = [], 0
    for line in text.splitlines():
        depth += line.startswith(".subckt")
        if depth == 0 and line and not line.startswith(("*", "+")):
            lines.append(line)
        depth -= line.startswith(".ends")
    return lines


@pytest.mark.parametrize("name", DECKS)
def test_every_line_is_structural_or_says_what_it_is(name: str) -> None:
    build, dialect = DECKS[name]
    text = write_deck(build(), dialect)
    assert text.isascii() and text.endswith(".end\n") and text.startswith("* ")
    elements = [line for line in own_lines(text) if not line.startswith(STRUCTURAL) and line not in CONTROL]
    bare = [line for line in elements if " ; " not in line]
    # the second line of a table source, the second diode of a sinh bond, and the foundry's and blocks' models
    assert all(re.match(r"bv_\w+ |dbond_\d+_[fr] |\.model", line) for line in bare), bare[:5]
    assert len(elements) > 20


@pytest.mark.parametrize("name", DECKS)
def test_numbers_are_written_without_suffixes(name: str) -> None:
    build, dialect = DECKS[name]
    for line in own_lines(write_deck(build(), dialect)):
        if line.startswith((".include", ".lib", ".model", "set ", "rusage")):
            continue
        code = line.split(" ; ")[0]
        for word in re.findall(r"(?<![\w.])[-+]?\.?\d[\w.+-]*", code):
            assert re.fullmatch(r"-?\d(\.\d+)?e[+-]\d+|\d+", word), (word, line)


def test_elements_stand_as_documented() -> None:
    text = write_deck(make(small_star()).circuit)
    lines = text.splitlines()
    assert "rbond_0 mu_n el_e0 3.3333333333333335e+06 ; bond n-e0" in lines
    assert "g_target el_e0 0 target 0 5e-08 ; target current: the read-out's output is the error" in lines
    assert "b_start_e3 0 low_e3_p i=1e-06*v(start_gate)*(v(el_e3)-(-1e-01))" in [line.split(" ; ")[0] for line in lines]
    assert any(line.startswith("i_ref_e4 0 ref_e4 sin(0 3e-01 7e+03)") for line in lines)
    assert "v_data_e1 el_e1 0 pwl(0e+00 3e-01 5e-07 3e-01 1e-04 -3e-01" in text
    assert lines[0] == "* homodyne learning of AND by 1 sites"


def test_what_chops_is_solved_without_klu_and_held_gently() -> None:
    network = small_star()
    plain, chopped = (make(network, integrator=name) for name in ("gf180", "gf180_chopped"))
    held, chip = plain.replace(loop=small_loop(network, decay=0.01)), plain.replace(nonideal=Nonideal({"mismatch": 1}))
    for made, solver in ((plain, " klu"), (chip, " klu"), (chopped, ""), (held, "")):
        (options,) = (line for line in made.netlist().splitlines() if line.startswith(".options temp"))
        assert options.endswith(f" tnom=2.6850000000000023e+01{solver}")
    chopped = chopped.netlist().splitlines()
    found = [line for line in chopped if line.startswith("b_start_")]
    assert len(found) == 3 and all(" i=4e-06*v(start_gate)*tanh(2.5e-01*(v(" in line for line in found)


def test_the_same_design_gives_the_same_bytes() -> None:
    for dialect in DIALECTS:
        assert make(technology="gf180").netlist(dialect) == make(technology="gf180").netlist(dialect)
    assert make().netlist() == write_deck(make().circuit, "osdi")
    network = disc()
    again = from_graph(to_graph(network))
    assert make(again).netlist() == make(network).netlist()


@pytest.mark.parametrize("technology", ["ideal", "gf180", "discrete"])
def test_the_b_source_form_is_complete(technology: str) -> None:
    text = write_deck(make(technology=technology).circuit, "b-source")
    assert HOPPING_SUBCKT in text
    assert "osdi" not in text.lower().replace("without osdi", "")
    body = HOPPING_SUBCKT.splitlines()[2]
    assert body.count("{") == body.count("}") > 10
    rest = re.sub(r"\{(rate|two_kt)\}", "1", body)
    words = set(re.findall(r"[a-z_]\w*", rest.removeprefix("b1 pa pb i=")))
    assert words == {"exp", "sqrt", "abs", "ln", "min", "max", "v", "pa", "pb", "la", "lb"}
    assert body.count("(") == body.count(")")


def test_files_of_a_folder(tmp_path: Path) -> None:
    circuit = make().circuit
    assert deck_files(circuit) == {DECK: write_deck(circuit), "bond.va": verilog_a(circuit)}
    assert deck_files(circuit, "b-source") == {DECK: write_deck(circuit, "b-source")}
    assert set(deck_files(make(small_star()).circuit)) == {DECK}
    folder = write_files(circuit, tmp_path / "a" / "b")
    for name, text in deck_files(circuit).items():
        assert (folder / name).read_bytes() == text.encode("ascii")


def test_unknown_dialects() -> None:
    with pytest.raises(RequestError, match=r'netlist\.unknown-dialect.*did you mean "osdi"'):
        make().netlist("osd")


def test_models_are_included_where_they_are_needed_only() -> None:
    assert ".include models/" not in make().netlist()
    text = make(mixer="gf180").netlist()
    assert text.count(".include models/design.ngspice") == text.count(".lib models/sm141064.ngspice typical") == 1
    assert "sw_stat_mismatch=0" in text


# ---- nothing from outside can add a line -------------------------------------------------------------------------


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_labels_are_refused_by_character(evil: str) -> None:
    for node in ("d0", "e1"):
        graph = nx.relabel_nodes(to_graph(disc()), {node: f"{node}{evil}x"})
        for _, data in graph.nodes(data=True):
            data.pop("levers", None)
        with pytest.raises(RequestError) as caught:
            from_graph(graph)
        assert caught.value.code == "names.bad-character"
        assert repr(evil[0]) in str(caught.value)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_files_of_networks(evil: str, tmp_path: Path) -> None:
    data = nx.node_link_data(to_graph(disc()), edges="edges")
    for changed in (
        json.dumps(data).replace('"d0"', json.dumps(f"d0{evil}")),
        json.dumps(data).replace("hopping", evil),
    ):
        path = tmp_path / "device.json"
        path.write_text(changed)
        with pytest.raises(RequestError) as caught:
            read_network(path)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_meta_data_stay_out_of_the_deck(evil: str) -> None:
    network = disc().replace(meta=(("device", f"x{evil}.end"), ("note", "\n.control\nquit\n.endc")))
    assert make(network).netlist() == make().netlist()


@pytest.mark.parametrize("evil", [e for e in HOSTILE if e not in (" ", ";")])
def test_hostile_titles_and_notes(evil: str) -> None:
    parts = (VoltageSource("v1", "a", "0", Dc(1.0)), Resistor("r1", "a", "0", 1.0))
    for call in (
        lambda: Circuit(f"t{evil}", parts, Transient(1.0, 0.1), ("a",)),
        lambda: Circuit("t", (*parts, Capacitor("c1", "a", "0", 1.0, f"n{evil}")), Transient(1.0, 0.1), ("a",)),
    ):
        with pytest.raises(RequestError) as caught:
            call()
        assert caught.value.code == "names.bad-character"
        assert repr(evil[0]) in str(caught.value)


@pytest.mark.parametrize("evil", HOSTILE)
@pytest.mark.parametrize("key", ["task.gate", "circuit.technology", "circuit.mixer", "network.file", "loop.rule"])
def test_hostile_settings(key: str, evil: str, tmp_path: Path) -> None:
    section, name = key.split(".")
    for value in (f"AND{evil}", f"{evil}gf180", f"mixer{evil}.sp", f"{evil}.json"):
        with pytest.raises(RequestError) as caught:
            build_design(parse_config({section: {name: value}}), tmp_path)
        assert str(caught.value).isprintable()


PORTS = "inp inn outp outn vp vn"
GOOD_LOWPASS = f".subckt lowpass_mine {PORTS}\nr1 inp outp 1e5\nr2 inn outn 1e5\nc1 outp outn 1e-10\n.ends\n"


def lowpass(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.sp"
    path.write_text(text, encoding="utf-8")
    return make(lowpass=block_from_file(path, "lowpass")).netlist()


@pytest.mark.parametrize(
    "line",
    [
        ".control\nshell id\n.endc",
        ".include /etc/passwd",
        ".lib /etc/passwd x",
        ".end",
        ".options temp=5",
        ".save all",
        "shell id",
        "source x",
        "a1 [a] [b] model",
        "n1 a b model",
        "r3 inp 0 `id`",
        "*ng_script",
        "*# quit",
        "r3 inp 0 1\x00",
        "r3 inp 0 1\x0b.control",
        "rå inp 0 1",
    ],
)
@pytest.mark.parametrize("place", ["before", "inside", "after"])
def test_hostile_block_files(line: str, place: str, tmp_path: Path) -> None:
    head, *body = GOOD_LOWPASS.splitlines()
    lines = {"before": [line, head, *body], "inside": [head, line, *body], "after": [head, *body, line]}[place]
    with pytest.raises(RequestError) as caught:
        lowpass(tmp_path, "\n".join(lines) + "\n")
    assert str(caught.value).isprintable()


def test_block_files_as_people_write_them(tmp_path: Path) -> None:
    """Indented, with tabs, capitals, Windows line ends and units in comments."""
    text = f"* low-pass, 100 kΩ\r\n\t.SUBCKT lowpass_mine {PORTS}\r\n\t  R1 inp\toutp 100k ; 100 kΩ\r\n"
    text += "   * 10 µs\r\n  R2 inn outn 100k\r\n  C1 outp outn\r\n  + 100p\r\n .ENDS\r\n"
    deck = lowpass(tmp_path, text)
    assert "R1 inp outp 100k ; 100 k?" in deck
    assert "C1 outp outn\n+ 100p\n.ENDS\n" in deck


def test_functions_of_a_block_are_allowed_where_block_files_may_hold_them(tmp_path: Path) -> None:
    deck = lowpass(tmp_path, GOOD_LOWPASS.replace("r1 ", ".param ohms=1e5\n.func twice(x) {2*x}\nr1 "))
    assert ".func twice(x)" in deck


def test_library_text_stands_in_the_deck_as_it_is() -> None:
    text = make(technology="gf180").netlist()
    for kind in ("mixer", "coupler", "integrator"):
        block = get_block(kind, "gf180")
        assert block.text.strip() in text
        for cell in block.uses:
            assert text.count(cell.text.strip()) == 1


# ---- the second lock ---------------------------------------------------------------------------------------------

GOOD = """* title
.include models/design.ngspice
.lib models/sm141064.ngspice typical
.param a=1
.model d1 d(is=1)
.subckt s a b
r1 a b 1 ; note
+ tc1=0
.ends
X1 a b s
nbond_1 a b c d hopbond rate=1e-09
.options klu
.nodeset v(a)=1
.save v(a)
.tran 1 1
.control
set num_threads=1
set filetype=binary
pre_osdi bond.osdi
run waveforms.raw
rusage totiter tranpoints trantime
quit
.endc
.end
"""


def test_a_good_deck_passes() -> None:
    check_deck(GOOD)


@pytest.mark.parametrize(
    "line",
    [
        ".include /etc/passwd",
        ".include models/other",
        ".lib models/sm141064.ngspice typical x",
        ".lib",
        ".control",
        ".control x",
        ".endc",
        ".end",
        ".END",
        ".csparam x=1",
        ".measure tran a",
        ".global a",
        ".title x",
        "*ng_script",
        "*NG_SCRIPT_WITH_PARAMS",
        "*#quit",
        "r1 a 0 `id`",
        "* `id`",
        ".param a=`id`",
        "a1 [x] [y] filesource",
        "A1 x y z",
        "u1 a b c",
        "1r a b",
        "/bin/sh",
        "!ls",
        " r1 a b 1",
        "\tr1 a b 1",
        "r1 a\tb 1",
        "r1 a b 1\r",
        "r1 a b 1\x00",
        "r1 a b é",
        "r1 a b 1\u2028.control",
    ],
)
@pytest.mark.parametrize("after", ["* title\n", ".param a=1\n", "r1 a b 1 ; note\n", ".endc\n"])
def test_forbidden_lines(line: str, after: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_deck(GOOD.replace(after, f"{after}{line}\n"))
    assert caught.value.code == "netlist.forbidden"
    number = GOOD[: GOOD.index(after)].count("\n") + 2
    assert f"line {number if line not in ('.control', '.control x') else ''}" in str(caught.value)


@pytest.mark.parametrize(
    "line", ["shell id", "set num_threads=8", "write x.raw", "source x", "run", "r1 a b 1", "", "* x"]
)
def test_forbidden_commands(line: str) -> None:
    for after in (".control\n", "run waveforms.raw\n", "quit\n"):
        with pytest.raises(RequestError, match=r"netlist\.forbidden"):
            check_deck(GOOD.replace(after, f"{after}{line}\n"))


@pytest.mark.parametrize(
    "text", ["", "* title\n", GOOD + GOOD, GOOD + "r1 a b 1\n", GOOD.removesuffix(".end\n"), GOOD + "\n"]
)
def test_the_end_is_the_end(text: str) -> None:
    with pytest.raises(RequestError, match=r"netlist\.forbidden"):
        check_deck(text)


# ---- what the text means to the simulator ------------------------------------------------------------------------


def test_sources_follow_their_waves(tmp_path: Path, ngspice: Engine) -> None:
    """Data, target and hold as the simulator sees them, over two epochs: level, ramp, pause, polarity."""
    network = small_star()
    loop = small_loop(network, gate="NAND", epochs=2)
    design = Design(network, loop, block_set("ideal"), probes=("hold", "holdn"))
    raw = simulate(design.circuit, tmp_path, ngspice)
    time, line = raw["time"], loop.timeline
    for epoch in range(2):
        for case, bits in enumerate(loop.task.shown_cases):
            begin, end = line.span(epoch, case)
            middle = [(begin, end)]
            for net, bit in zip(("el_e1", "el_e2"), bits, strict=True):
                assert window_means(time, raw[f"v({net})"], middle) == pytest.approx(0.6 * bit - 0.3, abs=1e-6)
            assert window_means(time, raw["v(target)"], middle) == pytest.approx(1 - 2 * (bits == (1, 1)), abs=1e-6)
            assert window_means(time, raw["v(hold)"], middle) == pytest.approx(-1.65, abs=0.01)
            assert window_means(time, raw["v(holdn)"], middle) == pytest.approx(1.65, abs=0.01)
            for edge in ((begin, begin + 1e-6), (end - 1e-6, end)):  # it switches before and after the window
                assert window_means(time, raw["v(hold)"], [edge]) == pytest.approx(-1.65, abs=0.01)
            pause = [(begin - line.pause + 2e-6, begin - 2e-6)]
            assert window_means(time, raw["v(hold)"], pause) == pytest.approx(1.65, abs=0.01)
            settled = [(begin - line.settle, begin)]
            assert window_means(time, raw["v(el_e1)"], settled) == pytest.approx(0.6 * bits[0] - 0.3, abs=1e-6)


def test_no_two_sources_have_their_corners_at_one_moment(tmp_path: Path, ngspice: Engine) -> None:
    """Corners a rounding apart make ngspice step by it: after half a second it took steps of 1e-16 s and gave up."""
    network = small_star()
    line = Timeline(1e-4, 5e-5, 1e-3, 4, 125)  # to 0.575 s
    loop = replace(small_loop(network), timeline=line)
    parts = loop.elements(network, block_set("ideal", integrator="gf180_chopped"))
    names = ("v_data_e1", "v_data_e2", "v_target", "v_hold", "v_holdn", "v_chop_integrator", "v_chopn_integrator")
    sources = [part for part in parts if part.name in names]
    assert len(sources) == len(names)
    circuit = replace(
        Design(network, loop, block_set("ideal")).circuit,
        elements=tuple(sources),
        analysis=Transient(line.stop, 5e-6 / 3),
        probes=tuple(source.plus for source in sources),
        guess=(),
    )
    steps = np.diff(np.array(simulate(circuit, tmp_path, ngspice)["time"]))
    assert steps.min() > 1e-9


def test_the_deck_runs_from_its_folder_alone(tmp_path: Path, ngspice: Engine) -> None:
    circuit = network_bench(ohmic_star(3e-7, 1e-7, 2e-7, 1e-7, 2e-7), np.ones((2, 5)))
    folder = write_files(circuit, tmp_path / "deck")
    done = subprocess.run([ngspice.path, "-n", "-b", DECK], cwd=folder, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert {path.name for path in folder.iterdir()} == {DECK, "waveforms.raw"}


def test_errors_are_ours(tmp_path: Path) -> None:
    """Random bytes in the place of a block file: refused or written, never a traceback."""
    random = np.random.default_rng(3)
    alphabet = [*".+*;$`{}\n\n\t\r rcxbabu1e-9.subcktendsparam", ".subckt a b\n", ".ends\n", "lowpass_mine "]
    for _ in range(300):
        noise = "".join(random.choice(alphabet, int(random.integers(1, 30))))
        cut = int(random.integers(0, len(GOOD_LOWPASS)))
        try:
            deck = lowpass(tmp_path, GOOD_LOWPASS[:cut] + noise + GOOD_LOWPASS[cut:])
        except HgeError as error:
            assert str(error).isprintable()
        else:
            check_deck(deck)
            assert deck.count(".control") == deck.count("\n.end\n") == 1
