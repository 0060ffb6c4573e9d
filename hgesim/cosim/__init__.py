"""Co-simulation: Python and the simulator in one transient, each step or pause by pause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hgesim.cosim.functions import Listener, PythonSource

if TYPE_CHECKING:
    from hgesim.cosim.session import Session

__all__ = ["Listener", "PythonSource", "Session"]


def __getattr__(name: str) -> Any:
    """Load what a session needs when it is first used: a worker, which is of this package too, starts without."""
    if name != "Session":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hgesim.cosim.session import Session

    return Session
