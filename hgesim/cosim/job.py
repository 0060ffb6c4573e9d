"""What a session sends to its worker; a module that loads quickly, as every worker does."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """A circuit and what drives it.

    Parameters
    ----------
    lines : tuple of str
        Deck.
    setup : tuple of str
        Commands to carry out before it is loaded.
    libraries : tuple of str
        Compiled models.
    altered : tuple of str
        Commands to carry out after.
    raw : str
        File that the rows go to.
    stop : float
        End of the transient by the simulator's clock, s.
    offset : float
        What the user's clock shows at the simulator's time 0, s.
    held : dict
        Value of each source that only the user changes.
    functions : bytes
        Pickled: a dict of source names to (`PythonSource`, start values), and a list of `Listener`.
    """

    lines: tuple[str, ...]
    setup: tuple[str, ...]
    libraries: tuple[str, ...]
    altered: tuple[str, ...]
    raw: str
    stop: float
    offset: float
    held: dict[str, float]
    functions: bytes
