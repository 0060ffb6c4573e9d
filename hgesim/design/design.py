"""The design: everything that decides a learning run, as one frozen, printable, hashable value."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hgesim.blocks import KINDS, PYTHON, TECHNOLOGIES, Block, Size, all_subckts, block_size, enlarged, get_block
from hgesim.circuit import BlockInstance
from hgesim.design.circuit import Circuit, Transient
from hgesim.design.expand import network_elements
from hgesim.design.start import held_start
from hgesim.errors import RequestError, nearest
from hgesim.loop import HomodyneLoop
from hgesim.network import Gf180Nmos, Network
from hgesim.nonideal import CORNERS, NOISE_STEPS, Nonideal, damaged, deviate

__all__ = ["Design", "block_set"]


def block_set(technology: str, *, area: float = 1.0, **choices: Block | str) -> dict[str, Block]:
    """Return one block for each kind: those of a technology, but for the kinds chosen otherwise.

    Parameters
    ----------
    technology : str
        ``"gf180"``, ``"discrete"`` or ``"ideal"``.
    area : float
        Gate area of every foundry transistor, relative to what is drawn (`hgesim.blocks.enlarged`).
    **choices : Block or str
        A block, a technology or a variant for a kind, for example ``mixer="ideal"`` or ``mixer="gf180_chopper"``.

    Raises
    ------
    RequestError
        ``blocks.unknown-kind``, ``blocks.unknown-technology`` or ``blocks.unknown-variant`` with what there is;
        ``blocks.bad-area``, also for an area that no block here has.
    """
    unknown = [kind for kind in choices if kind not in KINDS]
    if unknown:
        raise RequestError("blocks.unknown-kind", f'"{unknown[0]}"', remedy=nearest(unknown[0], KINDS))
    if not isinstance(technology, str) or technology not in TECHNOLOGIES:
        raise RequestError(
            "blocks.unknown-technology",
            f'there is no technology "{technology}"',
            place="circuit.technology",
            remedy=nearest(str(technology), TECHNOLOGIES),
        )
    chosen = {kind: choices.get(kind, technology) for kind in KINDS}
    drawn = {kind: get_block(kind, item) if isinstance(item, str) else item for kind, item in chosen.items()}
    if area != 1 and not any(block_size(block).gates for block in drawn.values()):
        raise RequestError(
            "blocks.bad-area",
            "no block has transistors of the foundry",
            place="circuit.area",
            remedy='leave it out, or set circuit.technology to "gf180"',
        )
    return {kind: enlarged(block, area) for kind, block in drawn.items()}


@dataclass(frozen=True, eq=False)
class Design:
    """A network, a loop around it and a block for each kind.

    Parameters
    ----------
    network : Network
        The device that learns; with the damage that `nonideal` does to it.
    loop : HomodyneLoop
        Task, tone plan, time line, values and start.
    blocks : mapping of str to Block
        One block for each kind that the loop needs, for example from `block_set`; others are dropped.
    probes : tuple of str
        Nets to store besides those that results need.
    site_capacitance : float
        From every site to ground, in farad.
    temperature : float
        Of the electronics, in kelvin.
    nonideal : Nonideal
        What is not ideal, and the seed of the chip; nothing by default.

    Examples
    --------
    >>> design = Design(network, loop, block_set("gf180"))             # doctest: +SKIP
    >>> other = design.with_block("mixer", "ideal")                     # doctest: +SKIP
    >>> print(other); text = other.netlist()                            # doctest: +SKIP
    """

    network: Network
    loop: HomodyneLoop
    blocks: Mapping[str, Block]
    probes: tuple[str, ...] = ()
    site_capacitance: float = 20e-15
    temperature: float = 300.0
    nonideal: Nonideal = field(default_factory=Nonideal)
    _circuit: Circuit = field(init=False, repr=False, compare=False)
    _whole: Network = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Expand once: a design that cannot be built is refused here."""
        for kind, block in self.blocks.items():
            if kind not in KINDS or block.kind != kind:
                raise RequestError(
                    "design.wrong-block",
                    f'"{block.kind}" given for "{kind}"',
                    place="blocks",
                    remedy=nearest(kind, KINDS),
                )
        used = {kind: block for kind, block in self.blocks.items() if kind in self.loop.kinds}
        object.__setattr__(self, "blocks", MappingProxyType(used))
        object.__setattr__(self, "probes", tuple(self.probes))
        if not (math.isfinite(self.site_capacitance) and self.site_capacitance >= 0):
            raise RequestError(
                "design.bad-value",
                f"{self.site_capacitance:g} F",
                place="network.site_capacitance",
                remedy="0 or more; 0 leaves the capacitors out",
            )
        object.__setattr__(self, "_whole", self.network)
        object.__setattr__(self, "network", damaged(self.network, self.nonideal))
        object.__setattr__(self, "_circuit", self._expand())

    def _expand(self) -> Circuit:
        loop, network, blocks = self.loop, self.network, self.blocks
        held, guess = held_start(network, loop.start_voltages(network))
        self._refuse_corner()
        elements = (
            *network_elements(network, self.site_capacitance),
            *held,
            *loop.elements(network, blocks),
        )
        return Circuit(
            title=f"{loop.rule} learning of {loop.task.name} by {network.n_sites} sites",
            elements=deviate(elements, self.nonideal, loop.timeline.stop, NOISE_STEPS * loop.plan.step),
            analysis=Transient(loop.timeline.stop, loop.plan.step),
            probes=tuple(
                dict.fromkeys(
                    [
                        *_nets(loop.signals(network)),
                        *(f"i(v_{rail}_{kind})" for kind in sorted(blocks) for rail in ("vp", "vn")),
                        *self.probes,
                    ]
                )
            ),
            guess=guess,
            temperature=self.temperature,
            bond_temperature=network.temperature,
            corner=CORNERS[self.nonideal.corner],
            remarks=self._remarks(),
        )

    def _remarks(self) -> tuple[str, ...]:
        said = (
            [f"Computed by Python, so not in this deck: {', '.join(self.python_parts)}."] if self.python_parts else []
        )
        return (*said, *([f"Not ideal: {self.nonideal}."] if self.nonideal else []))

    def refuse_python(self, what: str, *, update: bool = True) -> None:
        """Refuse a design in which Python plays a part, for something that knows of none.

        Parameters
        ----------
        what : str
            That thing.
        update : bool
            Whether a digital update is in the way too, or computed blocks only.

        Raises
        ------
        RequestError
            ``design.has-python``.
        """
        blocks = [kind for kind, name in self.technology.items() if name == PYTHON]
        parts = list(self.python_parts) if update else blocks
        if parts:
            place = f"circuit.{blocks[0]}" if blocks else "loop.update"
            remedy = (
                'set it to "ideal" for this, which has the same transfer'
                if blocks
                else 'set it to "analog" for this, without the keys of a digital update; hgesim screen knows both'
            )
            raise RequestError(
                "design.has-python",
                f"{what} is of circuits only and knows nothing of {', '.join(parts)} in Python",
                place=place,
                remedy=remedy,
            )

    def _refuse_corner(self) -> None:
        """Refuse a corner that changes nothing, or the device: the exact solution knows typical transistors only."""
        corner = self.nonideal.corner
        if corner == "tt":
            return
        if any(isinstance(law, Gf180Nmos) for law in self.network.bond_laws):
            raise RequestError(
                "nonideal.no-law",
                "the exact solution of GF180 bonds is that of typical transistors",
                place="nonideal.corner",
                remedy='leave it at "tt"',
            )
        if not any(block.models == "gf180" for block in self.blocks.values()):
            raise RequestError(
                "nonideal.no-effect",
                "no block of this design has GF180 transistors",
                place="nonideal.corner",
                remedy='leave it at "tt", or set circuit.technology to "gf180"',
            )

    @property
    def circuit(self) -> Circuit:
        """Return the expanded circuit."""
        return self._circuit

    @property
    def signals(self) -> dict[str, Any]:
        """Return which stored net plays which part: what results and reports look waveforms up by."""
        return self.loop.signals(self.network)

    @property
    def technology(self) -> dict[str, str]:
        """Return the technology of each kind of block."""
        return {kind: block.technology for kind, block in self.blocks.items()}

    @property
    def python_parts(self) -> tuple[str, ...]:
        """Return what Python plays while the simulator runs: parts of a digital loop, kinds of blocks."""
        return (*self.loop.python_parts, *(kind for kind, name in self.technology.items() if name == PYTHON))

    @property
    def sizes(self) -> dict[str, Size]:
        """Return the gate area and capacitance of each kind of block, all instances together."""
        placed = [e for e in self.loop.elements(self.network, self.blocks) if isinstance(e, BlockInstance)]
        return {
            kind: sum((block_size(e.block, e.parameters) for e in placed if e.block.kind == kind), Size())
            for kind in self.blocks
        }

    @property
    def digest(self) -> str:
        """Return the SHA-256 of everything that decides the netlist."""
        return hashlib.sha256(repr(self._canonical()).encode()).hexdigest()

    def _canonical(self) -> tuple[Any, ...]:
        blocks = sorted((kind, block.subckt, all_subckts([block])) for kind, block in self.blocks.items())
        given: tuple[Any, ...] = (
            self.network.digest,
            self.loop,
            blocks,
            self.probes,
            self.site_capacitance,
            self.temperature,
        )
        if not self.loop.converters.ideal:
            given = (*given, self.loop.converters)
        return (*given, self.nonideal) if self.nonideal else given

    def __hash__(self) -> int:
        """Hash by content."""
        return int(self.digest[:15], 16)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by what was given: a view of a mapping cannot be pickled."""
        blocks = dict(self.blocks)
        return Design, (
            self._whole, self.loop, blocks, self.probes, self.site_capacitance, self.temperature, self.nonideal,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        return isinstance(other, Design) and self.digest == other.digest

    def __str__(self) -> str:
        """Summarise in a few lines."""
        loop, plan, line = self.loop, self.loop.plan, self.loop.timeline
        kinds = ", ".join(f"{kind} {technology}" for kind, technology in self.technology.items())
        return (
            f"Design {self.digest[:12]}: {loop.rule} learning of {loop.task.name}\n"
            f"  network  {self.network.n_sites} sites, {self.network.n_bonds} bonds, "
            f"{self.network.n_electrodes} electrodes, {self.network.temperature:g} K\n"
            f"  blocks   {kinds}; {self.circuit.transistors} transistors\n"
            f"  carriers {' '.join(f'{f:g}' for f in plan.carriers)} Hz; beat {plan.beat:g} s, step {plan.step:.3g} s\n"
            f"  time     {line.epochs} epochs of {line.cases} cases of {line.case:g} s: {line.stop:g} s"
            + (f"\n  chip     {self.nonideal}" if self.nonideal else "")
        )

    def replace(self, **changes: Any) -> Design:
        """Return a copy with some fields changed.

        Raises
        ------
        RequestError
            ``design.unknown-field`` with the nearest name.
        """
        known = [f.name for f in dataclasses.fields(self) if f.init]
        for name in changes:
            if name not in known:
                raise RequestError("design.unknown-field", f'"{name}"', remedy=nearest(name, known))
        return dataclasses.replace(self, **{"network": self._whole, **changes})

    def with_block(self, kind: str, block: Block | str) -> Design:
        """Return a copy with one block changed.

        Parameters
        ----------
        kind : str
            A key of ``hgesim.blocks.KINDS``, such as ``"mixer"``.
        block : Block or str
            The block, or the name of a technology or variant.

        Raises
        ------
        RequestError
            ``design.unused-block`` for a kind that the loop does not need.
        """
        chosen = get_block(kind, block) if isinstance(block, str) else block
        if kind not in self.loop.kinds:
            raise RequestError(
                "design.unused-block",
                f'the loss "{self.loop.settings.loss}" needs no {kind}',
                place=f"circuit.{kind}",
                remedy=f'set loop.loss to "{kind}"',
            )
        return self.replace(blocks={**self.blocks, kind: chosen})

    def netlist(self, dialect: str = "osdi") -> str:
        """Return the deck as text; see `hgesim.netlist.deck_files`."""
        from hgesim.netlist import deck_text

        return deck_text(self.circuit, dialect)


def _nets(signals: Mapping[str, Any]) -> list[str]:
    """Return the nets of `signals` in the order in which they are stored: controls and threshold first."""
    parts = ("controls", "threshold", "error", "output", "target", "inputs", "mixer_input")
    found: list[str] = []
    for value in (signals[part] for part in parts if part in signals):
        found += value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
    return found
