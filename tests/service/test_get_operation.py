"""A whole ``get`` between real nodes: what a lie costs, who is asked, and on which thread octets are hashed."""

import threading

import node_kit
import pytest
import trio
from store_kit import everything_below, octets_of

from peertransfer.content.cid import HashFunction
from peertransfer.content.commitment import open_entry
from peertransfer.content.link import Link
from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.errors import ClashError, IntegrityError, SpaceError
from peertransfer.exchange import events as e
from peertransfer.exchange.getter import Getter
from peertransfer.exchange.provider import Provider
from peertransfer.service import loading
from peertransfer.service.loading import load_share
from peertransfer.store.partial import PartialFile
from peertransfer.store.partial_folder import PartialFolder
from peertransfer.store.small_files import SmallFileBatch
from peertransfer.wire.messages import EntryRanges, Range

FILES = {"big": octets_of(5 * CHUNK_SIZE), "small": b"x" * 100}


async def test_what_a_liar_sends_is_not_kept_and_it_is_not_asked_again(tmp_path):
    async with node_kit.running(tmp_path / "liar") as liar, node_kit.running(tmp_path / "getter") as getter:
        answer = await liar.share(FILES)
        liar.lie(lambda leaf: leaf == 3)
        with pytest.raises(IntegrityError) as caught:
            await getter.get(answer["link"], tmp_path / "dest", liar)
        assert (caught.value.exit_code, caught.value.peer) == (4, liar.host.peer_id)
        assert "not asked" in caught.value.hint
        assert not (tmp_path / "dest" / "big").exists()
        started = trio.current_time()
        with pytest.raises(IntegrityError, match="did not verify") as again:
            await getter.get(answer["link"], tmp_path / "dest", liar)
        assert "not asked" in again.value.hint
        assert trio.current_time() - started < 3
        other = await liar.share({"another": octets_of(100)}, "other")
        await getter.get(other["link"], tmp_path / "other", liar)


async def test_a_small_lie_is_caught_and_lands_nowhere(tmp_path):
    async with node_kit.running(tmp_path / "liar") as liar, node_kit.running(tmp_path / "getter") as getter:
        answer = await liar.share({"a": b"a" * 50, "b": b"b" * 50})
        liar.lie()
        with pytest.raises(IntegrityError):
            await getter.get(answer["link"], tmp_path / "dest", liar)
        assert not [name for name, octets in everything_below(tmp_path / "dest").items() if octets]


async def test_another_provider_completes_what_a_liar_began(tmp_path):
    async with (
        node_kit.running(tmp_path / "liar") as liar,
        node_kit.running(tmp_path / "honest", twin_of=liar, ip="127.0.0.2") as honest,
        node_kit.running(tmp_path / "getter") as getter,
    ):
        answer = await liar.share(FILES)
        await honest.node._shares.load_links()
        liar.lie(lambda leaf: leaf == 3)
        with pytest.raises(IntegrityError):
            await getter.get(answer["link"], tmp_path / "dest", liar)
        got = await getter.get(answer["link"], tmp_path / "dest", liar, honest)
        assert [one["peer_id"] for one in got["providers"]] == [honest.host.peer_id]
        assert {path.name: path.read_bytes() for path in (tmp_path / "dest").iterdir()} == FILES


async def test_with_liar_and_honest_at_once_everything_arrives(tmp_path):
    async with (
        node_kit.running(tmp_path / "liar") as liar,
        node_kit.running(tmp_path / "honest", twin_of=liar, ip="127.0.0.2") as honest,
        node_kit.running(tmp_path / "getter") as getter,
    ):
        answer = await liar.share({"big": octets_of(40 * CHUNK_SIZE)})
        await honest.node._shares.load_links()
        liar.lie()
        await getter.get(answer["link"], tmp_path / "dest", liar, honest)
        assert (tmp_path / "dest" / "big").read_bytes() == octets_of(40 * CHUNK_SIZE)


async def test_a_ban_is_over_when_its_time_has_come_and_who_waits_is_served(tmp_path, monkeypatch):
    monkeypatch.setattr("peertransfer.store.deliveries.BAN_SECONDS", 2)
    async with node_kit.running(tmp_path / "liar") as liar, node_kit.running(tmp_path / "getter") as getter:
        answer = await liar.share(FILES)
        lies = [True]
        liar.lie(lambda leaf: lies[0] and leaf == 3)
        with pytest.raises(IntegrityError):
            await getter.get(answer["link"], tmp_path / "dest", liar)
        lies[0] = False
        with trio.fail_after(15):
            await getter.get(answer["link"], tmp_path / "dest", liar, wait=True)
        assert (tmp_path / "dest" / "big").read_bytes() == FILES["big"]


async def test_no_leaf_is_hashed_on_the_thread_of_the_loop(tmp_path, monkeypatch):
    threads = set()
    digest = HashFunction.digest

    def recording(self, octets):
        if len(octets) > 64_000:
            threads.add(threading.get_ident())
        return digest(self, octets)

    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share({"big": octets_of(3 * CHUNK_SIZE), "leaf": octets_of(CHUNK_SIZE)})
        monkeypatch.setattr(HashFunction, "digest", recording)
        await getter.get(answer["link"], tmp_path / "dest", giver)
        await getter.get(answer["link"], tmp_path / "dest", giver)
    assert threads
    assert threading.get_ident() not in threads


async def test_leaving_a_request_early_cancels_it_and_the_stream_goes_on(tmp_path, monkeypatch):
    cancelled = []
    next_event = Provider.next_event

    def recording(machine):
        event = next_event(machine)
        if isinstance(event, e.RequestCancelled):
            cancelled.append(event.request_id)
        return event

    monkeypatch.setattr(Provider, "next_event", recording)
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share({"big": octets_of(40 * CHUNK_SIZE)})
        async with getter.asking(answer["link"], giver) as asking:
            ranges = [EntryRanges(0, (Range(0, 40),))]
            async with asking.request(lambda machine, want: machine.request_blocks(want, ranges)) as parts:
                first = await anext(parts)
            assert not first.last
            share = await load_share(asking, Link.parse(answer["link"]).manifest_cid)
        assert share.title == "shared"
        assert cancelled == [first.request_id]
        assert (await giver.node.status())["octets_sent"] < 40 * CHUNK_SIZE


async def test_the_same_get_twice_at_once_is_told_to_the_second(tmp_path):
    ends = []

    async def get(number):
        try:
            ends.append(await getter.get(answer["link"], tmp_path / "dest", giver))
        except ClashError as error:
            ends.append(error)

    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share({"big": octets_of(30 * CHUNK_SIZE), "small": b"s"})
        (tmp_path / "dest").mkdir()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(get, 1)
            nursery.start_soon(get, 2)
        clash, got = ends
        assert "runs already" in clash.message
        assert clash.exit_code == 1
        assert got["octets_received"] == 30 * CHUNK_SIZE + 1
        again = await getter.get(answer["link"], tmp_path / "dest", giver)
        assert again["octets_reused"] == 30 * CHUNK_SIZE + 1


async def test_of_a_file_that_is_replaced_only_the_leaves_that_differ_are_fetched(tmp_path):
    old = octets_of(6 * CHUNK_SIZE + 100)
    new = old[: CHUNK_SIZE + 5] + b"edited" + old[CHUNK_SIZE + 11 :] + b"and longer"
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        first = await giver.share({"big": old, "same": b"same"})
        await getter.get(first["link"], tmp_path / "dest", giver)
        second = await giver.share({"big": new, "same": b"same"})
        with pytest.raises(ClashError, match="differs") as caught:
            await getter.get(second["link"], tmp_path / "dest", giver)
        assert "only what differs" in caught.value.hint
        assert (tmp_path / "dest" / "big").read_bytes() == old
        got = await getter.get(second["link"], tmp_path / "dest", giver, overwrite=True)
    assert (tmp_path / "dest" / "big").read_bytes() == new
    assert got["octets_received"] == CHUNK_SIZE + 110
    assert got["octets_reused"] == 5 * CHUNK_SIZE + 4


async def test_reading_back_what_is_here_may_take_longer_than_an_answer(tmp_path, monkeypatch):
    open_file = PartialFolder.open_file

    async def slow(*args):
        await trio.sleep(2.5)
        return await open_file(*args)

    monkeypatch.setattr(PartialFolder, "open_file", slow)
    async with (
        node_kit.running(tmp_path / "giver") as giver,
        node_kit.running(tmp_path / "getter", request_seconds=2) as getter,
    ):
        answer = await giver.share(FILES)
        with trio.fail_after(8):
            await getter.get(answer["link"], tmp_path / "dest", giver)
    assert (tmp_path / "dest" / "big").read_bytes() == FILES["big"]


async def test_pages_of_openings_are_hashed_off_the_loop_while_the_next_is_on_its_way(tmp_path, monkeypatch):
    threads = set()
    outstanding = []
    ask = Getter.request_openings

    def asking(machine, *args):
        outstanding.append(machine.outstanding_count)
        return ask(machine, *args)

    def opening(*args):
        threads.add(threading.get_ident())
        return open_entry(*args)

    monkeypatch.setattr(Getter, "request_openings", asking)
    monkeypatch.setattr(loading, "open_entry", opening)
    monkeypatch.setattr(loading, "OPENINGS_OF_REQUEST", 10)
    names = {f"{number:03}" for number in range(75)}
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share({name: name.encode() for name in names})
        (share,) = (await getter.node.ls(answer["link"] + "&a=" + giver.address))["shares"]
    assert {entry["path"] for entry in share["entries"]} == names
    assert [entry["index"] for entry in share["entries"]] == list(range(75))
    assert threads
    assert threading.get_ident() not in threads
    assert max(outstanding) == 1


async def test_a_whole_file_is_placed_though_its_provider_goes_meanwhile(tmp_path, monkeypatch):
    finish = PartialFile.finish
    losses = []

    async def finishing(file):
        if not losses:
            losses.append(file)
            await giver.host.disconnect(getter.host.peer_id)
            await trio.sleep(0.5)
        await finish(file)

    monkeypatch.setattr(PartialFile, "finish", finishing)
    files = {"first": octets_of(2 * CHUNK_SIZE), "second": octets_of(30 * CHUNK_SIZE)}
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share(files)
        await getter.get(answer["link"], tmp_path / "dest", giver)
    assert losses
    assert {path.name: path.read_bytes() for path in (tmp_path / "dest").iterdir()} == files


async def test_small_files_that_were_taken_are_placed_once_though_their_provider_goes(tmp_path, monkeypatch):
    flush = SmallFileBatch.flush
    losses = []

    async def flushing(batch):
        if not losses:
            losses.append(batch)
            await giver.host.disconnect(getter.host.peer_id)
            await trio.sleep(0.5)
        await flush(batch)

    monkeypatch.setattr(SmallFileBatch, "flush", flushing)
    files = {f"{number:03}": b"%d" % number for number in range(600)}
    files["big"] = octets_of(20 * CHUNK_SIZE)
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share(files)
        await getter.get(answer["link"], tmp_path / "dest", giver)
    assert losses
    assert {path.name: path.read_bytes() for path in (tmp_path / "dest").iterdir()} == files


async def test_files_of_the_same_octets_are_fetched_once(tmp_path):
    same = octets_of(3 * CHUNK_SIZE + 7)
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        answer = await giver.share({"a": same, "b": same, "in/c": same})
        got = await getter.get(answer["link"], tmp_path / "dest", giver)
        assert (got["octets_received"], got["octets_reused"]) == (len(same), 2 * len(same))
        (tmp_path / "dest" / "b").unlink()
        again = await getter.get(answer["link"], tmp_path / "dest", giver)
        assert (again["octets_received"], again["octets_reused"]) == (0, 3 * len(same))
    assert [(tmp_path / "dest" / name).read_bytes() == same for name in ("a", "b", "in/c")] == [True] * 3


async def test_a_provider_is_left_by_an_end_of_the_stream_and_knows_that_all_arrived(tmp_path, caplog):
    caplog.set_level("DEBUG", "peertransfer.service")
    async with (
        node_kit.running(tmp_path / "provider") as provider,
        node_kit.running(tmp_path / "g") as getter,
    ):
        answer = await provider.share(FILES)
        await getter.get(answer["link"], tmp_path / "dest", provider)
        await trio.sleep(0.2)
        delivered = await provider.node._sharing._deliveries.list(answer["manifest_cid"])
        assert [one.peer_id for one in delivered] == [getter.host.peer_id]
    assert "stream_dropped" not in [record.message for record in caplog.records]


async def test_a_get_that_has_no_room_leaves_no_folder_that_it_made(tmp_path):
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        link = (await giver.share({**FILES, "in/file": b"x"}))["link"]
        getter.node._getting._floor = 1 << 60
        (tmp_path / "there").mkdir()
        for dest in ("dest", "there"):
            with pytest.raises(SpaceError):
                await getter.get(link, tmp_path / dest, giver)
        assert not (tmp_path / "dest").exists()
        assert list((tmp_path / "there").iterdir()) == []


async def test_what_was_renamed_is_told_by_both_its_names(tmp_path):
    async with node_kit.running(tmp_path / "giver") as giver, node_kit.running(tmp_path / "getter") as getter:
        link = (await giver.share({"in/one.txt": b"theirs", "two": b"2"}))["link"]
        folder = tmp_path / "dest" / "shared" / "in"
        folder.mkdir(parents=True)
        (folder / "one.txt").write_bytes(b"mine")
        for _ in range(2):
            got = await getter.get(link, tmp_path / "dest", giver, rename=True)
            renamed = [{"path": "in/one.txt", "placed_at": "in/one (1).txt"}]
            assert (got["renamed"], got["renamed_count"]) == (renamed, 1)
        assert (folder / "one (1).txt").read_bytes() == b"theirs"
