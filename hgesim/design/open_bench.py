"""The open loop as a circuit, around a network or around the resistors that calibrate it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hgesim.blocks import Block
from hgesim.design.circuit import Circuit, Transient
from hgesim.design.expand import network_elements
from hgesim.design.start import held_start
from hgesim.errors import RequestError
from hgesim.loop.open_loop import OpenLoop
from hgesim.loop.wiring import ERROR, detector_nets
from hgesim.network import Network, Ohmic
from hgesim.nonideal import CORNERS, NOISE_STEPS, Nonideal, deviate

__all__ = ["open_loop_bench", "resistor_standard"]


def open_loop_bench(
    network: Network,
    loop: OpenLoop,
    blocks: Mapping[str, Block],
    site_capacitance: float = 0.0,
    temperature: float = 300.0,
    chip: Nonideal | None = None,
) -> Circuit:
    """Make the circuit that measures derivatives.

    Parameters
    ----------
    network : Network
        The device.
    loop : OpenLoop
        Operating points and how they are measured.
    blocks : mapping of str to Block
        One for each of ``loop.kinds``; others are dropped.
    site_capacitance : float
        From every site to ground, in farad.
    temperature : float
        Of the electronics, in kelvin.
    chip : Nonideal, optional
        What is not ideal. Factors that have no place in an open loop, such as those of integrators, are passed over;
        the network is taken as it is given.

    Returns
    -------
    Circuit
        Its probes are the error and the pair behind each channel's low-pass.
    """
    if not (math.isfinite(site_capacitance) and site_capacitance >= 0):
        raise RequestError(
            "design.bad-value",
            f"{site_capacitance:g} F",
            place="network.site_capacitance",
            remedy="0 or more; 0 leaves the capacitors out",
        )
    channels = loop.channels(network)
    held, guess = held_start(network, loop.start_voltages(network))
    chip = Nonideal() if chip is None else chip
    elements = (*network_elements(network, site_capacitance), *held, *loop.elements(network, blocks))
    what = f"derivatives of the {loop.measured} of {network.n_sites} sites"
    return Circuit(
        f"all {what} at once, measured at {len(loop.points)} points",
        deviate(elements, chip, loop.timeline.stop, NOISE_STEPS * loop.plan.step, every=False),
        Transient(loop.timeline.stop, loop.plan.step),
        (ERROR, *(net for channel in channels for net in detector_nets(channel.name))),
        guess,
        temperature=temperature,
        bond_temperature=network.temperature,
        corner=CORNERS[chip.corner],
        remarks=(f"Not ideal: {chip}.",) if chip else (),
    )


def resistor_standard(network: Network, siemens: float) -> Network:
    """Return resistors in the place of a network: one of known conductance from every electrode to the output.

    Parameters
    ----------
    network : Network
        Whose electrodes and roles it has.
    siemens : float
        Of each resistor: the derivative of the output current by that electrode's voltage.

    Raises
    ------
    RequestError
        ``network.bad-bond`` for a conductance that is not above 0.
    """
    ends = [number for number in range(network.n_electrodes) if number != network.output]
    bonds = [(0, 1 + network.output), *((1 + network.output, 1 + number) for number in ends)]
    return Network(
        site_labels=("rest",),
        electrode_labels=network.electrode_labels,
        roles=network.roles,
        levels=np.zeros(1),
        levers=np.zeros((1, network.n_electrodes)),
        site_positions=np.full((1, 2), np.nan),
        electrode_positions=np.full((network.n_electrodes, 2), np.nan),
        bond_sites=np.array(bonds),
        bond_laws=(Ohmic(siemens),) * len(bonds),
        temperature=network.temperature,
    )
