"""Load what is behind a link from one provider: manifest, then every opening, each verified.

It fetches no file and judges no place. Spec: docs/protocol.md, "Manifest" and "Openings".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from peertransfer.content.cid import Codec
from peertransfer.content.commitment import open_entry, open_share
from peertransfer.content.dag import DagVerifier
from peertransfer.content.manifest import MAX_MANIFEST_SIZE, Manifest
from peertransfer.errors import IntegrityError, RemoteProtocolError
from peertransfer.exchange import events as e
from peertransfer.service.groups import open_nursery
from peertransfer.service.plan import RemoteEntry, check_twins, remote_entry
from peertransfer.wire.messages import Range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peertransfer.content.cid import Cid
    from peertransfer.content.commitment import SlotValue
    from peertransfer.content.opening import EntryOpening
    from peertransfer.service.asking import Ask, Asking

OPENINGS_OF_REQUEST = 2000
"""Entries whose openings are asked for by one request."""
PAGES_AT_ONCE = 2
"""Such requests outstanding: while one page is hashed, the next is on its way."""


@dataclass(frozen=True, slots=True)
class RemoteShare:
    """A share as far as it was opened for us, verified."""

    manifest_cid: Cid
    values: Mapping[str, SlotValue]
    """The share's own open slots."""
    entries: tuple[RemoteEntry, ...]

    @property
    def title(self) -> str:
        """The share's title; a neutral one where it is hidden."""
        title = self.values.get("title")
        return title if isinstance(title, str) and title else f"share-{str(self.manifest_cid)[-8:]}"


async def load_share(asking: Asking, manifest_cid: Cid) -> RemoteShare:
    """Fetch and verify manifest and openings.

    Raises:
        IntegrityError: something does not match.
        RemoteProtocolError: names that can't be used, or twins.
    """
    try:
        manifest = await _load_manifest(asking, manifest_cid)
        values = await _load_share_opening(asking, manifest)
        entries = await _load_entries(asking, manifest)
        await trio.to_thread.run_sync(check_twins, entries)
    except IntegrityError as error:
        raise IntegrityError(error.message, error.hint, peer=asking.peer_id) from error
    return RemoteShare(manifest_cid, values, tuple(entries))


async def _load_manifest(asking: Asking, cid: Cid) -> Manifest:
    verifier = DagVerifier(cid)
    if cid.codec is Codec.RAW:
        (octets,) = await _blocks(asking, range(1), nodes=False)
        return Manifest.parse(verifier.add_root_leaf(octets).octets)
    while missing := verifier.missing_nodes():
        for index, octets in zip(missing, await _blocks(asking, missing, nodes=True), strict=True):
            verifier.add_node(index, octets)
    assert verifier.shape is not None
    if verifier.shape.size > MAX_MANIFEST_SIZE:
        raise IntegrityError("a manifest is longer than any can be")
    leaves = await _blocks(asking, range(verifier.shape.leaf_count), nodes=False)
    checked = [verifier.verified_leaf(index, octets) for index, octets in enumerate(leaves)]
    return Manifest.parse(b"".join(leaf.octets for leaf in checked))


async def _blocks(asking: Asking, places: range | list[int], *, nodes: bool) -> list[memoryview]:
    ranges = [Range(place, 1) for place in places]
    found: list[memoryview] = []
    async with asking.request(
        lambda machine, want: machine.request_manifest(want, ranges, nodes=nodes)
    ) as parts:
        async for part in parts:
            assert isinstance(part, e.ManifestBlocksReceived)
            found += [octets for _, octets in part.blocks]
    if len(found) != len(ranges):
        raise RemoteProtocolError("the provider left out a part of the manifest", peer=asking.peer_id)
    return found


async def _load_share_opening(asking: Asking, manifest: Manifest) -> Mapping[str, SlotValue]:
    async with asking.request(lambda machine, want: machine.request_openings(want)) as parts:
        async for part in parts:
            assert isinstance(part, e.OpeningsReceived)
            if part.share is not None:
                return open_share(part.share, manifest.share_digest, manifest.hash_function)
    raise RemoteProtocolError("the provider left out the share's own opening", peer=asking.peer_id)


async def _load_entries(asking: Asking, manifest: Manifest) -> list[RemoteEntry]:
    total = len(manifest.entry_digests)
    starts = iter(range(0, total, OPENINGS_OF_REQUEST))
    pages: dict[int, list[RemoteEntry]] = {}

    async def load() -> None:
        for first in starts:
            pages[first] = await _load_page(asking, manifest, first, min(OPENINGS_OF_REQUEST, total - first))

    async with open_nursery() as nursery:
        for _ in range(PAGES_AT_ONCE):
            nursery.start_soon(load)
    return [entry for first in sorted(pages) for entry in pages[first]]


async def _load_page(asking: Asking, manifest: Manifest, first: int, count: int) -> list[RemoteEntry]:
    entries: list[RemoteEntry] = []
    async with asking.request(_ask_openings(first, count)) as parts:
        async for part in parts:
            assert isinstance(part, e.OpeningsReceived)
            entries += await trio.to_thread.run_sync(_opened, manifest, part.entries)
    if len(entries) != count:
        raise RemoteProtocolError("the provider left out openings", peer=asking.peer_id)
    return entries


def _opened(manifest: Manifest, openings: Sequence[EntryOpening]) -> list[RemoteEntry]:
    """Check a page of openings: some thousand hashes, so not on the loop."""
    digests, hash_function = manifest.entry_digests, manifest.hash_function
    return [
        remote_entry(opening.index, open_entry(opening, digests[opening.index], hash_function))
        for opening in openings
    ]


def _ask_openings(first: int, count: int) -> Ask:
    return lambda machine, want: machine.request_openings(want, first, count)
