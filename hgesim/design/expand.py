"""From a network to circuit elements: potentials and site levels become node voltages."""

from __future__ import annotations

from hgesim.circuit import (
    BondInstance,
    Capacitor,
    CurrentSource,
    Dc,
    Element,
    Occupation,
    Resistor,
    Transconductance,
    VoltageSource,
    electrode_net,
    level_net,
    occupation_net,
    site_net,
)
from hgesim.network import Gf180Nmos, Hopping, Memristor, Network, Nmos

__all__ = ["interacting_sites", "level_sites", "network_elements"]


def network_elements(network: Network, site_capacitance: float = 0.0) -> tuple[Element, ...]:
    """Expand a network into elements.

    The voltage of ``mu_<site>`` is the site's electrochemical potential. Where bonds need it, the voltage of
    ``eps_<site>`` is its level: 1 ohm into which a constant source pushes the disorder and one transconductance per
    electrode the gating, so that level = eps0 + sum of lever arm times electrode voltage, linear and cheap. Where sites
    interact, the voltage of ``occ_<site>`` is the mean occupation n, and one transconductance per other site adds its
    coulomb energy times (n - reference).

    Parameters
    ----------
    network : Network
        To expand.
    site_capacitance : float
        From every site to ground, in farad; 0 leaves it out.

    Returns
    -------
    tuple of Element
        Body voltages, levels, leaks, capacitances, then bonds in the network's order. The state of memristive bond
        number k is the net ``g_bond_<k>``.
    """
    bodies = _bodies(network)
    parts: list[Element] = [
        VoltageSource(f"v{net}", net, "0", Dc(volt), "body of transistors") for volt, net in bodies.items() if volt
    ]
    gated = level_sites(network)
    for number, site in enumerate(network.site_labels):
        note = f"site {site}"
        if number in gated:
            parts += _level(network, number, note)
        if network.site_leak > 0:
            parts.append(Resistor(f"r_leak_{site}", site_net(site), "0", 1.0 / network.site_leak, f"leak of {note}"))
        if site_capacitance > 0:
            parts.append(Capacitor(f"c_{site}", site_net(site), "0", site_capacitance, note))
    labels = (*network.site_labels, *network.electrode_labels)
    nets = (*map(site_net, network.site_labels), *map(electrode_net, network.electrode_labels))
    for count, ((a, b), law) in enumerate(zip(network.bond_sites.tolist(), network.bond_laws, strict=True)):
        levels = tuple(_level_of(network, end) for end in (a, b)) if isinstance(law, Hopping) else ("", "")
        note = f"bond {labels[a]}-{labels[b]}"
        if isinstance(law, Nmos | Gf180Nmos):
            gate = electrode_net(law.gate)
            parts.append(
                BondInstance(f"bond_{count}", nets[a], nets[b], law, note=note, gate=gate, body=bodies[law.body])
            )
            continue
        state = f"g_bond_{count}" if isinstance(law, Memristor) else ""
        parts.append(BondInstance(f"bond_{count}", nets[a], nets[b], law, levels[0], levels[1], note, state=state))
    return tuple(parts)


def _bodies(network: Network) -> dict[float, str]:
    """Return the net of each voltage at which transistors have their body."""
    volts = sorted({law.body for law in network.bond_laws if isinstance(law, Nmos | Gf180Nmos)})
    return {volt: f"body_{count}" if volt else "0" for count, volt in enumerate(volts)}


def level_sites(network: Network) -> set[int]:
    """Return the numbers of the sites whose level is a node: those with a hopping bond, and those that interact."""
    ends = (
        pair
        for pair, law in zip(network.bond_sites.tolist(), network.bond_laws, strict=True)
        if isinstance(law, Hopping)
    )
    return {end for pair in ends for end in pair if end < network.n_sites} | interacting_sites(network)


def interacting_sites(network: Network) -> set[int]:
    """Return the numbers of the sites whose occupation is a node."""
    return {number for number, row in enumerate(network.coulomb) if row.any()} if network.interacts else set()


def _level_of(network: Network, end: int) -> str:
    """Return the net of an end's level; at an electrode level and potential are one."""
    if end < network.n_sites:
        return level_net(network.site_labels[end])
    return electrode_net(network.electrode_labels[end - network.n_sites])


def _level(network: Network, number: int, note: str) -> list[Element]:
    site = network.site_labels[number]
    net = level_net(site)
    parts: list[Element] = [
        Resistor(f"r_eps_{site}", net, "0", 1.0, f"level of {note}"),
        CurrentSource(f"i_eps_{site}", net, "0", Dc(_resting(network, number)), f"level of {note}"),
    ]
    for count, (electrode, arm) in enumerate(
        zip(network.electrode_labels, network.levers[number].tolist(), strict=True)
    ):
        if arm != 0:
            parts.append(
                Transconductance(
                    f"g_eps_{site}_e{count}",  # two labels joined could make one name: a and b_c, a_b and c
                    net,
                    "0",
                    electrode_net(electrode),
                    "0",
                    arm,
                    f"lever arm {site}-{electrode}",
                )
            )
    if network.interacts:
        parts += _interaction(network, number, note)
    return parts


def _resting(network: Network, number: int) -> float:
    """Return the level with all electrodes at zero volt and all sites empty."""
    if not network.interacts:
        return float(network.levels[number])
    return float(network.levels[number] - network.coulomb[number] @ network.reference)


def _interaction(network: Network, number: int, note: str) -> list[Element]:
    site, energies = network.site_labels[number], network.coulomb[number].tolist()
    if not any(energies):
        return []
    net = level_net(site)
    parts: list[Element] = [
        Occupation(f"occupation_{number}", occupation_net(site), net, site_net(site), f"occupation of {note}")
    ]
    for other, energy in enumerate(energies):
        if energy:
            label = network.site_labels[other]
            parts.append(
                Transconductance(
                    f"g_eps_{site}_s{other}",
                    net,
                    "0",
                    occupation_net(label),
                    "0",
                    energy,
                    f"interaction {site}-{label}",
                )
            )
    return parts
