"""Put a chip's deviations on the elements of a circuit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from hgesim.circuit import BlockInstance, Element
from hgesim.errors import RequestError
from hgesim.nonideal.chip import Nonideal
from hgesim.nonideal.own import own_block

__all__ = ["deviate"]


def deviate(elements: Iterable[Element], chip: Nonideal) -> tuple[Element, ...]:
    """Return the elements of a circuit as they are on a chip.

    Parameters
    ----------
    elements : iterable of Element
        The nominal ones.
    chip : Nonideal
        What is on.

    Returns
    -------
    tuple of Element
        The same elements where nothing is on.

    Raises
    ------
    RequestError
        ``nonideal.no-effect`` for a factor that changes nothing here; what `hgesim.nonideal.own.own_block` raises.
    """
    given = tuple(elements)
    if not chip.sizes:
        return given
    touched: set[str] = set()
    changed: list[Element] = []
    for element in given:
        if isinstance(element, BlockInstance):
            own, here = own_block(element.block, element.name, chip)
            touched |= here
            element = element if own is element.block else dataclasses.replace(element, block=own)
        changed.append(element)
    idle = [name for name in dict(chip.sizes) if name not in touched]
    if idle:
        raise RequestError(
            "nonideal.no-effect",
            "nothing in this design has it",
            place=f"nonideal.{idle[0]}",
            remedy="leave it out, or choose other blocks (circuit.technology)",
        )
    return tuple(changed)
