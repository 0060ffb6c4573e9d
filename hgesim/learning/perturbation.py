"""Gradients from one noisy output while the parameters are moved: sines, one at a time, random and orthogonal codes.

All ways differ in the waveforms only. With d_j(t) the way parameter j is moved, d'_j the same less its mean, and y the
output, every one of them estimates the derivative by correlation over a block of length T::

    g_j = int y d'_j dt / E_j,    E_j = int d_j^2 dt

A linear device ``y = y_0 + sum g_l d_l`` gives ``sum_l M_jl g_l`` with ``M_jl = int d_l d'_j dt / E_j``: the identity
for waveforms of mean 0 that are orthogonal over the block. White noise of one-sided power density S adds the variance

    S / (2 E_j):    S/(A^2 T) for sines of amplitude A,    S/(2 A^2 T) for codes +-A

(a mean over T has the variance S/2T; Parseval for the rest), so that with N parameters taken in turn it is N times as
much. Independent random signs are orthogonal on average only: after K of them the other parameters add the variance
``sum_{l != j} g_l^2 A_l^2 / (A_j^2 K)``, over all parameters (N - 1)/K of the squared gradient (equal amplitudes).

The price of the waveforms is bandwidth. Here no carrier is above a frequency B, and no code is switched faster than at
2 B, so that the fastest code alternates at B. Sharp steps need more than that; the codes are given it for nothing.

Arguments that make no sense are refused with a ``perturbation.bad-value`` that names them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_finite, check_positive, check_whole
from hgesim.errors import RequestError
from hgesim.learning.problem import FloatArray
from hgesim.loop.tones import PER_CYCLE, plan_tones, sampled_tones
from hgesim.seeds import generator

__all__ = [
    "Perturbation",
    "code_interference",
    "differences_in_turn",
    "random_codes",
    "simultaneous_signs",
    "sines_in_turn",
    "sines_together",
    "walsh_codes",
]

Spectrum = float | Callable[[FloatArray], ArrayLike]

_CODE = "perturbation.bad-value"
_UP_AND_DOWN = [[1.0], [-1.0]]


@dataclass(frozen=True, eq=False)
class Perturbation:
    """One block of waveforms, by which all parameters are moved at once; to be repeated as often as wanted.

    Parameters
    ----------
    moves : array, (K, C)
        What each parameter is moved by in each of K samples, in its unit; the sample is the mean over its length.
    step : float
        Length of a sample, in second.

    Raises
    ------
    RequestError
        ``perturbation.bad-value``: also where a parameter is not moved.
    """

    moves: FloatArray
    step: float

    def __post_init__(self) -> None:
        """Freeze the waveforms, and refuse those from which no derivative can be had."""
        moves = _array(self.moves, "moves").copy()
        if moves.ndim != 2 or not moves.size or not moves.any(axis=0).all():
            raise _refusal("moves", f"shape {moves.shape}", "samples by parameters, every parameter moved")
        moves.setflags(write=False)
        object.__setattr__(self, "moves", moves)
        object.__setattr__(self, "step", _positive(self.step, "step"))

    @property
    def n_parameters(self) -> int:
        """Return C."""
        return self.moves.shape[1]

    @property
    def duration(self) -> float:
        """Return the length T of a block, in second."""
        return len(self.moves) * self.step

    @property
    def energy(self) -> FloatArray:
        """Return E, (C,): the integral of each move squared over a block, in unit^2 s."""
        return np.asarray(self.step * (self.moves**2).sum(axis=0))

    def estimate(self, outputs: ArrayLike) -> FloatArray:
        """Correlate measured outputs with the waveforms.

        Parameters
        ----------
        outputs : array, (..., n K)
            Of n whole blocks.

        Returns
        -------
        ndarray, (..., C)
            Derivatives, in output unit per parameter unit.

        Raises
        ------
        RequestError
            ``perturbation.bad-value``.
        """
        y, samples = _array(outputs, "outputs"), len(self.moves)
        if not y.ndim or not y.shape[-1] or y.shape[-1] % samples:
            raise _refusal("outputs", f"shape {y.shape}", f"whole blocks of {samples} samples")
        block = y.reshape(*y.shape[:-1], -1, samples).mean(axis=-2)
        return np.asarray(block @ self._centred / (self.moves**2).sum(axis=0))

    def noise_variance(self, density: Spectrum, blocks: int = 1) -> FloatArray:
        """Return the variance that noise of the output gives each derivative, (C,).

        The density is weighted with the spectrum of the waveform: ``S_j / (2 E_j n)`` with ``S_j = sum S(f) |D_j(f)|^2
        / sum |D_j(f)|^2``, D the Fourier transform of d'. Exact for white noise; else where the density changes little
        over 1/(n T), and without what aliases from above the samples.

        Parameters
        ----------
        density : float or callable
            One-sided power density S in output unit^2/Hz, or a function of frequencies (Hz, above 0).
        blocks : int
            How many, n.
        """
        weight = np.abs(self._spectrum[1:]) ** 2 * self._sides[1:, None]
        values = np.full(len(weight), density) if not callable(density) else density(self._frequencies[1:])
        values = _array(values, "density")
        if values.shape != (len(weight),) or (values < 0).any():
            raise _refusal("density", "below 0, or not one for each frequency", "a number, or a function of arrays")
        shares = values @ weight / len(self.moves) / (self.moves**2).sum(axis=0)
        return np.asarray(shares / (2 * self.energy * _count(blocks, "blocks")))

    def response_matrix(self, response: Callable[[FloatArray], ArrayLike] | None = None) -> FloatArray:
        """Return M, (C, C): what a linear device behind a filter gives is ``M g``.

        ``M_jl = Re sum conj(D'_j) R D_l / sum |D_j|^2`` over all frequencies of the block (Parseval), for a block that
        is one of many like it. The diagonal is what is lost, the rest what parameters hear of each other.

        Parameters
        ----------
        response : callable, optional
            The filter's complex response R at frequencies (Hz, above 0); without one, 1.
        """
        values = np.ones(len(self._spectrum) - 1, complex)
        if response is not None:
            values = np.asarray(response(self._frequencies[1:]), complex)
        if values.shape != (len(self._spectrum) - 1,) or not np.isfinite(values).all():
            raise _refusal("response", "not one finite value for each frequency", "a function of arrays")
        part = self._spectrum[1:]
        cross = ((part * self._sides[1:, None]).conj().T @ (values[:, None] * part)).real / len(self.moves)
        return np.asarray(cross / (self.moves**2).sum(axis=0)[:, None])

    @cached_property
    def _centred(self) -> FloatArray:
        return np.asarray(self.moves - self.moves.mean(axis=0))

    @cached_property
    def _spectrum(self) -> NDArray[np.complex128]:
        return np.asarray(np.fft.rfft(self.moves, axis=0))

    @property
    def _frequencies(self) -> FloatArray:
        return np.asarray(np.fft.rfftfreq(len(self.moves), self.step))

    @property
    def _sides(self) -> FloatArray:
        """How often each frequency counts: both signs, but the highest of an even number of samples once."""
        sides = np.full(len(self._spectrum), 2.0)
        sides[0] = 1.0
        if len(self.moves) % 2 == 0:
            sides[-1] = 1.0
        return sides


def sines_together(amplitudes: ArrayLike, bandwidth: float) -> Perturbation:
    """Homodyne gradient extraction: one sine for each parameter, all at once, over one beat of the tone plan.

    The method is that of Boon et al., Nature Communications (2025), doi 10.1038/s41467-025-65155-7.

    Parameters
    ----------
    amplitudes : array, (C,)
        Peak values, in the parameters' unit.
    bandwidth : float
        B in hertz: the highest carrier. The carriers are those of `hgesim.loop.plan_tones`, so that the beat, the
        shortest time in which all products average out, is ``max(multiples)/B``, up to (4 C + 1)/B.
    """
    size = _amplitudes(amplitudes)
    moves: FloatArray = size * sampled_tones(plan_tones(len(size), 1.0).multiples)
    return Perturbation(moves, 1 / (PER_CYCLE * _positive(bandwidth, "bandwidth")))


def sines_in_turn(amplitudes: ArrayLike, bandwidth: float) -> Perturbation:
    """One sine at a time, each for one period of the frequency B; a block is one round."""
    size = _amplitudes(amplitudes)
    sine = np.sin(2 * np.pi * (np.arange(PER_CYCLE) + 0.5) / PER_CYCLE)
    moves = np.asarray(np.kron(np.diag(size), sine[:, None]), float)
    return Perturbation(moves, 1 / (PER_CYCLE * _positive(bandwidth, "bandwidth")))


def differences_in_turn(amplitudes: ArrayLike, bandwidth: float) -> Perturbation:
    """Central differences: each parameter up and down once, one after the other; a block is one round, C/B."""
    return _coded(np.kron(np.eye(len(_amplitudes(amplitudes))), _UP_AND_DOWN), amplitudes, bandwidth)


def simultaneous_signs(amplitudes: ArrayLike, bandwidth: float, pairs: int, seed: int) -> Perturbation:
    """Simultaneous perturbation: all parameters up or down at random, then all the other way round.

    The difference of a pair over ``2 A_j`` with its sign is the estimate of Spall, IEEE Transactions on Automatic
    Control 37 (1992) 332, here the mean over all pairs. Products of even order cancel in each pair.

    Parameters
    ----------
    amplitudes, bandwidth
        As in `sines_together`.
    pairs : int
        Of the block: 1/B each.
    seed : int
        Of the signs.
    """
    signs = _signs(_count(pairs, "pairs"), len(_amplitudes(amplitudes)), "simultaneous_signs", seed)
    return _coded(np.kron(signs, _UP_AND_DOWN), amplitudes, bandwidth)


def random_codes(amplitudes: ArrayLike, bandwidth: float, slots: int, seed: int) -> Perturbation:
    """Multiplexed gradient descent with random codes: every parameter up or down at random in every slot.

    McCaughan et al., APL Machine Learning 1 (2023) 026118. The output at rest is taken as the mean of the block, so
    that a block should be long against 1/(2 B).

    Parameters
    ----------
    amplitudes, bandwidth, seed
        As in `simultaneous_signs`.
    slots : int
        Of the block, 2 at least: 1/(2 B) each.
    """
    words = check_whole(slots, 2, _CODE, "slots")
    return _coded(_signs(words, len(_amplitudes(amplitudes)), "random_codes", seed), amplitudes, bandwidth)


def walsh_codes(amplitudes: ArrayLike, bandwidth: float) -> Perturbation:
    """Orthogonal codes: the rows 1, 3, 5, ... of the Hadamard matrix, one for each parameter.

    Row i of Sylvester's matrix is ``(-1)^(number of ones in i & k)`` at slot k, so that the product of rows i and j is
    the row i xor j: of two odd rows an even one. As with odd carriers, nothing of even order falls on a code. The
    product of three odd rows is an odd row again, so that the third order falls on codes much oftener than with sines.
    Odd rows change their sign after every even slot, which keeps them away from slow noise. A block has
    ``2^(1 + ceil(log2 C))`` slots of 1/(2 B).
    """
    from scipy.linalg import hadamard

    count = len(_amplitudes(amplitudes))
    size = 2 ** (1 + math.ceil(math.log2(count)))
    return _coded(hadamard(size)[:, 1::2][:, :count], amplitudes, bandwidth)


def code_interference(gradient: ArrayLike, amplitudes: ArrayLike, words: int) -> FloatArray:
    """Return the variance that the other parameters add to each derivative measured with random signs, (C,).

    ``y s_j`` holds ``sum_l g_l A_l s_l s_j``; for l other than j its signs are independent, of mean 0 and variance 1,
    and average out as 1/K.

    Parameters
    ----------
    gradient, amplitudes : array, (C,)
        Of the parameters.
    words : int
        K: pairs of `simultaneous_signs`, slots of `random_codes` (where K is large).
    """
    size, slopes = _amplitudes(amplitudes), _array(gradient, "gradient")
    if slopes.shape != size.shape:
        raise _refusal("gradient", f"shape {slopes.shape}", f"{len(size)} derivatives")
    power = (slopes * size) ** 2
    return np.asarray((power.sum() - power) / size**2 / _count(words, "words"))


def _coded(signs: NDArray[Any], amplitudes: ArrayLike, bandwidth: float) -> Perturbation:
    return Perturbation(signs * _amplitudes(amplitudes), 1 / (2 * _positive(bandwidth, "bandwidth")))


def _signs(words: int, count: int, name: str, seed: int) -> NDArray[np.float64]:
    return generator(check_whole(seed, 0, _CODE, "seed"), "perturbation", name).choice([-1.0, 1.0], (words, count))


def _amplitudes(amplitudes: ArrayLike) -> FloatArray:
    found = _array(amplitudes, "amplitudes")
    if found.ndim != 1 or not found.size or not (found > 0).all():
        raise _refusal("amplitudes", f"shape {found.shape}", "one for each parameter, all above 0")
    return found


def _array(values: ArrayLike, place: str) -> FloatArray:
    return check_finite(values, _CODE, place)


def _positive(value: float, place: str) -> float:
    return check_positive(value, _CODE, place)


def _count(value: int, place: str) -> int:
    return check_whole(value, 1, _CODE, place)


def _refusal(place: str, message: str, remedy: str) -> RequestError:
    return RequestError(_CODE, message, place=place, remedy=remedy)
