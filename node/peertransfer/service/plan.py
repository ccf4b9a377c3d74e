"""What is behind a link, and where would it go? From verified openings to names below one root.

It fetches nothing and touches no disk (``service.getting``, ``store``). Every name is a peer's and is
judged by ``content.names``; entries whose name is hidden get a neutral one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peertransfer.content.cid import Cid
from peertransfer.content.names import check_folder, check_segment, fold, neutral_name
from peertransfer.errors import RemoteProtocolError, UsageError
from peertransfer.policy.globs import PathGlob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from peertransfer.content.commitment import SlotValue


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """One entry of somebody's share, as far as it was opened for us."""

    index: int
    kind: str
    """``file`` or ``folder``."""
    path: tuple[str, ...]
    """Names below the share's root, each one checked."""
    root: Cid | None
    """Root of the file's DAG; ``None`` where it is a folder, or hidden."""
    size: int | None
    """Octets as the provider says; what the DAG says is what counts."""
    executable: bool

    @property
    def text(self) -> str:
        """The path as a person writes it."""
        return "/".join(self.path)


def remote_entry(index: int, values: Mapping[str, SlotValue]) -> RemoteEntry:
    """Read one entry's open slots.

    Raises:
        RemoteProtocolError: a name that can't be used, or a CID that is none.
    """
    kind = values.get("kind", "file")
    if kind not in {"file", "folder"}:
        raise RemoteProtocolError("an entry is neither a file nor a folder")
    name = values.get("name")
    folder = values.get("folder")
    names = check_folder(folder) if isinstance(folder, str) else ()
    last = check_segment(name) if isinstance(name, str) else neutral_name(index)
    content = values.get("content")
    size = values.get("size")
    return RemoteEntry(
        index,
        str(kind),
        (*names, last),
        _cid(content) if isinstance(content, bytes) else None,
        size if isinstance(size, int) else None,
        executable=values.get("executable") is True,
    )


def check_twins(entries: Iterable[RemoteEntry]) -> None:
    """Refuse a share in which two entries would be one file, or a file would be a folder.

    Raises:
        RemoteProtocolError: such a share, by the names.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for entry in entries:
        key = fold(entry.text)
        if entry.kind == "file":
            if key in files:
                raise RemoteProtocolError(f"two entries of the share are named {entry.text!r}")
            files[key] = entry.text
        for depth in range(1, len(entry.path) + (entry.kind == "folder")):
            folder = "/".join(entry.path[:depth])
            if folders.setdefault(fold(folder), folder) != folder:
                raise RemoteProtocolError(f"two folders of the share are named {folder!r}")
    both = files.keys() & folders.keys()
    if both:
        raise RemoteProtocolError(f"an entry of the share is a file and a folder: {files[min(both)]!r}")


def select(entries: Sequence[RemoteEntry], globs: Sequence[str]) -> list[RemoteEntry]:
    """Return the entries that any of ``globs`` matches; all of them where there is none.

    Raises:
        UsageError: the globs match nothing.
    """
    if not globs:
        return list(entries)
    patterns = [PathGlob(glob) for glob in globs]
    chosen = [entry for entry in entries if any(one.covers(entry.text) for one in patterns)]
    if not chosen:
        raise UsageError(
            "Nothing in this share matches --select", "Look what is in it with: peertransfer ls LINK"
        )
    return chosen


def _cid(octets: bytes) -> Cid:
    try:
        return Cid.from_bytes(octets)
    except UsageError as exc:
        raise RemoteProtocolError("an entry's content is not a CID") from exc
