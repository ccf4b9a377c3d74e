"""What py-libp2p 0.8.1 really does: each test fails when an upgrade changes a fact that our code rests on.

A failure is no bug of ours: it says which decision to take again.
"""

import inspect
import struct
from importlib import metadata
from pathlib import Path

import pytest
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.discovery.rendezvous import config as rendezvous
from libp2p.host import basic_host
from libp2p.identity.identify.identify import _mk_identify_protobuf
from libp2p.io.exceptions import IncompleteReadError, MessageTooLarge
from libp2p.io.utils import DEFAULT_RETRY_READ_COUNT, read_exactly
from libp2p.kad_dht import common as kad_common
from libp2p.kad_dht import kad_dht
from libp2p.network import config as network_config
from libp2p.network import swarm
from libp2p.network.auto_connector import AutoConnector
from libp2p.peer.id import ID
from libp2p.security.pnet import psk_conn
from libp2p.stream_muxer.exceptions import MuxedStreamEOF
from libp2p.stream_muxer.yamux import yamux
from libp2p.utils.varint import encode_uvarint, read_delim, read_varint_prefixed_bytes_limited
from multiaddr import Multiaddr

from peertransfer.transport.limits import Limits
from peertransfer.transport.salsa import sodium_function

PEER = ID.from_pubkey(create_new_key_pair(b"p" * 32).public_key)
TWO_TO_THE_40 = encode_uvarint(1 << 40)


class Scripted:
    """A connection whose other side says some octets and then nothing; it notes what it was asked for."""

    is_initiator = False

    def __init__(self, octets, piece=1 << 20):
        self.octets = bytearray(octets)
        self.piece = piece
        self.asked = []
        self.is_closed = False

    async def read(self, n=None):
        self.asked.append(n)
        if not self.octets:
            await trio.sleep_forever()
        size = min(n, self.piece)
        octets = bytes(self.octets[:size])
        del self.octets[:size]
        return octets

    async def write(self, octets):
        await trio.lowlevel.checkpoint()

    async def close(self):
        self.is_closed = True

    def get_remote_address(self):
        return None


def data_frame(stream_id, length, flags=0):
    return struct.pack(yamux.YAMUX_HEADER_FORMAT, 0, yamux.TYPE_DATA, flags, stream_id, length)


# --- dialling and listening ----------------------------------------------------------------------


def test_the_librarys_dial_waits_250_ms_even_when_it_succeeds():
    source = inspect.getsource(swarm.Swarm)
    assert swarm._HAPPY_EYEBALLS_DELAY == 0.25, (
        "the dial's wait changed: is transport/dialing.py still needed?"
    )
    assert "await failed_event.wait()" in source, (
        "the dial no longer waits: is transport/dialing.py still needed?"
    )
    assert source.count("failed_event") == 3, (
        "success may end the wait now: is transport/dialing.py still needed?"
    )


def test_fact_5_idle_sockets_are_kept_for_ten_seconds_and_not_counted_by_address():
    assert network_config.INBOUND_UPGRADE_TIMEOUT == 10.0, "measure fact 5 again"
    assert Limits().handshake_seconds == 5
    source = inspect.getsource(swarm.Swarm)
    assert "self._inbound_limiter = trio.CapacityLimiter" in source, (
        "the library counts inbound sockets in another way: is net/gate.py still needed?"
    )


def test_the_library_dials_on_its_own_at_a_low_watermark_of_zero():
    source = inspect.getsource(AutoConnector.maybe_connect)
    assert "(low_watermark + high_watermark) / 2" in source, (
        "watermarks may turn the library's own dialling off now: drop the override in net/library.py"
    )


def test_the_hooks_that_we_replace_are_still_there():
    for owner, name in (
        (basic_host.BasicHost, "_push_identify_to_all_peers"),
        (basic_host.BasicHost, "_schedule_identify"),
        (basic_host.BasicHost, "_swarm_stream_handler"),
        (swarm.Swarm, "_schedule_auto_connect"),
        (swarm.Swarm, "_schedule_prune"),
        (swarm.Swarm, "add_conn"),
        (yamux.Yamux, "_write_frame"),
        (yamux.Yamux, "_read_data_body"),
        (yamux.Yamux, "_cleanup_on_error"),
        (yamux.Yamux, "accept_stream"),
        (yamux.Yamux, "read_stream"),
    ):
        assert callable(getattr(owner, name, None)), (
            f"{name} is gone: look at net/library.py, transport/muxer.py and transport/muxed_stream.py"
        )


def test_fact_2_a_writer_gives_up_after_five_seconds_without_window():
    source = inspect.getsource(yamux.YamuxStream.write)
    assert "trio.move_on_after(5.0)" in source, "is the wait in transport/muxed_stream.py still needed?"


def test_the_librarys_window_doubles_at_any_quick_read_however_small():
    source = inspect.getsource(yamux.YamuxStream._apply_autotune_epoch)
    assert "bytes_read" not in source, "growth looks at the octets now: is our flow control still needed?"
    assert "rtt * 4" in source, "growth is judged in another way: does Muxer.rtt still turn it off?"


async def test_a_reset_is_told_as_an_end_by_the_librarys_reader():
    muxer = yamux.Yamux(Scripted(b""), PEER)
    with pytest.raises(MuxedStreamEOF):
        await muxer.read_stream(7)  # a stream that a reset has dropped


# --- reading -------------------------------------------------------------------------------------


async def test_fact_3_a_message_in_more_than_a_hundred_pieces_is_given_up():
    assert DEFAULT_RETRY_READ_COUNT == 100
    assert await read_exactly(Scripted(b"x" * 100, piece=1), 100) == b"x" * 100
    is_given_up = False
    try:
        await read_exactly(Scripted(b"x" * 101, piece=1), 101)
    except IncompleteReadError:
        is_given_up = True
    assert is_given_up, "pieces are no longer counted: RawConn in transport/raw.py need not join them"


async def test_fact_4_multistream_asks_the_socket_for_any_length_that_a_stranger_announces():
    reader = Scripted(TWO_TO_THE_40)
    with trio.move_on_after(0.05):
        await read_delim(reader)
    assert reader.asked[-1] == 1 << 40, (
        "lengths are capped now: is the budget of transport/raw.py still needed?"
    )


async def test_a_length_of_two_to_the_40_is_refused_where_there_is_a_limit():
    with pytest.raises(MessageTooLarge):
        await read_varint_prefixed_bytes_limited(Scripted(TWO_TO_THE_40), 1 << 22)


def test_dht_and_rendezvous_messages_are_capped_at_4_mib():
    assert kad_common.MAX_DHT_MESSAGE_SIZE == rendezvous.MAX_MESSAGE_SIZE == 4 << 20
    assert "read_varint_prefixed_bytes_limited(" in inspect.getsource(kad_dht.KadDHT), (
        "the DHT reads without a limit again: do not switch it on"
    )


# --- yamux ---------------------------------------------------------------------------------------


async def test_fact_1_an_overrun_of_the_receive_window_is_kept(nursery):
    size = 3 * yamux.DEFAULT_WINDOW_SIZE
    muxer = yamux.Yamux(Scripted(data_frame(1, size, yamux.FLAG_SYN) + bytes(size)), PEER, is_initiator=False)
    nursery.start_soon(muxer.start)
    with trio.fail_after(3):
        stream = await muxer.accept_stream()
    kept = len(muxer.stream_buffers[stream.stream_id])
    assert kept == size, "the window is enforced now: the overrun guard can go"
    assert not muxer.event_shutting_down.is_set()
    nursery.cancel_scope.cancel()


async def test_an_oversized_yamux_frame_ends_its_connection(nursery):
    conn = Scripted(data_frame(1, yamux.MAX_WINDOW_SIZE + 1, yamux.FLAG_SYN))
    muxer = yamux.Yamux(conn, PEER, is_initiator=False)
    nursery.start_soon(muxer.start)
    with trio.fail_after(3):
        await muxer.event_shutting_down.wait()
    assert all(n is None or n <= yamux.MAX_WINDOW_SIZE for n in conn.asked), "an oversized frame was read"
    nursery.cancel_scope.cancel()


async def test_a_withheld_frame_body_ends_its_connection_and_no_other(autojump_clock, nursery):
    rude = yamux.Yamux(Scripted(data_frame(1, 1000, yamux.FLAG_SYN)), PEER, is_initiator=False)
    honest = yamux.Yamux(Scripted(data_frame(1, 4, yamux.FLAG_SYN) + b"data"), PEER, is_initiator=False)
    nursery.start_soon(rude.start)
    nursery.start_soon(honest.start)
    with trio.fail_after(120):
        await rude.event_shutting_down.wait()
    assert honest.is_established, "a withheld body hurts other connections again"
    assert await (await honest.accept_stream()).read(4) == b"data"
    nursery.cancel_scope.cancel()


# --- privacy -------------------------------------------------------------------------------------


async def test_fact_17_identify_without_announced_addresses_tells_the_raw_ones():
    host = new_host(key_pair=create_new_key_pair(b"h" * 32), announce_addrs=[])
    async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        told = _mk_identify_protobuf(host, None).listen_addrs
        assert told, "an empty list is respected now; our own identify handler stays for its other fields"
        await host.close()


def test_fact_7_the_librarys_private_network_is_off_the_spec():
    assert "os.urandom(8)" in inspect.getsource(psk_conn), (
        "the library's pnet changed: compare it with the spec, transport/pnet.py may go"
    )


# --- what is below -------------------------------------------------------------------------------


def test_libsodiums_streaming_cipher_is_exported_by_pynacl():
    assert sodium_function() is not None, (
        "PyNaCl hides the symbol now: private networks run at half the speed"
    )


def test_libp2p_still_pins_the_fastecdsa_that_is_overridden():
    assert any(one.startswith("fastecdsa==2.3.2") for one in metadata.requires("libp2p")), (
        "libp2p's pin changed: drop requirements/overrides.txt and its record"
    )
    overrides = Path(__file__).parents[2] / "requirements" / "overrides.txt"
    assert f"fastecdsa=={metadata.version('fastecdsa')}" in overrides.read_text(encoding="utf-8").splitlines()
