"""Which share of ours is meant, and what is told of it: for ``ls``, ``link list`` and others.

Spec: CLI.md, ``ls`` and ``link``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.content.link import SCHEME, Link
from peertransfer.errors import NotFoundError
from peertransfer.service.facts import earliest_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.store.links import StoredLink
    from peertransfer.store.shares import ShareSummary


def cid_of(ref: str, shares: Sequence[ShareSummary]) -> str:
    """Return the manifest CID of the own share that ``ref`` names: a CID, a title or a link.

    Raises:
        NotFoundError: none, or several of that title.
    """
    if ref.startswith(SCHEME):
        return str(Link.parse(ref).manifest_cid)
    found = [one for one in shares if ref in {one.manifest_cid, one.title}]
    if len(found) != 1:
        why = "is the title of several shares" if found else "is none of this node's shares"
        raise NotFoundError(f"{ref!r} {why}", "List them, and name one by its CID: peertransfer ls")
    return found[0].manifest_cid


def described_link(link: StoredLink, now: int, share_expires_at: int = 0) -> dict[str, object]:
    """Return what is told of a link at ``now`` (Unix seconds); its secret is not."""
    until = earliest_end(link.expires_at, share_expires_at)
    return {
        "name": link.name,
        "manifest_cid": link.manifest_cid,
        "created_at": link.created_at,
        "expires_at": until,
        "ended": bool(link.ended_at),
        "expired": bool(until) and now >= until,
    }


def described_links(
    links: Sequence[StoredLink], shares: Sequence[ShareSummary], now: int
) -> list[dict[str, object]]:
    """Return what ``link list`` tells."""
    ends = {one.manifest_cid: one.expires_at for one in shares}
    return [described_link(one, now, ends.get(one.manifest_cid, 0)) for one in links]


def described_own_shares(
    shares: Sequence[ShareSummary], links: Sequence[StoredLink], now: int
) -> list[dict[str, object]]:
    """Return what ``ls`` tells of own shares, each with its links."""
    links_of: dict[str, list[StoredLink]] = {}
    for link in links:
        links_of.setdefault(link.manifest_cid, []).append(link)
    return [
        {
            "manifest_cid": one.manifest_cid,
            "title": one.title,
            "files": one.file_count,
            "size": one.size,
            "expires_at": one.expires_at,
            "expired": bool(one.expires_at) and now >= one.expires_at,
            "files_changed": one.stale_count,
            "links": described_links(links_of.get(one.manifest_cid, []), [one], now),
        }
        for one in shares
    ]
