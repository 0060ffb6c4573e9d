"""What ran: its folder, opened."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hgesim.engine import Verdict
from hgesim.errors import RequestError
from hgesim.experiment.folder import RESULT

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Finished", "GradientRun", "Run"]


@dataclass(frozen=True)
class Finished:
    """What a simulation left.

    Parameters
    ----------
    folder : Path
        Holds ``result.json``, ``config.json``, ``network.json``, ``netlist/`` and ``waveforms.nc``.
    result : dict
        The contents of ``result.json``.
    """

    folder: Path
    result: dict[str, Any] = field(repr=False)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a run's folder.

        Raises
        ------
        RequestError
            ``run.no-result`` when there is none.
        """
        folder = Path(folder)
        try:
            return cls(folder, json.loads((folder / RESULT).read_text(encoding="utf-8")))
        except (OSError, json.JSONDecodeError):
            raise RequestError(
                "run.no-result", f"no readable {RESULT}", place=str(folder), remedy="give the folder of a finished run"
            ) from None

    @property
    def verdict(self) -> str:
        """Return the verdict; only ``ok`` is a valid simulation."""
        return str(self.result["verdict"])

    @property
    def exit_code(self) -> int:
        """Return what the command line ends with: 0 valid, 130 interrupted, 1 not valid."""
        if self.verdict == Verdict.INTERRUPTED:
            return 130
        return 0 if self.verdict == Verdict.OK else 1

    def waveforms(self) -> xr.Dataset:
        """Read the stored waveforms."""
        from hgesim.waveforms import load_waveforms

        return load_waveforms(self.folder / "waveforms.nc")

    def report(self) -> Path:
        """Write ``report.html`` from what is stored and return its path."""
        from hgesim.report import write_report

        return write_report(self.folder)


class GradientRun(Finished):
    """What a measurement of gradients left."""


class Run(Finished):
    """What a learning run left; its folder also holds ``engine.log``."""

    @property
    def learnt(self) -> bool:
        """Return whether the network alone, at the final controls, does the task."""
        return bool(self.result["learnt"])

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """Return inputs, target and the network's output current before and after, per case (ampere)."""
        return list(self.result.get("outputs") or [])

    @property
    def loss(self) -> dict[str, float]:
        """Return ``initial`` and ``final`` loss in V^2; that of the correlation has no unit."""
        found = self.result.get("loss") or {}
        return {when: found[when] for when in ("initial", "final") if when in found}

    @property
    def continue_with(self) -> tuple[str, ...]:
        """Return the overrides with which a run goes on from where this one ended; none of a run that was not scored.

        Where the channels were when it ended, without their dithers. Its file must not ask for ``loop.restarts``.

        Examples
        --------
        >>> learn("and.toml", "more", overrides=Run.load("run").continue_with)     # doctest: +SKIP
        """
        ends = self.result.get("continue_with") or {}
        return tuple(f"loop.{key}={json.dumps(value)}" for key, value in ends.items())

    @property
    def exit_code(self) -> int:
        """Return what the command line ends with: 0 learnt, 3 valid but not learnt, 130 interrupted, 1 not valid."""
        return super().exit_code or (0 if self.learnt else 3)
