"""What a session is given, as a deck; and hgesim's names for what is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hgesim.arguments import check_kind, check_positive, is_real
from hgesim.circuit import BlockInstance, BondInstance, VoltageSource, electrode_net, site_net
from hgesim.cosim.deck import Deck, included, read_deck
from hgesim.cosim.functions import vector_name
from hgesim.design import Circuit, Transient
from hgesim.engine import Engine, fill_folder, openvaf
from hgesim.engine.linker import find_linker
from hgesim.errors import RequestError, nearest
from hgesim.netlist import DECK, write_files
from hgesim.network import Hopping, Ohmic
from hgesim.network.model import BOLTZMANN_EV
from hgesim.units import spice_number

__all__ = ["alteration", "deck_of", "node_of"]

_WAVE = re.compile(r"\b(sin|pulse|pwl|exp|sffm|am|trnoise|trrandom|external)\b", re.IGNORECASE)


def deck_of(circuit: Any, folder: Path, engine: Engine, transient: Transient | None) -> tuple[Deck, Path]:
    """Return a circuit as a deck, and the folder that relative names in it refer to.

    Parameters
    ----------
    circuit : Circuit, str, Path or PySpice circuit
        What is simulated.
    folder : Path
        Where files that belong to a `Circuit` are put.
    engine : Engine
        Decides how bonds are written.
    transient : Transient, optional
        In the place of the circuit's own analysis.

    Raises
    ------
    RequestError
        ``cosim.bad-circuit`` for anything else; see `read_deck` too.
    """
    deck, place = _read(circuit, folder, engine, transient)
    return replace(deck, included=included(deck.lines, place)), place


def _read(circuit: Any, folder: Path, engine: Engine, transient: Transient | None) -> tuple[Deck, Path]:
    if isinstance(circuit, Circuit):
        able = "osdi" in engine.capabilities and openvaf() is not None and find_linker() is not None
        write_files(circuit, folder, "osdi" if able else "b-source")
        fill_folder(folder)
        return read_deck((folder / DECK).read_text(encoding="ascii"), transient), folder
    if isinstance(circuit, Path):
        try:
            return read_deck(circuit.read_text("utf-8", "surrogateescape"), transient), circuit.absolute().parent
        except OSError as error:
            raise RequestError("cosim.bad-circuit", error.strerror or "cannot be read", place=str(circuit)) from None
    if not isinstance(circuit, str) and not hasattr(circuit, "raw_spice"):
        raise RequestError(
            "cosim.bad-circuit",
            f"a {type(circuit).__name__}",
            place="circuit",
            remedy="give a Design, a Circuit, the text or Path of a deck, or a PySpice circuit",
        )
    text = str(circuit)
    if "\n" not in text:
        raise RequestError(
            "cosim.bad-circuit",
            f'"{text[:60]}" is no deck',
            place="circuit",
            remedy="give the name of a file as a Path",
        )
    return read_deck(text, transient), Path.cwd()


def node_of(circuit: Any, name: str) -> str:
    """Return the vector that a name stands for; of an hgesim circuit, labels of electrodes and sites are names too.

    Raises
    ------
    RequestError
        ``cosim.bad-node``, ``cosim.unknown-node``.
    """
    vector = vector_name(name)
    if not isinstance(circuit, Circuit) or vector.endswith("#branch"):
        return vector
    nets = {net.lower() for net in circuit.nets()}
    for net in (vector, electrode_net(vector), site_net(vector)):
        if net in nets:
            return net
    raise RequestError("cosim.unknown-node", f'no net, electrode or site "{name}"', remedy=nearest(vector, nets))


def alteration(
    circuit: Any, deck: Deck, name: str, value: float | Sequence[float], parameter: str | None
) -> tuple[str, ...]:
    """Return the commands that change a value.

    Parameters
    ----------
    circuit : Circuit or other
        Whose names count besides those of the deck's devices.
    deck : Deck
        What is simulated.
    name : str
        A device of the deck, ``r.x1.r1`` inside a subcircuit, or a model; in a `Circuit` also an electrode, a bond, a
        block, or ``"temperature"`` for that of its hopping bonds.
    value : float or sequence of float
        In SI units; a sequence for parameters such as ``sin``.
    parameter : str, optional
        Of the device, instead of its main value; of a block, a device inside it.

    Raises
    ------
    RequestError
        ``cosim.bad-value``, ``cosim.bad-name``, ``cosim.no-effect``, ``cosim.unknown-device``.
    """
    for text in (name, "x" if parameter is None else parameter):
        check_kind(text, str, "cosim.bad-name", "alter")
    device = name.lower()
    if isinstance(circuit, Circuit) and device == "temperature" and parameter is None:
        return _temperature(circuit, deck, value)
    if isinstance(circuit, Circuit):
        device, value, parameter = _device(circuit, name, value, parameter)
    for text in (device, "x" if parameter is None else parameter):
        if not re.fullmatch(r"[\w.#]+", text):
            raise RequestError("cosim.bad-name", f"{text!r}", place="alter", remedy="a name of the deck")
    line = next((line for line in deck.lines if line.split(None, 1)[0].lower() == device), "")
    if isinstance(circuit, Circuit) and parameter == "rate" and not line:
        raise RequestError(
            "cosim.unknown-device",
            f"{name} is a formula on this engine, which cannot be altered",
            place="alter",
            remedy="use an engine with OSDI",
        )
    wave = _WAVE.search(line) if device[0] in "vi" and parameter is None else None
    if wave:
        raise RequestError(
            "cosim.no-effect",
            f"{name} follows {wave[1].lower()}, its dc value does nothing",
            place="alter",
            remedy="name it in sources, with a number" if wave[1].lower() == "external" else f'parameter="{wave[1]}"',
        )
    if any(re.match(rf"\.model\s+{re.escape(device)}\s", text, re.IGNORECASE) for text in deck.lines):
        if parameter is None:
            raise RequestError("cosim.unknown-device", f"{name} is a model", place="alter", remedy="name a parameter")
        return (f"altermod {device} {parameter.lower()} = {_shown(value)}",)
    target = device if parameter is None else f"@{device}[{parameter.lower()}]"
    return (f"alter {target} = {_shown(value)}",)


def _temperature(circuit: Circuit, deck: Deck, value: Any) -> tuple[str, ...]:
    """Return what changes the temperature of hopping: a parameter of the models of bonds and occupations."""
    models = [
        f"{name} kt" for name in ("hopbond", "occupation") if any(f".model {name} " in line for line in deck.lines)
    ]
    if Hopping not in circuit.laws or not models:
        raise RequestError(
            "cosim.unknown-device", "no hopping bond whose temperature could change", place="alter",
            remedy="the network needs hopping bonds, the engine OSDI",
        )  # fmt: skip
    kelvin = check_positive(value, "cosim.bad-value", "temperature", "K")
    return tuple(f"altermod {model} = {_shown(BOLTZMANN_EV * kelvin)}" for model in models)


def _shown(value: Any) -> str:
    if is_real(value):
        return spice_number(value, place="alter")
    try:
        return f"[ {' '.join(spice_number(v, place='alter') for v in value)} ]"
    except (TypeError, ValueError):
        raise RequestError("cosim.bad-value", f"{value!r}"[:60], place="alter", remedy="numbers in SI units") from None


def _device(circuit: Circuit, name: str, value: Any, parameter: str | None) -> tuple[str, Any, str | None]:
    """Return device, value and parameter for a name of hgesim's; as given if it is none."""
    elements = {element.name.lower(): element for element in circuit.elements}
    element = elements.get(name.lower())
    if element is None:
        net = electrode_net(name).lower()
        drives = [e for e in circuit.elements if isinstance(e, VoltageSource) and e.plus.lower() == net]
        if len(drives) == 1:
            return drives[0].name.lower(), value, parameter
        if net in (n.lower() for n in circuit.nets()):
            raise RequestError("cosim.unknown-device", f"electrode {name} is driven by a block, not by a source")
    if isinstance(element, BlockInstance):
        if not parameter:
            raise RequestError("cosim.unknown-device", f"{name} is a block", remedy="parameter: a device inside it")
        return f"{parameter[0]}.{element.name}.{parameter}".lower(), value, None
    if isinstance(element, BondInstance):
        return _bond(element, value, parameter)
    return name.lower(), value, parameter


def _bond(bond: BondInstance, value: Any, parameter: str | None) -> tuple[str, Any, str | None]:
    """Return the device that a bond is, which depends on its law."""
    if isinstance(bond.law, Ohmic) and parameter in (None, "conductance"):
        return f"r{bond.name}".lower(), 1.0 / check_positive(value, "cosim.bad-value", bond.name, "S"), None
    if isinstance(bond.law, Hopping) and parameter in (None, "rate"):
        return f"n{bond.name}".lower(), check_positive(value, "cosim.bad-value", bond.name), "rate"
    raise RequestError(
        "cosim.unknown-device",
        f"{bond.name} is a bond of law {type(bond.law).__name__}",
        place="alter",
        remedy="alter the conductance of ohmic bonds, the rate of hopping ones, or a device of the deck",
    )
