"""What is in this table of a policy file, and where does a mistake in it stand?

The parts that all tables share: known keys, lists of words, and the error with its line. It knows no
grammar (``policy.rule_parser``, ``policy.expect_parser``).
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final, NoReturn

from peertransfer.errors import PolicyError
from peertransfer.policy.words import hint, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from peertransfer.policy.lines import Lines

MAX_WORD: Final = 1024
"""Characters of an ID, label or glob; a glob's cost grows with its length."""
MAX_WORDS: Final = 10_000
"""Words of one list."""
_CONTROLS: Final = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Unicode categories of what ends a line, moves a cursor or is half a character."""


class TableReader:
    """Reads the table at one place of a file."""

    def __init__(self, file: str, lines: Lines, table: str, place: int) -> None:
        self._file = file
        self._lines = lines
        self._table = table
        self._place = place

    @property
    def line(self) -> int:
        """Where the table begins."""
        return self._lines.of_table(self._table, self._place)

    def table(self, value: object, keys: Collection[str]) -> Mapping[str, object]:
        """Return ``value``, which must be a table that has none but ``keys``."""
        if not isinstance(value, dict):
            self.fail((), None, f"a {self._table} must be a table", f"begin it with: [[{self._table}]]")
        for key in value:
            if key not in keys:
                what = f"unknown key {quoted(key)} in a{'n' * self._table.startswith('e')} {self._table}"
                self.fail((key,), None, what, hint(key, keys))
        return value

    def words(self, table: Mapping[str, object], key: str, why: str) -> list[str]:
        """Return the list of texts under ``key``, which must be there and hold something."""
        if key not in table:
            self.fail((), None, f'the {self._table} has no "{key}"', why)
        value = table[key]
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.fail((key,), None, f'"{key}" must be a list of texts', f'write: {key} = ["...", "..."]')
        if not value:
            self.fail((key,), None, f'"{key}" is an empty list', why)
        if len(value) > MAX_WORDS:
            self.fail((key,), None, f'"{key}" has {len(value)} words', f"at most {MAX_WORDS} are read")
        for word in value:
            self.check_word(key, word)
        return value

    def check_word(self, key: str, word: str) -> None:
        """Refuse a word that is too long, or holds what is no part of a text."""
        if len(word) > MAX_WORD:
            self.fail((key,), None, f"{quoted(word)} is too long", f"at most {MAX_WORD} characters")
        if not word.isprintable() and any(unicodedata.category(one) in _CONTROLS for one in word):
            self.fail(
                (key,), None, f"{quoted(word)} holds a control character", "in a path, ? stands for any one"
            )

    def fail(self, keys: tuple[str, ...], value: str | None, what: str, mend: str) -> NoReturn:
        """Refuse the file for what stands under ``keys`` of this table, at ``value`` where it is one word."""
        line = self._lines.in_table(self._table, self._place, keys, value)
        raise PolicyError(f"{self._file}:{line}: {what}", mend, file=self._file, line=line)
