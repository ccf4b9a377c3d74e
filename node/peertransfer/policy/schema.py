"""Which shape does a policy file have? As a JSON Schema, for editors.

It is made from the lists by which the parsers judge, and shipped as ``policy.schema.json``; a test compares
the two. It says less than the parsers: they judge what words mean together (``policy.parse``).
Spec: https://json-schema.org/draft-07, which TOML editors read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.audience_parser import AUDIENCE_WORDS
from peertransfer.policy.condition_parser import LIMIT_KEYS, MAX_LIMIT
from peertransfer.policy.expect_parser import EXPECT_KEYS, FACT_WORDS
from peertransfer.policy.groups import MAX_GROUPS
from peertransfer.policy.item_parser import ITEM_WORDS
from peertransfer.policy.parse import MAX_EXPECTATIONS, MAX_RULES, TOP_KEYS, VERSION
from peertransfer.policy.reader import MAX_WORD, MAX_WORDS
from peertransfer.policy.rule_parser import ALL, MAX_NAME, RULE_KEYS

Value: TypeAlias = "Mapping[str, Value] | Sequence[Value] | str | int | bool"
Schema: TypeAlias = Mapping[str, Value]

_SIZE = r"[0-9]{1,15}(B|KiB|MiB|GiB)"


def policy_schema() -> Schema:
    """Return the schema, ready for JSON."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Peertransfer policy",
        "description": "Who may see what. What no rule shows is hidden; hiding wins.",
        **_table(
            dict(
                zip(
                    TOP_KEYS,
                    (
                        {"const": VERSION, "description": "The version of the language."},
                        _groups(),
                        {"type": "array", "maxItems": MAX_RULES, "items": _rule()},
                        {"type": "array", "maxItems": MAX_EXPECTATIONS, "items": _expectation()},
                    ),
                    strict=True,
                )
            ),
            ["version"],
        ),
    }


def _groups() -> Schema:
    return {
        "type": "object",
        "description": 'Names for peers: friends = ["peer:...", "group:..."]',
        "maxProperties": MAX_GROUPS,
        "propertyNames": {"pattern": f"^[^,:]{{1,{MAX_NAME}}}$"},
        "additionalProperties": _words(("peer:", "group:"), "Who is in the group."),
    }


def _rule() -> Schema:
    fields: tuple[Schema, ...] = (
        {"type": "string", "maxLength": MAX_NAME, "pattern": "^[^,]+$", "description": "Once in the file."},
        _words(AUDIENCE_WORDS, "Whom the rule is for."),
        _words(ITEM_WORDS, "Of which shares and entries; left out: all."),
        _effect("What is shown, view by view."),
        _effect("What is hidden, whatever other rules show."),
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string"},
            "description": 'Dates and hours, as "2026-01-01..2026-06-30" and "mon-fri 08:00-18:00 +02:00".',
        },
        _limit(),
    )
    return {
        **_table(dict(zip(RULE_KEYS, fields, strict=True)), ["name", "to"]),
        "anyOf": [{"required": ["show"]}, {"required": ["hide"]}],
    }


def _effect(description: str) -> Schema:
    views: dict[str, Schema] = {
        view: {
            "anyOf": [
                {"const": ALL},
                {"type": "array", "uniqueItems": True, "items": {"enum": [*names, ALL]}},
            ]
        }
        for view, names in VIEW_FIELDS.items()
    }
    return {**_table(views, []), "description": description}


def _limit() -> Schema:
    number: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
    size: Schema = {"type": "string", "pattern": f"^{_SIZE}$"}
    table = _table({key: size if key.startswith("octets") else number for key in LIMIT_KEYS}, [])
    return {**table, "minProperties": 1, "description": "How much the rule shows to each peer."}


def _expectation() -> Schema:
    one_field = {
        "enum": [f"{view}.{name}" for view, names in VIEW_FIELDS.items() if names for name in (*names, ALL)]
    }
    some_fields: Schema = {"type": "array", "minItems": 1, "items": one_field}
    fields: tuple[Schema, ...] = (
        _one_or_more(AUDIENCE_WORDS, "Who asks."),
        _one_or_more(FACT_WORDS, "Facts of what is asked for."),
        {"type": "string", "description": 'The moment, as "2026-01-01T12:00Z"; left out: every time.'},
        {**some_fields, "description": "What must be shown."},
        {**some_fields, "description": "What must be hidden."},
    )
    return {
        **_table(dict(zip(EXPECT_KEYS, fields, strict=True)), ["as"]),
        "anyOf": [{"required": ["shown"]}, {"required": ["hidden"]}],
    }


def _one_or_more(valid: tuple[str, ...], description: str) -> Schema:
    return {"anyOf": [_word(valid), _words(valid, description)], "description": description}


def _words(valid: tuple[str, ...], description: str) -> Schema:
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_WORDS,
        "items": _word(valid),
        "description": description,
    }


def _word(valid: tuple[str, ...]) -> Schema:
    """Return what a word is that is one of ``valid``, or begins with one that ends with a colon."""
    alone = [word for word in valid if not word.endswith(":")]
    begun = "|".join(word for word in valid if word.endswith(":"))
    text: Schema = {"type": "string", "maxLength": MAX_WORD, "pattern": f"^({begun})."}
    return {"anyOf": [{"enum": alone}, text]} if alone else text


def _table(properties: Schema, required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": {**properties}}
    return {**schema, "required": required} if required else schema
