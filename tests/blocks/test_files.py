"""A developer's own blocks: one file is enough, and a file can do nothing but define circuits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from block_bench import Bench, use
from PySpice.Spice.Netlist import SubCircuit

from hgesim.blocks import all_subckts, block_from_file, block_from_pyspice, get_block
from hgesim.errors import RequestError

LOSS = """* loss: a plain square
* ideal parts: everything
* source: none
.subckt loss_plain e outp outn vp vn params: k=4meg
bp outp 0 v = 2 * v(e)^2
bn outn 0 v = -2 * v(e)^2
.ends loss_plain
"""


def write(folder: Path, text: str, name: str = "loss.sp") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def code_of(folder: Path, text: str, kind: str = "loss") -> RequestError:
    with pytest.raises(RequestError) as caught:
        block_from_file(write(folder, text), kind)
    return caught.value


def test_a_new_technology_is_one_file(bench: Bench, tmp_path: Path) -> None:
    block = block_from_file(write(tmp_path, LOSS), "loss")
    assert (block.technology, block.subckt, block.transistors, block.models) == ("plain", "loss_plain", 0, None)
    assert block.parameters == (("k", 4e6),)
    lines = f"ve e 0 0\n{use(get_block('loss', 'ideal'), 'x1', 'e a b')}\nx2 e c d vp_ideal vn_ideal {block.subckt}"
    data = bench.run([block, get_block("loss", "ideal")], lines, ".dc ve -0.1 0.1 0.1", "v(c) v(d)")
    np.testing.assert_allclose(data["v(c)"] - data["v(d)"], [0.04, 0, 0.04], atol=1e-6)


def test_a_file_may_hold_cells_and_use_files_beside_it(tmp_path: Path) -> None:
    write(tmp_path, ".subckt half a b\nq1 a b 0 qx\nm1 a b 0 0 mx\n.ends\n.model qx npn\n.model mx nmos\n", "half.sp")
    text = (
        "* uses: half\n.subckt inner a\nx1 a 0 half\nx2 a 0 half\n.ends\n"
        ".SUBCKT loss e outp outn\n+ vp vn\nX1 e inner\nX2 outp Inner\nxr outn 0 ppolyf_u w=1\n"
        "xm e e e e NFET_03V3 w=1 m = 7\n.ENDS\n"
    )
    block = block_from_file(write(tmp_path, text), "loss")
    assert block.transistors == 9
    assert (block.technology, block.models) == ("custom", "gf180")
    assert [cell.name for cell in block.uses] == ["half"]
    assert len(all_subckts([block])) == 2


def test_a_pyspice_subcircuit_is_a_block() -> None:
    circuit = SubCircuit("lowpass_mine", "inp", "inn", "outp", "outn", "vp", "vn")
    circuit.R(1, "inp", "outp", 1e5)
    circuit.R(2, "inn", "outn", 1e5)
    circuit.C(1, "outp", "outn", 1e-10)
    block = block_from_pyspice(circuit, "lowpass")
    assert (block.subckt, block.technology, block.transistors) == ("lowpass_mine", "mine", 0)
    assert ".subckt lowpass_mine inp inn outp outn vp vn" in block.text
    with pytest.raises(RequestError, match=r"blocks\.ports-mismatch"):
        block_from_pyspice(circuit, "mixer")


def test_wrong_ports_are_told_apart(tmp_path: Path) -> None:
    error = code_of(tmp_path, LOSS.replace("e outp outn vp vn", "e outn outp vp vn"))
    assert error.code == "blocks.ports-mismatch"
    assert "e outp outn vp vn" in error.remedy
    assert code_of(tmp_path, LOSS, "mixer").code == "blocks.ports-mismatch"


@pytest.mark.parametrize(
    "line",
    [
        ".control",
        "  .CONTROL",
        ".include other.sp",
        ".inc other.sp",
        ".lib models typical",
        ".save all",
        ".tran 1n 1u",
        ".options reltol=1",
        ".global vdd",
        ".ic v(a)=1",
        ".temp 100",
        ".if (1)",
        ".end",
        ".endc",
        ".csparam x=1",
        "*ng_script",
        "* ng_script",
        "*# shell echo",
        "shell echo",
        "source other.cir",
        "r1 a b `echo 1`",
        "* `echo 1`",
        "a1 [a] [b] process",
        "n1 a b model",
        "r1 a b 1\x0c.control",
        "r1 a b 1\r.control",
    ],
)
def test_a_file_cannot_command_the_simulator(tmp_path: Path, line: str) -> None:
    error = code_of(tmp_path, LOSS.replace("bn outn", f"{line}\nbn outn"))
    assert error.code == "blocks.forbidden-line"
    assert f"line {7 if chr(13) in line else 6}" in error.message  # a lone return ends a line
    assert error.place == "loss.sp"


@pytest.mark.parametrize("line", ["r1 a 0 1", ".param x=1", ".func f(x) {x}", "v1 vdd 0 5", "+ r=1"])
def test_nothing_reaches_the_deck_outside_the_subcircuit(tmp_path: Path, line: str) -> None:
    assert code_of(tmp_path, f"{line}\n{LOSS}").code == "blocks.forbidden-line"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "blocks.not-one"),
        ("* only a comment\n", "blocks.not-one"),
        (LOSS + LOSS.replace("plain", "second"), "blocks.not-one"),
        (LOSS.replace(".ends loss_plain", ""), "blocks.unbalanced"),
        (LOSS + ".ends\n", "blocks.unbalanced"),
        (LOSS.replace("4meg", "{2*x}"), "blocks.bad-parameter"),
        (LOSS.replace("4meg", "nan"), "blocks.bad-parameter"),
        (LOSS.replace("bp outp 0 v = 2 * v(e)^2", "x1 e nowhere"), "blocks.unknown-cell"),
        ("* uses: nothing\n" + LOSS, "blocks.no-file"),
        ("* uses: ../secret\n" + LOSS, "blocks.unknown-cell"),
        ("* uses: loss\n" + LOSS, "blocks.not-one"),
        (".subckt a x\nx1 x b\n.ends\n.subckt b x\nx1 x a\n.ends\n", "blocks.not-one"),
        (LOSS.replace("loss_plain e", "loss$plain e"), "names.bad-character"),
        (LOSS.replace("loss_plain e", " "), "blocks.forbidden-line"),
    ],
)
def test_nonsense_files_are_refused_by_name(tmp_path: Path, text: str, code: str) -> None:
    if code == "blocks.forbidden-line":
        text = ".subckt\n.ends\n"
    assert code_of(tmp_path, text).code == code


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.sp", tmp_path):
        with pytest.raises(RequestError, match=r"blocks\.no-file"):
            block_from_file(path, "loss")
    (tmp_path / "binary.sp").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match=r"blocks\.no-file"):
        block_from_file(tmp_path / "binary.sp", "loss")
    with pytest.raises(RequestError, match=r"blocks\.unknown-kind"):
        block_from_file(write(tmp_path, LOSS), "los")


def test_two_texts_for_one_name_are_refused(tmp_path: Path) -> None:
    first = block_from_file(write(tmp_path, LOSS), "loss")
    second = block_from_file(write(tmp_path, LOSS.replace("2 *", "3 *"), "other.sp"), "loss")
    assert len(all_subckts([first, first])) == 1
    with pytest.raises(RequestError, match=r"blocks\.name-conflict"):
        all_subckts([first, second])
    model = ".model q2n3904 npn(bf=10)\n" + LOSS
    with pytest.raises(RequestError, match='"q2n3904" is defined differently'):
        all_subckts([get_block("mixer", "discrete"), block_from_file(write(tmp_path, model), "loss")])
    foundry = ".subckt nfet_03v3 d g s b\n.ends\n" + LOSS.replace("bp outp", "x1 e e e e nfet_03v3\nbp outp")
    with pytest.raises(RequestError, match="by the foundry models"):
        all_subckts([block_from_file(write(tmp_path, foundry), "loss")])


@pytest.mark.parametrize("line", ["=", "( a b", "= 1"])
def test_a_line_without_a_word_is_refused_like_any_other(tmp_path: Path, line: str) -> None:
    path = tmp_path / "mixer.sp"
    path.write_text(f".subckt mixer_odd xp xn lo outp outn vp vn\n{line}\n.ends\n")
    with pytest.raises(RequestError, match=r"blocks\.forbidden-line"):
        block_from_file(path, "mixer")


@pytest.mark.parametrize("name", ["hopbond", "d_bond_3"])
def test_the_networks_models_cannot_be_redefined(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mixer.sp"
    path.write_text(f".model {name} d(is=1e-15)\n.subckt mixer_odd xp xn lo outp outn vp vn\nd1 xp xn {name}\n.ends\n")
    with pytest.raises(RequestError, match=r"blocks\.name-conflict.*bonds"):
        all_subckts([block_from_file(path, "mixer")])
