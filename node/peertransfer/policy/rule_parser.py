"""What does one ``[[rule]]`` say? A table of ``tomllib`` to a ``Rule``.

It judges one rule by itself; what concerns the whole file is in ``policy.parse``. A rule that could
never apply as it is written is an error: somebody relies on it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from peertransfer.disclosure.views import VIEW_FIELDS, VIEWS
from peertransfer.errors import PolicyError
from peertransfer.policy.globs import PathGlob
from peertransfer.policy.rules import AudienceKind, AudiencePattern, ItemPattern, Rule
from peertransfer.policy.words import hint, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peertransfer.policy.lines import Lines

Fields: TypeAlias = "Mapping[str, frozenset[str]]"

_KEYS: Final = ("name", "to", "items", "show", "hide")
AUDIENCE_WORDS: Final = (
    "anyone",
    "peer:",
    "members",
    "members:",
    "dht-servers",
    "dht-servers:",
    "link-holders",
    "link:",
)
"""The words of ``to``; after a colon comes an ID or a link's name."""
_ITEMS: Final = ("share:", "label:", "path:")
_ALL: Final = "*"
_MAX_NAME: Final = 64
_MAX_WORD: Final = 1024
"""Characters of an ID, label or glob; a glob's cost grows with its length."""

_WITH_ITEM: Final = ("provide", "want", "catalogue", "manifest", "openings", "content", "grant")
"""Views that are about a share; a rule with ``items`` can speak of these only."""
_WITH_PATH: Final = ("manifest", "openings", "content", "grant")
"""Views of which a rule with a path can speak; manifest and grant are what leads to the entries."""

_FORMS: Final = {
    "peer": re.compile(r"[1-9A-HJ-NP-Za-km-z]+"),
    "share": re.compile(r"b[a-z2-7]+"),
}
"""The one form in which this program writes an ID; another one would never match."""


class RuleParser:
    """Reads the rule at one place of a file."""

    def __init__(self, file: str, lines: Lines, place: int) -> None:
        self._file = file
        self._lines = lines
        self._place = place

    def parse(self, table: object) -> Rule:
        """Return the rule, or raise ``PolicyError`` for the first mistake."""
        if not isinstance(table, dict):
            self._fail((), None, "a rule must be a table", "begin it with: [[rule]]")
        for key in table:
            if key not in _KEYS:
                self._fail((key,), None, f"unknown key {quoted(key)} in a rule", hint(key, _KEYS))
        name = self._name(table.get("name"))
        to = tuple(self._audience(word) for word in self._words(table, "to", "say whom the rule is for"))
        items = self._items(table)
        show = self._effect(table, "show", items)
        hide = self._effect(table, "hide", items)
        if "show" not in table and "hide" not in table:
            self._fail((), None, f"the rule {quoted(name)} does nothing", "give it show, hide or both")
        return Rule(name, to, items, show, hide, self._lines.of_rule(self._place))

    def _name(self, value: object) -> str:
        if value is None:
            self._fail((), None, "the rule has no name", 'write: name = "what-it-is-for"')
        if not isinstance(value, str):
            self._fail(("name",), None, '"name" must be a text', 'write: name = "what-it-is-for"')
        if not (
            0 < len(value) <= _MAX_NAME
            and value.isprintable()
            and value == value.strip()
            and "," not in value
        ):
            self._fail(
                ("name",),
                None,
                f"{quoted(value)} can't be the name of a rule",
                f"1 to {_MAX_NAME} printable characters without a comma",
            )
        return value

    def _words(self, table: Mapping[str, object], key: str, why: str) -> list[str]:
        """Return the list of texts under ``key``, which must be there and hold something."""
        if key not in table:
            self._fail((), None, f'the rule has no "{key}"', why)
        value = table[key]
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self._fail((key,), None, f'"{key}" must be a list of texts', f'write: {key} = ["...", "..."]')
        if not value:
            self._fail((key,), None, f'"{key}" is an empty list', why)
        for word in value:
            if len(word) > _MAX_WORD:
                self._fail((key,), None, f"{quoted(word)} is too long", f"at most {_MAX_WORD} characters")
        return value

    def _audience(self, word: str) -> AudiencePattern:
        kind, colon, identity = word.partition(":")
        if not colon and kind == "link-holders":
            return AudiencePattern(AudienceKind.LINK)
        if not colon and kind in {"anyone", "members", "dht-servers"}:
            return AudiencePattern(AudienceKind(kind))
        if not identity or kind not in {"peer", "members", "dht-servers", "link"}:
            meant = kind + ":" if kind in {"peer", "link"} else word if not colon else kind + colon
            self._fail(("to",), word, f"unknown audience {quoted(word)}", _audience_hint(meant))
        self._check_form("to", word, kind, identity)
        return AudiencePattern(AudienceKind(kind), identity)

    def _items(self, table: Mapping[str, object]) -> ItemPattern:
        if "items" not in table:
            return ItemPattern()
        shares, labels, paths = set[str](), set[str](), list[PathGlob]()
        for word in self._words(table, "items", "leave it out to speak of all items"):
            kind, colon, identity = word.partition(":")
            if kind + colon not in _ITEMS or not identity:
                self._fail(("items",), word, f"unknown item {quoted(word)}", hint(kind + ":", _ITEMS))
            self._check_form("items", word, kind, identity)
            if kind == "share":
                shares.add(identity)
            elif kind == "label":
                labels.add(identity)
            else:
                paths.append(self._glob(word, identity))
        return ItemPattern(frozenset(shares), frozenset(labels), tuple(paths))

    def _glob(self, word: str, glob: str) -> PathGlob:
        if glob.startswith("/") or any(segment in {"", ".", ".."} for segment in glob.split("/")):
            self._fail(
                ("items",),
                word,
                f"no path in a share matches {quoted(glob)}",
                "a path starts below the share's root and has no empty segment, . or ..",
            )
        return PathGlob(glob)

    def _check_form(self, key: str, word: str, kind: str, identity: str) -> None:
        form = _FORMS.get(kind)
        if form and not form.fullmatch(identity):
            where = {"peer": "peers", "share": "ls"}[kind]
            self._fail((key,), word, f"{quoted(word)} names nothing", f"write the ID as `{where}` prints it")

    def _effect(
        self, table: Mapping[str, object], key: str, items: ItemPattern
    ) -> Mapping[str, frozenset[str]]:
        if key not in table:
            return {}
        views = table[key]
        if not isinstance(views, dict):
            self._fail(
                (key,), None, f'"{key}" must be a table of views', f'write: {key} = {{ view = ["field"] }}'
            )
        return {view: self._fields(key, view, value, items) for view, value in views.items()}

    def _fields(self, key: str, view: str, value: object, items: ItemPattern) -> frozenset[str]:
        if view not in VIEW_FIELDS:
            self._fail((key, view), None, f"unknown view {quoted(view)}", hint(view, VIEWS))
        self._check_items(key, view, items)
        words = [_ALL] if value == _ALL else value
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            self._fail(
                (key, view), None, f'"{view}" must be a list of fields', f'write: {view} = ["..."] or ["*"]'
            )
        valid = VIEW_FIELDS[view]
        for word in words:
            if word != _ALL and word not in valid:
                what = f"unknown field {quoted(word)} of the view {view}"
                mend = hint(word, valid) if valid else f"{view} has no fields in this version"
                self._fail((key, view), word, what, mend)
        return _all_fields(view, items) if _ALL in words else frozenset(words)

    def _check_items(self, key: str, view: str, items: ItemPattern) -> None:
        if items.is_everything:
            return
        if view not in _WITH_ITEM:
            what = f'the view {view} is about no item, so that a rule with "items" can\'t speak of it'
            self._fail((key, view), None, what, "move it into a rule without items")
        if items.paths and view not in _WITH_PATH:
            what = f"a path chooses entries, and the view {view} has none"
            self._fail((key, view), None, what, "move it into a rule without a path")

    def _fail(self, keys: tuple[str, ...], value: str | None, what: str, mend: str) -> NoReturn:
        line = self._lines.in_rule(self._place, keys, value)
        raise PolicyError(f"{self._file}:{line}: {what}", mend, file=self._file, line=line)


def _audience_hint(word: str) -> str:
    if word in {"peer:", "link:", "members:", "dht-servers:"}:
        return f"write an ID or name after {quoted(word)}"
    if word in {"anyone:", "link-holders:"}:
        return f"did you mean {quoted(word[:-1])}? It takes no ID"
    return hint(word, AUDIENCE_WORDS)


def _all_fields(view: str, items: ItemPattern) -> frozenset[str]:
    """Return what ``*`` stands for; where a path chooses entries, the share's own slots are not meant."""
    every = frozenset(VIEW_FIELDS[view])
    if not items.paths or view != "openings":
        return every
    return frozenset(name for name in every if not name.startswith("share_"))
