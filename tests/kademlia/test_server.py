"""What is answered, kept and refused."""

import pytest
from kad_kit import addr, key, peer_id, record

from peertransfer.disclosure.views import PeerRecord
from peertransfer.errors import RemoteProtocolError, UnsupportedError
from peertransfer.kademlia.distance import distance
from peertransfer.kademlia.provider_store import ProviderStore
from peertransfer.kademlia.routing_table import RoutingTable
from peertransfer.kademlia.server import KadAnswer, answer
from peertransfer.wire.kad_messages import KadMessage, KadType

OWN = peer_id(0)
ASKER = peer_id(500)
KEY = key(1)
QUESTIONS = [KadType.FIND_NODE, KadType.GET_PROVIDERS]


class Server:
    """Our side of the stream."""

    def __init__(self, *numbers):
        self.table = RoutingTable(OWN, k=100)
        self.store = ProviderStore(OWN)
        for number in numbers:
            self.table.admit(peer_id(number), (addr(number),), 0)

    def ask(self, type_, name=KEY, providers=(), asker=ASKER, now=0):
        return answer(KadMessage(type_, name, (), tuple(providers)), asker, self.table, self.store, now)


def closest(numbers, name=KEY):
    return tuple(record(one) for one in sorted(numbers, key=lambda one: distance(peer_id(one), name)))


@pytest.mark.parametrize("type_", QUESTIONS)
def test_a_question_is_answered_by_the_twenty_closest(type_):
    found = Server(*range(1, 60)).ask(type_)
    assert found == KadAnswer(type_, key(1), closest(range(1, 60))[:20])


@pytest.mark.parametrize("type_", QUESTIONS)
@pytest.mark.parametrize("name", [key(1), ASKER])
def test_the_asker_itself_is_never_named(type_, name):
    found = Server(*range(1, 25), 500).ask(type_, name)
    assert found.closer_peers == closest(range(1, 25), name)[:20]


def test_peers_without_addresses_and_demoted_ones_are_not_named():
    server = Server(1, 2, 3)
    server.table.admit(peer_id(4), (), 0)
    server.table.demote(peer_id(2), 0)
    assert server.ask(KadType.FIND_NODE).closer_peers == closest([1, 3])


def test_asked_for_ourselves_we_say_so_and_name_nineteen_others():
    found = Server(*range(1, 60)).ask(KadType.FIND_NODE, OWN)
    assert found.names_self
    assert found.closer_peers == closest(range(1, 60), OWN)[:19]


def test_a_look_up_of_providers_under_our_peer_id_does_not_name_us():
    assert not Server(1).ask(KadType.GET_PROVIDERS, OWN).names_self


def test_a_peer_of_the_table_that_is_asked_for_comes_first():
    assert Server(*range(1, 60)).ask(KadType.FIND_NODE, peer_id(7)).closer_peers[0] == record(7)


def test_a_provider_that_said_so_is_found():
    server = Server(1, 2)
    assert server.ask(KadType.ADD_PROVIDER, providers=[record(500)]) is None
    found = server.ask(KadType.GET_PROVIDERS, asker=peer_id(7))
    assert found == KadAnswer(KadType.GET_PROVIDERS, key(1), closest([1, 2]), (record(500),))


def test_a_provider_sees_by_its_own_question_that_it_was_heard():
    server = Server()
    server.ask(KadType.ADD_PROVIDER, providers=[record(500)])
    assert server.ask(KadType.GET_PROVIDERS).provider_records == (record(500),)


def test_what_comes_in_our_own_name_is_answered_to_nobody():
    server = Server()
    assert server.ask(KadType.ADD_PROVIDER, providers=[record(0)], asker=OWN) is None
    assert server.ask(KadType.GET_PROVIDERS).provider_records == ()


def test_a_look_up_of_peers_names_no_providers():
    server = Server()
    server.ask(KadType.ADD_PROVIDER, providers=[record(500)])
    assert server.ask(KadType.FIND_NODE).provider_records == ()


def test_a_record_under_another_name_is_refused_with_all_that_came_with_it():
    server = Server()
    with pytest.raises(RemoteProtocolError):
        server.ask(KadType.ADD_PROVIDER, providers=[record(500), record(501)])
    assert server.store.record_count == 0


def test_a_record_that_names_nobody_or_no_address_is_nothing():
    server = Server()
    assert server.ask(KadType.ADD_PROVIDER) is None
    assert server.ask(KadType.ADD_PROVIDER, providers=[PeerRecord(ASKER, ())]) is None
    assert server.store.record_count == 0


@pytest.mark.parametrize("name", [b"", b"\x12", b"\x12\x20", b"\x12\x20short", key(1) + b"!"])
def test_a_record_of_what_is_no_multihash_is_refused(name):
    with pytest.raises(RemoteProtocolError):
        Server().ask(KadType.ADD_PROVIDER, name, [record(500)])


@pytest.mark.parametrize("type_", QUESTIONS)
def test_a_question_without_a_key_is_refused(type_):
    with pytest.raises(RemoteProtocolError):
        Server(1).ask(type_, b"")


@pytest.mark.parametrize("type_", [KadType.PUT_VALUE, KadType.GET_VALUE])
def test_values_are_refused(type_):
    with pytest.raises(UnsupportedError):
        Server(1).ask(type_)


def test_a_ping_is_answered_by_a_ping():
    assert Server(1).ask(KadType.PING, b"") == KadAnswer(KadType.PING, b"")
