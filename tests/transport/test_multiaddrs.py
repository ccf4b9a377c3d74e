"""TCP multiaddrs: both forms there and back, and what is refused."""

import base64

import multiaddr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peertransfer.errors import UsageError
from peertransfer.transport.multiaddrs import MAX_OCTETS, MAX_TEXT, TcpAddr, peer_id_octets, peer_id_text

PEER_OCTETS = b"\x00\x24\x08\x01\x12\x20" + bytes(range(32))
PEER = peer_id_text(PEER_OCTETS)

names = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,19}", fullmatch=True), min_size=1, max_size=4).map(".".join)
hosts = st.one_of(
    st.tuples(st.just("ip4"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("ip6"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.sampled_from(["dns", "dns4", "dns6"]), names),
)
peers = st.one_of(
    st.just(""),
    st.binary(min_size=32, max_size=32).map(lambda key: peer_id_text(PEER_OCTETS[:6] + key)),
)
addrs = st.builds(
    lambda host, port, peer: TcpAddr(host[0], host[1], port, peer), hosts, st.integers(0, 65535), peers
)


@given(addrs)
def test_the_text_form_is_read_back(addr):
    assert TcpAddr.parse(str(addr)) == addr


@given(addrs)
def test_the_binary_form_is_read_back_without_the_peer(addr):
    assert TcpAddr.from_octets(addr.to_octets()) == addr.bare()


@given(addrs)
def test_both_forms_are_those_of_the_multiaddr_library(addr):
    theirs = multiaddr.Multiaddr(str(addr))
    assert multiaddr.Multiaddr(str(addr.bare())).to_bytes() == addr.to_octets()
    assert TcpAddr.from_octets(theirs.to_bytes()) == addr


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" /ip4/127.0.0.1/tcp/4001 ", "/ip4/127.0.0.1/tcp/4001"),
        ("/ip6/2001:0db8:0::1/tcp/04001", "/ip6/2001:db8::1/tcp/4001"),
        ("/dns4/Example.ORG/tcp/1", "/dns4/example.org/tcp/1"),
        ("/dns/my_host-1/tcp/1", "/dns/my_host-1/tcp/1"),
    ],
)
def test_other_spellings_have_one_normal_form(text, normal):
    assert str(TcpAddr.parse(text)) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "127.0.0.1:4001",
        "ip4/127.0.0.1/tcp/4001",
        "/ip4/127.0.0.1",
        "/ip4/127.0.0.1/tcp",
        "/ip4/127.0.0.1/tcp/",
        "/ip4/127.0.0.1/tcp/65536",
        "/ip4/127.0.0.1/tcp/-1",
        "/ip4/127.0.0.1/tcp/+1",
        "/ip4/127.0.0.1/tcp/\u0661",
        "/ip4/127.0.0.1/tcp/000001",
        "/ip4/127.0.0.01/tcp/1",
        "/ip4/::1/tcp/1",
        "/ip6/127.0.0.1/tcp/1",
        "/ip6/fe80::1%eth0/tcp/1",
        "/ip4/127.0.0.1/udp/4001/quic-v1",
        "/ip4/127.0.0.1/tcp/1/ws",
        "/ip4/127.0.0.1/tcp/1/p2p",
        "/ip4/127.0.0.1/tcp/1/p2p/",
        "/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        f"/ip4/127.0.0.1/tcp/1/p2p/{PEER}/p2p-circuit",
        f"/ip4/127.0.0.1/tcp/1/p2p/{PEER}x",
        "/dns4//tcp/1",
        "/dns4/a..b/tcp/1",
        "/dns4/-a b/tcp/1",
        "/dns4/ex\u00e4mple/tcp/1",
        f"/dns4/{'a' * 64}/tcp/1",
        "/unix/tmp/tcp/1",
        "/ip4/127.0.0.1/tcp/1\n/x",
        "/ip4/127.0.0.1/tcp/1" + " " * MAX_TEXT,
    ],
)
def test_another_text_is_refused(text):
    with pytest.raises(UsageError):
        TcpAddr.parse(text)


@given(st.binary(max_size=80))
def test_any_octets_are_read_or_ignored_and_never_raise(octets):
    found = TcpAddr.from_octets(octets)
    assert found is None or TcpAddr.parse(str(found)) == found


@given(addrs, st.data())
def test_a_cut_or_lengthened_binary_form_is_ignored(addr, data):
    octets = addr.to_octets()
    cut = data.draw(st.integers(0, len(octets) - 1))
    assert TcpAddr.from_octets(octets[:cut]) is None
    assert TcpAddr.from_octets(octets + b"\x00") is None


@pytest.mark.parametrize(
    "octets",
    [
        b"\x04\x7f\x00\x00\x01\x91\x02\x0f\xa1",  # UDP
        b"\x04\x7f\x00\x00\x01\x06\x0f\xa1\xdd\x03",  # WebSocket
        b"\x36\xff\xff\xff\xff\xff\x7f" + b"a" * 20,  # a name of a length of 2^40
        b"\x36\xff\x7faa\x06\x00\x01",  # a name shorter than said
        b"\x36\x02\xc3\xa4\x06\x00\x01",  # a name that is not ASCII
        b"\x36\x03a/b\x06\x00\x01",  # a name that would change the text form
        b"\x36\x00\x06\x00\x01",
        b"\x04" * (MAX_OCTETS + 1),
    ],
)
def test_hostile_octets_are_ignored(octets):
    assert TcpAddr.from_octets(octets) is None


@pytest.mark.parametrize(
    ("host", "text"), [("::ffff:10.0.0.1", "/ip4/10.0.0.1/tcp/7"), ("fe80::1%eth0", "/ip6/fe80::1/tcp/7")]
)
def test_a_sockets_address_has_its_shortest_form(host, text):
    assert str(TcpAddr.of(host, 7)) == text


# --- peer IDs ------------------------------------------------------------------------------------


@given(st.binary(min_size=32, max_size=32))
def test_a_peer_id_is_read_back(key):
    octets = PEER_OCTETS[:6] + key
    text = peer_id_text(octets)
    assert text.startswith("12D3Koo")
    assert peer_id_octets(text) == octets


def test_a_peer_id_in_cid_form_is_the_same():
    made = "b" + base64.b32encode(b"\x01\x72" + PEER_OCTETS).decode().lower().rstrip("=")
    assert peer_id_octets(made) == PEER_OCTETS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "b",
        "bafz",
        "b!!",
        "b" * 200,
        "1" * 64,
        "1" * 65,
        "0OIl",
        PEER[:-1],
        PEER + "1",
        PEER.lower(),
        "b\u00e9",
        "b\udcff",
    ],
)
def test_another_peer_id_is_refused(text):
    with pytest.raises(UsageError):
        peer_id_octets(text)


@pytest.mark.parametrize(
    "octets", [b"", PEER_OCTETS[:-1], PEER_OCTETS + b"\x00", b"\x12\x20" + bytes(32), bytes(38)]
)
def test_other_octets_are_no_peer_id(octets):
    with pytest.raises(UsageError):
        peer_id_text(octets)
