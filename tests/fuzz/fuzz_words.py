"""What a person pastes, and what others put into it: links, invites, keys, addresses, expiries."""

from fuzz_kit import Target, text_of
from membership_vectors import NOW, SEED, key_of
from membership_vectors import text_of as invite_text

from peertransfer.cli.spans import moment_text, parse_expiry, parse_moment
from peertransfer.content.link import Link
from peertransfer.content.names import display
from peertransfer.errors import InviteError, UsageError
from peertransfer.membership.envelope import open_envelope, seal_envelope
from peertransfer.membership.invite import DOMAIN, PAYLOAD_TYPE, read_invite
from peertransfer.membership.psk import format_swarm_key, parse_swarm_key
from peertransfer.service.networks import network_of_invite
from peertransfer.transport.multiaddrs import TcpAddr, peer_id_octets, peer_id_text


def link(octets):
    found = Link.parse(text_of(octets))
    assert Link.parse(str(found)) == found


def invite(octets):
    """An invite as text, and what whoever joins makes of it."""
    _join(text_of(octets))


def signed_invite(octets):
    """An invite whose payload is anything, rightly signed: a stranger has a key as well."""
    _join(invite_text(seal_envelope(key_of(SEED), DOMAIN, PAYLOAD_TYPE, octets)))


def _join(text):
    try:
        read_invite(text, NOW)
    except UsageError as error:
        _check_kept(text, error)
        raise
    network_of_invite(text, NOW)


def _check_kept(secret, error):
    assert len(secret) < 16 or secret not in error.message


def envelope(octets):
    open_envelope(octets, b"example-domain")


def swarm_key(octets):
    key = parse_swarm_key(text_of(octets))
    assert parse_swarm_key(format_swarm_key(key)) == key


def multiaddr(octets):
    found = TcpAddr.parse(text_of(octets))
    assert TcpAddr.parse(str(found)) == found
    _round(found)


def binary_multiaddr(octets):
    found = TcpAddr.from_octets(octets)
    if found is not None:
        _round(found)


def _round(found):
    assert TcpAddr.from_octets(found.to_octets()) == found.bare()


def peer_id(octets):
    found = peer_id_octets(text_of(octets))
    assert peer_id_octets(peer_id_text(found)) == found


def moment(octets):
    """An expiry, or a moment in the past; what comes of it is shown."""
    text = text_of(octets)
    shown = []
    for parse in (parse_expiry, parse_moment):
        try:
            shown.append(moment_text(parse(text, NOW)))
        except UsageError as error:
            display(error.message)


TARGETS = {
    "link": Target(link, (UsageError,), 1024),
    "invite": Target(invite, (UsageError, InviteError), 2048),
    "signed_invite": Target(signed_invite, (UsageError, InviteError), 2048),
    "open_envelope": Target(envelope, (UsageError, InviteError), 2048),
    "swarm_key": Target(swarm_key, (UsageError,), 256),
    "multiaddr": Target(multiaddr, (UsageError,), 520),
    "binary_multiaddr": Target(binary_multiaddr, (), 520),
    "peer_id": Target(peer_id, (UsageError,), 140),
    "moment": Target(moment, (), 64),
}
