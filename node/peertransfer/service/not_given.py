"""Which files of a share did not come, why, and what is said about it?

It decides nothing: what is hidden is known once the share was loaded (``service.getting``), what is refused
when it is asked for (``service.fetching``). Names are a peer's. Spec: CLI.md ``get``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from peertransfer.content.names import display
from peertransfer.errors import ChangedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.errors import RemoteError

Reason: TypeAlias = Literal["hidden", "changed", "refused"]

MAX_LISTED = 1000
"""Files that are listed to a program; how many there are is told apart."""
MAX_NAMED = 3
"""Files that are named in a sentence."""
_ORDER: tuple[Reason, ...] = ("changed", "refused", "hidden")


@dataclass(frozen=True, slots=True)
class NotGiven:
    """A file that did not come."""

    path: str
    """As a person writes it; neutral where the name is hidden."""
    reason: Reason


def not_given(path: str, error: RemoteError) -> NotGiven:
    """Return what is said about a file that the provider refused when it was asked for."""
    return NotGiven(path, "changed" if isinstance(error, ChangedError) else "refused")


def facts_of(files: Sequence[NotGiven]) -> dict[str, object]:
    """Return what a program is told."""
    listed = [{"path": one.path, "reason": one.reason} for one in files[:MAX_LISTED]]
    return {"not_given": listed, "not_given_count": len(files)}


def refusal_of(files: Sequence[NotGiven], file_count: int, peer_id: str = "") -> RemoteError:
    """Return the error for a ``get`` of which these files did not come.

    Args:
        files: at least one.
        file_count: files that were wanted, these among them.
        peer_id: who did not give them.
    """
    counts = Counter(one.reason for one in files)
    kind = ChangedError if counts["changed"] else RefusedError
    parts = [_sentence(reason, counts[reason]) for reason in _ORDER if counts[reason]]
    names = ", ".join(display(one.path) for one in files[:MAX_NAMED])
    more = f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else ""
    head = f"{len(files)} of {file_count} files" if file_count > 1 else "The file"
    rest = "What else was chosen is in place; ask" if len(files) < file_count else "Ask"
    what = "for a new link" if kind is ChangedError else "to open it for you"
    error = kind(
        f"{head} {' or '.join(parts)}: {names}{more}", f"{rest} whoever shared it {what}.", peer=peer_id
    )
    error.facts = facts_of(files)
    return error


def _sentence(reason: Reason, count: int) -> str:
    verb = "were" if count > 1 else "was"
    if reason == "changed":
        return f"changed since {'they were' if count > 1 else 'it was'} shared"
    return f"{verb} not opened by the provider" if reason == "hidden" else f"{verb} refused by the provider"
