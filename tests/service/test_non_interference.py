"""Two nodes that differ only in facts that the policy denies put the same octets on the wire towards a peer.

The facts of one world are replaced by another's, one by one, as far as a random policy keeps them from the peer;
the peer then does all that it can towards both nodes (``observer_kit``, and more), and the octets of all streams
are compared. Masked are commitments, and what is hashed from them: manifest, locator, proofs, links.
"""

import secrets
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import trio
from answering_kit import GETTER, blocks_of, have_of, nodes_of
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from memory_node_kit import NETWORKS, SEEN_AT, run_node
from observer_kit import Watch
from policy_texts import PolicyTexts
from worlds_kit import Asked, blended, fill, imported, seeded_alike, worlds

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.commitment import hide
from peertransfer.content.link import Link
from peertransfer.content.shared import build_manifest, entry_opening, share_opening
from peertransfer.membership.identity import peer_id_of_public_key, public_key_of_seed
from peertransfer.membership.network import EXCHANGE_PROTOCOL
from peertransfer.policy.parse import parse_policy
from peertransfer.service import answering
from peertransfer.wire.framing import FrameReader

STRANGER = peer_id_of_public_key(public_key_of_seed(b"s" * 32))
A_CID = str(Cid.of(Codec.RAW, HashFunction.BLAKE3, b"of somebody else"))


def texts(chance):
    return PolicyTexts(
        chance,
        peers=[GETTER, STRANGER],
        networks=[one.network_id for one in NETWORKS],
        links=["alice", "recipient 0"],
        cids=[A_CID],
        labels=["open", "secret"],
        globs=["docs/**", "*.key", "a", "**"],
        media=["image/*", "text/markdown"],
        sizes=["10B", "1KiB"],
        ages=["2d", "30d"],
    )


asks = st.builds(
    Asked,
    st.sampled_from([GETTER, STRANGER]),
    st.sampled_from(NETWORKS),
    st.sampled_from([True, True, False]),
)


pairs = st.integers(1, 3).flatmap(lambda count: st.tuples(worlds(count), worlds(count)))
"""Two worlds with as many files."""


@pytest.fixture
def even(monkeypatch):
    """Nonces are the same in each run, and no time is lost to refusals."""
    monkeypatch.setattr(answering, "REFUSAL_TICK_SECONDS", 0.001)
    monkeypatch.setattr(secrets, "token_bytes", lambda count: b"n" * count)


@pytest.mark.usefixtures("even")
def test_what_is_denied_does_not_change_an_octet():
    differed = Counter()

    # A failure tells its policy; to look for a shorter one would take minutes.
    @settings(max_examples=50, phases=[Phase.generate])
    @given(st.integers(0, 1 << 32), asks, pairs)
    def check(seed, asked, both):
        writer, (world, another) = texts(Random(seed)), both
        text = writer.write_open() if seed % 3 else writer.write()
        other, taken = blended(parse_policy(text, "policy.toml"), asked, world, another)
        differed.update(set(taken))
        first, second = trio.run(recorded, text, asked, world, other)
        assert first == second, (taken, text)

    check()
    assert len(differed) > 10


async def recorded(text, asked, *runs):
    """Return the octets of all streams of each world, masked."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / f"{place}" for place in range(len(runs))]
        shares = [
            await imported(world, folder / "share") for world, folder in zip(runs, folders, strict=True)
        ]
        items = seeded_alike(*(item for item, _ in shares))
        for world, item, (_, sources), folder in zip(runs, items, shares, folders, strict=True):
            async with run_node(folder, world.around) as node:
                shared = await fill(node, world, item, sources, folder, asked.network)
                node.set_policy(text)
                streams, told = await said(node, asked, shared)
                secret = hashes_of(node, asked.network)
                # What is told of itself goes in the order of hashed keys.
                told = sorted(masked(one, secret) for one in told)
                found.append([*(masked(one, secret) for one in streams), *told])
    return found


async def said(node, asked, shared):
    """Do as a peer whatever may tell something; return the octets of each stream, and of the introduction."""
    alone = replace(shared, links={"alice": shared.links["alice"]})
    wanted = alone.links["alice"] if asked.has_link else None
    watch = Watch(node, asked.network, asked.peer_id, alone, wanted)
    frame = await watch.runtime.host.identify_answer(asked.peer_id, SEEN_AT)
    await watch.do_all()
    told = [frame for wire in watch.runtime.host.opened for frame in frames_of(wire.to_provider.log)]
    if asked.has_link:
        await probe(watch, len(shared.paths))
    answered = [bytes(wire.to_getter.log) for wire in watch.runtime.host.answered]
    return [b"" if frame is None else frame.head, *answered], told


def frames_of(octets):
    reader = FrameReader()
    reader.receive_data(octets)
    return [bytes(frame) for frame in iter(reader.next_frame, None)]


async def probe(watch, count):
    """Ask for what tells how long an entry is, where anything does."""
    for index in range(count):
        for ask in (have_of(index), nodes_of(index), blocks_of(index, 1, 3), blocks_of(index, 1)):
            async with watch.granted() as talk:
                if talk is not None:
                    await talk.is_served(ask)


def hashes_of(node, network):
    """Return, longest first, all commitments of a node's shares and what is hashed from them, as it is sent."""
    found = set()
    for item, shared in node.kept:
        function = item.hash_function
        own, *entries = [share_opening(item), *(entry_opening(item, one, 0) for one in item.entries)]
        found |= {hide(function, slot).commitment for one in (own, *entries) for slot in one.slots}
        manifest, _ = build_manifest(item)
        found |= {manifest.share_digest, *manifest.entry_digests, shared.cid.encode()}
        for link in (*shared.links.values(), shared.theirs):
            text = str(Link(Cid.parse(shared.cid), network.network_id, link.secret))
            found |= {link.locator, text.encode()}
    host = node.runtimes[network.network_id].host
    for wire in (*host.answered, *host.opened):
        if wire.protocol == EXCHANGE_PROTOCOL:
            said = (*wire.asked(), *(message for message, _ in wire.answered()))
            found |= {proof for message in said if (proof := getattr(message, "proof", None))}
    return sorted(found, key=len, reverse=True)


def masked(octets, found):
    for one in found:
        octets = octets.replace(one, bytes(len(one)))
    return octets
