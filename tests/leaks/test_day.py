"""What peers saw of a node in a day = what its ledger says = what the census declares, and nothing private besides.

The day is ``leak_day``: a real node in three networks, with canaries in every private place, among instrumented
peers which record every octet that they hear: a bootstrap peer, a DHT server, members with some rights and with
none, strangers without a key and with a wrong one, and a capture of all packets. ``mutations.toml`` lists lines
that break it, each of which one of these tests must notice (``make mutants``).
"""

import json

import pytest
from census_kit import NOT_BUILT, census, channels
from leak_capture import flows_of, segment_of
from leak_decoding import HEADER, below_noise, cut_lines, decode, streams_of

from peertransfer.membership.network import OPEN

pytestmark = pytest.mark.process

ALL_ARE_PRIVATE = "on loopback every address is private: on the wire nobody can tell it from all of them"
NOT_EXERCISED = {
    ("identify", "addresses", "private_addrs"): ALL_ARE_PRIVATE,
    ("DHT", "addresses", "private_addrs"): ALL_ARE_PRIVATE,
    ("DHT", "provide", "private_addrs"): ALL_ARE_PRIVATE,
}
"""Rows of the census, as (channel, view, field), that the day does not bring about, and why."""
OBSERVERS = {"router", "server", "friend", "member", "keeper", "stranger"}
ASKED_OF_ONE = {("DHT", "provide", "locator"), ("DHT", "provide", "addrs")}
"""What a peer of the network is told by the node itself as a DHT server would tell it, says the census below its rows."""
BUILT = [row for row in census() if row["default"] != NOT_BUILT]
DECLARED = {(channel, row["view"], row["field"]) for row in BUILT for channel in channels(row)}


def named(day, entries):
    """Return ledger entries with roles in place of peer IDs, sorted: for whoever reads a failure."""
    roles = day.facts["roles"]
    return sorted(
        (network_id, "peer:" + roles.get(who[5:], who[5:]) if who.startswith("peer:") else who, *rest)
        for network_id, who, *rest in entries
    )


@pytest.fixture(scope="session")
def seen(day):
    return decode(day.sessions, day.facts)


@pytest.fixture(scope="session")
def ledger(day):
    return {
        (one["network_id"], one["audience"], one["view"], field, one["item"], one["link"])
        for one in day.facts["ledger"]
        for field in one["fields"]
    }


# --- seen = ledger -------------------------------------------------------------------------------


def test_every_kind_of_observer_saw_something(day, seen):
    roles = day.facts["roles"]
    audiences = {one.audience.removeprefix("peer:") for one in seen}
    assert {roles[one] for one in audiences if one in roles} == OBSERVERS


def test_nothing_was_seen_that_the_ledger_does_not_say(day, seen, ledger):
    assert named(day, {one.entry for one in seen} - ledger) == []


def test_the_ledger_says_nothing_that_was_not_seen(day, seen, ledger):
    assert named(day, ledger - {one.entry for one in seen}) == []


# --- seen = census -------------------------------------------------------------------------------


def test_nothing_was_seen_that_the_census_does_not_declare(seen):
    assert sorted({one.row for one in seen} - DECLARED) == []


def test_the_census_declares_nothing_that_was_not_seen(seen):
    assert sorted(DECLARED - NOT_EXERCISED.keys() - {one.row for one in seen}) == []


def test_a_row_that_is_said_not_to_be_exercised_is_declared_and_was_not(seen):
    assert NOT_EXERCISED.keys() <= DECLARED
    assert sorted(NOT_EXERCISED.keys() & {one.row for one in seen}) == []


def test_under_the_policy_of_init_each_field_went_only_to_whom_the_census_names(day):
    by_default = {
        (channel, row["view"], row["field"]): set(row["default"].split(", "))
        for row in BUILT
        for channel in channels(row)
    }
    seen = decode(day.until(day.facts["by_default"]), day.facts)
    holders = {(one.audience, one.item) for one in seen if (one.view, one.field) == ("grant", "proof")}
    assert holders
    too_much = {one.entry for one in seen if by_default.get(one.row, set()).isdisjoint(_kinds(one, holders))}
    assert named(day, too_much) == []


def _kinds(one, holders):
    """Return the words of the census for who saw it."""
    kinds = {"anyone"}
    if one.network_id != OPEN:
        kinds.add("dht-servers" if one.audience.startswith("dht-servers") else "members")
    if one.row in ASKED_OF_ONE and one.network_id != OPEN:
        kinds.add("dht-servers")
    if (one.audience, one.item) in holders:
        kinds.add("link-holders")
    return kinds


# --- nothing private besides ---------------------------------------------------------------------


def found_in(octets, canaries):
    """Return the names of the canaries of which any form is in ``octets``."""
    return sorted({one.name for one in canaries if any(form in octets for form in one.forms)})


def test_no_canary_reached_anybody_but_in_a_field_that_holds_it(day):
    identities, roles = day.facts["identities"], day.facts["roles"]
    found = set()
    for session in day.sessions:
        network_id = identities.get(session.peer)
        if network_id is None:
            continue
        told = decode([session], day.facts)
        plain = below_noise(session, day.facts["keys"].get(network_id))
        octets = b"\n".join((plain, *session.handshakes, *streams_of(session)))
        for canary in day.facts["canaries"]:
            if canary.at_home_in == network_id:
                continue
            shown = b"\n".join(one.value for one in told if one.row[1:] in canary.carriers)
            if any(octets.count(form) > shown.count(form) for form in canary.forms):
                found.add((roles[session.own], canary.name))
    assert sorted(found) == []


def test_no_canary_is_in_the_log(day):
    log = day.facts["log"]
    assert {" debug ", " info "} <= {f" {line.split()[1]} " for line in log.splitlines() if " " in line}
    assert found_in(log.encode(), day.facts["canaries"]) == []


def test_no_canary_but_networks_and_hosts_is_in_the_status(day):
    told = [one for one in day.facts["canaries"] if one.at_home_in or one.name.endswith("network name")]
    private = [one for one in day.facts["canaries"] if one not in told]
    assert found_in(json.dumps(day.facts["status"]).encode(), private) == []


def test_who_holds_another_key_or_none_hears_a_greeting_and_can_not_read_it(day):
    key = day.facts["keys"][day.facts["networks"]["router"]]
    called = [one for one in day.sessions if one.is_initiator and one.remote in day.facts["node_addrs"]]
    strangers = [one for one in called if not one.peer]
    assert len(strangers) == 2
    for one in strangers:
        assert HEADER.encode() not in one.raw
        assert cut_lines(below_noise(one, key), 2) == ([HEADER], b"")
        assert one.handshakes == []


# --- the packets ---------------------------------------------------------------------------------


@pytest.fixture
def packets(day, no_namespace):
    if no_namespace:
        pytest.skip(f"no packets are captured, because there is no network namespace: {no_namespace}")
    assert day.facts["dropped"] == 0
    assert day.facts["packets"]
    return day.facts["packets"]


def test_no_canary_is_in_clear_in_any_packet(day, packets):
    flows = flows_of(filter(None, map(segment_of, packets)))
    heard = b"\n".join([*flows.values(), *packets])
    assert len(heard) > 1 << 17
    assert found_in(heard, day.facts["canaries"]) == []


def test_nothing_but_tcp_goes_out_and_only_to_peers_that_are_known(day, packets):
    segments = [segment_of(one) for one in packets]
    assert None not in segments
    called = {one.flow[1] for one in segments if one.is_call}
    assert called
    assert sorted(called - day.facts["listeners"]) == []
