"""Which shares and entries are meant by these words of ``items``?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from peertransfer.policy.globs import PathGlob
from peertransfer.policy.items import ItemPattern, Span
from peertransfer.policy.quantities import AGE_MEND, SIZE_MEND, parse_age, parse_size
from peertransfer.policy.words import hint, quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from peertransfer.policy.reader import TableReader

ITEM_WORDS: Final = ("share:", "label:", "path:", "media:", "smaller:", "larger:", "newer:", "older:")
"""The words of ``items``; after the colon comes a CID, a label, a glob, a size or an age."""
CID: Final = re.compile(r"b[a-z2-7]+")
"""The one form in which this program writes a CID; another one would never match."""
_MEDIA: Final = re.compile(r"[a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+")
_NO_GLOB: Final = frozenset("[]{}\\")
"""Characters of other languages of patterns: whoever writes one means something else."""


def parse_items(reader: TableReader, words: Collection[str]) -> ItemPattern:
    """Return what ``words`` mean: those of one kind are alternatives, the kinds narrow each other."""
    of: dict[str, list[str]] = {one[:-1]: [] for one in ITEM_WORDS}
    for word in words:
        kind, colon, value = word.partition(":")
        if kind + colon not in ITEM_WORDS or not value:
            reader.fail(("items",), word, f"unknown item {quoted(word)}", hint(kind + ":", ITEM_WORDS))
        of[kind].append(value)
    for cid in of["share"]:
        check_cid(reader, "items", cid)
    return ItemPattern(
        frozenset(of["share"]),
        frozenset(of["label"]),
        tuple(_path(reader, glob) for glob in of["path"]),
        tuple(_media(reader, glob) for glob in of["media"]),
        _span(reader, of, ("larger", "smaller"), "size"),
        _span(reader, of, ("older", "newer"), "age"),
    )


def check_cid(reader: TableReader, key: str, cid: str) -> None:
    """Refuse what no share of this program is called."""
    if not CID.fullmatch(cid):
        word = f"share:{cid}"
        reader.fail((key,), word, f"{quoted(word)} names nothing", "write the ID as `ls` prints it")


def _path(reader: TableReader, glob: str) -> PathGlob:
    word = f"path:{glob}"
    segments = glob.split("/")
    if any(segment in {"", ".", ".."} for segment in segments):
        mend = "a path starts below the share's root and has no empty segment, . or .."
        reader.fail(("items",), word, f"no path in a share matches {quoted(glob)}", mend)
    if any("**" in segment and segment != "**" for segment in segments):
        mend = "write ** between slashes for any number of folders, as in docs/**/*.txt"
        reader.fail(("items",), word, f"{quoted(glob)} has a ** that is no folder", mend)
    strange = next((one for one in glob if one in _NO_GLOB), None)
    if strange:
        mend = f"only *, ? and ** have a meaning; where a name holds {strange}, write ? for it"
        reader.fail(("items",), word, f"{quoted(strange)} means nothing in the glob {quoted(glob)}", mend)
    return PathGlob(glob)


def _media(reader: TableReader, glob: str) -> PathGlob:
    if not _MEDIA.fullmatch(glob.lower()) or "**" in glob:
        mend = "write type/subtype, where * stands for any characters, as in image/*"
        reader.fail(("items",), f"media:{glob}", f"{quoted(glob)} is no media type", mend)
    return PathGlob(glob.lower())


def _span(reader: TableReader, of: dict[str, list[str]], kinds: tuple[str, str], what: str) -> Span:
    """Return the span from the least of the first kind of words to the greatest of the second."""
    least, end = ([_number(reader, kind, value, what) for value in of[kind]] for kind in kinds)
    span = Span(min(least, default=0), max(end, default=None))
    if span.is_empty:
        word = f"{kinds[1]}:{of[kinds[1]][0]}"
        what = f"no {what} is both {_told(of, kinds[0])} and {_told(of, kinds[1])}"
        reader.fail(("items",), word, what, f'"{kinds[1]}:" must say more than "{kinds[0]}:"')
    return span


def _told(of: dict[str, list[str]], kind: str) -> str:
    return quoted(f"{kind}:{of[kind][0]}") if of[kind] else "something"


def _number(reader: TableReader, kind: str, value: str, what: str) -> int:
    number = parse_size(value) if what == "size" else parse_age(value)
    if number is None:
        mend = SIZE_MEND if what == "size" else AGE_MEND
        reader.fail(("items",), f"{kind}:{value}", f"{quoted(value)} is no {what}", mend)
    return number
