"""What kinds of blocks a learning loop is made of, and in which technologies they come."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CHOP", "KINDS", "TECHNOLOGIES", "Kind", "Technology"]

# Clocks that a block may ask for by having these ports, before its rails.
CHOP = ("chop", "chopn")


@dataclass(frozen=True)
class Kind:
    """A role in the loop: every circuit of one kind has the same ports and nearly the same transfer.

    Parameters
    ----------
    name : str
        For example ``"mixer"``; the subcircuit is called ``mixer_<technology>`` or ``mixer_<technology>_<variant>``.
    ports : tuple of str
        In the order of the ``.subckt`` line. Signals sit at 0 V, pairs end in p and n, the rails come last. One that
        chops has `CHOP` before the rails too.
    role : str
        What the block is for.
    transfer : str
        The formula every technology has to come near (numbers in `hgesim.blocks.transfer`).
    """

    name: str
    ports: tuple[str, ...]
    role: str
    transfer: str

    @property
    def chopped(self) -> tuple[str, ...]:
        """Return the ports of a block that chops."""
        return (*self.ports[:-2], *CHOP, *self.ports[-2:])


@dataclass(frozen=True)
class Technology:
    """A family of circuits with common rails.

    Parameters
    ----------
    name : str
        Folder in ``circuits/``.
    positive, negative : float
        Rails, V. Clocks such as ``hold`` and ``chop`` swing between them.
    models : str or None
        Transistor models that have to be installed, ``"gf180"`` or None.
    description : str
        One line for people.
    """

    name: str
    positive: float
    negative: float
    models: str | None
    description: str


def _kind(name: str, ports: str, role: str, transfer: str) -> tuple[str, Kind]:
    return name, Kind(name, (*ports.split(), "vp", "vn"), role, transfer)


KINDS: dict[str, Kind] = dict(
    [
        _kind(
            "readout",
            "inp out",
            "transimpedance amplifier: holds the output electrode at 0 V and turns its current into a voltage",
            "v(out) = -rf i(inp), i counted into inp, straight to 1.2 V at least",
        ),
        _kind(
            "loss",
            "e outp outn",
            "loss of the error: a square that saturates into the absolute value",
            "v(outp,outn) = k e tanh(e/e0)",
        ),
        _kind(
            "hinge",
            "e label inp inn outp outn",
            "gate of the loss, for a squared hinge: no loss on the right side of the target",
            "v(outp,outn) = v(inp,inn) while v(e) v(label) > 0, else 0",
        ),
        _kind(
            "coupler",
            "inp inn outp outn hold holdn",
            "AC coupling with a hold during steps, then gain with a limit",
            "v(outp,outn) = limit tanh(gain u/limit), u = v(inp,inn) above 1.6 kHz, 0 while hold is at vp, holdn at vn",
        ),
        _kind(
            "mixer",
            "xp xn lo outp outn",
            "synchronous detector: multiplies with the reference",
            "v(outp,outn) = gain x0 tanh(v(xp,xn)/x0) tanh(v(lo)/lo0); mean 1.6 times the in-phase amplitude at 0.3 V",
        ),
        _kind(
            "lowpass",
            "inp inn outp outn",
            "differential RC filter behind a mixer",
            "v(outp,outn) = v(inp,inn) / (1 + 2 s r c)",
        ),
        _kind(
            "integrator",
            "inp inn dither out",
            "accumulates the gradient into a control voltage and adds the dither to it",
            "v(out) = v(dither) - 1/(r c) integral of v(inp,inn)",
        ),
    ]
)

TECHNOLOGIES: dict[str, Technology] = {
    technology.name: technology
    for technology in (
        Technology(
            "ideal", 1.65, -1.65, None, "behavioural sources with the formulas of the contract; the rails are unused"
        ),
        Technology("gf180", 1.65, -1.65, "gf180", "GF180MCU 3.3 V transistors, foundry BSIM4 models"),
        Technology("discrete", 5.0, -5.0, None, "2N3904, 2N3906, ALD1106 and ALD1107: the parts of a bench set-up"),
    )
}
