"""Read subcircuit text strictly: a block file can define circuits and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hgesim.errors import RequestError
from hgesim.names import check_label

__all__ = [
    "Subckt",
    "bare",
    "cards",
    "foundry",
    "foundry_mos",
    "header_of",
    "instances",
    "model_names",
    "positional",
    "read_number",
    "read_subckts",
    "transistors_of",
    "words",
]

_CARDS = frozenset({".subckt", ".ends", ".model", ".param", ".func"})
_TOP_CARDS = frozenset({".subckt", ".model"})
# no A (code models: some read files or start programs), N (needs a library loaded) or O, P, U, Y
_ELEMENTS = frozenset("bcdefghijklmqrstvwxz")
# words that look like an element but are commands of ngspice
_COMMANDS = frozenset(
    {
        "cd",
        "codemodel",
        "define",
        "echo",
        "edit",
        "if",
        "let",
        "load",
        "reset",
        "resume",
        "run",
        "rusage",
        "save",
        "set",
    }
    | {"setcs", "shell", "source", "step", "stop", "tf", "trace", "tran", "while", "wrdata", "write", "wrs2p"}
)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
# subcircuit names of the GF180MCU model file
_FOUNDRY_TRANSISTOR = re.compile(r"[np]fet_0[36]v[03]\w*|npn_\w+|pnp_\w+")
_FOUNDRY_OTHER = re.compile(r"cap_\w+|[np]plus_\w+|[np]polyf_\w+|[np]well\w*|rm[123]\w*|tm\w+|efuse")
_SUFFIXES = {"t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "mil": 25.4e-6, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_SUFFIXES |= {"p": 1e-12, "f": 1e-15, "": 1.0}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(t|g|meg|k|mil|m|u|n|p|f)?[a-z]*")


@dataclass(frozen=True)
class Subckt:
    """One ``.subckt`` of a text.

    Parameters
    ----------
    name : str
        In lower case, as SPICE sees it.
    ports : tuple of str
        In lower case.
    parameters : tuple of (str, float)
        Names and defaults.
    lines : tuple of (int, str)
        Line number and text of each element, continuation lines joined, in lower case.
    is_local : bool
        True if it stands inside another one.
    """

    name: str
    ports: tuple[str, ...]
    parameters: tuple[tuple[str, float], ...]
    lines: tuple[tuple[int, str], ...]
    is_local: bool


def header_of(text: str) -> dict[str, str]:
    """Return the ``* key: value`` lines before the first card, and the first comment as ``title``."""
    header: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("*"):
            break
        body = line[1:].strip()
        header.setdefault("title", body)
        key, colon, value = body.partition(":")
        if colon and re.fullmatch(r"[a-z ]+", key):
            header.setdefault(key, value.strip())
    return header


def _refuse(number: int, line: str, why: str, place: str) -> RequestError:
    return RequestError(
        "blocks.forbidden-line",
        f'line {number}, "{line.strip()[:60]}": {why}',
        place=place,
        remedy="a block file holds .subckt ... .ends and .model only",
    )


def cards(text: str, place: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each card, continuations joined, comments dropped, lower case."""
    number, card = 0, ""
    for i, raw in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        line = raw.strip().lower()
        if "`" in line or _CONTROL_CHARACTER.search(raw):
            raise _refuse(i, raw, "backquotes and control characters are not allowed", place)
        if line.startswith("*"):
            # ngspice obeys comments of these two forms
            if line.startswith("*#") or "ng_script" in line:
                raise _refuse(i, raw, "a comment that ngspice obeys", place)
            continue
        line = re.sub(r"(;|//|\$(\s|$)).*", "", line).strip()
        if not line:
            continue
        if line.startswith("+"):
            if not card:
                raise _refuse(i, raw, "continues a line outside the file", place)
            card += " " + line[1:]
            continue
        if card:
            yield number, card
        number, card = i, line
    if card:
        yield number, card


def _check(number: int, line: str, inside: bool, place: str) -> None:
    """Refuse any card that is not on the list."""
    word = re.split(r"[\s=(]", line, maxsplit=1)[0]
    if word.startswith("."):
        if word not in _CARDS:
            raise _refuse(number, line, f"{word} is not allowed", place)
        if not inside and word not in _TOP_CARDS and word != ".ends":
            raise _refuse(number, line, f"{word} outside .subckt would change the whole deck", place)
        return
    if word[:1] not in _ELEMENTS or not word or word in _COMMANDS:
        raise _refuse(number, line, f'"{word}" is not an element of a block', place)
    if not inside:
        raise _refuse(number, line, "an element outside .subckt would join the deck", place)


def read_subckts(text: str, place: str) -> tuple[Subckt, ...]:
    """Return all subcircuits of a text, local ones before the one that holds them.

    Parameters
    ----------
    text : str
        Subcircuits and models.
    place : str
        File name, for the error messages.

    Raises
    ------
    RequestError
        ``blocks.forbidden-line`` with the line number, ``blocks.unbalanced`` if ``.subckt`` and ``.ends`` do not pair
        up, ``blocks.bad-parameter`` for a default that is no number.
    """
    found: list[Subckt] = []
    stack: list[tuple[Subckt, list[tuple[int, str]]]] = []
    for number, line in cards(text, place):
        _check(number, line, bool(stack), place)
        if line.startswith(".subckt"):
            stack.append((_opening(number, line, bool(stack), place), []))
        elif line.startswith(".ends"):
            if not stack:
                raise RequestError("blocks.unbalanced", f"line {number}: .ends without .subckt", place=place)
            opened, lines = stack.pop()
            found.append(Subckt(opened.name, opened.ports, opened.parameters, tuple(lines), opened.is_local))
        elif stack and not line.startswith("."):
            stack[-1][1].append((number, line))
    if stack:
        raise RequestError(
            "blocks.unbalanced", f'.subckt "{stack[-1][0].name}" has no .ends', place=place, remedy="add .ends"
        )
    return tuple(found)


def words(line: str) -> list[str]:
    """Return the words of a card; a parameter and its value are one."""
    return re.sub(r"\s*=\s*", "=", line).split()


def positional(line: str) -> list[str]:
    """Return the words of a card that set no parameter: its name, its nets, and what it is an instance of."""
    return [word for word in words(line) if "=" not in word and word != "params:"]


def bare(text: str) -> str:
    """Return an expression without the braces or quotes around it."""
    return text.strip("{}'")


def _opening(number: int, line: str, is_local: bool, place: str) -> Subckt:
    names = positional(line)[1:]
    if not names:
        raise _refuse(number, line, "a .subckt without a name", place)
    for name in names:
        check_label(name, place=f"{place} line {number}")
    pairs = [word.removeprefix("params:").partition("=") for word in words(line) if "=" in word]
    parameters = tuple((name, _number(value, name, place)) for name, _, value in pairs)
    return Subckt(names[0], tuple(names[1:]), parameters, (), is_local)


def _number(text: str, name: str, place: str) -> float:
    """Read a default, or refuse it."""
    value = read_number(text)
    if value is None:
        raise RequestError(
            "blocks.bad-parameter", f'the default of {name}, "{text}", is no number', place=place, remedy="write 2e6"
        )
    return value


def read_number(text: str) -> float | None:
    """Read a number as SPICE does, braces and suffixes included; None for anything else."""
    match = _NUMBER.fullmatch(bare(text))
    return None if match is None else float(match[1]) * _SUFFIXES[match[2] or ""]


def instances(subckt: Subckt) -> list[tuple[int, str]]:
    """Return line number and name of each subcircuit that is used."""
    found = []
    for number, line in subckt.lines:
        if line.startswith("x"):
            found.append((number, positional(line)[-1]))
    return found


def foundry_mos(card: str) -> bool:
    """Tell whether a card places a MOS transistor of the GF180MCU models."""
    return card.startswith("x") and re.fullmatch(r"[np]fet_0[36]v[03]\w*", positional(card)[-1]) is not None


def foundry(name: str) -> bool:
    """Tell whether a subcircuit name belongs to the GF180MCU models."""
    return bool(_FOUNDRY_TRANSISTOR.fullmatch(name) or _FOUNDRY_OTHER.fullmatch(name))


def transistors_of(subckt: Subckt, known: Mapping[str, int]) -> int:
    """Count the transistors of a subcircuit: devices as drawn, the m units of one device once.

    Parameters
    ----------
    subckt : Subckt
        What to count.
    known : mapping
        Counts of the subcircuits it uses, by name.
    """
    own = sum(line[0] in "mqj" for _, line in subckt.lines)
    return own + sum(known.get(name, int(bool(_FOUNDRY_TRANSISTOR.fullmatch(name)))) for _, name in instances(subckt))


def model_names(text: str, place: str) -> tuple[str, ...]:
    """Return the names of the ``.model`` cards that are visible in the whole deck."""
    names, depth = [], 0
    for _, line in cards(text, place):
        depth += line.startswith(".subckt") - line.startswith(".ends")
        if depth == 0 and line.startswith(".model"):
            names.append(line.split()[1])
    return tuple(names)
