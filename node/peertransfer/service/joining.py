"""Join a network: reach one bootstrap peer first, and keep nothing where that fails.

Spec: CLI.md ``network join``; ARCHITECTURE.md 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from peertransfer.errors import DialError, NetworkKeyError, PeertransferError, ReachError

if TYPE_CHECKING:
    from collections.abc import Callable

    from peertransfer.net.host import NetworkHost
    from peertransfer.service.hosts import Hosts
    from peertransfer.store.networks import Networks, StoredNetwork

JOIN_SECONDS = 10.0
SETTLE_SECONDS = 3.0
"""How long a newcomer waits for the DHT to name more members than the bootstrap peer."""


async def join(
    hosts: Hosts, networks: Networks, network: StoredNetwork, progress: Callable[[dict[str, object]], None]
) -> dict[str, object]:
    """Start the network's host, reach a bootstrap peer, and keep the network.

    A network that was made here stays as it is: its key is not to be lost by joining it.

    Raises:
        NetworkKeyError: a bootstrap peer holds another network key.
        DialError: no bootstrap peer answers.
    """
    started = trio.current_time()
    known = await networks.find(network.network_id)
    running = await hosts.start(network)
    if known is None or known.authority_seed is None:
        try:
            if network.bootstrap:
                await _reach_one(running.runtime.host, network, progress)
        except PeertransferError:
            if known is None:
                await hosts.stop(network.network_id)
            raise
        await networks.save(network)
        await networks.set_listen_port(network.network_id, running.runtime.host.listen_port)
        await networks.set_peer_id(network.network_id, running.runtime.host.peer_id)
    if running.dht is not None and network.bootstrap:
        with trio.move_on_after(SETTLE_SECONDS):
            await running.dht.first_admitted.wait()
    return {
        "network_id": network.network_id,
        "name": network.name,
        "peer_id": running.runtime.host.peer_id,
        "members_seen": running.runtime.describe()["members_seen"],
        "seconds": round(trio.current_time() - started, 3),
    }


async def _reach_one(
    host: NetworkHost, network: StoredNetwork, progress: Callable[[dict[str, object]], None]
) -> None:
    failure: PeertransferError | None = None
    for addr in network.bootstrap:
        progress({"event": "state", "text": "dialling a bootstrap peer"})
        try:
            await host.connect([addr], timeout_seconds=JOIN_SECONDS)
        except NetworkKeyError:
            raise
        except ReachError as error:
            failure = error
        else:
            return
    raise DialError(
        f"No bootstrap peer of the network {network.name!r} answers",
        "Ask its operator whether one runs, and whether its address is still the one in the invite.",
    ) from failure
