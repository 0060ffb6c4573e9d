"""Co-simulation: Python and the simulator in one transient, each step or pause by pause."""

from hgesim.cosim.functions import Listener, PythonSource
from hgesim.cosim.session import Session

__all__ = ["Listener", "PythonSource", "Session"]
