"""VACASK decks: what is written, and what is refused because it may mean something else there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_designs import small_loop, small_star

from hgesim.blocks import KINDS, TECHNOLOGIES, block_from_file, get_block
from hgesim.circuit import Dc, Pulse, Resistor, Sine, Steps, Table, VoltageSource
from hgesim.design import CaseSweep, Circuit, Design, Transient, block_set
from hgesim.errors import RequestError
from hgesim.netlist import VACASK_DECK, deck_files, needs, vacask_files, write_vacask
from hgesim.netlist.checks import check_vacask
from hgesim.netlist.vacask_blocks import block_lines, model_lines, powers_as_calls
from hgesim.units import spice_number


def volts(wave: object, name: str = "v_a", net: str = "a") -> VoltageSource:
    return VoltageSource(name, net, "0", wave)  # type: ignore[arg-type]


def deck_of(*elements: object, analysis: object = None, probes: tuple[str, ...] = ("a",), **values: object) -> str:
    return write_vacask(Circuit("a circuit", elements, analysis or Transient(1e-3, 1e-6), probes, **values))  # type: ignore[arg-type]


def written(line: str, *, ports: str = "a b c d") -> str:
    """Return what becomes of one card of a subcircuit."""
    return list(block_lines(f".subckt q {ports}\n{line}\n.ends q", "file"))[1]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2^3^2", 64.0),
        ("-2^2", -4.0),
        ("3*2^-2", 0.75),
        ("(1+2)^(1+1)*2", 18.0),
        ("max(2^3,1)^2", 64.0),
        ("1e-1^2", 1e-2),
        ("2^(3^2)/2^2", 128.0),
    ],
)
def test_powers_bind_as_in_spice(expression: str, value: float) -> None:
    text = powers_as_calls(expression)
    assert "^" not in text
    assert eval(text, {"pow": pow, "max": max}) == pytest.approx(value)


@pytest.mark.parametrize(
    ("card", "line"),
    [
        ("r1 a b 4.7k", "r1 (a b) resistor r=4.7e+03"),
        ("c1 a 0 {2*c}", "c1 (a 0) capacitor c=(2*c)"),
        ("v1 a b dc 1meg", "v1 (a b) vsource dc=1e+06"),
        ("vsense a 0 0", "vsense (a 0) vsource dc=0"),
        ("b1 a 0 v = -1.4 * v(b) ^ 2 + {k}", "b1 (a 0) v=-1.4*pow(v(b),2)+(k)"),
        ("b2 a b i=v(a,b)>1 ? 1u : tanh(v(c))", "b2 (a b) i=v(a,b)>1?1e-06:tanh(v(c))"),
        ("q1 a b c q2n3904", "q1 (a b c) q2n3904"),
        ("q1 a b c q2n3904 5", "q1 (a b c) q2n3904 area=5"),
        ("d1 a 1x d1n4148", "d1 (a '1x') d1n4148"),
        ("m1 a b 0 c nald1106 w=20e-6 l=2u m=2", "m1 (a b 0 c) nald1106 w=20e-6 l=2e-06 $mfactor=2"),
        ("x1 a b nfet_03v3 w=2u l=1u m=5", "x1 (a b) nfet_03v3 w=2e-06 l=1e-06 m=5"),
        ("x1 a b other params: rx={2*r}", "x1 (a b) other rx=(2*r)"),
        (".param root={sqrt(w*l)}", "parameters root=(sqrt(w*l))"),
    ],
)
def test_cards_become_lines(card: str, line: str) -> None:
    assert written(card) == line


def test_a_subcircuit_keeps_ports_and_defaults() -> None:
    lines = list(block_lines(".subckt q a b params: r=4e6 c=4n\nr1 a b {r}\n.ends q\n.model d1 d(is=1e-9)", "file"))
    assert lines == ["subckt q (a b)", "parameters r=4e6 c=4e-09", "r1 (a b) resistor r=(r)", "ends"]


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ("e1 a 0 b 0 10", "e1 a 0 b 0 10"),
        ("l1 a b 1u", "l1 a b 1u"),
        ("r1 a b 1k tc1=1e-3", "tc1"),
        ("c1 a b 1p ic=1", "ic=1"),
        ("v1 a 0 sin(0 1 1k)", "sin"),
        ("b1 a 0 v=u(v(b))", '"u"'),
        ("b1 a 0 v=pwl(v(b),0,0,1,1)", '"pwl"'),
        ("x1 a b other m=3", "several times"),
        (".func f(x) {x*x}", ".func"),
        (".model inner d(is=1e-9)", ".model"),
    ],
)
def test_other_cards_are_refused_in_one_line(card: str, told: str) -> None:
    with pytest.raises(RequestError, match="not-for-vacask") as caught:
        written(card)
    assert told in str(caught.value) and "line 2" in str(caught.value) and "ngspice" in caught.value.remedy
    assert "\n" not in str(caught.value)


def test_models_become_modules() -> None:
    text = ".model d1 d(is=2.5n rs=0.5)\n.model q1 pnp (bf=180\n+ cjc=9p)\n.model m1 nmos level=1 vto=0.7"
    assert model_lines([text]) == [
        'load "spice/sn/diode.osdi"',
        'load "spice/sn/bjt.osdi"',
        "model d1 sp_diode is=2.5e-09 rs=5e-01",
        "model q1 sp_bjt type=-1 bf=1.8e+02 cjc=9e-12",
        "model m1 mos1 type=1 vto=7e-01",
    ]


@pytest.mark.parametrize("card", [".model m nmos(level=54)", ".model j njf(beta=1)", ".model d d(is={x})", ".model d"])
def test_models_without_a_counterpart_are_refused(card: str) -> None:
    with pytest.raises(RequestError, match="not-for-vacask"):
        model_lines([card])


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_every_block_of_the_library_can_be_written(technology: str) -> None:
    for kind in KINDS:
        block = get_block(kind, technology)
        assert list(block_lines(block.text, kind))[-1] == "ends"


def test_waves() -> None:
    steps = Steps((1.0, 2.0), 0.5, 0.25)
    corners = ", ".join(f"{spice_number(time)}, {spice_number(value)}" for time, value in steps.points)
    sources = {
        "dc=1.5e+00": Dc(1.5),
        'type="sine" ampl=2e-01 freq=5e+03 tdphase=9e+01': Sine(0.2, 5e3, 1.5707963267948966),
        f'type="pwl" wave=[{corners}] period=1e+00': steps,
        'type="pulse" val0=1e+00 val1=0e+00 delay=9e-06 rise=1e-06': Pulse(1.0, 0.0, 1e-5, 1.0, 1e-6),
    }
    for text, wave in sources.items():
        assert f"\nv_a (a 0) vsource {text}\n" in deck_of(volts(wave))


def test_a_sweep_walks_through_the_tables() -> None:
    deck = deck_of(volts(Table((0.1, 0.3))), analysis=CaseSweep(2, (2, 3)), probes=("i(v_a)",))
    assert 'vsource type="pwl" wave=[0e+00, 0e+00, 2e+00, 1e-01, 5e+00, 3e-01] delay=-row\n' in deck
    assert 'sweep row variable="row" values=[0, 1, 2, 3, 4, 5]\n' in deck


def test_nets_that_begin_with_a_digit_are_quoted_everywhere() -> None:
    deck = deck_of(volts(Dc(1.0), net="1a"), probes=("1a",))
    assert "v_a ('1a' 0) vsource" in deck and "save v('1a')" in deck


def test_each_line_says_what_it_belongs_to() -> None:
    loop = small_loop(small_star())
    design = Design(small_star(), loop, block_set("ideal"))
    files = deck_files(design.circuit, "vacask")
    assert set(files) == {VACASK_DECK, "bond.va"}
    assert files == vacask_files(design.circuit)
    elements = files[VACASK_DECK].split("\n\n")[-2].split("\n")
    assert len(elements) == len(design.circuit.elements)
    for line, element in zip(elements, design.circuit.elements, strict=True):
        assert element.name in line.split(" ")[0] and line.endswith(f"// {element.note}")
    assert design.netlist("vacask") == files[VACASK_DECK]
    assert needs(design.circuit, "vacask") == {"osdi"}


def test_foundry_transistors_come_from_the_foundrys_file() -> None:
    design = Design(small_star(), small_loop(small_star()), block_set("gf180"))
    files = deck_files(design.circuit, "vacask")
    assert 'include "foundry.sp" lang=ngspice\n' in files[VACASK_DECK]
    assert ".lib models/sm141064.ngspice typical\n" in files["foundry.sp"]
    assert "sw_stat_mismatch=0" in files["foundry.sp"]


@pytest.mark.parametrize(
    "line",
    ['postprocess(PYTHON, "x.py")', 'embed "x" <<<FILE', "options rawfile=ascii; x", "print devices", "é", "v1 (a 0"],
)
@pytest.mark.parametrize("inside", [False, True])
def test_no_other_line_gets_into_a_deck(line: str, inside: bool) -> None:
    deck = deck_of(volts(Dc(1.0)), Resistor("r_a", "a", "0", 1.0))
    check_vacask(deck)
    at = deck.index("save " if inside else "r_a (")
    with pytest.raises(RequestError, match="forbidden"):
        check_vacask(f"{deck[:at]}{line}\n{deck[at:]}")


def test_a_block_of_ones_own_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.sp"
    text = re.sub(r"\nbp .*", "\ne1 outp 0 xp xn 2", get_block("mixer", "ideal").text)
    path.write_text(text.replace("mixer_ideal", "mixer_mine"))
    blocks = block_set("ideal", mixer=block_from_file(path, "mixer"))
    design = Design(small_star(), small_loop(small_star()), blocks)
    with pytest.raises(RequestError, match=r'not-for-vacask.* "e1 outp 0 xp xn 2"'):
        design.netlist("vacask")
