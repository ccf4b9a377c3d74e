"""Which addresses stay on this machine or in its local network."""

import policy_kit as kit
import pytest

from peertransfer.disclosure.disclosed import Denied
from peertransfer.policy.private_addrs import private_only
from peertransfer.transport.multiaddrs import TcpAddr

PRIVATE = [
    "/ip4/127.0.0.1/tcp/1",
    "/ip4/10.255.0.1/tcp/4001",
    "/ip4/172.16.0.1/tcp/4001",
    "/ip4/172.31.255.255/tcp/4001",
    "/ip4/192.168.1.1/tcp/4001",
    "/ip4/169.254.1.1/tcp/4001",
    "/ip6/::1/tcp/4001",
    "/ip6/fd00::1/tcp/4001",
    "/ip6/fe80::1/tcp/4001",
    "/ip6/::ffff:10.0.0.1/tcp/4001",
]
PUBLIC = [
    "/ip4/8.8.8.8/tcp/4001",
    "/ip4/172.32.0.1/tcp/4001",
    "/ip4/192.0.2.1/tcp/4001",
    "/ip4/100.64.0.1/tcp/4001",
    "/ip4/0.0.0.0/tcp/4001",
    "/ip6/2001:db8::1/tcp/4001",
    "/ip6/2001:0:808:808::1/tcp/4001",
    "/ip6/64:ff9b::808:808/tcp/4001",
    "/ip6/::ffff:8.8.8.8/tcp/4001",
    "/ip6/::/tcp/4001",
    "/dns4/localhost/tcp/4001",
    "/dns/host.local/tcp/4001",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_of_a_private_range_is_kept(text):
    octets = TcpAddr.parse(text).to_octets()
    assert private_only([octets]) == (octets,)


@pytest.mark.parametrize("text", PUBLIC)
def test_any_other_address_is_not(text):
    assert private_only([TcpAddr.parse(text).to_octets()]) == ()


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x04",
        kit.PRIVATE_ADDR[:-1],
        kit.PRIVATE_ADDR + b"\xa5\x03",
        kit.PRIVATE_ADDR[:5] + b"\x07" + kit.PRIVATE_ADDR[6:],
    ],
)
def test_what_is_malformed_or_leads_further_is_not(octets):
    assert private_only([octets, kit.PRIVATE_ADDR]) == (kit.PRIVATE_ADDR,)


def test_private_addresses_are_shown_without_the_full_ones():
    engine = kit.engine(
        'to = ["anyone"]\nshow.addresses = ["private_addrs"]\nshow.provide = ["locator", "private_addrs"]'
    )
    addrs = (kit.PUBLIC_ADDR, kit.PRIVATE_ADDR)
    sealed = engine.addresses(kit.asker(), listen_addrs=addrs, now=1)
    assert (sealed.view.listen_addrs, sealed.view.private_addrs) == ((), (kit.PRIVATE_ADDR,))
    assert sealed.record.fields == ("private_addrs",)
    provide = engine.provide("net1", kit.item(), locator=b"l", addrs=addrs, now=1)
    assert (provide.view.addrs, provide.view.private_addrs) == ((), (kit.PRIVATE_ADDR,))
    assert provide.record.fields == ("locator", "private_addrs")
    nowhere = engine.provide("net1", kit.item(), locator=b"l", addrs=(kit.PUBLIC_ADDR,), now=1)
    assert isinstance(nowhere, Denied)


@pytest.mark.parametrize(
    ("view", "fine", "coarse"),
    [
        ("openings", "size", "size_class"),
        ("openings", "name", "extension"),
        ("openings", "mtime", "mtime_day"),
        ("openings", "mtime", "mtime_month"),
        ("openings", "mtime_day", "mtime_month"),
    ],
)
def test_hiding_what_can_be_worked_out_hides_that_from_which_it_can(view, fine, coarse):
    show = f'to = ["anyone"]\nshow.{view} = ["{fine}", "{coarse}"]'
    entry = [kit.entry(0)]
    both = kit.decide_openings(kit.engine(show), kit.asker(), kit.item(), entry)
    assert kit.opened(both.view.entries[0].slots) == {fine, coarse}
    none = kit.engine(show, f'to = ["anyone"]\nhide.{view} = ["{coarse}"]')
    assert isinstance(kit.decide_openings(none, kit.asker(), kit.item(), entry), Denied)
    one = kit.engine(show, f'to = ["anyone"]\nhide.{view} = ["{fine}"]')
    left = kit.decide_openings(one, kit.asker(), kit.item(), entry)
    assert kit.opened(left.view.entries[0].slots) == {coarse}
