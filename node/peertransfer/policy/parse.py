"""What does this ``policy.toml`` say? Text to ``Policy``, or the one mistake that is met first.

Every mistake is a ``PolicyError`` with file, line, and the word that was probably meant. It opens no
file and keeps no policy: whoever calls keeps the old one. Spec: docs/policy.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from peertransfer.errors import PolicyError
from peertransfer.policy.expect_parser import Expectation, parse_expectation
from peertransfer.policy.expectations import check_expectations
from peertransfer.policy.groups import parse_groups
from peertransfer.policy.lines import Lines
from peertransfer.policy.rule_parser import RuleParser
from peertransfer.policy.rules import Policy, Rule
from peertransfer.policy.toml import parse_toml
from peertransfer.policy.words import hint, quoted

MAX_SIZE = 1 << 20
"""Octets of a policy file; a person's has a few thousand."""
MAX_RULES = 10_000
"""Rules of a policy; each is looked at once when it is read."""
MAX_EXPECTATIONS = 1000
"""Claims of a policy about itself; each is checked whenever it is read."""
VERSION = 1
"""The only version of the language."""

TOP_KEYS = ("version", "groups", "rule", "expect")

Table: TypeAlias = Mapping[str, object]


def parse_policy_octets(octets: bytes, file: str) -> Policy:
    """Parse the octets of a policy file; ``file`` is its name, for errors.

    Raises:
        PolicyError: the file is too large, not UTF-8, or says something wrong.
    """
    _check_size(len(octets), file)
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise _error(file, line, "the file is not UTF-8", "save it with the encoding UTF-8") from error
    return _parse(text, file)


def parse_policy(text: str, file: str) -> Policy:
    """Parse the text of a policy file; ``file`` is its name, for errors.

    Raises:
        PolicyError: the text is too large or says something wrong.
    """
    _check_size(len(text.encode("utf-8", "surrogatepass")), file)
    return _parse(text, file)


def _check_size(size: int, file: str) -> None:
    if size > MAX_SIZE:
        raise _error(file, 1, f"the file has more than {MAX_SIZE} octets", "shorten it")


def _parse(text: str, file: str) -> Policy:
    lines = Lines(text)
    _check_shape(lines, file)
    table = parse_toml(text, lines, lambda line, what, mend: _error(file, line, what, mend))
    for key in table:
        if key not in TOP_KEYS:
            raise _error(file, lines.of_key(key), f"unknown key {quoted(key)}", hint(key, TOP_KEYS))
    _check_version(table, lines, file)
    groups = parse_groups(file, lines, table["groups"]) if "groups" in table else {}
    policy = Policy(_rules(table.get("rule", []), lines, file, groups), file, groups)
    check_expectations(policy, _expectations(table.get("expect", []), lines, file, groups))
    return policy


def _check_shape(lines: Lines, file: str) -> None:
    """Refuse what would take long to read, before it is read."""
    for table, most in (("rule", MAX_RULES), ("expect", MAX_EXPECTATIONS)):
        _check_count(lines, file, table, lines.count(table), most)


def _check_count(lines: Lines, file: str, table: str, count: int, most: int) -> None:
    if count > most:
        what = f"there are {count} tables [[{table}]], and at most {most} are read"
        raise _error(file, lines.of_table(table, most), what, "merge some")


def _check_version(table: Table, lines: Lines, file: str) -> None:
    if "version" not in table:
        raise _error(file, 1, "the version is missing", f"begin the file with: version = {VERSION}")
    version = table["version"]
    line = lines.of_key("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise _error(file, line, '"version" must be a number', f"write: version = {VERSION}")
    if version != VERSION:
        raise _error(
            file,
            line,
            f"version {str(version)[:20]} is not supported",
            f"this program reads version {VERSION}; write: version = {VERSION}",
        )


def _tables(value: object, lines: Lines, file: str, table: str, most: int) -> list[object]:
    if not isinstance(value, list):
        what = f'"{table}" must be a list of tables'
        raise _error(file, lines.of_key(table), what, f"write: [[{table}]]")
    _check_count(lines, file, table, len(value), most)
    return value


def _rules(value: object, lines: Lines, file: str, groups: Collection[str]) -> tuple[Rule, ...]:
    rules: dict[str, Rule] = {}
    for place, table in enumerate(_tables(value, lines, file, "rule", MAX_RULES)):
        rule = RuleParser(file, lines, place, groups).parse(table)
        if rule.name in rules:
            raise _error(
                file,
                lines.in_table("rule", place, ("name",)),
                f"the name {quoted(rule.name)} is taken by the rule on line {rules[rule.name].line}",
                "the ledger names rules: give each its own name",
            )
        rules[rule.name] = rule
    return tuple(rules.values())


def _expectations(value: object, lines: Lines, file: str, groups: Collection[str]) -> list[Expectation]:
    tables = _tables(value, lines, file, "expect", MAX_EXPECTATIONS)
    return [parse_expectation(file, lines, place, one, groups) for place, one in enumerate(tables)]


def _error(file: str, line: int, what: str, mend: str) -> PolicyError:
    return PolicyError(f"{file}:{line}: {what}", mend, file=file, line=line)
