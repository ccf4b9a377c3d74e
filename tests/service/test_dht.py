"""The DHT of real hosts on loopback: who is admitted, asked, told, dialled and forgotten."""

import logging
import math
from contextlib import asynccontextmanager

import pytest
import trio
from dht_kit import KAD, NETWORK, locator, run_dht, run_dhts, run_liar, run_victim, until
from kad_kit import addr, peer_id, public_addr, sealed
from ledger_kit import told_entries

from peertransfer.content.locator import locator_multihash
from peertransfer.disclosure.audience import DhtServers
from peertransfer.disclosure.views import LookupView, PeerRecord
from peertransfer.kademlia.routing_table import RoutingTable
from peertransfer.policy.facts import ItemFacts
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.store.ledger_pages import LedgerFilter
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.limits import Limits
from peertransfer.wire.kad_codec import answer_reader, decode_kad, encode_get_providers

pytestmark = pytest.mark.swarm

KEY = locator_multihash(locator(1))


def ids(records):
    return [one.peer_id for one in records]


def holds(node, key=KEY):
    return ids(node.dht.store.providers(key, trio.current_time()))


@pytest.fixture
def no_refresh(monkeypatch):
    """No bucket is ever looked up: what a test sees is the other upkeep."""
    monkeypatch.setattr(RoutingTable, "stale_buckets", lambda *_: ())


@pytest.fixture
def clock(mock_clock):
    """A clock that goes on by itself, and can be put forward when nothing is under way."""
    mock_clock.rate = 1.0
    return mock_clock


# --- finding -------------------------------------------------------------------------------------


async def test_what_one_provides_another_finds_through_a_third(tmp_path):
    async with run_dhts(3, tmp_path) as (middle, provider, getter):
        await provider.meet(middle)
        provider.provide(1)
        await until(lambda: holds(middle) == [provider.peer_id])
        await getter.host.connect(middle.host.listen_addrs)
        await until(lambda: middle.peer_id in getter.dht.table)
        (found,) = await getter.dht.find_providers(locator(1))
        assert found == PeerRecord(provider.peer_id, provider.host.listen_addrs_bytes)


async def test_a_provider_that_told_us_itself_does_not_hide_another(tmp_path):
    async with run_dhts(2, tmp_path) as (getter, middle):
        await getter.meet(middle)
        for node, number in ((getter, 7), (middle, 8)):
            one = PeerRecord(peer_id(number), (addr(number),))
            node.dht.store.add(KEY, one, one.peer_id, trio.current_time(), seen_at=addr(number))
        assert ids(await getter.dht.find_providers(locator(1))) == [peer_id(7), peer_id(8)]


async def test_a_silent_server_holds_up_a_known_provider_for_two_seconds_at_most(tmp_path):
    async with run_dhts(2, tmp_path) as (getter, silent):
        await getter.meet(silent)
        silent.host.set_handler(getter.dht._protocol, lambda _: trio.sleep_forever())
        getter.dht._streams.drop(silent.peer_id)
        one = PeerRecord(peer_id(7), (addr(7),))
        getter.dht.store.add(KEY, one, one.peer_id, trio.current_time(), seen_at=addr(7))
        with trio.fail_after(2.5):
            assert ids(await getter.dht.find_providers(locator(1))) == [peer_id(7)]


async def test_a_policy_that_lets_no_look_up_out_blames_no_peer(tmp_path):
    async with run_dhts(2, tmp_path) as (getter, other):
        await getter.meet(other)
        getter.policy.replace(
            getter.policy.engine_of(parse_policy(CLOSED.replace('show.lookup = ["key"]', ""), "p"))
        )
        for _ in range(5):
            assert await getter.dht.find_providers(locator(1)) == ()
        assert getter.dht.table.demoted(trio.current_time()) == frozenset()


async def test_a_peer_that_the_policy_keeps_look_ups_from_is_passed_over(tmp_path):
    async with run_dhts(2, tmp_path) as (getter, other):
        await getter.meet(other)
        other.dht.store.add(KEY, PeerRecord(peer_id(7), (addr(7),)), peer_id(7), trio.current_time())
        rule = f'[[rule]]\nname = "not-it"\nto = ["peer:{other.host.peer_id}"]\nhide.lookup = ["key"]\n'
        getter.policy.replace(getter.policy.engine_of(parse_policy(CLOSED + rule, "p")))
        getter.dht._streams.drop(other.peer_id)
        assert await getter.dht.find_providers(locator(1)) == ()


@pytest.mark.parametrize("hidden", ['hide.lookup = ["key"]', 'hide.provide = ["addrs"]'])
async def test_a_rule_that_comes_holds_for_servers_whose_stream_is_open(hidden, tmp_path):
    async with run_dhts(2, tmp_path) as (getter, other):
        await getter.meet(other)
        other.dht.store.add(KEY, PeerRecord(peer_id(7), (addr(7),)), peer_id(7), trio.current_time())
        assert ids(await getter.dht.find_providers(locator(1))) == [peer_id(7)]
        rule = f'[[rule]]\nname = "not-it"\nto = ["peer:{other.host.peer_id}"]\n{hidden}\n'
        getter.policy.replace(getter.policy.engine_of(parse_policy(CLOSED + rule, "p")))
        assert await getter.dht.find_providers(locator(1)) == ()


@pytest.mark.parametrize("is_newcomer", [False, True])
async def test_a_server_from_which_one_share_is_hidden_is_told_of_the_others_alone(is_newcomer, tmp_path):
    async with run_dhts(2, tmp_path) as (provider, holder):
        items = 'items = ["share:bafya"]\nhide.provide = ["locator"]'
        rule = f'[[rule]]\nname = "not-it"\nto = ["peer:{holder.host.peer_id}"]\n{items}\n'
        provider.policy.replace(provider.policy.engine_of(parse_policy(CLOSED + rule, "p")))
        if not is_newcomer:
            await provider.meet(holder)
        provider.provide(1, "bafya")
        provider.provide(2, "bafyb")
        if is_newcomer:
            await provider.meet(holder)
        await until(lambda: holds(holder, locator_multihash(locator(2))) == [provider.peer_id])
        assert holds(holder) == []


async def test_a_stream_that_a_server_ended_early_is_no_failure_of_it(tmp_path):
    allowance = Allowance(Limits(idle_seconds=0.05))
    async with run_dhts(2, tmp_path, allowance=allowance) as (getter, other):
        await getter.meet(other)
        other.dht.store.add(KEY, PeerRecord(peer_id(7), (addr(7),)), peer_id(7), trio.current_time())
        for _ in range(2):
            assert ids(await getter.dht.find_providers(locator(1))) == [peer_id(7)]
            await trio.sleep(0.2)
        assert getter.dht.table.demoted(trio.current_time()) == frozenset()


async def test_what_has_no_answer_is_not_lost_on_a_stream_that_its_server_ended(tmp_path, clock):
    async with run_dhts(2, tmp_path) as (provider, holder):
        await provider.meet(holder)
        frame = await provider.dht._providing._record(locator(1), ItemFacts("share"))
        await trio.testing.wait_all_tasks_blocked(0.2)
        clock.jump(61)
        await trio.testing.wait_all_tasks_blocked(0.2)
        await provider.dht._streams.tell(PeerRecord(holder.peer_id, ()), frame)
        await until(lambda: holds(holder) == [provider.peer_id])


# --- what this host provides itself --------------------------------------------------------------


@asynccontextmanager
async def one_who_provides_and_one_who_asks(tmp_path):
    """Run two nodes; the one that asks is in nobody's table, as a peer that serves no DHT, and is told nothing."""
    async with run_dht(1, tmp_path, greets=False) as provider, run_dht(2, tmp_path) as asker:
        await asker.host.connect(provider.host.listen_addrs)
        await until(lambda: provider.peer_id in asker.dht.table)
        provider.provide(1)
        yield provider, asker
        assert holds(asker) == []


async def octets_answered(provider, asker):
    """Ask for the providers of the key, and return the answer as it came."""
    servers = DhtServers(NETWORK.network_id)
    stream = await asker.host.open_stream(provider.host.peer_id, KAD)
    stream.prove(servers)
    await stream.send(encode_get_providers(sealed(LookupView(KEY), servers)))
    reader = answer_reader()
    while (frame := reader.next_frame()) is None:
        reader.receive_data(await stream.receive())
    await stream.aclose()
    return bytes(frame)


async def provider_rows(node, peer):
    return [
        (row["item"], row["fields"], row["rule"], row["audience"], row["count"])
        for row in await told_entries(node.ledger, peer=peer.host.peer_id)
        if row["view"] == "provide"
    ]


async def test_who_only_asks_finds_what_the_only_other_node_provides(tmp_path):
    async with one_who_provides_and_one_who_asks(tmp_path) as (provider, asker):
        (found,) = await asker.dht.find_providers(locator(1))
        assert found == PeerRecord(provider.peer_id, provider.host.listen_addrs_bytes)
        assert await asker.dht.find_providers(locator(2)) == ()


async def test_what_is_withdrawn_is_answered_no_more(tmp_path):
    async with one_who_provides_and_one_who_asks(tmp_path) as (provider, asker):
        assert await asker.dht.find_providers(locator(1))
        provider.withdraw(1)
        assert await asker.dht.find_providers(locator(1)) == ()


async def test_the_ledger_tells_who_was_answered_about_which_share(tmp_path):
    async with one_who_provides_and_one_who_asks(tmp_path) as (provider, asker):
        one = PeerRecord(peer_id(7), (addr(7),))
        provider.dht.store.add(KEY, one, one.peer_id, trio.current_time())
        for _ in range(2):
            await octets_answered(provider, asker)
        audience = f"peer:{asker.host.peer_id}"
        assert await provider_rows(provider, asker) == [
            ("share 1", ["addrs", "locator"], "dht-servers-route", audience, 2),
            ("", ["provider_records"], "members-connect", audience, 2),
        ]


async def test_a_denied_peer_gets_the_octets_of_a_share_that_is_not_there(tmp_path):
    async with one_who_provides_and_one_who_asks(tmp_path) as (provider, asker):
        told = await octets_answered(provider, asker)
        rule = f'[[rule]]\nname = "not-it"\nto = ["peer:{asker.host.peer_id}"]\nhide.provide = ["addrs"]\n'
        provider.policy.replace(provider.policy.engine_of(parse_policy(CLOSED + rule, "p")))
        denied = await octets_answered(provider, asker)
        provider.withdraw(1)
        assert denied == await octets_answered(provider, asker) != told
        assert [row[-1] for row in await provider_rows(provider, asker)] == [1]
        refused = await provider.ledger.refusals(LedgerFilter(peer=asker.host.peer_id))
        assert "provide" not in {row.view for row in refused}


@pytest.mark.parametrize("others", [3, 20])
async def test_what_this_host_provides_comes_first_of_twenty_at_most(others, tmp_path):
    async with one_who_provides_and_one_who_asks(tmp_path) as (provider, asker):
        for number in range(others):
            one = PeerRecord(peer_id(7 + number), (addr(7 + number),))
            provider.dht.store.add(KEY, one, one.peer_id, trio.current_time())
        latest = ids(provider.dht.store.providers(KEY, trio.current_time()))
        said = decode_kad(await octets_answered(provider, asker)).provider_peers
        assert ids(said) == [provider.peer_id, *latest[:19]]
        provider.withdraw(1)
        said = decode_kad(await octets_answered(provider, asker)).provider_peers
        assert ids(said) == latest


async def test_a_host_without_an_address_to_tell_names_itself_to_nobody(tmp_path, monkeypatch):
    async with one_who_provides_and_one_who_asks(tmp_path) as (provider, asker):
        monkeypatch.setattr(type(provider.host), "listen_addrs_bytes", ())
        assert decode_kad(await octets_answered(provider, asker)).provider_peers == ()
        assert await provider_rows(provider, asker) == []


# --- hearsay -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seen_at", "is_dialled"), [(None, True), (public_addr(8, 8, 8, 8), False)])
async def test_only_a_peer_on_this_machine_can_have_us_dial_this_machine(
    seen_at, is_dialled, tmp_path, monkeypatch
):
    async with (
        run_victim() as (victim, callers),
        run_dht(1, tmp_path) as getter,
        run_liar(99, closer=(PeerRecord(peer_id(7), (victim,)),)) as liar,
    ):
        if seen_at:
            monkeypatch.setattr(getter.host, "remote_addr_bytes", lambda _: seen_at)
        await getter.host.connect(liar.listen_addrs)
        await until(lambda: liar.peer_id_bytes in getter.dht.table)
        await getter.dht.find_providers(locator(1))
        assert bool(callers) == is_dialled


@pytest.mark.parametrize("seen_at", [None, public_addr(8, 8, 8, 8)])
async def test_a_provider_is_named_only_with_addresses_that_may_be_dialled(seen_at, tmp_path, monkeypatch):
    where = PeerRecord(peer_id(7), (addr(7), public_addr(9, 9, 9, 9)))
    async with run_dht(1, tmp_path) as getter, run_liar(99, providers=(where,)) as liar:
        if seen_at:
            monkeypatch.setattr(getter.host, "remote_addr_bytes", lambda _: seen_at)
        await getter.host.connect(liar.listen_addrs)
        await until(lambda: liar.peer_id_bytes in getter.dht.table)
        (found,) = await getter.dht.find_providers(locator(1))
        assert found.addrs == (where.addrs[1:] if seen_at else where.addrs)


async def test_many_false_providers_do_not_have_one_host_dialled_for_ever(tmp_path):
    false = tuple(PeerRecord(peer_id(7 + one), (public_addr(9, 9, 9, 9),)) for one in range(20))
    async with run_dht(1, tmp_path) as getter, run_liar(99, providers=false) as liar:
        await getter.host.connect(liar.listen_addrs)
        await until(lambda: liar.peer_id_bytes in getter.dht.table)
        found = await getter.dht.find_providers(locator(1))
        assert sum(len(one.addrs) for one in found) == 8


async def test_a_peer_that_told_us_from_elsewhere_is_not_dialled_here(tmp_path):
    async with run_dht(1, tmp_path) as getter:
        here = PeerRecord(peer_id(7), (b"\x04\x7f\x00\x00\x01\x06\x0f\xa1",))
        getter.dht.store.add(KEY, here, here.peer_id, trio.current_time(), seen_at=public_addr(8, 8, 8, 8))
        assert await getter.dht.find_providers(locator(1)) == ()
        getter.dht.store.add(KEY, here, here.peer_id, trio.current_time(), seen_at=here.addrs[0])
        assert await getter.dht.find_providers(locator(1)) == (here,)


@pytest.mark.parametrize("false_id", [b"\x12\x20" + bytes(32), b"\x00\x25\x08\x02\x12\x21" + bytes(33)])
async def test_a_peer_id_of_another_kind_ends_no_look_up(false_id, tmp_path):
    false = (PeerRecord(false_id, (addr(7),)),)
    async with run_dht(1, tmp_path) as getter, run_liar(99, closer=false, providers=false) as liar:
        await getter.host.connect(liar.listen_addrs)
        await until(lambda: liar.peer_id_bytes in getter.dht.table)
        assert await getter.dht.find_providers(locator(1)) == ()


async def test_what_others_say_where_a_peer_is_does_not_enter_the_table(tmp_path):
    async with run_victim() as (victim, _), run_dhts(2, tmp_path) as (getter, honest):
        false = PeerRecord(honest.peer_id, (*honest.host.listen_addrs_bytes, victim))
        async with run_liar(99, closer=(false,)) as liar:
            await getter.host.connect(liar.listen_addrs)
            await until(lambda: honest.peer_id in getter.dht.table)
            assert getter.dht.table.record(honest.peer_id).addrs == honest.host.listen_addrs_bytes


async def test_a_peer_that_was_found_by_a_look_up_is_known_by_what_it_says_itself(tmp_path):
    announced = ["/ip4/8.8.4.4/tcp/4001"]
    async with run_dht(1, tmp_path) as getter, run_dht(2, tmp_path, announce_addrs=announced) as found:
        bound = tuple(found.host.own_addrs_bytes - set(found.host.listen_addrs_bytes))
        async with run_liar(99, closer=(PeerRecord(found.peer_id, bound),)) as middle:
            await getter.host.connect(middle.listen_addrs)
            both = (*found.host.listen_addrs_bytes, *bound)
            await until(lambda: getter.dht.table.record(found.peer_id) == PeerRecord(found.peer_id, both))


async def test_peers_of_one_place_count_by_where_they_connect_from(tmp_path):
    """A peer on loopback has no group, so what it claims can't crowd anybody out."""
    claimed = [f"/ip4/8.8.4.{last}/tcp/4001" for last in range(1, 6)]
    async with run_dht(1, tmp_path) as getter, trio.open_nursery() as nursery:
        for number, told in enumerate(claimed, 2):
            other = run_dht(number, tmp_path, announce_addrs=[told])
            node = await nursery.start(_keep, other)
            await node.host.connect(getter.host.listen_addrs)
        await until(lambda: getter.dht.table.size == len(claimed))
        nursery.cancel_scope.cancel()


async def _keep(running, *, task_status):
    async with running as node:
        task_status.started(node)
        await trio.sleep_forever()


# --- coming and going ----------------------------------------------------------------------------


async def test_a_newcomer_is_told_alone_of_what_is_provided_already(tmp_path):
    async with run_dhts(3, tmp_path) as (provider, first, newcomer):
        await provider.meet(first)
        provider.provide(1)
        await until(lambda: holds(first))
        first.dht.store.withdraw(KEY, provider.peer_id)
        await newcomer.host.connect(provider.host.listen_addrs)
        await until(lambda: holds(newcomer) == [provider.peer_id])
        assert holds(first) == []


async def test_a_peer_that_was_restarted_is_told_again_and_found_at_its_new_port(tmp_path):
    async with run_dht(1, tmp_path) as provider:
        async with run_dht(2, tmp_path) as holder:
            await provider.meet(holder)
            provider.provide(1)
            await until(lambda: holds(holder))
        (tmp_path / "again").mkdir()
        async with run_dht(2, tmp_path / "again") as holder:
            await holder.host.connect(provider.host.listen_addrs)
            await until(lambda: holds(holder) == [provider.peer_id])
            assert provider.dht.table.record(holder.peer_id).addrs == holder.host.listen_addrs_bytes


async def test_a_peer_that_serves_no_more_leaves_the_table(tmp_path):
    async with run_dhts(2, tmp_path) as (near, far):
        await near.meet(far)
        far.host._server.handlers.pop(near.dht._protocol)
        far.host.identify_answer.__self__.protocol_ids = ("/ipfs/id/1.0.0",)
        await near.host.disconnect(far.host.peer_id)
        await until(lambda: not near.host.is_connected(far.host.peer_id))
        await near.host.connect(far.host.listen_addrs)
        await until(lambda: far.peer_id not in near.dht.table)


async def test_a_banned_provider_is_forgotten_and_named_to_nobody(tmp_path):
    async with run_dhts(3, tmp_path) as (near, banned, asker):
        await near.meet(banned)
        await near.meet(asker)
        for number in (1, 2):
            banned.provide(number)
        await until(lambda: holds(near) and holds(near, locator_multihash(locator(2))))
        asker.dht.table.remove(banned.peer_id)
        near.dht.forget(banned.host.peer_id, locator(1))
        assert banned.peer_id not in near.dht.table
        assert banned.peer_id in near.dht.table.demoted(trio.current_time())
        assert holds(near) == []
        assert holds(near, locator_multihash(locator(2))) == [banned.peer_id]


async def test_a_peer_that_goes_before_it_is_greeted_is_no_news(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "peertransfer.service")
    async with run_dht(1, tmp_path, greets=False) as near, run_liar(99) as far:
        await near.host.connect(far.listen_addrs)
        far.identify_answer = lambda *_: near.host.disconnect(far.peer_id)
        await near.dht.peer_came(far.peer_id)
        (line,) = [one for one in caplog.records if one.name == "peertransfer.service"]
        assert (line.levelname, line.msg) == ("DEBUG", "kad_peer_left_before_greeting")
        assert line.reason == "stream_lost"


async def test_a_peer_that_stays_and_can_not_be_greeted_is_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "peertransfer.service")
    async with run_dht(1, tmp_path, greets=False) as near, run_liar(99) as far:
        await near.host.connect(far.listen_addrs)
        far.identify_answer = None
        await near.dht.peer_came(far.peer_id)
        (line,) = [one for one in caplog.records if one.name == "peertransfer.service"]
        assert (line.levelname, line.msg) == ("INFO", "kad_greeting_failed")


# --- upkeep --------------------------------------------------------------------------------------


async def test_a_record_that_is_over_is_removed_within_a_minute(tmp_path, clock):
    async with run_dht(1, tmp_path) as holder:
        one = PeerRecord(peer_id(7), (addr(7),))
        holder.dht.store.add(KEY, one, one.peer_id, trio.current_time() - 24 * 3600 + 61)
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(60)
        await trio.testing.wait_all_tasks_blocked()
        assert holder.dht.store.record_count == 1
        clock.jump(61)
        await until(lambda: holder.dht.store.record_count == 0)


@pytest.mark.usefixtures("no_refresh")
async def test_a_peer_that_was_silent_is_asked_and_stays(tmp_path, clock):
    async with run_dhts(2, tmp_path) as (near, far):
        await near.meet(far)
        near.dht._upkeep._self_due_at = math.inf
        await trio.testing.wait_all_tasks_blocked(0.2)
        clock.jump(700)
        assert ids(near.dht.table.unheard(trio.current_time())) == [far.peer_id]
        await until(lambda: near.dht.table.unheard(trio.current_time()) == ())
        assert far.peer_id in near.dht.table


@pytest.mark.usefixtures("no_refresh")
async def test_a_peer_that_answers_no_more_leaves_the_table(tmp_path, clock):
    async with run_dhts(2, tmp_path) as (near, far):
        await near.meet(far)
        near.dht._upkeep._self_due_at = math.inf
        far.host.set_handler(near.dht._protocol, lambda stream: stream.reset())
        near.dht._streams.drop(far.peer_id)
        clock.jump(700)
        for _ in range(20):
            if far.peer_id not in near.dht.table:
                return
            await trio.testing.wait_all_tasks_blocked(0.1)
            clock.jump(61)
        raise AssertionError("it stays")


async def test_a_bucket_where_nobody_was_looked_for_is_looked_up(tmp_path, clock):
    async with run_dhts(2, tmp_path) as (near, far):
        await near.meet(far)
        for _ in range(20):
            await trio.testing.wait_all_tasks_blocked(0.1)
            clock.jump(61)
            if not near.dht.table.stale_buckets(trio.current_time()):
                return
        raise AssertionError("buckets stay stale")


@pytest.mark.usefixtures("no_refresh")
async def test_who_joined_elsewhere_is_found_by_a_look_up_for_ourselves(tmp_path, clock):
    async with run_dhts(3, tmp_path) as (near, middle, late):
        await near.meet(middle)
        await late.host.connect(middle.host.listen_addrs)
        await until(lambda: late.peer_id in middle.dht.table)
        near.dht.table.remove(late.peer_id)
        await near.host.disconnect(late.host.peer_id)
        await trio.testing.wait_all_tasks_blocked(0.2)
        near.dht.table.remove(late.peer_id)
        clock.jump(61)
        await until(lambda: late.peer_id in near.dht.table)
