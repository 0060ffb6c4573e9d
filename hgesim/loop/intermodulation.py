"""Intermodulation: which products of the carriers fall on which carrier, and what they do to the derivative there.

The device's output is a Taylor series in the dithers ``d_j = A_j sin(theta_j)``, ``theta_j = 2 pi f_j t + phi_j``::

    I = I_0 + sum g_j d_j + 1/2 sum H_jk d_j d_k + 1/6 sum T_jkl d_j d_k d_l + ...

With every sine as ``(exp(i theta) - exp(-i theta))/2i`` a product of order n is a choice of n carriers with signs s. It
falls on carrier c where ``sum s_k f_k = f_c`` and adds to the complex derivative that a lock-in measures there

    w D A_1 ... A_n / A_c exp(i (sum s_k phi_k - phi_c)),    w = p / n! * s_1 ... s_n / (2i)^(n - 1)

where D is the derivative by the n voltages and p the number of different orders of the n signed carriers. The real part
of that complex derivative is in phase with the dither, the imaginary part in quadrature. The first weights::

    f_j +- f_k      -+ i/2      2 f_j          -i/4
    f_c + f_j - f_j   1/4       2 f_c - f_c     1/8        on the carrier in every comb
    f_j + f_k - f_l   1/4       2 f_j - f_k     1/8        2 f_j + f_k   -1/8        3 f_j   -1/24

A weight of even order is imaginary: where all dithers start as sines together and the device is faster than all of
them, a product of second order is in quadrature. A lock-in that takes the in-phase part does not see it then; one that
takes the magnitude does, and so does any once a lag or a free choice of phases turns it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_finite, check_whole, check_wholes
from hgesim.errors import RequestError

__all__ = ["Product", "derivative_errors", "products_on_carriers"]

_HIGHEST = 5  # above it there are more products than a list is good for


@dataclass(frozen=True)
class Product:
    """One product of the dithers that falls on a carrier.

    Parameters
    ----------
    carrier : int
        Number of the carrier it falls on.
    factors : tuple of int
        Numbers of the carriers that are multiplied, ascending.
    signs : tuple of int
        +1 or -1 for each factor: ``sum signs f = f_carrier``.
    weight : complex
        What the derivative by the factors' voltages, times ``prod A_factors / A_carrier``, is multiplied with.
    """

    carrier: int
    factors: tuple[int, ...]
    signs: tuple[int, ...]
    weight: complex

    @property
    def unavoidable(self) -> bool:
        """Whether a factor meets its own opposite: such products are on the carrier in every comb."""
        signed = set(zip(self.factors, self.signs, strict=True))
        return any((factor, -sign) in signed for factor, sign in signed)


def products_on_carriers(multiples: Sequence[int], order: int) -> tuple[Product, ...]:
    """List the products of one order that fall on a carrier.

    Parameters
    ----------
    multiples : sequence of int
        The comb: carriers in units of a common base, all different.
    order : int
        How many dithers are multiplied: 2 to 5.

    Returns
    -------
    tuple of Product
        By carrier. A product and its mirror image (all signs turned) are one real sine and are listed once; those that
        are not `Product.unavoidable` are the collisions of the comb. Of the third order they are as many as
        `hgesim.loop.tones.third_order_hits` counts.

    Raises
    ------
    RequestError
        ``tones.bad-comb``, ``tones.bad-order``.
    """
    comb = _comb(multiples)
    if check_whole(order, 2, "tones.bad-order", "order") > _HIGHEST:
        raise RequestError("tones.bad-order", f"{order!r}", place="order", remedy=f"2 to {_HIGHEST}")
    carriers = {multiple: number for number, multiple in enumerate(comb)}
    signed = [(number, sign) for number in range(len(comb)) for sign in (1, -1)]
    found = []
    for chosen in itertools.combinations_with_replacement(signed, order):
        carrier = carriers.get(sum(sign * comb[number] for number, sign in chosen))
        if carrier is not None:
            factors, signs = zip(*chosen, strict=True)
            found.append(Product(carrier, factors, signs, _weight(chosen)))
    return tuple(sorted(found, key=lambda product: product.carrier))


def derivative_errors(
    multiples: Sequence[int],
    amplitudes: ArrayLike,
    derivatives: Sequence[ArrayLike],
    phases: ArrayLike = 0.0,
) -> NDArray[np.complex128]:
    """Predict what intermodulation adds to the derivative on each carrier.

    Parameters
    ----------
    multiples : sequence of int, (C,)
        The comb.
    amplitudes : array, (C,) or ()
        Of the dithers, in volt.
    derivatives : sequence of arrays
        Of the output by the voltages, as many axes of length C as the order: the Hessian (A/V^2), the third
        derivatives (A/V^3), and so on, whichever are to be reckoned with.
    phases : array, (C,) or (), optional
        Of the dithers, in radian.

    Returns
    -------
    ndarray of complex, (C,)
        In siemens: the real part in phase, the imaginary part in quadrature. A lock-in that takes the magnitude
        measures ``|g + error|``. What is left out are the orders not given.

    Raises
    ------
    RequestError
        ``tones.bad-comb``, ``tones.bad-order``, ``tones.bad-shape``.
    """
    comb = _comb(multiples)
    size = _values(amplitudes, (len(comb),), "amplitudes")
    phase = _values(phases, (len(comb),), "phases")
    if not (size > 0).all():
        raise RequestError("tones.bad-shape", "not all positive", place="amplitudes", remedy="volts above 0")
    error = np.zeros(len(comb), complex)
    for values in derivatives:
        found = check_finite(values, "tones.bad-shape", "derivatives")
        tensor = _values(found, (len(comb),) * found.ndim, f"derivatives of order {found.ndim}")
        for product in products_on_carriers(comb, found.ndim):
            factors, c = list(product.factors), product.carrier
            turn = np.exp(1j * (np.dot(product.signs, phase[factors]) - phase[c]))
            error[c] += product.weight * tensor[product.factors] * size[factors].prod() / size[c] * turn
    return error


def _weight(chosen: tuple[tuple[int, int], ...]) -> complex:
    """Return w of the module's formula for signed carriers."""
    repeats = math.prod(math.factorial(count) for count in Counter(chosen).values())  # n!/p
    return math.prod(sign for _, sign in chosen) / repeats / (2j) ** (len(chosen) - 1)


def _comb(multiples: Sequence[int]) -> tuple[int, ...]:
    comb = check_wholes(multiples, 1, "tones.bad-comb", "multiples")
    if not comb or len(set(comb)) < len(comb):
        raise RequestError(
            "tones.bad-comb", f"{list(comb)}", place="multiples", remedy="different whole numbers, 1 or more"
        )
    return comb


def _values(values: ArrayLike, shape: tuple[int, ...], place: str) -> NDArray[np.float64]:
    found = check_finite(values, "tones.bad-shape", place)
    if found.shape not in ((), shape):
        raise RequestError("tones.bad-shape", f"shape {found.shape}", place=place, remedy=f"{shape}, to fit the comb")
    return np.broadcast_to(found, shape)
