"""How a digital loop moves what it learns: gradient descent, with momentum, or Adam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_finite, check_positive, check_real, check_reals
from hgesim.errors import RequestError, nearest

__all__ = ["OPTIMIZERS", "Optimizer", "OptimizerState"]

FloatArray = NDArray[np.float64]

OPTIMIZERS = ("gradient-descent", "momentum", "adam")
_TINY = 1e-12  # beside the root of Adam's second moment, in the gradient's unit: only there to divide by no zero


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """What an optimizer remembers: number of steps taken, first and second moment of the gradient."""

    steps: int
    first: FloatArray
    second: FloatArray


@dataclass(frozen=True)
class Optimizer:
    """A rule of descent.

    Parameters
    ----------
    name : str
        ``"gradient-descent"``: ``x - rate g``. ``"momentum"``: ``m = momentum m + g``, then ``x - rate m`` (Polyak,
        USSR Computational Mathematics 4 (1964) 1). ``"adam"``: moments of g and of its square with the two `betas`,
        without their bias towards 0, then ``x - rate first/root(second)`` (Kingma and Ba, arXiv:1412.6980).
    rate : float
        Learning rate: for Adam volt an epoch, else V^2 over the unit of the loss.
    momentum : float
        From 0 to below 1.
    betas : tuple of float
        Of Adam, from 0 to below 1 each.

    Raises
    ------
    RequestError
        ``loop.unknown-optimizer`` with the nearest name, ``loop.bad-value``.
    """

    name: str = "adam"
    rate: float = 0.03
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        """Refuse what is no rule of descent."""
        if not isinstance(self.name, str) or self.name not in OPTIMIZERS:
            raise RequestError(
                "loop.unknown-optimizer",
                f'"{self.name}"',
                place="loop.optimizer",
                remedy=nearest(str(self.name), OPTIMIZERS),
            )
        check_positive(self.rate, "loop.bad-value", "loop.learning_rate")
        object.__setattr__(self, "betas", check_reals(self.betas, "loop.bad-value", "loop.betas"))
        if len(self.betas) != 2:
            raise RequestError("loop.bad-value", f"{len(self.betas)} numbers", place="loop.betas", remedy="give two")
        for place, value in (("momentum", self.momentum), *(("betas", beta) for beta in self.betas)):
            if not 0 <= check_real(value, "loop.bad-value", f"loop.{place}") < 1:
                raise RequestError("loop.bad-value", f"{value:g}", place=f"loop.{place}", remedy="from 0 to below 1")

    def begin(self, count: int) -> OptimizerState:
        """Return the state before the first step, of `count` numbers."""
        return OptimizerState(0, np.zeros(count), np.zeros(count))

    def step(
        self, position: ArrayLike, gradient: ArrayLike, state: OptimizerState
    ) -> tuple[FloatArray, OptimizerState]:
        """Take one step.

        Parameters
        ----------
        position, gradient : array, (K,)
            Where it stands (V), and the derivatives of the loss there.
        state : OptimizerState
            From `begin` or the step before.

        Returns
        -------
        position : ndarray, (K,)
        state : OptimizerState
        """
        x, g = (check_finite(values, "loop.bad-value", "gradient") for values in (position, gradient))
        steps = state.steps + 1
        if self.name == "gradient-descent":
            return x - self.rate * g, OptimizerState(steps, state.first, state.second)
        if self.name == "momentum":
            first = self.momentum * state.first + g
            return x - self.rate * first, OptimizerState(steps, first, state.second)
        one, two = self.betas
        first, second = one * state.first + (1 - one) * g, two * state.second + (1 - two) * g**2
        ahead, size = first / (1 - one**steps), np.sqrt(second / (1 - two**steps))
        return x - self.rate * ahead / (size + _TINY), OptimizerState(steps, first, second)
