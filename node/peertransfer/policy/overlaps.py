"""Which statements say together all that another one shows, wherever and whenever it does?

What is found is certain. What is not found may still be there, where it could not be told.
Spec: docs/policy.md, "Warnings".

Strategy: one statement can only hold another if it stands under a word of ``to``, a share or label and a
first folder that hold one of the other's. Statements are filed under these, so that each meets only a few,
and the comparisons are counted: of very many rules that are all alike, not all are compared.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from peertransfer.policy.covering import covers_items, covers_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from peertransfer.policy.items import ItemPattern
    from peertransfer.policy.statements import Audiences, Statement

MAX_STEPS: Final = 400_000
"""Words and globs that are compared; they take a second at most."""
MAX_PLACES: Final = 64
"""Under how many words, shares, labels and folders one statement is filed; beyond that, all meet it."""
_ANY: Final = ""
_SOMEWHERE: Final = "*"
"""Stands for the first folder of a glob that names none."""


class Overlaps:
    """Statements that could hold others: all of them hide, or all of them show without limit."""

    def __init__(self, statements: Iterable[Statement], audiences: Audiences) -> None:
        self._audiences = audiences
        self._steps_left = MAX_STEPS
        self._filed: dict[tuple[object, ...], list[Statement]] = {}
        for one in statements:
            sides = (one.words, _selectors(one.rule.items), _folders(one.rule.items))
            is_small = len(sides[0]) * len(sides[1]) * len(sides[2]) <= MAX_PLACES
            for key in product(*sides) if is_small else [()]:
                self._filed.setdefault((one.view, one.is_for_servers, *key), []).append(one)

    @property
    def is_complete(self) -> bool:
        """Whether all was compared that could tell anything."""
        return self._steps_left > 0

    def holding(self, shows: Statement) -> list[Statement]:
        """Return statements of which each speaks wherever ``shows`` does, and which name all of its fields.

        The list is empty where there are none. Where statements hold each other, one of them is told to be
        held by none, so that the others could all go together.
        """
        left, found = shows.fields, []
        for one in self._candidates(shows):
            if self._steps_left <= 0:
                break
            if one is not shows and not left.isdisjoint(one.reach) and self._counts(one, shows):
                found.append(one)
                left -= one.reach
                if not left:
                    return found
        return []

    def holds(self, outer: Statement, inner: Statement) -> bool:
        """Tell whether ``outer`` speaks to all, of all items and at all times as ``inner`` shows."""
        self._steps_left -= 1 + len(inner.words) + len(inner.rule.items.paths) * len(outer.rule.items.paths)
        return (
            covers_time(outer.rule.when, inner.rule.when)
            and self._holds_audience(outer, inner)
            and covers_items(outer.rule.items, inner.rule.items, widely=outer.hides)
        )

    def _counts(self, one: Statement, shows: Statement) -> bool:
        if not self.holds(one, shows):
            return False
        are_alike = not one.hides and shows.rule.limit.is_none and self.holds(shows, one)
        return not are_alike or _rank(one) < _rank(shows)

    def _holds_audience(self, outer: Statement, inner: Statement) -> bool:
        are_servers = outer.hides and inner.is_for_servers
        return all(
            not outer.words.isdisjoint(self._audiences.wider(word, are_servers=are_servers))
            for word in inner.words
        )

    def _candidates(self, shows: Statement) -> Iterator[Statement]:
        """Yield all that could hold ``shows``, the widest first; some perhaps twice."""
        items = shows.rule.items
        words = self._audiences.wider(min(shows.words), are_servers=shows.is_for_servers)
        selectors = dict.fromkeys((_ANY, min(_selectors(items))))
        folders = dict.fromkeys((_ANY, *((_SOMEWHERE, min(_folders(items))) if items.paths else ())))
        for key in ((), *product(words, selectors, folders)):
            yield from self._filed.get((shows.view, shows.is_for_servers, *key), ())


def _rank(one: Statement) -> tuple[int, int]:
    return -len(one.fields), one.place


def _selectors(items: ItemPattern) -> set[str]:
    if items.selects_all:
        return {_ANY}
    return {f"share:{cid}" for cid in items.shares} | {f"label:{label}" for label in items.labels}


def _folders(items: ItemPattern) -> set[str]:
    return {glob.first_name or _SOMEWHERE for glob in items.paths} or {_ANY}
