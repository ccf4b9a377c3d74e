"""A node on the library's records and streams talks to one on our own, both ways."""

import pytest
from process_kit import octets, people, refused

pytestmark = pytest.mark.process


@pytest.mark.parametrize("on_library", ["alice", "bob", "alice bob"])
def test_the_switch_changes_no_octet(on_library):
    with people("alice", "bob") as everybody:
        for one in everybody:
            if one.name in on_library:
                config = one.home / "config.toml"
                config.write_text(config.read_text().replace('transport = "own"', 'transport = "library"'))
            one.start()
        alice, bob = everybody
        source = alice.folder / "shared"
        source.write_bytes(octets(5 << 20))
        bob.ask("get", "-", bob.folder / "here", text=alice.ask("share", source)["link"])
        assert (bob.folder / "here").read_bytes() == source.read_bytes()


def test_an_unknown_transport_is_named_with_its_line():
    with people("alice") as (alice,):
        config = alice.home / "config.toml"
        config.write_text(config.read_text().replace('transport = "own"', 'transport = "libraries"'))
        said = refused(alice.command("run"), 2)
        assert "line" in said
        assert "library" in said
