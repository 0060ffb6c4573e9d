"""The last look before a deck is written: only lines that hgesim writes may stand in it."""

from __future__ import annotations

import re

from hgesim.errors import RequestError

__all__ = ["check_deck", "check_vacask"]

_DOT_LINES = {
    ".param", ".func", ".model", ".subckt", ".ends", ".options", ".nodeset", ".save", ".tran", ".dc",
}  # fmt: skip
_CONTROL_LINES = re.compile(
    r"set num_threads=1|set filetype=binary|pre_osdi bond\.osdi|run waveforms\.raw|"
    r"rusage totiter tranpoints trantime|quit"
)
_FILES = re.compile(r"(\.include models/design\.ngspice|\.lib models/sm141064\.ngspice [a-z]+)")
_PLAIN = re.compile(r"[ -_a-~]*")  # printable ASCII but the backquote, which starts a shell command
# no A, as code models can read files, but for the noise that lies beside a deck
_ELEMENT = re.compile(r"[b-npqrstvwxz+].*|a\w+ %v\(\[\w+\]\) noise_a\w+( ;.*)?", re.IGNORECASE)
_NOISE_MODEL = re.compile(r'\.model noise_(a\w+) filesource\(file="noise_\1\.txt" [a-z0-9=\[\] ]+\)')


def check_deck(text: str) -> None:
    """Refuse a deck with a line that could make the simulator do anything else than simulate.

    Names and numbers are checked where they enter; this is the second lock. Allowed are comments, elements, a fixed
    set of dot lines, includes of the two foundry files, noise from files beside the deck, one control section with
    fixed commands, and ``.end`` last.

    Raises
    ------
    RequestError
        ``netlist.forbidden`` with the line number and the line.
    """
    inside, sections = False, 0
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        word = line.split(" ", 1)[0].lower()
        if line == ".control":
            inside, sections = True, sections + 1
            good = sections == 1
        elif inside:
            inside = line != ".endc"
            good = not inside or bool(_CONTROL_LINES.fullmatch(line))
        elif word.startswith("."):
            good = word in _DOT_LINES or bool(_FILES.fullmatch(line))
            good = good and ("filesource" not in line.lower() or bool(_NOISE_MODEL.fullmatch(line)))
        elif line.startswith("*"):
            good = not line.lower().startswith(("*ng_script", "*#"))
        else:
            good = not line or bool(_ELEMENT.fullmatch(line))
        if number == len(lines):
            good = line == ".end"
        if not (good and _PLAIN.fullmatch(line)):
            raise _forbidden(number, line)


def _forbidden(number: int, line: str) -> RequestError:
    return RequestError("netlist.forbidden", f"line {number} may not stand in a deck: {line[:60]!r}", place="netlist")


# What may stand in a VACASK deck, which could start programs by other lines of its control section.
_IDENTIFIER = r"(?:[A-Za-z_]\w*|'\w+'|0)"
_NUMBER = r"[-+.\w]+"
_PAIR = r"[$\w]+ ?= ?(?:[-+*/.,<>?:()\w]+|\"\w+\"|\[[-+.\w, ]*\])"
_VACASK = re.compile(
    "|".join(
        (
            "",
            "//.*",
            "ground 0",
            r'load "(?:spice/sn/)?\w+\.osdi"',
            r'include "(?:foundry\.sp" lang=ngspice|noise_\w+\.inc")(?: //.*)?',
            rf"model \w+ \w+(?: {_PAIR})*",
            rf"subckt \w+ \({_IDENTIFIER}(?: {_IDENTIFIER})*\)|parameters(?: {_PAIR})+|ends",
            rf"{_IDENTIFIER} \({_IDENTIFIER}(?: {_IDENTIFIER})*\)(?: \w+)?(?: {_PAIR})*(?: //.*)?",
        )
    )
)
_VACASK_CONTROL = re.compile(
    "|".join(
        (
            "abort always",
            rf"options(?: {_PAIR})+",
            rf"save(?: [vi]\({_IDENTIFIER}\))+",
            "var row=0",
            r'sweep row variable="row" values=\[[\d, ]+\]',
            rf'analysis waveforms (?:tran|op)(?: {_PAIR})*(?: nodeset=\{{(?:"\w+", {_NUMBER}(?:, )?)*\}})?',
            "print stats",
        )
    )
)


def check_vacask(text: str) -> None:
    """Refuse a VACASK deck with a line of another form than hgesim writes, as `check_deck` does for ngspice.

    Raises
    ------
    RequestError
        ``netlist.forbidden`` with the line number and the line.
    """
    inside = False
    for number, line in enumerate(text.removesuffix("\n").split("\n")[1:], start=2):  # the first is the title
        if line in ("control", "endc") and inside == (line == "endc"):
            inside = not inside
        elif not (_PLAIN.fullmatch(line) and (_VACASK_CONTROL if inside else _VACASK).fullmatch(line)):
            raise _forbidden(number, line)
