"""What is there to share below these paths, and what is left out?

It reads no file's octets (``store.importing``). Symbolic links and special files are listed as skipped,
never followed; so is the home of a node, this one's or another's: keys and links are in it. A name that
could not be rebuilt elsewhere is refused by name. Blocking.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from peertransfer.content.manifest import MAX_ENTRIES
from peertransfer.content.names import MAX_DEPTH, MAX_PATH_SIZE, display, reason_against
from peertransfer.errors import SourceError
from peertransfer.store.home import HOME_NAMES
from peertransfer.store.placing import PARTIAL_FOLDER
from peertransfer.store.shares import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

MAX_NAMED = 10
"""Names that can't travel and are listed in the error."""

_SPECIAL = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """A file or an empty folder."""

    source: Source
    path: tuple[str, ...]
    """Names below the source's folder."""
    is_file: bool
    size: int
    """Octets at the time of the look; 0 for a folder."""

    @property
    def where(self) -> str:
        """The absolute path, for the person."""
        return str(self.source.folder.joinpath(*self.path))


@dataclass(slots=True)
class Scan:
    """All that was found."""

    title: str
    sources: list[Source] = field(default_factory=list)
    entries: list[FoundEntry] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Absolute path and reason."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Absolute path of each name that can't travel, and why."""


def scan(paths: Sequence[Path]) -> Scan:
    """Look at everything below ``paths``, in the order of the names.

    Raises:
        SourceError: a path that is missing, unreadable or a link, or names that can't travel, all at once.
    """
    absolute = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - links are refused, not resolved
    if not absolute:
        raise SourceError("There is nothing to share", "Name a file or a folder.")
    title = absolute[0].name or "files"
    found = Scan(title if len(absolute) == 1 else f"{len(absolute)} items")
    tops: dict[str, Path] = {}
    for path in absolute:
        other = tops.setdefault(path.name, path)
        if other is not path:
            raise SourceError(
                f"{other} and {path} have the same name", "Share them apart, or rename one.", path=str(path)
            )
        _scan_path(found, path, alone=len(absolute) == 1)
    if found.refused:
        raise _refusal(found.refused)
    if found.skipped and not found.entries:
        raise SourceError(
            f"There is nothing to share in {absolute[0]}: {found.skipped[0][1]} is not followed",
            "Name what it points to.",
            path=str(absolute[0]),
        )
    return found


def unreadable(path: str, exc: OSError) -> SourceError:
    """Return the error for what can't be read."""
    if isinstance(exc, FileNotFoundError):
        return SourceError(f"There is nothing at {path}", "Look at the path's spelling.", path=path)
    hint = "Give yourself the right to read it (chmod u+r), or move it elsewhere."
    return SourceError(f"{path} can't be read: {exc.strerror}", hint, path=path)


def changed(path: str) -> SourceError:
    """Return the error for a file that changed while it was read."""
    return SourceError(
        f"{path} changed while it was read", "Share it again when nothing writes to it.", path=path
    )


def _scan_path(found: Scan, path: Path, *, alone: bool) -> None:
    for folder in (path, *path.parents):
        if all(os.path.lexists(folder / name) for name in HOME_NAMES):
            raise SourceError(
                f"{path} is {'' if folder == path else 'in '}the home of a node, where its keys are",
                "Share something else; a home is never shared.",
                path=str(path),
            )
    try:
        mode = path.lstat().st_mode
    except OSError as exc:
        raise unreadable(str(path), exc) from exc
    is_folder = stat.S_ISDIR(mode)
    source = Source("", path) if alone and is_folder else Source(path.name, path.parent)
    found.sources.append(source)
    above = () if source.folder == path else (path.name,)
    _check_name(found, path.name or "files", str(path))
    if not is_folder:
        _take(found, source, above, path.lstat())
        return
    _scan_folder(found, source, above, _open_folder(str(path), str(path)))


def _scan_folder(found: Scan, source: Source, above: tuple[str, ...], fd: int) -> None:
    """Scan an open folder, and close it."""
    where = str(source.folder.joinpath(*above))
    try:
        trio.from_thread.check_cancelled()
        with os.scandir(fd) as listed:
            names = sorted(entry.name for entry in listed)
        if HOME_NAMES.issubset(names):
            found.skipped.append((where, "the home of a node, where its keys are"))
            return
        before = len(found.entries)
        for name in names:
            path = (*above, name)
            if name == PARTIAL_FOLDER:
                found.skipped.append((f"{where}/{name}", "an unfinished transfer"))
                continue
            _check_path(found, path, f"{where}/{name}")
            seen = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISDIR(seen.st_mode):
                _scan_folder(found, source, path, _open_folder(name, f"{where}/{name}", fd))
            else:
                _take(found, source, path, seen)
        if len(found.entries) == before and above:
            _add(found, FoundEntry(source, above, is_file=False, size=0))
    except OSError as exc:
        raise unreadable(where, exc) from exc
    finally:
        os.close(fd)


def _open_folder(name: str, where: str, above: int | None = None) -> int:
    try:
        return os.open(name, FOLDER_FLAGS, dir_fd=above)
    except OSError as exc:
        raise unreadable(where, exc) from exc


def _take(found: Scan, source: Source, path: tuple[str, ...], seen: os.stat_result) -> None:
    if stat.S_ISREG(seen.st_mode):
        _add(found, FoundEntry(source, path, is_file=True, size=seen.st_size))
        return
    reason = next((words for applies, words in _SPECIAL if applies(seen.st_mode)), "a special file")
    found.skipped.append((str(source.folder.joinpath(*path)), reason))


def _add(found: Scan, entry: FoundEntry) -> None:
    if len(found.entries) == MAX_ENTRIES:
        raise SourceError(
            f"There are over {MAX_ENTRIES} files in {entry.source.folder}",
            "Share it in parts, or as an archive.",
        )
    found.entries.append(entry)


def _check_path(found: Scan, path: tuple[str, ...], where: str) -> None:
    if len(path) > MAX_DEPTH:
        raise SourceError(f"{where} is over {MAX_DEPTH} folders deep", "Share it in parts.", path=where)
    _check_name(found, path[-1], where)
    if len(os.fsencode("/".join(path))) > MAX_PATH_SIZE:
        raise SourceError(f"{display(where)} is too long a path", "Share it in parts.", path=where)


def _check_name(found: Scan, name: str, where: str) -> None:
    reason = reason_against(name)
    if reason is not None:
        found.refused.append((where, reason))


def _refusal(refused: Sequence[tuple[str, str]]) -> SourceError:
    (where, reason), *others = refused
    if not others:
        return SourceError(
            f"The name of {display(where, MAX_PATH_SIZE)} can't travel: {reason}",
            "Rename it, or move it elsewhere.",
            path=where,
        )
    named = "; ".join(f"{display(one)} ({why})" for one, why in refused[:MAX_NAMED])
    more = f"; and {len(refused) - MAX_NAMED} more" if len(refused) > MAX_NAMED else ""
    return SourceError(
        f"{len(refused)} names can't travel: {named}{more}",
        "Rename them, or move them elsewhere.",
        path=where,
    )
