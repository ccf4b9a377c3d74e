"""What a yamux session tells its shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The peer opened a stream."""

    number: int


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Octets came on a stream."""

    number: int
    octets: memoryview


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The peer will send no more on a stream."""

    number: int


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The peer broke a stream off."""

    number: int


@dataclass(frozen=True, slots=True)
class PingAnswered:
    """The peer answered our ping."""

    value: int


@dataclass(frozen=True, slots=True)
class WentAway:
    """The peer takes no new streams and will hang up."""

    code: int


Event: TypeAlias = StreamOpened | DataReceived | StreamEnded | StreamReset | PingAnswered | WentAway
