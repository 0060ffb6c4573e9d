"""What is particular to each simulator: how it is called, its deck's name, and the words of its log."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["NGSPICE", "SHARED", "SIMULATORS", "VACASK", "LogWords", "Simulator", "usage"]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class LogWords:
    """Patterns that decide about a log.

    Parameters
    ----------
    aborted : Pattern
        Of a line that tells of an analysis given up.
    fatal : Pattern
        Of a line that tells of a deck refused.
    error : Pattern
        Of any line that tells of an error.
    blamed : tuple of Pattern
        The first that the log has, where it has it last: a group of it is the node or instance in trouble.
    iterations : Pattern
        Its group is the number of Newton iterations.
    ignored : tuple of str
        Beginnings of lines that tell nothing, whatever they say.
    """

    aborted: re.Pattern[str]
    fatal: re.Pattern[str]
    error: re.Pattern[str]
    blamed: tuple[re.Pattern[str], ...]
    iterations: re.Pattern[str]
    ignored: tuple[str, ...]


@dataclass(frozen=True)
class Simulator:
    """A program that runs decks.

    Parameters
    ----------
    name : str
        As ``engine.name`` has it.
    arguments : tuple of str
        Between the executable and the deck; they keep the user's start-up files out.
    deck : str
        File name of a deck.
    usage : str
        What to type in a deck's folder.
    words : LogWords
        How to read its log.
    """

    name: str
    arguments: tuple[str, ...]
    deck: str
    usage: str
    words: LogWords


NGSPICE = Simulator(
    "ngspice",
    ("-n", "-b"),
    "deck.cir",
    "ngspice -n -b deck.cir",
    LogWords(
        aborted=_any(
            r"simulation\(s\) aborted|timestep too small|operating point could not be simulated",
            r"finding the operating point .* failed",
        ),
        fatal=_any(
            "could not find a valid modelname|unknown subckt|simulation interrupted|fatal error|couldn't be loaded",
            "unable to find definition of model|unknown device type|could not find include file|no data saved",
            "no such (?:command|file|vector|parameter|device|model)|incomplete or empty netlist|no simulations run",
            "no circuit loaded|out of memory|rawfile write error",
        ),
        error=_any(r"\berror\b|no such|could not|can't|unable to|undefined"),
        blamed=(
            _any(r'trouble with (?:node "([^"]+)"|(?:\S+-)?instance (\S+))'),
            _any(r"singular matrix:\s+check nodes? (\S+)"),
        ),
        iterations=_any(r"^\s*Total iterations = (\d+)"),
        # ngspice echoes the deck's title there, and a title may say anything
        ignored=("Circuit:",),
    ),
)

VACASK = Simulator(
    "vacask",
    ("-qp", "-sp", "--tomlfile", "/dev/null"),
    "deck.sim",
    "vacask deck.sim",
    LogWords(
        aborted=_any("timestep too small|homotopy failed|operating point analysis failed|(?:analysis|sweep) .*aborted"),
        fatal=_any(
            "not found|parse error|syntax error|redefinition|already exists|out of bounds|failed to|domain error",
            "cannot be translated|out of memory",
        ),
        error=_any(r"\berror\b|not found|failed|cannot|unexpected|inf found|nan found"),
        blamed=(_any("node '([^']+)'"),),
        iterations=_any(r"^\s*NR solver iterations:\s*(\d+)"),
        # models of no device in the deck are told of in warnings
        ignored=("Simulating:", "WARNING:"),
    ),
)

# libngspice in a process of hgesim's: the same decks and words as ngspice
SHARED = "shared"
SIMULATORS = {simulator.name: simulator for simulator in (NGSPICE, VACASK)}


def usage(dialect: str) -> str:
    """Return what to type in the folder of a deck of some dialect."""
    return SIMULATORS.get(dialect, NGSPICE).usage
