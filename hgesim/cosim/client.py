"""The session's end of the pipe: a worker that is asked, waited for so long and no longer, and never left behind."""

from __future__ import annotations

import os
import socket
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hgesim.engine.process import kill_group, python_command, start

__all__ = ["Client", "Failed", "Refused"]


class Failed(Exception):
    """The worker ended the simulation: a verdict and a message."""


class Refused(Exception):
    """The worker could not do what was asked."""


class Client:
    """A worker process and the way to it.

    Parameters
    ----------
    library : Path
        libngspice.
    folder : Path
        Working folder of the simulator: what relative names in a deck refer to.
    log : Path
        Takes all that simulator and functions print.
    """

    def __init__(self, library: Path, folder: Path, log: Path) -> None:
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as output:
            number = theirs.fileno()
            command = python_command("hgesim.cosim.worker.serve", str(number), str(library))
            self.process = start(command, folder, output, pass_fds=(number,))
        self.connection = Connection(ours.detach())
        self.busy_s, self.gone = 0.0, False
        self.connection.send([entry or os.getcwd() for entry in sys.path])

    def ask(self, method: str, *arguments: Any, seconds: float | None = None) -> Any:
        """Have the worker carry out a method and return what it answers.

        Parameters
        ----------
        method : str
            Of `hgesim.cosim.worker.Simulation`.
        *arguments
            What it gets.
        seconds : float, optional
            How long to wait; for ever by default.

        Raises
        ------
        TimeoutError
            If that was not enough.
        EOFError
            If the worker died.
        Failed, Refused
            What it told.
        """
        began = time.monotonic()
        try:
            try:
                self.connection.send((method, *arguments))
                if not self.connection.poll(None if seconds is None else max(seconds, 0.0)):
                    raise TimeoutError
                kind, *answer = self.connection.recv()
            except (BrokenPipeError, ConnectionResetError):
                raise EOFError from None
        finally:
            self.busy_s += time.monotonic() - began
        if kind == "failed":
            raise Failed(*answer)
        if kind == "error":
            raise Refused(*answer)
        return answer[0]

    def wait(self) -> int:
        """Return the exit status of a worker whose end of the pipe is closed."""
        return self.process.wait()

    def kill(self) -> None:
        """End the worker and all that it started; harmless when it has ended."""
        self.gone = True
        kill_group(self.process)
        self.connection.close()
