"""Nothing that an element says is lost on the way to VACASK: every field of every element changes what is written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, get_args

import pytest

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
    Transconductance,
    VoltageSource,
)
from hgesim.design import Circuit, Transient
from hgesim.netlist import vacask_files
from hgesim.network import Hopping

ELEMENTS: tuple[Element, ...] = (
    Resistor("r_a", "a", "b", 1e3),
    Capacitor("c_a", "a", "b", 1e-9),
    VoltageSource("v_dc", "a", "b", Dc(1.0)),
    VoltageSource("v_sine", "a", "b", Sine(1.0, 1e3, 0.1)),
    VoltageSource("v_steps", "a", "b", Steps((1.0, 2.0), 2e-4, 1e-5)),
    VoltageSource("v_pulse", "a", "b", Pulse(1.0, -1.0, 1e-5, 3e-4, 1e-6, 1e-6)),
    CurrentSource("i_square", "a", "b", Square(1.0, 1e3, 0.1, 0.01)),
    Transconductance("g_a", "a", "b", "c", "d", 1e-3),
    BondInstance("n_a", "a", "b", Hopping(1e-9), "c", "d"),
    Occupation("b_a", "a", "b", "c"),
    NoisePath("a_a", "a", 1e-6, 1e-5, 1e-5, 1e-3, 3, ("here",)),
    Staircase("x_a", "a", "b", "c", 1e-3),
    SlewFollower("b_slew", "a", "b", 1e6, 1e5),
    StartServo("b_start", "a", "b", 0.1, "c", siemens=1e-5, most=1e-6),
    StartSwitch("s_a", "a", "b", "c"),
)


def files(element: Element) -> dict[str, str]:
    probed = VoltageSource("v_probed", "probed", "0", Dc(0.5))
    return vacask_files(Circuit("a circuit", (probed, element), Transient(1e-3, 1e-6), ("probed",)))


def others(value: Any) -> Iterator[Any]:
    """Yield the same with one thing changed."""
    if dataclasses.is_dataclass(value):
        for part in dataclasses.fields(value):
            kept = getattr(value, part.name)
            for changed in others(kept) if part.name != "note" and kept != "" else ():
                yield dataclasses.replace(value, **{part.name: changed})  # type: ignore[type-var]
    elif isinstance(value, tuple):
        yield (*value[:-1], next(others(value[-1])))
    else:
        yield f"{value}x" if isinstance(value, str) else value + 1 if isinstance(value, int) else 1.01 * value


@pytest.mark.parametrize("element", ELEMENTS, ids=lambda element: element.name)
def test_every_field_is_written(element: Element) -> None:
    plain = files(element)
    for changed in others(element):
        assert files(changed) != plain, changed


def test_every_element_is_here() -> None:
    assert {type(element) for element in ELEMENTS} == set(get_args(Element)) - {BlockInstance}


def test_a_servo_without_a_bound_has_none() -> None:
    free = StartServo("b_start", "a", "b", 0.1, "c")
    assert free.most == math.inf and "most=" not in files(free)["deck.sim"]
