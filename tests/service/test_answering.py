"""One stream at the provider, whole: what leaves, what the ledger says of it, and when it ends."""

import answering_kit as kit
import pytest
import trio
import trio.testing
from exchange_kit import octets_of
from ledger_kit import told_entries

from peertransfer.errors import (
    ChangedError,
    OutOfRangeError,
    RefusedError,
    StreamLostError,
)
from peertransfer.net.peer_stream import PeerStream
from peertransfer.policy.preset import CLOSED
from peertransfer.service import answering
from peertransfer.service.asking import Wanted
from peertransfer.store.ledger_pages import LedgerFilter
from peertransfer.wire import messages as m
from peertransfer.wire.codes import RefusalCode

MIB = kit.MIB
NO_CONTENT = CLOSED.replace('show.content = ["octets"]', "")
LISTING = '[[rule]]\nname = "lists"\nto = ["anyone"]\nshow.catalogue = ["title", "link", "size"]\n'


# --- the ledger ----------------------------------------------------------------------------------

CONVERSATIONS = {
    "nothing": lambda big: [],
    "the manifest": lambda big: [kit.manifest_part],
    "the share's own slots": lambda big: [kit.openings_of()],
    "entries": lambda big: [kit.openings_of(0, 2)],
    "which leaves are there": lambda big: [kit.have_of(big)],
    "nodes": lambda big: [kit.nodes_of(big)],
    "leaves": lambda big: [kit.blocks_of(big, 3)],
    "leaves twice": lambda big: [kit.blocks_of(big, 1), kit.blocks_of(big, 1)],
    "a catalogue": lambda big: [kit.catalogue],
    "everything": lambda big: [kit.manifest_part, kit.openings_of(0, 2), kit.blocks_of(big, 3)],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_each_frame_has_its_row_and_each_row_its_frame(tmp_path, name):
    async with kit.scene(tmp_path, policy=CLOSED + LISTING) as one:
        async with one.ask() as asking:
            for request in CONVERSATIONS[name](one.places["big"]):
                await kit.take(asking, request)
        await one.until_over()
        rows = await told_entries(one.provider.ledger)
        assert {row["view"] for row in rows} == set(kit.views_answered(one.wire))
        assert {row["item"] for row in rows if row["view"] != "protocols"} == {one.cid}
        under_link = [row for row in rows if row["view"] not in {"protocols", "catalogue"}]
        assert {row["link"] for row in under_link} <= {"alice"}
        assert {row["peer_id"] for row in rows} == {kit.GETTER}
        assert sum(row["octets"] for row in rows) == kit.leaf_octets_answered(one.wire)
        assert all(row["count"] == 1 for row in rows)
        asked = [row for row in await told_entries(one.getter.ledger) if row["view"] != "protocols"]
        assert {(row["view"], row["item"], row["peer_id"]) for row in asked} == {
            ("want", one.cid, kit.PROVIDER)
        }
        said = [["locator", "proof"], *([["requests"]] if CONVERSATIONS[name](0) else [])]
        assert [row["fields"] for row in asked] == said


async def test_a_row_is_on_the_disk_before_its_frame_goes(tmp_path, monkeypatch):
    async with kit.scene(tmp_path) as one:
        send = one.wire.provider_end.send
        late = []

        async def check(frame):
            views = {row["view"] for row in await told_entries(one.provider.ledger)}
            before = len(one.wire.answered())
            await send(frame)
            late.extend(view for view in kit.views_answered(one.wire)[before:] if view not in views)

        monkeypatch.setattr(one.wire.provider_end, "send", check)
        async with one.ask() as asking:
            await kit.take(asking, kit.manifest_part)
            await kit.take(asking, kit.openings_of(0, 2))
            await kit.take(asking, kit.blocks_of(one.places["big"], 3))
        await one.until_over()
        assert late == []


async def test_octets_of_a_stream_that_breaks_are_booked(tmp_path):
    async with kit.scene(tmp_path) as one:
        async with one.ask() as asking:
            await kit.take(asking, kit.blocks_of(one.places["big"], 2))
            await one.wire.getter_end.reset()
        await one.until_over()
        (row,) = [row for row in await one.provider.rows() if row["view"] == "content"]
        assert (row["octets"], row["count"]) == (2 * MIB, 1)


async def test_a_catalogue_is_booked_share_by_share(tmp_path):
    async with kit.scene(
        tmp_path,
        policy=CLOSED + LISTING + kit.hides('hide.catalogue = ["size"]', items='items = ["label:secret"]'),
    ) as one:
        other, _ = await one.provider.share({"other": b"o"}, "other", labels=("secret",))
        await one.provider.link(other, "bob")
        async with one.ask() as asking:
            (page,) = await kit.take(asking, kit.catalogue)
        assert len(page.items) == 2
        rows = [row for row in await one.provider.rows() if row["view"] == "catalogue"]
        assert {row["item"]: row["fields"] for row in rows} == {
            one.cid: ["link", "size", "title"],
            other: ["link", "title"],
        }
        assert len(await told_entries(one.provider.ledger, item=other)) == 1


# --- refusals of the want ------------------------------------------------------------------------


@pytest.mark.parametrize("reason", kit.REASONS)
async def test_a_want_is_refused_in_the_same_octets_at_the_next_tick(tmp_path, reason, monkeypatch):
    tick = 0.4
    monkeypatch.setattr(answering, "REFUSAL_TICK_SECONDS", tick)
    async with kit.scene(tmp_path) as one:
        wanted = kit.REASONS[reason](one)
        if wanted is not None and not isinstance(wanted, Wanted):
            wanted = await wanted
        await trio.sleep_until(tick * (int(trio.current_time() / tick) + 1))
        started = trio.current_time()
        ((refusal, _),) = await one.refused(wanted)
        assert refusal == m.RefusalMessage(0, RefusalCode.REFUSED)
        assert one.wire.to_getter.log.endswith(bytes.fromhex("0422021001"))
        assert trio.current_time() >= tick * (int(started / tick) + 1)
        await one.until_over()
        assert {row["view"] for row in await one.provider.rows()} == {"refusal"}
        (kept,) = await one.provider.ledger.refusals(LedgerFilter())
        item = "" if reason in ("unknown", "withdrawn") else one.cid
        assert (kept.peer_id, kept.view, kept.item) == (kit.GETTER, "grant", item)
        assert kept.link == ("alice" if reason.startswith("no ") else "")
        assert kept.count == 1


# --- what the policy keeps -----------------------------------------------------------------------


async def test_names_without_content_are_granted_and_their_octets_refused(tmp_path):
    async with kit.scene(tmp_path, policy=NO_CONTENT) as one:
        async with one.ask() as asking:
            assert await kit.take(asking, kit.openings_of(0, 2))
            for request in (kit.have_of(0), kit.nodes_of(0), kit.blocks_of(0, 1)):
                assert await kit.outcome(asking, request) == (0, RefusedError)
        await one.until_over()
        assert "content" not in {row["view"] for row in await one.provider.rows()}
        (kept,) = await one.provider.ledger.refusals(LedgerFilter())
        assert (kept.view, kept.item, kept.link, kept.count) == ("content", one.cid, "alice", 3)


@pytest.mark.parametrize("ask", [lambda entry, place: kit.blocks_of(entry, 1, place), kit.nodes_of])
async def test_how_long_a_hidden_file_is_can_not_be_probed(tmp_path, ask):
    policy = CLOSED + kit.hides('hide.openings = ["*"]', 'hide.content = ["*"]', items='items = ["path:big"]')
    async with kit.scene(tmp_path, policy=policy) as one, one.ask() as asking:
        for place in range(1, 5):
            assert await kit.outcome(asking, ask(one.places["big"], place)) == (0, RefusedError)
        assert await kit.outcome(asking, ask(2, 1)) == (0, OutOfRangeError)
        assert await kit.outcome(asking, ask(one.places["small"], 1)) == (0, OutOfRangeError)


async def test_a_rule_that_comes_while_blocks_go_refuses_the_rest(tmp_path):
    async with kit.scene(tmp_path, kit.LONG) as one:
        one.wire.to_getter.window = MIB

        async def hide():
            one.provider.set_policy(NO_CONTENT)

        async with one.ask() as asking:
            count, error = await kit.outcome(asking, kit.blocks_of(0, 40), hide)
            assert error is RefusedError
            assert 1 <= count < 6
            assert await kit.take(asking, kit.openings_of())
        await one.until_over()
        (row,) = [row for row in await one.provider.rows() if row["view"] == "content"]
        assert row["octets"] == count * MIB


# --- requests ------------------------------------------------------------------------------------


async def test_the_share_itself_is_opened_whatever_first_says(tmp_path):
    async with kit.scene(tmp_path) as one, one.ask() as asking:
        (page,) = await kit.take(asking, kit.openings_of(7, 0))
        assert page.share is not None
        with pytest.raises(OutOfRangeError):
            await kit.take(asking, kit.openings_of(1, 2))


async def test_a_cancelled_request_ends_early_and_its_number_is_good_again(tmp_path):
    async with kit.scene(tmp_path, kit.LONG) as one:
        one.wire.to_getter.window = MIB
        async with one.ask() as asking:
            async with asking.request(kit.blocks_of(0, 40)) as parts:
                await anext(parts)
            await kit.until(lambda: not asking._machine.outstanding_count)
            await trio.testing.wait_all_tasks_blocked(0.05)  # the last part has been dropped
            asking._machine._next_id = 1
            assert await kit.outcome(asking, kit.blocks_of(0, 3)) == (3, None)
        await one.until_over()
        assert one.provider.served.octets_sent < 12 * MIB


async def test_a_getter_that_hangs_up_on_an_answer_is_no_fault_of_ours(tmp_path):
    async with kit.scene(tmp_path, kit.LONG) as one:
        one.wire.to_getter.window = MIB
        async with one.ask() as asking:
            _, error = await kit.outcome(asking, kit.blocks_of(0, 40), one.wire.getter_end.close_write)
        assert error is StreamLostError
        await one.until_over()


async def test_a_file_that_changed_is_refused_as_changed(tmp_path):
    async with kit.scene(tmp_path) as one, one.ask() as asking:
        (tmp_path / "shared" / "small").write_bytes(b"y" * 100)
        with pytest.raises(ChangedError):
            await kit.take(asking, kit.blocks_of(one.places["small"], 1))


async def test_what_a_getter_says_under_its_want_is_recorded_when_it_says_it(tmp_path):
    async with kit.scene(tmp_path) as one:

        async def told():
            rows = await told_entries(one.getter.ledger)
            return {field for row in rows if row["view"] == "want" for field in row["fields"]}

        async with one.ask() as asking:
            assert await told() == {"locator", "proof"}
            await kit.take(asking, kit.manifest_part)
            assert await told() == {"locator", "proof", "requests"}
            await asking.delivered()
            assert await told() == {"locator", "proof", "requests", "delivered"}


async def test_a_want_under_which_nothing_may_be_asked_is_not_said(tmp_path):
    async with kit.scene(tmp_path) as one:
        one.getter.set_policy(CLOSED.replace('"requests", ', ""))
        with pytest.raises(RefusedError):
            async with one.ask():
                pass
        await one.until_over()
        assert [type(message) for message in one.wire.asked()] == [m.HelloMessage]
        assert "want" not in {row["view"] for row in await told_entries(one.getter.ledger)}


async def test_what_is_delivered_is_kept(tmp_path):
    async with kit.scene(tmp_path) as one:
        async with one.ask() as asking:
            await kit.take(asking, kit.blocks_of(one.places["small"], 1))
            await asking.delivered()
            await one.until_over()
        (kept,) = await one.provider.served._deliveries.list(one.cid)
        assert (kept.link_name, kept.peer_id, kept.octets) == ("alice", kit.GETTER, 100)


async def test_a_request_that_comes_while_the_stream_breaks_is_no_fault_of_ours(tmp_path, monkeypatch):
    """Whatever the moment: the next request comes 0 to 39 steps before an answer can't be sent."""

    async def lose(self, frame, **_):
        await one.wire.to_provider.write(requests[1])
        for _ in range(delay):
            await trio.lowlevel.checkpoint()
        raise StreamLostError("the getter is gone")

    async with kit.scene(tmp_path) as first:
        for delay in range(40):  # noqa: B007 - what is patched in reads it
            one = first.another()
            async with one.ask() as asking:
                asks = (kit.have_of(0), kit.have_of(1))
                requests = [octets_of(ask(asking._machine, asking._want)[1]) for ask in asks]
                with monkeypatch.context() as patched:
                    patched.setattr(PeerStream, "send", lose)
                    await one.wire.to_provider.write(requests[0])
                    await one.until_over()
