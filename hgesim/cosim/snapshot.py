"""Going on elsewhere: what is kept of a session, and a deck whose clock starts later."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hgesim.cosim.charges import charged_nodes
from hgesim.cosim.deck import Deck, spice_value
from hgesim.errors import RequestError
from hgesim.units import spice_number

__all__ = ["Snapshot", "later", "later_alteration"]

_FORMAT = 1
_WAVES = "sin|pulse|pwl|exp|sffm|am|trnoise|trrandom"
_CALL = re.compile(rf"\b({_WAVES})\s*\(?([^()]*)\)?(.*)", re.IGNORECASE)
_ALTERATION = re.compile(r"alter(mod)? @?[\w.#]+(\[\w+\])?( \w+)? = [-+.\de\[\] ]+")
_ALTERED_WAVE = re.compile(rf"(alter @[\w.#]+\[({_WAVES})\] = )(.*)")
_DELAYS = {"sin": (3,), "pulse": (2,), "exp": (2, 4)}  # which numbers of a wave are times to wait
_LEAST = {"sin": 3, "pulse": 7}  # with fewer numbers frequency or period follow from the end of the transient
# what holds more than the voltages of its nodes
_MEMORIES = {"l": "an inductor", "k": "a coupling"} | dict.fromkeys("toupy", "a line")
_MODEL = re.compile(r"\.model\s+(\S+)\s+([a-z]\w*)")
_PROMPT = ("filesource", "gain", "summer", "mult", "divide", "limit")  # code models without a memory


@dataclass(frozen=True)
class Snapshot:
    """A session at a pause: node voltages and what was changed, no charges, currents or history of the integration.

    Parameters
    ----------
    time : float
        In second.
    nodes : dict
        Voltage of each node, V.
    altered : tuple of str
        Commands of all changes to devices, in order.
    held : dict
        Value of each external source.
    """

    time: float
    nodes: Mapping[str, float]
    altered: tuple[str, ...] = ()
    held: Mapping[str, float] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write a JSON file."""
        text = json.dumps({"format_version": _FORMAT, **asdict(self)}, indent=1)
        path.write_text(text + "\n", encoding="ascii")

    @classmethod
    def read(cls, path: Path) -> Snapshot:
        """Read a JSON file that `write` wrote.

        Raises
        ------
        RequestError
            ``cosim.bad-snapshot``.
        """
        try:
            data = json.loads(path.read_text(encoding="ascii"))
            if data.pop("format_version") != _FORMAT:
                raise ValueError
            made = cls(float(data["time"]), data["nodes"], tuple(map(str, data["altered"])), data["held"])
            if not all(map(_ALTERATION.fullmatch, made.altered)):  # no other command comes in by a file
                raise ValueError
            if not all(map(math.isfinite, (made.time, *made.nodes.values(), *made.held.values()))):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise RequestError("cosim.bad-snapshot", "no file that Session.save wrote", place=str(path)) from None
        return made


def later(deck: Deck, snapshot: Snapshot) -> Deck:
    """Return a deck whose time 0 is a snapshot's time: sources ahead, every node that holds charge where it was.

    Raises
    ------
    RequestError
        ``cosim.no-resume`` for a line with a memory or a clock that cannot be set: inductors and transmission lines,
        code models but file sources and the simplest, waves other than sin, pulse, exp and pwl, formulas of time,
        whatever moves with time in an included file; ``cosim.bad-snapshot`` if the deck ends before.
    """
    if snapshot.time >= deck.stop:
        raise RequestError("cosim.bad-snapshot", f"{snapshot.time:g} s is not before {deck.stop:g} s", place="start")
    everything = (*deck.lines, *deck.included)
    _refuse_code_models(everything)
    for line in deck.included:
        if line.lower().startswith(".ic") or _later(line, snapshot.time) != line:
            raise _no_resume(line, "it is in an included file, which stays as it is")
    for command in snapshot.altered:
        later_alteration(command, snapshot.time)
    lines = [_later(line, snapshot.time) for line in deck.lines if not line.lower().startswith(".ic")]
    charged = charged_nodes(everything, snapshot.nodes.keys()) & snapshot.nodes.keys()
    lines += [f".ic v({name})={spice_number(snapshot.nodes[name])}" for name in sorted(charged)]
    words = deck.analysis.split()
    words[2] = spice_number(deck.stop - snapshot.time)
    analysis = " ".join(word for word in words if word.lower() != "uic")
    return replace(deck, lines=tuple(lines), analysis=analysis, stop=deck.stop - snapshot.time)


def later_alteration(command: str, seconds: float) -> str:
    """Return a command that changes a device as it has to be for a clock that starts `seconds` later.

    Raises
    ------
    RequestError
        ``cosim.no-resume`` for a wave that cannot be delayed.
    """
    found = _ALTERED_WAVE.fullmatch(command)
    if found is None or not seconds:
        return command
    head, wave, numbers = found.groups()
    return f"{head}[ {' '.join(_delayed(wave, numbers.strip('[] ').split(), seconds, command))} ]"


def _refuse_code_models(lines: Sequence[str]) -> None:
    """Refuse instances of code models that may remember."""
    models = {found[1]: found[2] for line in lines if (found := _MODEL.match(line.lower()))}
    for line in lines:
        words = line.lower().partition(";")[0].split()
        if words[0][0] == "a" and models.get(words[-1]) not in _PROMPT:
            raise _no_resume(line, "a code model may keep what node voltages do not tell")


def _later(line: str, seconds: float) -> str:
    """Return a line as it has to be for a clock that starts `seconds` later."""
    kind = line[0].lower()
    if kind == "*":
        return line
    if kind in _MEMORIES:
        raise _no_resume(line, f"{_MEMORIES[kind]} keeps what node voltages do not tell")
    if kind in "vi":
        return _later_source(line, seconds)
    if line.lower().startswith(".model") and "filesource" in line.lower():
        return _shifted_file(line, seconds)
    if kind != "." and re.search(r"\btime\b", line.partition(";")[0], re.IGNORECASE):
        raise _no_resume(line, "a formula of time has no delay to set")
    return line


def _later_source(line: str, seconds: float) -> str:
    call = _CALL.search(line.partition(";")[0])
    if call is None:
        return line
    wave, numbers, rest = call[1].lower(), call[2].replace(",", " ").split(), call[3]
    head = line[: call.start()]
    if wave == "pwl":
        delay = re.search(r"\btd\s*=\s*(\S+)", rest, re.IGNORECASE)
        rest = rest.replace(delay[0], "") if delay else rest
        before = _seconds(delay[1], line) if delay else 0.0
        return f"{head}pwl({' '.join(numbers)}) {rest.strip()} td={spice_number(before - seconds)}"
    return f"{head}{wave}({' '.join(_delayed(wave, numbers, seconds, line))}) {rest.strip()}".rstrip()


def _delayed(wave: str, numbers: Sequence[str], seconds: float, line: str) -> list[str]:
    """Return the numbers of a wave for a clock that starts `seconds` later."""
    if wave not in _DELAYS:
        raise _no_resume(line, f"the wave {wave} has no delay to set")
    if len(numbers) < _LEAST.get(wave, 0):
        raise _no_resume(line, f"the wave {wave} needs {_LEAST[wave]} numbers here")
    found = [*numbers, *["0"] * (_DELAYS[wave][0] + 1 - len(numbers))]
    for place in _DELAYS[wave]:
        if place < len(found):
            found[place] = spice_number(_seconds(found[place], line) - seconds)
    return found


def _shifted_file(line: str, seconds: float) -> str:
    found = re.search(r"timeoffset\s*=\s*(\S+?)(?=[\s)])", line, re.IGNORECASE)
    if found is None:
        raise _no_resume(line, "it has no timeoffset to set")
    return line.replace(found[0], f"timeoffset={spice_number(_seconds(found[1], line) - seconds)}")


def _seconds(word: str, line: str) -> float:
    value = spice_value(word)
    if value is None:
        raise _no_resume(line, f'the delay "{word}" is no plain number')
    return value


def _no_resume(line: str, why: str) -> Any:
    return RequestError("cosim.no-resume", why, place=line[:50], remedy="simulate this circuit in one session")
