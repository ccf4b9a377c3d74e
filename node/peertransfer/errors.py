"""What can go wrong, and whose fault it is: the whole error tree.

It does not print, translate foreign errors (``net.translate``) or map wire codes (``wire.codes``).

A message is one sentence for a person; ``hint`` says how to mend it. Facts are attributes, never
parsed from text. Nothing here is ever sent to a peer.
"""

from __future__ import annotations

from typing import ClassVar


class PeertransferError(Exception):
    """Base of all errors of ours; catch it only to report it."""

    code: ClassVar[str] = "error"
    """Stable word for programs (``--json``)."""
    exit_code: ClassVar[int] = 1
    """Exit code of the command line: 0 done, 1 local, 2 usage, 3 unreachable, 4 integrity, 5 refused."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts: dict[str, object] = {}
        """More for programs (``--json``), in the forms of JSON."""


# --- our own caller is wrong ---------------------------------------------------------------------


class LocalError(PeertransferError):
    """Our caller is wrong: fix the call."""

    code = "local"


class LocalProtocolError(LocalError):
    """A machine was asked for something that its state forbids: our bug, fix the shell."""

    code = "local_protocol"


class UsageError(LocalError):
    """The person's input can't be understood (link, invite, multiaddr, option): say what is wrong."""

    code = "usage"
    exit_code = 2


class ConfigError(LocalError):
    """``config.toml`` is wrong at ``line`` of ``file``: mend the file."""

    code = "config"
    exit_code = 2

    def __init__(self, message: str, hint: str = "", *, file: str = "", line: int = 0, key: str = "") -> None:
        super().__init__(message, hint)
        self.file = file
        self.line = line
        self.key = key


class PolicyError(LocalError):
    """``policy.toml`` is wrong at ``line`` of ``file``: mend the file; the old policy stays."""

    code = "policy"
    exit_code = 2

    def __init__(self, message: str, hint: str = "", *, file: str = "", line: int = 0) -> None:
        super().__init__(message, hint)
        self.file = file
        self.line = line


class HomeError(LocalError):
    """The home can't be used (modes, lock, missing, another node): say how to mend it."""

    code = "home"


class ListenError(LocalError):
    """A listen address can't be bound (port in use, no such address): choose another."""

    code = "listen"


class SourceError(LocalError):
    """A file to share can't be read, or changed while it was read: ``path`` says which."""

    code = "source"

    def __init__(self, message: str, hint: str = "", *, path: str = "") -> None:
        super().__init__(message, hint)
        self.path = path


class SourceChangedError(SourceError):
    """A shared file is not what was shared any more: refuse it as changed, and tell its owner."""

    code = "changed"


class ClashError(LocalError):
    """Something differing is already where a received file should go: ``path`` says where."""

    code = "clash"

    def __init__(self, message: str, hint: str = "", *, path: str = "") -> None:
        super().__init__(message, hint)
        self.path = path


class NotFoundError(LocalError):
    """The person named a share, link, network or transfer that this node does not have."""

    code = "not_found"


class CancelledTransferError(LocalError):
    """The person paused or cancelled this transfer; it can be resumed."""

    code = "cancelled"


# --- the peer is wrong ---------------------------------------------------------------------------


class RemoteError(PeertransferError):
    """The peer is wrong: drop the peer, not the node."""

    code = "remote"
    exit_code = 3

    def __init__(self, message: str, hint: str = "", *, peer: str = "") -> None:
        super().__init__(message, hint)
        self.peer = peer


class RemoteProtocolError(RemoteError):
    """The peer sent something malformed, out of order or over a limit: reset the stream."""

    code = "remote_protocol"


class ForeignKeyError(RemoteProtocolError):
    """The peer's identity is of another kind of key than this network's: it needs an Ed25519 one."""

    code = "foreign_key"


class IntegrityError(RemoteError):
    """Octets do not match their digest: ban ``peer`` for this manifest."""

    code = "integrity"
    exit_code = 4


class RefusedError(RemoteError):
    """The peer refused; the reason is coarse on purpose. Do not ask again at once."""

    code = "refused"
    exit_code = 5


class BusyError(RefusedError):
    """The provider has too much to do: ask again later."""


class UnsupportedError(RefusedError):
    """The provider does not know this kind of request: do without it."""


class OutOfRangeError(RefusedError):
    """The request named something that the provider's share does not hold: ask another provider."""


class EndedError(RefusedError):
    """The grant ended while it was used: ask for a new link."""


class ChangedError(RemoteError):
    """The provider's file changed since it was shared: nobody is at fault, ask for a new link."""

    code = "changed"
    exit_code = 5


class InviteError(RemoteError):
    """An invite is expired, used up, revoked or wrongly signed: ask for a new one."""

    code = "invite"
    exit_code = 5


class NetworkKeyError(RemoteError):
    """The peer holds another network key (PSK): check which network this is."""

    code = "network_key"
    exit_code = 5


# --- nobody is wrong -----------------------------------------------------------------------------


class ReachError(PeertransferError):
    """Nobody is wrong, but nobody could be reached: try again later or elsewhere."""

    code = "unreachable"
    exit_code = 3

    def __init__(self, message: str, hint: str = "", *, peer: str = "") -> None:
        super().__init__(message, hint)
        self.peer = peer


class NotInNetworkError(ReachError):
    """The link belongs to a network that this node is not in: join it."""

    code = "not_in_network"


class DialError(ReachError):
    """No address of ``peer`` answered: there is no route to it."""

    code = "no_route"


class OtherPeerError(DialError):
    """Another peer than ``peer`` answers at its address: the link or the address is out of date."""

    code = "other_peer"


class NoProvidersError(ReachError):
    """Nobody is known who provides this content."""

    code = "no_provider"


class PeerTimeoutError(ReachError):
    """``peer`` is connected and silent beyond a deadline."""

    code = "provider_silent"


class StreamLostError(ReachError):
    """The stream or connection to ``peer`` ended in the middle: go on with another."""

    code = "stream_lost"


# --- the disk ------------------------------------------------------------------------------------


class StoreError(PeertransferError):
    """The disk failed or holds something unexpected."""

    code = "store"


class CatalogError(StoreError):
    """The database is corrupt, locked or newer than this program."""

    code = "catalog"


class SpaceError(StoreError):
    """The disk is full, or would be: free some room and run the same command again."""

    code = "space"


# --- our bug -------------------------------------------------------------------------------------


class DisclosureError(PeertransferError):
    """Something undeclared was about to leave: our bug, fatal for the stream, never caught below service."""

    code = "disclosure"


class AudienceMismatchError(DisclosureError):
    """A frame was about to be written to a peer that it was not sealed for."""

    code = "audience_mismatch"


class ForgeryError(DisclosureError):
    """A protected value was constructed past its only constructor."""

    code = "forgery"
