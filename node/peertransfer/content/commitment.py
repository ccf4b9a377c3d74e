"""Salted commitments of slots, and the openings that show them.

``commitment = H(len domain, domain, len slot, slot, salt, value)``; an absent value is committed like any
other. An entry's digest is the hash of its commitments in slot order, so that each slot can be shown or
hidden by itself. Spec: docs/protocol.md, "Commitments"; the idea is that of SD-JWT (RFC 9901).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from peertransfer.content.opening import EntryOpening, HiddenSlot, OpenSlot, ShareOpening, SlotOpening
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS, SLOT_TYPES
from peertransfer.errors import IntegrityError, LocalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peertransfer.content.cid import HashFunction

SlotValue: TypeAlias = bool | int | str | bytes | tuple[str, ...] | None

COMMITMENT_DOMAIN = b"peertransfer/commitment/1"
ENTRY_DOMAIN = b"peertransfer/entry/1"
SHARE_DOMAIN = b"peertransfer/share/1"
SALT_DOMAIN = b"peertransfer/salt/1"
SALT_SIZE = 16
SEED_SIZE = 32
COMMITMENT_SIZE = 32
MAX_VALUE_SIZE = 8192
"""Octets of one value."""
SHARE_SCOPE = 0xFFFFFFFF
"""The scope of the share's own slots; an entry's scope is its ordinal."""

MAX_INTEGER = (1 << 63) - 1
"""Beyond it no file system or database takes a size or a time."""

_ABSENT = b"\x00"
_HINT = "It must be text in UTF-8, or a number from 0 on."
_INTEGER_SIZE = 8


def encode_value(slot: str, value: SlotValue) -> bytes:
    """Return the canonical octets of a value of ``slot``: a tag octet and the value.

    Raises:
        UsageError: the person gave what no getter would take: too long, not text, out of range.
        LocalError: the value is not of the slot's type; our own bug.
    """
    if value is not None and type(value) is not SLOT_TYPES[slot]:
        raise LocalError(f"The slot {slot} was given a value of another type")
    try:
        octets = _encode(value)
    except (UnicodeEncodeError, OverflowError) as exc:
        raise UsageError(f"The {slot} of the share or of a file in it can't be told", _HINT) from exc
    if len(octets) > MAX_VALUE_SIZE:
        raise UsageError(f"The {slot} is longer than {MAX_VALUE_SIZE - 1} octets", "Shorten it.")
    return octets


def _encode(value: SlotValue) -> bytes:
    if value is None:
        return _ABSENT
    if isinstance(value, bool):
        return b"\x01\x01" if value else b"\x01\x00"
    if isinstance(value, int):
        if value > MAX_INTEGER:
            raise OverflowError(value)
        return b"\x02" + value.to_bytes(_INTEGER_SIZE)
    if isinstance(value, str):
        return b"\x03" + value.encode()
    if isinstance(value, bytes):
        return b"\x04" + value
    texts = sorted(text.encode() for text in value)
    return b"\x05" + b"".join(len(text).to_bytes(2) + text for text in texts)


def decode_value(slot: str, octets: bytes) -> SlotValue:
    """Read the canonical octets of a value of ``slot``.

    Raises:
        IntegrityError: not canonical, too long, or not of the slot's type.
    """
    if len(octets) > MAX_VALUE_SIZE:
        raise IntegrityError(f"the value of slot {slot} is too long")
    try:
        value = _decode(octets)
    except (ValueError, IndexError) as exc:
        raise IntegrityError(f"the value of slot {slot} is malformed") from exc
    if value is not None and type(value) is not SLOT_TYPES[slot]:
        raise IntegrityError(f"the value of slot {slot} is of another type")
    if _encode(value) != octets:
        raise IntegrityError(f"the value of slot {slot} is not canonical")
    return value


def _decode(octets: bytes) -> SlotValue:
    tag, body = octets[0], octets[1:]
    match tag:
        case 0:
            return None
        case 1:
            return body == b"\x01"
        case 2:
            if len(body) != _INTEGER_SIZE or body[0] & 0x80:  # over MAX_INTEGER
                raise ValueError(tag)
            return int.from_bytes(body)
        case 3:
            return body.decode()
        case 4:
            return body
        case 5:
            return _decode_texts(body)
        case _:
            raise ValueError(tag)


def _decode_texts(body: bytes) -> tuple[str, ...]:
    texts = []
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 2])
        texts.append(body[at + 2 : at + 2 + length].decode())
        at += 2 + length
    return tuple(texts)


def slot_salts(seed: bytes, scope: int, slots: Sequence[str]) -> tuple[bytes, ...]:
    """Derive the salts of all ``slots`` of one scope.

    Args:
        seed: 32 octets, one for each share; destroying it ends all openings.
        scope: the ordinal of an entry, or ``SHARE_SCOPE``.
        slots: in slot order.
    """
    octets = HKDF(SHA256(), SALT_SIZE * len(slots), None, SALT_DOMAIN + scope.to_bytes(4)).derive(seed)
    return tuple(octets[index * SALT_SIZE : (index + 1) * SALT_SIZE] for index in range(len(slots)))


def commit(hash_function: HashFunction, slot: str, salt: bytes, value: bytes) -> bytes:
    """Commit to the canonical octets ``value``; 32 octets."""
    return hash_function.digest(_prefix(slot) + salt + value)


@lru_cache(maxsize=64)  # a share of ten thousand files has a hundred thousand slots, of a few names
def _prefix(slot: str) -> bytes:
    name = slot.encode()
    return bytes((len(COMMITMENT_DOMAIN),)) + COMMITMENT_DOMAIN + bytes((len(name),)) + name


def hide(hash_function: HashFunction, slot: OpenSlot) -> HiddenSlot:
    """Return the bare commitment of an open slot."""
    return HiddenSlot(slot.slot, commit(hash_function, slot.slot, slot.salt, slot.value))


def entry_digest(hash_function: HashFunction, commitments: Sequence[bytes]) -> bytes:
    """Hash an entry's commitments, in slot order."""
    return hash_function.digest(ENTRY_DOMAIN + b"".join(commitments))


def share_digest(hash_function: HashFunction, commitments: Sequence[bytes]) -> bytes:
    """Hash the share's own commitments, in slot order."""
    return hash_function.digest(SHARE_DOMAIN + b"".join(commitments))


def open_entry(opening: EntryOpening, digest: bytes, hash_function: HashFunction) -> Mapping[str, SlotValue]:
    """Check an entry's opening against its digest and return the values of the open slots.

    Raises:
        IntegrityError: it does not match, or a value is malformed.
    """
    commitments = _commitments(opening.slots, ENTRY_SLOTS, hash_function)
    if entry_digest(hash_function, commitments) != digest:
        raise IntegrityError("an opening does not match its entry's digest", "Get it from another provider.")
    return _values(opening.slots)


def open_share(opening: ShareOpening, digest: bytes, hash_function: HashFunction) -> Mapping[str, SlotValue]:
    """Check the share's own opening against its digest and return the values of the open slots.

    Raises:
        IntegrityError: it does not match, or a value is malformed.
    """
    commitments = _commitments(opening.slots, SHARE_SLOTS, hash_function)
    if share_digest(hash_function, commitments) != digest:
        raise IntegrityError("an opening does not match the share's digest", "Get it from another provider.")
    return _values(opening.slots)


def _commitments(
    slots: Sequence[SlotOpening], names: Sequence[str], hash_function: HashFunction
) -> list[bytes]:
    if [slot.slot for slot in slots] != list(names):
        raise IntegrityError("an opening has not the slots that it must have")
    return [_commitment(hash_function, slot) for slot in slots]


def _commitment(hash_function: HashFunction, slot: SlotOpening) -> bytes:
    # Salt and value stand in the hash without a length between them, and commitments side by side: were
    # another length taken, octets could be moved from one to the next, and one commitment opened twice.
    if isinstance(slot, HiddenSlot):
        if len(slot.commitment) != COMMITMENT_SIZE:
            raise IntegrityError("a commitment has not the length that it must have")
        return slot.commitment
    if len(slot.salt) != SALT_SIZE:
        raise IntegrityError("a salt has not the length that it must have")
    return commit(hash_function, slot.slot, slot.salt, slot.value)


def _values(slots: Sequence[SlotOpening]) -> Mapping[str, SlotValue]:
    return {slot.slot: decode_value(slot.slot, slot.value) for slot in slots if isinstance(slot, OpenSlot)}
