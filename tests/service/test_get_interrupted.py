"""A ``get`` whose provider goes, or shares no more, in the middle: what is said, and what stays."""

import functools

import node_kit
import pytest
import trio
from store_kit import octets_of

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import DialError, EndedError, RefusedError
from peertransfer.membership.network import OPEN
from peertransfer.service import answering, get_operation

FILES = {"big": octets_of(40 * CHUNK_SIZE)}


def after_leaves(provider, count, act):
    """Have ``act`` done once, when so many leaves were read for getters; they wait for its end."""
    reader = provider.node._shares._reader
    read = reader.read_leaves
    counted = []

    async def read_leaves(share, places, _memory):
        found = await read(share, places)
        before = len(counted)
        counted.extend(places)
        if before < count <= len(counted):
            await act()
        return found

    reader.read_leaves = read_leaves


async def test_a_provider_that_is_lost_in_the_middle_leaves_what_arrived_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(get_operation, "PATIENCE_SECONDS", 2.0)
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share(FILES)
        async with trio.open_nursery() as nursery:

            async def go():
                nursery.start_soon(giver.node._hosts.stop, OPEN)
                await trio.sleep_forever()  # until that ends the stream

            after_leaves(giver, 20, go)
            with pytest.raises(DialError, match="No route") as caught:
                await getter.get(answer["link"], tmp_path / "dest", giver)
        assert caught.value.hint.endswith("What arrived is kept: the same command goes on from there.")


async def test_a_provider_that_was_never_there_left_nothing_to_keep(tmp_path, monkeypatch):
    monkeypatch.setattr(get_operation, "PATIENCE_SECONDS", 2.0)
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share(FILES)
        await giver.node._hosts.stop(OPEN)
        with pytest.raises(DialError, match="No route") as caught:
            await getter.get(answer["link"], tmp_path / "dest", giver)
        assert "kept" not in caught.value.hint


@pytest.mark.parametrize("way", ["unshare", "link_end"])
async def test_what_is_withdrawn_in_the_middle_is_told_as_shared_no_longer(tmp_path, monkeypatch, way):
    monkeypatch.setattr(answering, "ENDING_SECONDS", 0.0)  # no time to say it: the stream is reset
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share(FILES)
        refs = {"unshare": answer["manifest_cid"], "link_end": answer["link_name"]}
        after_leaves(giver, 20, functools.partial(getattr(giver.node, way), refs[way]))
        with pytest.raises(EndedError, match="no longer shares this"):
            await getter.get(answer["link"], tmp_path / "dest", giver)
        with pytest.raises(RefusedError, match="refused"):
            await getter.get(answer["link"], tmp_path / "dest", giver)
