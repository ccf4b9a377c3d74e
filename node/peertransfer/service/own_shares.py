"""What is told of own shares and links: to ``ls`` and ``link list``, with and without a running node.

Spec: CLI.md, ``ls`` and ``link``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.store.links import StoredLink
    from peertransfer.store.shares import ShareSummary


def described_link(link: StoredLink, now: int, share_expires_at: int = 0) -> dict[str, object]:
    """Return what is told of a link at ``now`` (Unix seconds); its secret is not."""
    ends = [at for at in (link.expires_at, share_expires_at) if at]
    return {
        "name": link.name,
        "manifest_cid": link.manifest_cid,
        "created_at": link.created_at,
        "expires_at": min(ends, default=0),
        "ended": bool(link.ended_at),
        "expired": bool(ends) and now >= min(ends),
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
