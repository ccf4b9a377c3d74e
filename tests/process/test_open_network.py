"""The open network of two who know nothing of each other, and of more with a bootstrap peer of their own."""

import time

import pytest
from process_kit import octets, people, refused

pytestmark = pytest.mark.process

ROUTING = """
[[rule]]
name = "the-open-network-routes"
to = ["dht-servers:open"]
show.provide = ["locator", "addrs"]
show.lookup = ["key"]

[[rule]]
name = "the-open-network-answers"
to = ["anyone"]
show.addresses = ["listen_addrs", "closer_peers"]
show.protocols = ["protocol_ids"]
show.provide = ["provider_records"]
"""


def test_a_node_that_starts_again_serves_what_was_shared_and_nothing_listens_for_what_is_over():
    with people("alice", "bob") as (alice, bob):
        alice.start()
        assert alice.ready["hosts"] == []
        path = alice.folder / "kept"
        path.write_bytes(octets(1000))
        link = alice.ask("share", path)["link"]
        alice.stop()
        alice.start()
        assert [host["network_id"] for host in alice.ready["hosts"]] == ["open"]
        bob.ask("get", "-", bob.folder / "here", text=link)
        assert (bob.folder / "here").read_bytes() == path.read_bytes()
        alice.ask("link", "end", "-", text=link)
        alice.stop()
        alice.start()
        assert alice.ready["hosts"] == []


def test_what_expired_is_shown_as_that_with_and_without_a_node():
    with people("alice") as (alice,):
        alice.start()
        path = alice.folder / "short"
        path.write_bytes(octets(10))
        alice.ask("share", path, "--expires", "5s")
        assert [one["expired"] for one in alice.ask("link", "list")["links"]] == [False]
        time.sleep(5.1)
        for _ in range(2):
            (link,) = alice.ask("link", "list")["links"]
            assert (link["expired"], link["ended"]) == (True, False)
            assert "expired" in alice.command("link", "list", as_json=False).stdout
            (share,) = alice.ask("ls")["shares"]
            assert (share["expired"], share["links"][0]["expired"]) == (True, True)
            alice.stop()


def test_with_a_bootstrap_peer_a_link_of_the_open_network_needs_no_address():
    with people("router", "alice", "bob") as everybody:
        router, alice, bob = everybody
        for person in everybody:
            with (person.home / "policy.toml").open("a") as policy:
                policy.write(ROUTING)
        router.start()
        (router.folder / "seen").write_bytes(octets(1))
        router.ask("share", router.folder / "seen")
        bootstrap = router.address()
        # A bootstrap peer of its own makes the router take part; it is itself, and so is never dialled.
        unreachable = f"/ip4/127.0.0.1/tcp/1/p2p/{bootstrap.rpartition('/')[2]}"
        for person in (router, alice, bob):
            config = person.home / "config.toml"
            known = bootstrap if person is not router else unreachable
            config.write_text(
                config.read_text().replace("open_bootstrap = []", f'open_bootstrap = ["{known}"]')
            )
        for person in everybody:
            person.stop()
            person.start()
        path = alice.folder / "found"
        path.write_bytes(octets(1000))
        bare = alice.ask("share", path)["link"].split("&a=")[0]
        bob.ask("get", "-", bob.folder / "here", text=bare)
        assert (bob.folder / "here").read_bytes() == path.read_bytes()


def test_without_one_a_link_without_an_address_is_refused_at_once_though_one_waits():
    with people("alice", "bob") as (alice, bob):
        alice.start()
        path = alice.folder / "found"
        path.write_bytes(octets(1000))
        bare = alice.ask("share", path)["link"].split("&a=")[0]
        for options in ((), ("--wait",)):
            assert "no address" in refused(bob.command("get", "-", bob.folder / "no", *options, text=bare), 3)
