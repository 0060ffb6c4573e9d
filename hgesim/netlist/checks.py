"""The last look before a deck is written: only lines that hgesim writes may stand in it."""

from __future__ import annotations

import re

from hgesim.errors import RequestError

__all__ = ["check_deck"]

_DOT_LINES = {
    ".include", ".lib", ".param", ".model", ".subckt", ".ends", ".options", ".ic", ".save", ".tran", ".dc",
    ".control", ".endc", ".end",
}  # fmt: skip
_CONTROL_LINES = re.compile(
    r"set num_threads=1|set filetype=binary|pre_osdi bond\.osdi|run waveforms\.raw|"
    r"rusage totiter tranpoints trantime|quit"
)
_FILES = re.compile(r"(\.include models/design\.ngspice|\.lib models/sm141064\.ngspice [a-z]+)")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


def check_deck(text: str) -> None:
    """Refuse a deck with a line that could make the simulator do anything else than simulate.

    Names and numbers are checked where they enter; this is the second lock. Allowed are comments, elements, a fixed
    set of dot lines, includes of the two foundry files, and one control section with fixed commands.

    Raises
    ------
    RequestError
        ``netlist.forbidden`` with the line number and the line.
    """
    inside, sections = False, 0
    for number, line in enumerate(text.split("\n"), start=1):
        word = line.split(" ", 1)[0].lower()
        good = bool(_PRINTABLE.fullmatch(line))
        if word == ".control":
            inside, sections = True, sections + 1
        elif word == ".endc":
            inside = False
        elif inside:
            good = good and bool(_CONTROL_LINES.fullmatch(line))
        elif word in (".include", ".lib"):
            good = good and bool(_FILES.fullmatch(line))
        elif word.startswith("."):
            good = good and word in _DOT_LINES
        elif line.startswith("*"):
            good = good and not line.lower().startswith(("*ng_script", "*#"))
        elif line:
            good = good and (line[0].isalpha() or line[0] == "+") and "`" not in line
        if not good or sections > 1:
            raise RequestError(
                "netlist.forbidden", f"line {number} may not stand in a deck: {line[:60]!r}", place="netlist"
            )
