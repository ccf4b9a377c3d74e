"""What does a peer list for us? Its catalogue, as its policy shows it.

What is behind a link is told by ``service.getting``. Spec: CLI.md ``ls``; docs/protocol.md, "Catalogue".
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from peertransfer.content.link import Link
from peertransfer.content.names import display
from peertransfer.errors import DialError, PeerTimeoutError, ReachError, UsageError
from peertransfer.exchange import events as e
from peertransfer.membership.network import OPEN
from peertransfer.net.addresses import peer_id_octets, peer_id_text
from peertransfer.service.asking import ask_peer
from peertransfer.transport.multiaddrs import TcpAddr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.disclosure.views import CatalogueItem
    from peertransfer.service.hosts import Hosts, RunningHost
    from peertransfer.store.peers import KnownPeers


class Listing:
    """Asks peers for their catalogues."""

    def __init__(self, hosts: Hosts, peers: KnownPeers) -> None:
        self._hosts = hosts
        self._peers = peers

    async def list(self, target: str) -> list[dict[str, object]]:
        """Return the shares that a peer lists for us: of each, only the fields that it opened.

        Args:
            target: a peer ID that this node is connected to or has met, or a multiaddr with a peer ID.

        Raises:
            UsageError: it is neither.
            ReachError: the peer is not to be had.
        """
        peer_id, addrs = _peer_of(target)
        found = [one for one in self._hosts.running.values() if one.runtime.host.is_connected(peer_id)]
        running = found[0] if found else await self._reach(peer_id, addrs)
        items = await _ask(running, peer_id)
        reached_at = running.runtime.host.dialled_addrs(peer_id)
        shares = [asdict(item) | {"link": _with_addresses(item.link, reached_at)} for item in items]
        return [{name: value for name, value in one.items() if value is not None} for one in shares]

    async def _reach(self, peer_id: str, addrs: Sequence[str]) -> RunningHost:
        """Connect to a peer in the first network in which it answers."""
        failure: ReachError = DialError(
            f"No address of {display(peer_id)} is known",
            "Give its multiaddr instead, or run: peertransfer peers",
        )
        for running in [*self._hosts.running.values()] or [await self._hosts.open_host()]:
            known = await self._peers.list(running.network.network_id)
            at = addrs or [addr for one in known if one.peer_id == peer_id for addr in one.addrs]
            if at:
                try:
                    await running.runtime.host.connect(at, peer_id)
                except (DialError, PeerTimeoutError) as error:
                    failure = error
                else:
                    return running
        raise failure


def _with_addresses(link: str | None, addrs: tuple[str, ...]) -> str | None:
    """Return a listed link of the open network, where nobody looks it up, with where its peer was reached."""
    try:
        parsed = None if link is None else Link.parse(link)
    except UsageError:
        return link  # as the peer wrote it
    if parsed is None or parsed.addrs or parsed.network_id != OPEN:
        return link
    return str(replace(parsed, addrs=addrs))


async def _ask(running: RunningHost, peer_id: str) -> list[CatalogueItem]:
    items: list[CatalogueItem] = []
    async with (
        ask_peer(running.runtime, peer_id, None) as asking,
        asking.request(lambda machine, want: machine.request_catalogue(want)) as parts,
    ):
        async for part in parts:
            assert isinstance(part, e.CatalogueReceived)  # the machine checked what answers which request
            items.extend(part.items)
    return items


def _peer_of(target: str) -> tuple[str, list[str]]:
    if not target.startswith("/"):
        return peer_id_text(peer_id_octets(target)), []
    peer_id = TcpAddr.parse(target).peer_id
    if not peer_id:
        raise UsageError(
            f"{display(target)} does not say which peer is expected there",
            "Give it with /p2p/<peer ID>.",
        )
    return peer_id, [target]
