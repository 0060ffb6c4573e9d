"""A deck and the functions that take part, checked and packed for the worker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hgesim.arguments import is_real
from hgesim.cosim.circuits import node_of
from hgesim.cosim.deck import Deck
from hgesim.cosim.functions import Listener, PythonSource, initial_values
from hgesim.cosim.job import Job
from hgesim.cosim.snapshot import Snapshot, later_alteration
from hgesim.errors import RequestError

__all__ = ["checked_listeners", "checked_sources", "complete_deck", "make_job", "named_functions"]

Sources = dict[tuple[str, ...], PythonSource | float]


def checked_sources(sources: Mapping[str | tuple[str, ...], PythonSource | float]) -> Sources:
    """Return the sources with every key a tuple of names in lower case.

    Raises
    ------
    RequestError
        ``cosim.bad-source``.
    """
    if not isinstance(sources, Mapping):
        raise RequestError(
            "cosim.bad-source", f"{sources!r}"[:60], place="sources", remedy="a dict of names to sources"
        )
    found: Sources = {}
    seen: list[str] = []
    for key, source in sources.items():
        given = key if isinstance(key, tuple) else (key,)
        if not given or not all(isinstance(name, str) for name in given):
            raise RequestError(
                "cosim.bad-source", f"{key!r}"[:60], place="sources", remedy="a name, or a tuple of names"
            )
        names = tuple(name.lower() for name in given)
        if not isinstance(source, PythonSource) and not (is_real(source) and math.isfinite(source) and len(names) == 1):
            raise RequestError(
                "cosim.bad-source", f"{source!r}"[:60], place=", ".join(names), remedy="give a PythonSource or a number"
            )
        found[names] = source
        seen += names
    twice = [name for name in seen if seen.count(name) > 1]
    if twice:
        raise RequestError("cosim.bad-source", f'"{twice[0]}" is driven twice', place="sources")
    return found


def checked_listeners(listeners: Sequence[Listener]) -> tuple[Listener, ...]:
    """Return the listeners, or raise RequestError ``cosim.bad-listener``."""
    if not isinstance(listeners, Sequence) or not all(isinstance(listener, Listener) for listener in listeners):
        raise RequestError(
            "cosim.bad-listener", f"{listeners!r}"[:60], place="listeners", remedy="a list of Listener objects"
        )
    return tuple(listeners)


def named_functions(
    circuit: Any, sources: Sources, listeners: Sequence[Listener]
) -> tuple[Sources, tuple[Listener, ...]]:
    """Return sources and listeners with the circuit's own names of their nodes."""

    def named(item: Any) -> Any:
        return replace(item, nodes=tuple(_worded(node_of(circuit, node)) for node in item.nodes))

    known = {names: named(s) if isinstance(s, PythonSource) else s for names, s in sources.items()}
    return known, tuple(named(listener) for listener in listeners)


def complete_deck(deck: Deck, sources: Sources, listeners: Sequence[Listener]) -> Deck:
    """Return a deck with its external sources, storing all that functions ask for."""
    items: list[PythonSource | Listener] = [
        *(source for source in sources.values() if isinstance(source, PythonSource)),
        *listeners,
    ]
    wanted = [node_of(None, node) for item in items for node in item.nodes]
    return deck.with_external(name for names in sources for name in names).with_saved(wanted)


def make_job(deck: Deck, functions: tuple[Sources, Sequence[Listener]], start: Snapshot, raw: Path) -> Job:
    """Pack what a worker needs.

    Parameters
    ----------
    deck : Deck
        Complete, its time 0 where the simulation begins.
    functions : tuple
        Sources and listeners.
    start : Snapshot
        Where it begins.
    raw : Path
        Where rows go.

    Raises
    ------
    RequestError
        ``cosim.bad-function`` for what cannot be pickled, ``cosim.bad-value`` for start values that do not fit.
    """
    import cloudpickle

    sources, held = {}, {}
    for names, source in functions[0].items():
        if isinstance(source, PythonSource):
            first = zip(names, initial_values(source, len(names)), strict=True)
            sources[names] = source, [start.held.get(name, value) for name, value in first]
        else:
            held[names[0]] = start.held.get(names[0], float(source))
    try:
        packed = cloudpickle.dumps((sources, list(functions[1])))
    except Exception as error:
        raise RequestError(
            "cosim.bad-function", f"cannot be sent to another process: {error}", remedy="cloudpickle has to do"
        ) from None
    return Job(
        lines=deck.text,
        setup=deck.setup,
        libraries=deck.libraries,
        altered=tuple(later_alteration(command, start.time) for command in start.altered),
        raw=str(raw),
        stop=deck.stop,
        offset=start.time,
        held=held,
        functions=packed,
    )


def _worded(vector: str) -> str:
    """Return a vector as a node that `vector_name` reads."""
    return f"i({vector.removesuffix('#branch')})" if vector.endswith("#branch") else f"v({vector})"
