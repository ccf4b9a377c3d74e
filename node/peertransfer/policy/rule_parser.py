"""What does one ``[[rule]]`` say? A table of ``tomllib`` to a ``Rule``.

It judges one rule by itself; what concerns the whole file is in ``policy.parse``. A rule that could
never apply as it is written is an error: somebody relies on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from peertransfer.disclosure.views import VIEW_FIELDS, VIEWS
from peertransfer.policy.audience_parser import parse_audience
from peertransfer.policy.budget import Limit
from peertransfer.policy.condition_parser import parse_limit, parse_when_words
from peertransfer.policy.item_parser import parse_items
from peertransfer.policy.items import ItemPattern
from peertransfer.policy.reader import TableReader
from peertransfer.policy.rules import Rule
from peertransfer.policy.when import When
from peertransfer.policy.words import hint, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from peertransfer.policy.lines import Lines

Fields: TypeAlias = "Mapping[str, frozenset[str]]"

RULE_KEYS: Final = ("name", "to", "items", "show", "hide", "when", "limit")
ALL: Final = "*"
"""Every field of a view."""
MAX_NAME: Final = 64

WITH_ITEM: Final = ("provide", "want", "catalogue", "manifest", "openings", "content", "grant")
"""Views that are about a share; a rule with ``items`` can speak of these only."""
WITH_ENTRIES: Final = ("manifest", "openings", "content", "grant")
"""Views of which a rule that chooses entries can speak; manifest and grant are what leads to the entries."""


class RuleParser:
    """Reads the rule at one place of a file."""

    def __init__(self, file: str, lines: Lines, place: int, groups: Collection[str] = ()) -> None:
        self._reader = TableReader(file, lines, "rule", place)
        self._groups = groups
        self._fail = self._reader.fail

    def parse(self, value: object) -> Rule:
        """Return the rule, or raise ``PolicyError`` for the first mistake."""
        table = self._reader.table(value, RULE_KEYS)
        name = self._name(table.get("name"))
        words = self._reader.words(table, "to", "say whom the rule is for")
        to = tuple(parse_audience(self._reader, "to", word, self._groups) for word in words)
        items, when, limit = ItemPattern(), When(), Limit()
        if "items" in table:
            chosen = self._reader.words(table, "items", "leave it out to speak of all items")
            items = parse_items(self._reader, chosen)
        if "when" in table:
            times = self._reader.words(table, "when", "leave it out to speak at all times")
            when = parse_when_words(self._reader, times)
        show = self._effect(table, "show", items)
        hide = self._effect(table, "hide", items)
        if "show" not in table and "hide" not in table:
            self._fail((), None, f"the rule {quoted(name)} does nothing", "give it show, hide or both")
        if "limit" in table:
            limit = parse_limit(self._reader, table["limit"])
            self._check_limit(limit, show)
        return Rule(name, to, items, show, hide, when, limit, self._reader.line)

    def _name(self, value: object) -> str:
        if value is None:
            self._fail((), None, "the rule has no name", 'write: name = "what-it-is-for"')
        if not isinstance(value, str):
            self._fail(("name",), None, '"name" must be a text', 'write: name = "what-it-is-for"')
        if not is_name(value):
            what = f"{quoted(value)} can't be the name of a rule"
            self._fail(("name",), None, what, f"1 to {MAX_NAME} printable characters without a comma")
        return value

    def _effect(self, table: Mapping[str, object], key: str, items: ItemPattern) -> Fields:
        if key not in table:
            return {}
        views = table[key]
        if not isinstance(views, dict):
            what = f'"{key}" must be a table of views'
            self._fail((key,), None, what, f'write: {key} = {{ view = ["field"] }}')
        return {view: self._fields(key, view, value, items) for view, value in views.items()}

    def _fields(self, key: str, view: str, value: object, items: ItemPattern) -> frozenset[str]:
        if view not in VIEW_FIELDS:
            self._fail((key, view), None, f"unknown view {quoted(view)}", hint(view, VIEWS))
        self._check_items(key, view, items)
        words = [ALL] if value == ALL else value
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            what = f'"{view}" must be a list of fields'
            self._fail((key, view), None, what, f'write: {view} = ["..."] or ["*"]')
        valid = VIEW_FIELDS[view]
        for word in words:
            if word != ALL and word not in valid:
                what = f"unknown field {quoted(word)} of the view {view}"
                mend = hint(word, valid) if valid else f"{view} has no fields in this version"
                self._fail((key, view), word, what, mend)
        return _all_fields(view, items) if ALL in words else frozenset(words)

    def _check_items(self, key: str, view: str, items: ItemPattern) -> None:
        if items.is_everything:
            return
        if view not in WITH_ITEM:
            what = f'the view {view} is about no item, so that a rule with "items" can\'t speak of it'
            self._fail((key, view), None, what, "move it into a rule without items")
        if view == "want" and (items.labels or not items.ages.is_all):
            what = "a want is about a share of somebody else, of which no label and no age is known"
            self._fail((key, view), None, what, "choose it by share:")
        if items.narrows_entries and view not in WITH_ENTRIES:
            kind = "path" if items.paths else "media type" if items.media else "size"
            what = f"a {kind} chooses entries, and the view {view} has none"
            self._fail((key, view), None, what, f"move it into a rule without a {kind}")

    def _check_limit(self, limit: Limit, show: Fields) -> None:
        if not any(show.values()):
            self._fail(("limit",), None, "the rule shows nothing that could be limited", "leave limit out")
        if limit.octets_per_day is not None and "content" not in show:
            what = "octets are counted of content, and the rule shows none"
            self._fail(("limit", "octets_per_day"), None, what, 'add: show.content = ["octets"]')
        if limit.items_per_day is not None and not any(view in WITH_ITEM for view in show):
            what = "the rule shows no view that is about an item"
            self._fail(("limit", "items_per_day"), None, what, f"show one of {', '.join(WITH_ITEM)}")


def is_name(text: str) -> bool:
    """Tell whether a rule or group can be called that."""
    is_short = 0 < len(text) <= MAX_NAME
    return is_short and text.isprintable() and text == text.strip() and "," not in text


def _all_fields(view: str, items: ItemPattern) -> frozenset[str]:
    """Return what ``*`` stands for; where entries are chosen, the share's own slots are not meant."""
    every = frozenset(VIEW_FIELDS[view])
    if not items.narrows_entries or view != "openings":
        return every
    return frozenset(name for name in every if not name.startswith("share_"))
