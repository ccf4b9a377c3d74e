"""What does this ``policy.toml`` say? Text to ``Policy``, or the one mistake that is met first.

Every mistake is a ``PolicyError`` with file, line, and the word that was probably meant. It opens no
file and keeps no policy: whoever calls keeps the old one. Spec: docs/policy.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TypeAlias

from peertransfer.errors import PolicyError
from peertransfer.policy.lines import Lines
from peertransfer.policy.rule_parser import RuleParser
from peertransfer.policy.rules import Policy, Rule
from peertransfer.policy.words import hint, quoted

MAX_SIZE = 1 << 20
"""Octets of a policy file; a person's has a few thousand."""
MAX_RULES = 10_000
"""Rules of a policy; each is looked at once when it is read."""
VERSION = 1
"""The only version of the language."""

_KEYS = ("version", "rule")
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_AT_END = " (at end of document)"

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
        raise _error(file, 1, f"the file has {size} octets, and at most {MAX_SIZE} are read", "shorten it")


def _parse(text: str, file: str) -> Policy:
    table = _toml(text, file)
    lines = Lines(text)
    for key in table:
        if key not in _KEYS:
            raise _error(file, lines.of_key(key), f"unknown key {quoted(key)}", hint(key, _KEYS))
    _check_version(table, lines, file)
    return Policy(_rules(table.get("rule", []), lines, file), file)


def _toml(text: str, file: str) -> Table:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise _error(file, 1, "its values are nested too deeply", "a rule needs two levels") from error
    except ValueError as error:
        message = str(error)
        found = _AT_LINE.search(message)
        line = int(found[1]) if found else text.rstrip().count("\n") + 1
        what = message[: found.start()] if found else message.removesuffix(_AT_END)
        more = " at the end of the file" if message.endswith(_AT_END) else ""
        what = what[:1].lower() + what[1:] + more
        raise _error(
            file, line, f"this is not TOML: {what}", "look for a missing quote, bracket or comma"
        ) from error


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


def _rules(value: object, lines: Lines, file: str) -> tuple[Rule, ...]:
    if not isinstance(value, list):
        raise _error(file, lines.of_key("rule"), '"rule" must be a list of tables', "write: [[rule]]")
    if len(value) > MAX_RULES:
        line = lines.of_rule(MAX_RULES)
        raise _error(
            file, line, f"there are {len(value)} rules, and at most {MAX_RULES} are read", "merge some"
        )
    rules: dict[str, Rule] = {}
    for place, table in enumerate(value):
        rule = RuleParser(file, lines, place).parse(table)
        if rule.name in rules:
            raise _error(
                file,
                lines.in_rule(place, ("name",)),
                f"the name {quoted(rule.name)} is taken by the rule on line {rules[rule.name].line}",
                "the ledger names rules: give each its own name",
            )
        rules[rule.name] = rule
    return tuple(rules.values())


def _error(file: str, line: int, what: str, mend: str) -> PolicyError:
    return PolicyError(f"{file}:{line}: {what}", mend, file=file, line=line)
