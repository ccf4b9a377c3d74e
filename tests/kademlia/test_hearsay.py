"""Which addresses, told by whom, may be dialled?"""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kad_kit import peer_id

from peertransfer.disclosure.views import PeerRecord
from peertransfer.kademlia.hearsay import (
    MAX_ADDRS,
    MAX_DIALS_PER_HOST,
    DialBudget,
    Reach,
    dialable,
    reach_of,
)
from peertransfer.transport.multiaddrs import TcpAddr

LOOPBACK, LINK_LOCAL, PRIVATE, PUBLIC = "127.0.0.1", "169.254.7.7", "192.168.1.9", "8.8.8.8"
TELLERS = {LOOPBACK, LINK_LOCAL, PRIVATE, PUBLIC, None}


def at(ip, port=4001):
    """Return a multiaddr as a peer would spell it, IPv4 inside IPv6 too."""
    kind = "ip6" if ":" in ip else "ip4"
    return TcpAddr(kind, ip, port).to_octets()


def told(*addrs, over, own=(), is_connected=lambda _: False):
    found = dialable(
        [PeerRecord(peer_id(1), addrs)],
        told_over=at(over) if over else None,
        own_addrs=own,
        is_connected=is_connected,
    )
    return found[0].addrs if found else None


@pytest.mark.parametrize(
    ("ips", "believed"),
    [
        (["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8"], TELLERS),
        (["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.2.1"], {LOOPBACK, PRIVATE}),
        (["fd00::1", "fec0::1", "2001:db8::1", "::ffff:10.1.2.3"], {LOOPBACK, PRIVATE}),
        (["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"], {LOOPBACK}),
        (["169.254.1.1", "fe80::1", "::ffff:169.254.1.1"], {LINK_LOCAL}),
        (["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"], set()),
        (["224.0.0.1", "239.255.255.250", "ff02::1"], set()),
        (["240.0.0.1", "255.255.255.255"], set()),
        (["2002:7f00:1::1", "64:ff9b::7f00:1", "2001:0:1::1", "::127.0.0.1"], set()),
    ],
)
def test_an_address_is_believed_only_from_where_it_means_the_same_machine(ips, believed):
    for ip in ips:
        for teller in TELLERS:
            assert bool(told(at(ip), over=teller)) == (teller in believed), f"{ip} told over {teller}"


@pytest.mark.parametrize(
    ("own", "ip", "is_believed"),
    [
        ("192.168.7.7", "192.168.1.1", True),
        ("10.1.9.9", "10.1.2.3", True),
        ("fd00:0:0:7::7", "fd00::1", True),
        ("10.2.9.9", "10.1.2.3", False),
        ("fd00:0:1::7", "fd00::1", False),
        ("127.0.0.1", "127.0.0.2", False),
        ("8.8.1.1", "192.168.1.1", False),
    ],
)
def test_two_in_one_private_network_find_each_other_by_a_server_outside(own, ip, is_believed):
    for teller in (PUBLIC, None):
        assert bool(told(at(ip), over=teller, own=[at(own)])) == is_believed


@pytest.mark.parametrize(
    "addr",
    [
        b"",
        b"\x04\x7f",
        at("8.8.8.8", 0),
        TcpAddr("dns4", "victim.example", 443).to_octets(),
        at("8.8.8.8")[:5] + b"\x91\x02\x0f\xa1",
        at("8.8.8.8") + b"\xdd\x03",
        TcpAddr.parse("/ip4/8.8.8.8/tcp/1").to_octets() + b"\xa5\x03\x26" + peer_id(2),
    ],
    ids=["empty", "cut", "port 0", "name", "udp", "websocket", "another peer's"],
)
def test_what_is_no_tcp_port_of_an_ip_is_never_dialled(addr):
    assert told(addr, over=LOOPBACK) is None
    assert told(addr, at(PUBLIC), over=LOOPBACK) == (at(PUBLIC),)


@pytest.mark.parametrize("own", ["127.0.0.1", "8.8.4.4", "2606:4700::9"])
def test_this_host_is_never_dialled(own):
    assert told(at(own), over=LOOPBACK, own={at(own)}) is None
    assert told(at(own, 4002), over=LOOPBACK, own={at(own)}) == (at(own, 4002),)


def test_no_spelling_of_our_own_address_makes_us_dial_it():
    spelled = [at("::ffff:127.0.0.1"), b"\x04\x7f\x00\x00\x01\x86\x00\x0f\xa1"]
    assert told(*spelled, over=LOOPBACK, own={at("127.0.0.1")}) is None


def test_a_peer_has_so_many_addresses_and_each_of_them_once():
    many = [at(PUBLIC, port) for port in range(1, 40)]
    assert told(*many, over=PUBLIC) == tuple(many[:MAX_ADDRS])
    assert told(at(PUBLIC), at(PUBLIC), at(f"::ffff:{PUBLIC}"), over=PUBLIC) == (at(PUBLIC),)


def test_useless_addresses_take_no_room_from_those_that_may_be_dialled():
    assert told(*[at(LOOPBACK, port) for port in range(1, 20)], at(PUBLIC), over=PUBLIC) == (at(PUBLIC),)


def test_a_connected_peer_needs_no_address_and_another_does():
    assert told(at(LOOPBACK), over=PUBLIC, is_connected=lambda one: one == peer_id(1)) == ()
    assert told(at(LOOPBACK), over=PUBLIC, is_connected=lambda one: one == peer_id(2)) is None


@pytest.mark.parametrize("octets", [b"", b"\x12\x20" + bytes(32), b"\x00\x25\x08\x02\x12\x21" + bytes(33)])
def test_a_peer_of_a_kind_that_never_connects_is_not_heard_of(octets):
    records = [PeerRecord(octets, (at(PUBLIC),)), PeerRecord(peer_id(1), (at(PUBLIC),))]
    assert dialable(records, told_over=at(PUBLIC), own_addrs=(), is_connected=lambda _: True) == (records[1],)


@given(st.lists(st.binary(max_size=40), max_size=20), st.sampled_from(sorted(TELLERS - {None})))
def test_whatever_is_told_what_is_dialled_is_in_normal_form_and_within_reach(addrs, teller):
    for addr in told(*addrs, over=teller) or ():
        parsed = TcpAddr.from_octets(addr)
        assert parsed.to_octets() == addr
        assert teller == LOOPBACK or reach_of(ipaddress.ip_address(parsed.host)) is not Reach.LOOPBACK


# --- dials ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (["8.8.8.8"], "8.8.8.9"),
        (["10.0.0.1"], "10.0.0.2"),
        (["2606:4700::1", "2606:4700::2", "2606:4700::3:1"], "2606:4700:0:1::1"),
    ],
)
def test_one_host_is_dialled_so_often_and_another_still_is(same, other):
    budget = DialBudget()
    taken = [budget.take([at(same[number % len(same)], number + 1)]) for number in range(100)]
    assert [len(one) for one in taken] == [1] * MAX_DIALS_PER_HOST + [0] * (100 - MAX_DIALS_PER_HOST)
    assert budget.take([at(same[0]), at(other)]) == (at(other),)


def test_one_record_can_use_up_the_dials_of_a_host_and_no_more():
    assert len(DialBudget().take(at(PUBLIC, port) for port in range(1, 100))) == MAX_DIALS_PER_HOST


def test_the_many_hosts_of_one_machine_are_all_dialled():
    budget = DialBudget()
    for ip in (LOOPBACK, "::1"):
        many = [at(ip, port) for port in range(1, 100)]
        assert budget.take(many) == tuple(many)


def test_what_has_no_ip_is_not_dialled():
    assert DialBudget().take([b"", TcpAddr("dns4", "victim.example", 443).to_octets()]) == ()


def test_each_look_up_has_dials_of_its_own():
    for _ in range(3):
        assert DialBudget().take([at(PUBLIC)]) == (at(PUBLIC),)
