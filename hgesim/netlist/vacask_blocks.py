"""Blocks in VACASK's own language: subcircuits of SPICE cards of a few plain forms, and models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hgesim.blocks.spice import cards, foundry, read_number
from hgesim.errors import RequestError
from hgesim.units import spice_number

__all__ = ["block_lines", "model_lines", "needs_foundry_cards", "net_name", "not_for_vacask", "powers_as_calls"]

# kind and level of a SPICE model: VACASK's file (none for a module of bond.va), its module, and the type. The variants
# in sn/ have fewer nodes and the noise of small signals only.
_MODULES = {
    ("d", 1): ("diode", "sp_diode", 0),
    ("npn", 1): ("bjt", "sp_bjt", 1),
    ("pnp", 1): ("bjt", "sp_bjt", -1),
    ("nmos", 1): ("", "mos1", 1),
    ("pmos", 1): ("", "mos1", -1),
}
_VALUE = r"(?:\{[^{}]*\}|'[^']*'|[-+.\w]+)"
_PAIRS = rf"(?P<pairs>(?: \w+ ?= ?{_VALUE})*)"
_FORMS = {
    "part": re.compile(rf"(?P<name>[rcv]\w*) (?P<nets>\w+ \w+) (?:dc )?(?P<value>{_VALUE})"),
    "source": re.compile(r"(?P<name>b\w*) (?P<nets>\w+ \w+) (?P<kind>[vi]) ?= ?(?P<value>.+)"),
    "bipolar": re.compile(r"(?P<name>q\w*) (?P<nets>\w+ \w+ \w+) (?P<model>\w+)(?: (?P<area>[.\d][-+.\w]*))?"),
    "diode": re.compile(r"(?P<name>d\w*) (?P<nets>\w+ \w+) (?P<model>\w+)"),
    "mos": re.compile(rf"(?P<name>m\w*) (?P<nets>\w+ \w+ \w+ \w+) (?P<model>\w+){_PAIRS}"),
    "instance": re.compile(rf"(?P<name>x\w*) (?P<nets>\w+(?: \w+)*) (?P<model>\w+)(?: params:)?{_PAIRS}"),
    "subckt": re.compile(rf"\.subckt (?P<name>\w+)(?P<nets>(?: \w+)*)(?: params:)?{_PAIRS}"),
    "values": re.compile(rf"\.param{_PAIRS}"),
    "ends": re.compile(r"\.ends(?: \w+)?"),
}
_PARTS = {"r": ("resistor", "r"), "c": ("capacitor", "c"), "v": ("vsource", "dc")}
_FUNCTIONS = frozenset(
    [
        *("v", "i", "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "exp"),
        *("floor", "ln", "max", "min", "sgn", "sin", "sinh", "sqrt", "tan", "tanh"),
    ]
)
_NUMBER_WITH_SUFFIX = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?+[a-z]+\b")


def not_for_vacask(what: str, place: str) -> RequestError:
    """Return the refusal of what VACASK cannot carry."""
    return RequestError("netlist.not-for-vacask", what, place=place, remedy='leave engine.name at "ngspice"')


def net_name(name: str) -> str:
    """Return a net as VACASK reads it: in quotes where it begins with a digit."""
    return f"'{name}'" if name[0].isdigit() and name != "0" else name


def needs_foundry_cards(text: str) -> bool:
    """Tell whether a text places a transistor straight from the foundry's cards, which only SPICE text can choose."""
    found = (_FORMS["mos"].fullmatch(" ".join(card.split())) for _, card in cards(text, "block"))
    return any(form is not None and foundry(form["model"]) for form in found)


def block_lines(text: str, place: str, own: Iterable[str] = ()) -> Iterator[str]:
    """Yield the subcircuits of a SPICE text in VACASK's language; models are left out.

    Parameters
    ----------
    text : str
        Of a block or cell.
    place : str
        What it is, for the error messages.
    own : iterable of str
        Subcircuits which, like the foundry's, have a parameter ``m`` of their own.

    Raises
    ------
    RequestError
        ``netlist.not-for-vacask`` for a card that is of none of the forms known to mean the same to both.
    """
    depth = 0
    for number, card in cards(text, place):
        line, where = " ".join(card.split()), f"{place} line {number}"
        depth += line.startswith(".subckt") - line.startswith(".ends")
        if line.startswith(".model") and not depth:
            continue
        kind, form = next(((k, found) for k, f in _FORMS.items() if (found := f.fullmatch(line))), ("", None))
        if form is None:
            raise not_for_vacask(f'"{line[:60]}" is of no form that can be written for VACASK', where)
        yield from _card(kind, form.groupdict(), where, frozenset(own))


def _card(kind: str, form: dict[str, str | None], place: str, own: frozenset[str]) -> Iterator[str]:
    name, model, value = (form.get(key) or "" for key in ("name", "model", "value"))
    nets = " ".join(map(net_name, (form.get("nets") or "").split()))
    pairs = dict(re.findall(rf"(\w+) ?= ?({_VALUE})", form.get("pairs") or ""))
    written = {key: _expression(text, place) for key, text in pairs.items()}
    if kind == "ends":
        yield "ends"
    elif kind in ("subckt", "values"):
        if kind == "subckt":
            yield f"subckt {name} ({nets})"
        if written:
            yield f"parameters {_joined(written)}"
    elif kind == "part":
        part, key = _PARTS[name[0]]
        yield f"{name} ({nets}) {part} {key}={_expression(value, place)}"
    elif kind == "source":
        yield f"{name} ({nets}) {form['kind']}={_expression(value, place)}"
    else:
        if "m" in written and kind == "mos":
            written["$mfactor"] = written.pop("m")
        elif "m" in written and not (foundry(model) or model in own):
            raise not_for_vacask(f'"{name}" places {model} several times (m=)', place)
        area = {"area": _expression(form["area"], place)} if form.get("area") else {}
        yield f"{name} ({nets}) {model} {_joined(written | area)}".rstrip()


def _joined(values: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())


def _expression(text: str | None, place: str) -> str:
    """Return a value without braces and suffixes; a power is a call."""
    plain = (text or "").replace("{", "(").replace("}", ")").replace("'", "").replace(" ", "")
    unknown = sorted(set(re.findall(r"([a-z_]\w*)\(", plain)) - _FUNCTIONS)
    if unknown:
        raise not_for_vacask(f'the function "{unknown[0]}" is not known to mean the same to VACASK', place)
    return _NUMBER_WITH_SUFFIX.sub(_number, powers_as_calls(plain.replace("**", "^")))


def _number(found: re.Match[str]) -> str:
    value = read_number(found[0])
    return found[0] if value is None else spice_number(value)


def powers_as_calls(text: str) -> str:
    """Write ``a^b`` as ``pow(a,b)``: VACASK binds a sign closer than a power and takes the last of two powers first."""
    while (at := text.find("^")) >= 0:
        left, right = text[:at].rstrip(), text[at + 1 :].lstrip()
        first, last = _begin(left), _end(right)
        text = f"{left[:first]}pow({left[first:]},{right[:last]}){right[last:]}"
    return text


def _begin(text: str) -> int:
    """Return where the operand begins that a text ends with: a number, a name, a group or a call."""
    at, depth = len(text), 0
    while at and (depth or text[at - 1] == ")"):
        at -= 1
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if not depth:
            break
    operand = re.search(r"(?:(?<![\w.])[\d.]+e[-+]?\d+|[\w.]*)$", text[:at])
    return operand.start() if operand else at


def _end(text: str) -> int:
    """Return where the operand ends that a text begins with, its sign included."""
    operand = re.match(r"[-+]?(?:[\d.]+e[-+]?\d+|[\w.]*)", text)
    at, depth = (operand.end() if operand else 0), 0
    while at < len(text) and (depth or text[at] == "("):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
        if not depth:
            break
    return at


def model_lines(texts: Iterable[str]) -> list[str]:
    """Return the models of some SPICE texts in VACASK's language, and before them what they need loaded.

    Raises
    ------
    RequestError
        ``netlist.not-for-vacask`` for a kind or level that VACASK has no module for, or a value that is no number.
    """
    loads, models = dict[str, None](), list[str]()
    for text in texts:
        for number, card in cards(text, "models"):
            if card.startswith(".model"):
                load, model = _model(card, f"line {number}")
                loads |= {f'load "spice/sn/{load}.osdi"': None} if load else {}
                models.append(model)
    return [*loads, *models]


def _model(card: str, place: str) -> tuple[str, str]:
    parts = re.fullmatch(r"\.model +(\w+) +(\w+) *\(?(.*?)\)?", card)
    if parts is None:
        raise not_for_vacask(f'"{card[:60]}" is no model card that VACASK could be given', place)
    name, kind, rest = parts.groups()
    pair = rf"(\w+) *= *({_VALUE})"
    numbers = {key: read_number(value) for key, value in re.findall(pair, rest)}
    if None in numbers.values() or re.sub(pair, "", rest).strip():
        raise not_for_vacask(f'the model "{name}" has a value that is no number', place)
    level = int(numbers.pop("level", None) or 1)
    if (kind, level) not in _MODULES:
        raise not_for_vacask(f'the model "{name}" ({kind}, level {level}) has no counterpart in VACASK', place)
    load, module, polarity = _MODULES[kind, level]
    pairs = [f"type={polarity}"] if polarity else []
    pairs += [f"{key}={spice_number(number)}" for key, number in numbers.items() if number is not None]
    return load, f"model {name} {module} {' '.join(pairs)}".rstrip()
