"""Which nodes of a deck hold charge: those that have to be where they were when a simulation goes on elsewhere.

All others follow from them without delay, and the simulator finds them itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["charged_nodes"]

# words after the name that may be nodes; what is none there is the name of no node either
_TERMINALS = {"c": 2, "d": 2, "q": 4, "m": 4, "j": 3, "z": 3}
_PAIR = re.compile(r"\S+\s*=\s*(\{[^}]*\}|'[^']*'|\S+)")
# compiled models of hgesim's without a charge
_PROMPT = ("hopbond", "occupation", "spacebond", "diodebond")


def charged_nodes(lines: Sequence[str], known: Collection[str] = ()) -> set[str]:
    """Return the nodes at which a capacitor or a semiconductor is, in lower case, those in subcircuits as ``x1.n``.

    Parameters
    ----------
    lines : sequence of str
        One statement each. An instance of a subcircuit that is not among them, a transistor of a foundry for example,
        counts as a semiconductor, and so does a compiled model that is not hgesim's.
    known : collection of str
        Nodes of the circuit: those inside such an instance count too.
    """
    top: list[list[str]] = []
    bodies: dict[str, tuple[list[str], list[list[str]]]] = {}
    inside = top
    for line in lines:
        text = line.lower().partition(";")[0].replace("params:", " ")
        words = _PAIR.sub(" ", text).split()
        if words[1:] and words[0] == ".subckt":
            inside = []
            bodies[words[1]] = words[2:], inside
        elif words and words[0] == ".ends":
            inside = top
        elif words and words[0][0] not in ".*":
            inside.append(words)
    return set(_Search(bodies, known).nodes(top, "", {})) - {"0", "gnd"}


@dataclass(frozen=True)
class _Search:
    """A walk through instances within instances."""

    bodies: Mapping[str, tuple[list[str], list[list[str]]]]
    known: Collection[str]

    def nodes(self, body: list[list[str]], path: str, ports: dict[str, str]) -> Iterator[str]:
        """Return the charged nodes of a body at a path, whose ports are nodes outside."""

        def full(node: str) -> str:
            return ports.get(node, node if node in ("0", "gnd") else path + node)

        for name, *words in body:
            kind = name[0]
            if kind == "x" and words and words[-1] in self.bodies:
                inner_ports, inner = self.bodies[words[-1]]
                outer = dict(zip(inner_ports, map(full, words), strict=False))
                yield from self.nodes(inner, f"{path}{name}.", outer)
            elif kind == "x" or (kind == "n" and words and words[-1] not in _PROMPT):
                yield from map(full, words[:-1])
                yield from (node for node in self.known if node.startswith(f"{path}{name}."))
            elif kind in _TERMINALS:
                yield from map(full, words[: _TERMINALS[kind]])
