"""What is behind a link, and where would it go? From verified openings to names below one root.

It fetches nothing and touches no disk (``service.getting``, ``store``). Every name is a peer's and is
judged by ``content.names``; entries whose name is hidden get a neutral one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peertransfer.content.cid import Cid
from peertransfer.content.names import check_folder, check_path, check_segment, display, neutral_name
from peertransfer.errors import RemoteProtocolError, UsageError
from peertransfer.policy.globs import PathGlob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from peertransfer.content.commitment import SlotValue


DESCRIBING = ("mtime", "media_type", "labels", "extension", "size_class", "mtime_day", "mtime_month")


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
    executable: bool | None
    """``None`` where it is a folder, or hidden."""
    told: Mapping[str, SlotValue] = field(default_factory=dict)
    """Values of the opened slots that only describe it (``DESCRIBING``), for people."""

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
    executable = values.get("executable")
    return RemoteEntry(
        index,
        str(kind),
        check_path((*names, last)),
        _cid(content) if isinstance(content, bytes) else None,
        size if isinstance(size, int) else None,
        executable=executable if isinstance(executable, bool) else None,
        told={slot: values[slot] for slot in DESCRIBING if values.get(slot) is not None},
    )


def check_twins(entries: Iterable[RemoteEntry]) -> None:
    """Refuse a share in which two entries have one path, or a file is a folder as well.

    Names that are one only on some file systems (case, Unicode form) are judged where they would be placed
    (``store.survey``).

    Raises:
        RemoteProtocolError: such a share, by the name.
    """
    files: set[str] = set()
    folders: set[str] = set()
    for entry in entries:
        is_file = entry.kind == "file"
        if is_file and entry.text in files:
            raise RemoteProtocolError(f"two entries of the share are named {display(entry.text)!r}")
        if is_file:
            files.add(entry.text)
        depths = range(1, len(entry.path) + (not is_file))
        folders.update("/".join(entry.path[:depth]) for depth in depths)
    if files & folders:
        raise RemoteProtocolError(
            f"an entry of the share is file and folder: {display(min(files & folders))!r}"
        )


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
