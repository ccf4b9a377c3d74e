"""A private network of three, of which one only bootstraps; and who is kept out of it."""

import secrets
import time

import pytest
from process_kit import octets, people, refused

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def members():
    """Return a router, two members and a stranger; and the network's ID."""
    with people("router", "alice", "bob", "stranger") as everybody:
        for person in everybody:
            person.start()
        router, alice, bob, _ = everybody
        network_id = router.ask("network", "create", "demo")["network_id"]
        invite = router.ask("network", "invite", network_id)["invite"]
        for person in (alice, bob):
            assert person.ask("network", "join", "-", text=invite)["network_id"] == network_id
        yield everybody, network_id


@pytest.fixture(scope="module")
def shared(members):
    """Return a file of Alice's, and the link to it, without any address."""
    (_, alice, _, _), network_id = members
    path = alice.folder / "for the network"
    path.write_bytes(octets(300_000))
    link = alice.ask("share", path)["link"]
    assert f"n={network_id}" in link
    return path, link.split("&a=")[0]


def test_a_link_is_enough_to_find_a_provider_that_was_never_met(members, shared):
    (router, alice, bob, _), network_id = members
    path, link = shared
    dest = bob.folder / "found"
    got = bob.ask("get", "-", dest, text=link)
    assert dest.read_bytes() == path.read_bytes()
    alices = {one["peer_id"] for one in alice.ask("id")["identities"] if one["network_id"] == network_id}
    assert {one["peer_id"] for one in got["providers"]} == alices
    assert router.ask("status")["octets_sent"] == 0


def test_a_stranger_is_told_that_it_is_not_in_the_network(members, shared):
    stranger = members[0][3]
    dest = stranger.folder / "stolen"
    assert "network" in refused(stranger.command("get", "-", dest, text=shared[1]), 3)
    assert not dest.exists()


def test_a_wrong_network_key_is_named_within_3_seconds(members):
    (router, _, _, stranger), network_id = members
    key = stranger.folder / "other.key"
    key.write_text(f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(32)}\n")
    key.chmod(0o600)
    started = time.monotonic()
    done = stranger.command(
        "network", "join", "--name", "n", "--psk", key, "--bootstrap", router.address(network_id)
    )
    assert time.monotonic() - started < 3
    assert "key" in refused(done, 5)
    assert stranger.ask("network", "list")["networks"] == []


def test_an_expired_invite_is_named(members):
    (router, _, _, stranger), network_id = members
    invite = router.ask("network", "invite", network_id, "--expires", "1s")["invite"]
    time.sleep(2)
    assert "expired" in refused(stranger.command("network", "join", "-", text=invite), 5)
    assert stranger.ask("network", "list")["networks"] == []


def test_who_leaves_a_network_keeps_no_key_of_it():
    with people("carol") as (carol,):
        carol.start()
        network_id = carol.ask("network", "create", "short")["network_id"]
        key = carol.home / "keys" / f"{network_id}.key"
        assert key.exists()
        assert carol.ask("network", "leave", network_id)["network_id"] == network_id
        assert not key.exists()
        assert carol.ask("network", "list")["networks"] == []
        assert carol.ask("doctor")["checks"]
