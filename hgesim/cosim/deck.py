"""A user's deck made ready for a session: sources that Python drives, vectors it asks for, and one transient."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from hgesim.design import Transient
from hgesim.errors import RequestError, nearest
from hgesim.units import spice_number

__all__ = ["Deck", "included", "read_deck", "spice_value"]

_OTHER_ANALYSES = (".ac", ".dc", ".op", ".noise", ".tf", ".pz", ".sens", ".disto", ".sp", ".pss")
_SUFFIXES = {
    "t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "mil": 25.4e-6, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15,
}  # fmt: skip
_REMARK = re.compile(r"\s*(;|//|\s\$\s).*")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|mil|[tgkmunpf])?[a-z]*", re.IGNORECASE)


@dataclass(frozen=True)
class Deck:
    """A deck without its control section.

    Parameters
    ----------
    title : str
        First line.
    lines : tuple of str
        What follows, one statement a line (continuations joined), without ``.end`` and analysis.
    analysis : str
        The ``.tran`` line.
    stop : float
        Its end, in second.
    setup : tuple of str
        Commands that a session carries out before it loads the circuit: ``set`` lines of the control section.
    libraries : tuple of str
        Compiled models, as the control section names them.
    included : tuple of str
        Statements of the files that ``.include`` lines name: to look at, they stay where they are.
    """

    title: str
    lines: tuple[str, ...]
    analysis: str
    stop: float
    setup: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    included: tuple[str, ...] = ()

    @property
    def text(self) -> tuple[str, ...]:
        """Return all lines, as the simulator takes them."""
        return (self.title, *self.lines, self.analysis, ".end")

    def with_external(self, names: Iterable[str]) -> Deck:
        """Return a copy in which these sources are driven from outside.

        A name with a dot is that of a source inside a subcircuit (``v.x1.v2``): its line must say ``external`` itself,
        as a change would concern all copies of the subcircuit.

        Raises
        ------
        RequestError
            ``cosim.unknown-source``.
        """
        lines = list(self.lines)
        for name in names:
            if name[:1].lower() not in "vi" or not name:
                raise RequestError(
                    "cosim.unknown-source", f'"{name}" is no source', remedy="its name begins with v or i"
                )
            if "." in name:
                continue
            found = [n for n, line in enumerate(self._top_level()) if line.split(None, 1)[0].lower() == name.lower()]
            if not found:
                known = [line.split(None, 1)[0] for line in self._top_level() if line[0].lower() in "vi"]
                raise RequestError(
                    "cosim.unknown-source",
                    f'the deck has no source "{name}"',
                    place="sources",
                    remedy=nearest(name, known),
                )
            words = lines[found[0]].split()
            lines[found[0]] = " ".join([*words[:3], "external"])
        return replace(self, lines=tuple(lines))

    def _top_level(self) -> list[str]:
        """Return the lines with those inside subcircuits blanked by a star."""
        depth, out = 0, []
        for line in self.lines:
            word = line.split(None, 1)[0].lower() if line.split() else "*"
            depth += word == ".subckt"
            out.append(line if not depth and word[0] not in ".*" else "*")
            depth -= word == ".ends"
        return out

    def with_saved(self, vectors: Iterable[str]) -> Deck:
        """Return a copy that stores these vectors too; a deck without ``.save`` stores all there are."""
        saved = [line for line in self.lines if line.lower().startswith(".save")]
        if not saved or any("all" in line.lower().split() for line in saved):
            return self
        words = dict.fromkeys(
            f"i({v.removesuffix('#branch')})" if v.endswith("#branch") else f"v({v})" for v in vectors
        )
        already = {word for line in saved for word in line.lower().split()}
        more = [word for word in words if word not in already]
        return replace(self, lines=(*self.lines, f".save {' '.join(more)}")) if more else self


def read_deck(text: str, transient: Transient | None = None) -> Deck:
    """Read a deck.

    Parameters
    ----------
    text : str
        As for ``ngspice``: title first. Of a control section, ``set``, ``osdi`` and ``pre_osdi`` lines count.
    transient : Transient, optional
        In the place of the deck's ``.tran``.

    Raises
    ------
    RequestError
        ``cosim.no-transient``, ``cosim.bad-transient``, ``cosim.other-analysis``.
    """
    title, *rest = text.split("\n")
    lines, control = _statements(rest)
    first_words = [line.split(None, 1)[0].lower() for line in lines]
    for word, line in zip(first_words, lines, strict=True):
        if word in _OTHER_ANALYSES:
            raise RequestError(
                "cosim.other-analysis", line[:60], place="deck", remedy="leave it out: a session is a transient"
            )
    analyses = [line for word, line in zip(first_words, lines, strict=True) if word == ".tran"]
    if transient is not None:
        step = spice_number(transient.step)
        analyses.append(f".tran {step} {spice_number(transient.stop)} 0 {step}")
    if not analyses:
        raise RequestError(
            "cosim.no-transient", "the deck has no .tran line", remedy="give transient=Transient(stop, step)"
        )
    words = [line.split() for line in control]
    return Deck(
        title=title,
        lines=tuple(line for word, line in zip(first_words, lines, strict=True) if word != ".tran"),
        analysis=analyses[-1],
        stop=_stop_time(analyses[-1]),
        setup=tuple(" ".join(w) for w in words if w and w[0].lower() == "set"),
        libraries=tuple(name for w in words if w and w[0].lower() in ("osdi", "pre_osdi") for name in w[1:]),
    )


def included(lines: Iterable[str], folder: Path, above: tuple[Path, ...] = ()) -> tuple[str, ...]:
    """Return the statements of all files that ``.include`` lines name, those that these include too.

    Files that cannot be read, or that include themselves, are left to the simulator to complain of. Libraries
    (``.lib``) are not looked into.

    Parameters
    ----------
    lines : iterable of str
        Statements.
    folder : Path
        What relative names refer to.
    above : tuple of Path
        Files that these lines come from.
    """
    found: list[str] = []
    for line in lines:
        word, *name = line.partition(";")[0].split(None, 1)
        path = folder / "".join(name).strip().strip("\"'")
        if word.lower() not in (".include", ".inc") or path in above:
            continue
        try:
            inside, _ = _statements(path.read_text("utf-8", "surrogateescape").split("\n"))
        except OSError:
            continue
        found += [*inside, *included(inside, path.parent, (*above, path))]
    return tuple(found)


def _statements(rows: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return statements one a line, and those of control sections; up to ``.end``."""
    lines: list[str] = []
    control: list[str] = []
    inside, goes_on = False, -1  # the statement that a continuation belongs to: comments may stand between
    for raw in rows:
        line = raw.strip()
        word = line.split(None, 1)[0].lower() if line else ""
        if word == ".end":
            break
        if word in (".control", ".endc"):
            inside = word == ".control"
        elif inside:
            control.append(line)
        elif line.startswith("+") and goes_on >= 0:
            lines[goes_on] = f"{_REMARK.sub('', lines[goes_on])} {line[1:].strip()}"
        elif line and not line.startswith((";", "$", "//")):
            lines.append(line)
            goes_on = goes_on if line.startswith("*") else len(lines) - 1
    return lines, control


def _stop_time(line: str) -> float:
    """Read the end of ``.tran step stop ...``, in second; rows that begin later would keep functions from acting."""
    words = line.split()[1:4]
    stop = spice_value(words[1]) if len(words) >= 2 else None
    late = len(words) == 3 and words[2].lower() != "uic" and spice_value(words[2]) != 0
    if stop is None or stop <= 0 or late:
        raise RequestError(
            "cosim.bad-transient", line[:60], place="deck", remedy="write .tran step stop 0 step, in numbers"
        )
    return stop


def spice_value(word: str) -> float | None:
    """Return a number as SPICE reads it, with its suffix and maybe a unit (``"3megohm"``); None for anything else."""
    match = _NUMBER.fullmatch(word)
    return float(match[1]) * _SUFFIXES.get((match[2] or "").lower(), 1.0) if match else None
