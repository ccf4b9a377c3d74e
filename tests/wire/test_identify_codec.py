"""Identify: only what was let out goes out, and what is over a limit does not come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kad_kit import sealed

from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import OnePeer
from peertransfer.errors import LocalProtocolError, RemoteProtocolError
from peertransfer.wire import identify_codec as codec
from peertransfer.wire.framing import FrameReader
from peertransfer.wire.identify_codec import IdentifyMessage, decode_identify, encode_identify
from peertransfer.wire.v1 import identify_pb2 as pb

ASKER = OnePeer("12D3asker")
OTHER = OnePeer("12D3other")
NOTHING = IdentifyMessage((), (), None, "")


def addresses(*listen, observed=None, audience=ASKER):
    return sealed(v.AddressesView(tuple(listen), observed), audience)


def protocols(*ids, audience=ASKER):
    return sealed(v.ProtocolsView(ids), audience)


def agent(version=None, protocol=None, audience=ASKER):
    return sealed(v.AgentView(version, protocol), audience)


def octets_of(frame):
    """Return the message without its length, which must be that of the whole frame."""
    reader = FrameReader(codec.MAX_IDENTIFY)
    reader.receive_data(frame.head)
    octets = bytes(reader.next_frame())
    assert reader.next_frame() is None
    assert frame.body == ()
    return octets


# --- out -----------------------------------------------------------------------------------------


def test_where_nothing_was_let_out_there_is_nothing_to_send():
    assert encode_identify(None, None, None) is None


def test_private_addresses_are_said_in_the_place_of_the_full_ones():
    view = v.AddressesView(private_addrs=(b"private",))
    message = decode_identify(octets_of(encode_identify(sealed(view, ASKER), None, None)))
    assert message.listen_addrs == (b"private",)
    both = v.AddressesView((b"public", b"private"), private_addrs=(b"private",))
    message = decode_identify(octets_of(encode_identify(sealed(both, ASKER), None, None)))
    assert message.listen_addrs == (b"public", b"private")


def test_all_that_was_let_out_is_said():
    frame = encode_identify(
        addresses(b"one", b"two", observed=b"seen"), protocols("/a/1", "/b/1"), agent("pt", "ipfs/0.1.0")
    )
    assert frame.audience == ASKER
    assert decode_identify(octets_of(frame)) == IdentifyMessage(
        (b"one", b"two"), ("/a/1", "/b/1"), b"seen", "pt"
    )
    assert pb.Identify.FromString(octets_of(frame)).protocol_version == "ipfs/0.1.0"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((addresses(b"one"), None, None), IdentifyMessage((b"one",), (), None, "")),
        ((None, protocols("/a"), None), IdentifyMessage((), ("/a",), None, "")),
        ((None, None, agent("pt")), IdentifyMessage((), (), None, "pt")),
    ],
    ids=["addresses", "protocols", "agent"],
)
def test_one_part_says_nothing_of_the_others(parts, said):
    octets = octets_of(encode_identify(*parts))
    assert decode_identify(octets) == said
    assert len(pb.Identify.FromString(octets).ListFields()) == 1


def test_a_view_whose_fields_were_all_withheld_says_nothing():
    assert octets_of(encode_identify(addresses(), protocols(), agent())) == b""


def test_no_signed_record_is_ever_sent_and_a_key_only_where_it_is_given():
    frame = encode_identify(addresses(b"one", observed=b"seen"), protocols("/a"), agent("pt", "p"))
    sent = {field.name for field, _ in pb.Identify.FromString(octets_of(frame)).ListFields()}
    assert sent == {"listen_addrs", "observed_addr", "protocols", "agent_version", "protocol_version"}


@pytest.mark.parametrize(
    "parts",
    [
        (addresses(audience=OTHER), protocols(), agent()),
        (addresses(), protocols(audience=OTHER), agent()),
        (addresses(), protocols(), agent(audience=OTHER)),
        (None, protocols(), agent(audience=OTHER)),
    ],
)
def test_parts_for_different_peers_are_refused(parts):
    with pytest.raises(LocalProtocolError, match="different peers"):
        encode_identify(*parts)


# --- in ------------------------------------------------------------------------------------------

few_octets = st.binary(min_size=1, max_size=codec.MAX_ADDR_SIZE)


@given(
    listen=st.lists(few_octets, max_size=codec.MAX_ADDRS),
    ids=st.lists(st.text(min_size=1, max_size=60), max_size=codec.MAX_PROTOCOLS),
    observed=st.none() | few_octets,
    version=st.text(min_size=1, max_size=256),
)
def test_what_was_sent_is_read(listen, ids, observed, version):
    frame = encode_identify(addresses(*listen, observed=observed), protocols(*ids), agent(version))
    octets = frame.head[2 if len(frame.head) > 129 else 1 :]
    if len(octets) <= codec.MAX_IDENTIFY:
        assert decode_identify(octets) == IdentifyMessage(tuple(listen), tuple(ids), observed, version)


def test_a_message_of_nothing_says_nothing():
    assert decode_identify(b"") == NOTHING


def test_only_the_first_addresses_and_protocols_are_kept():
    message = pb.Identify(
        listen_addrs=[b"a%d" % n for n in range(200)], protocols=[f"/{n}" for n in range(200)]
    )
    said = decode_identify(message.SerializeToString())
    assert said.listen_addrs == tuple(b"a%d" % n for n in range(codec.MAX_ADDRS))
    assert said.protocol_ids == tuple(f"/{n}" for n in range(codec.MAX_PROTOCOLS))


def test_an_empty_or_over_long_address_is_left_out():
    longest = b"a" * codec.MAX_ADDR_SIZE
    message = pb.Identify(listen_addrs=[b"", longest, longest + b"a"])
    assert decode_identify(message.SerializeToString()).listen_addrs == (longest,)


def test_an_over_long_protocol_is_left_out():
    longest = "p" * codec.MAX_PROTOCOL_SIZE
    message = pb.Identify(protocols=[longest + "p", longest])
    assert decode_identify(message.SerializeToString()).protocol_ids == (longest,)


def test_an_over_long_agent_and_observed_address_are_cut():
    said = decode_identify(
        pb.Identify(agent_version="a" * 1000, observed_addr=b"o" * 1000).SerializeToString()
    )
    assert said.agent_version == "a" * 256
    assert said.observed_addr == b"o" * codec.MAX_ADDR_SIZE


def test_a_message_over_its_limit_is_refused_and_one_at_it_is_read():
    full = pb.Identify(agent_version="a" * (codec.MAX_IDENTIFY - 3)).SerializeToString()
    assert len(full) == codec.MAX_IDENTIFY
    assert decode_identify(full).agent_version == "a" * 256
    with pytest.raises(RemoteProtocolError, match="limit"):
        decode_identify(full + b"\x00")


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets):
    try:
        said = decode_identify(octets)
    except RemoteProtocolError:
        return
    assert isinstance(said, IdentifyMessage)


@pytest.mark.parametrize("octets", [b"\x0a", b"\x12\xff\xff\xff\xff\x0f", b"\x1a\x02\xff\xfe"])
def test_malformed_octets_are_refused(octets):
    with pytest.raises(RemoteProtocolError):
        decode_identify(octets)
