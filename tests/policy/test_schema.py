"""The JSON Schema that is shipped is the one that the code makes, and it knows the files that are policies."""

import json
import re
import tomllib
from importlib import resources

import pytest
from source_kit import ROOT

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.policy.preset import CLOSED
from peertransfer.policy.schema import policy_schema

EXAMPLES = re.findall(
    r"^```toml\n(.*?)^```", (ROOT / "docs" / "policy.md").read_text(), re.MULTILINE | re.DOTALL
)


def test_what_is_shipped_is_what_the_code_makes():
    """``make schema`` writes it anew."""
    shipped = (resources.files("peertransfer.policy") / "policy.schema.json").read_text()
    assert json.loads(shipped) == policy_schema()


def test_every_view_and_field_is_in_it():
    rule = policy_schema()["properties"]["rule"]["items"]["properties"]
    for effect in (rule["show"], rule["hide"]):
        assert set(effect["properties"]) == set(VIEW_FIELDS)
        for view, names in VIEW_FIELDS.items():
            assert effect["properties"][view]["anyOf"][1]["items"]["enum"] == [*names, "*"]


def fits(value, schema):
    """Judge by the few keywords that the schema uses; an unknown keyword fails."""
    checks = {
        "type": lambda kind: isinstance(
            value, {"object": dict, "array": list, "string": str, "integer": int}[kind]
        ),
        "const": lambda only: value == only,
        "enum": lambda valid: value in valid,
        "pattern": lambda pattern: re.search(pattern, value),
        "maxLength": lambda most: len(value) <= most,
        "minimum": lambda least: value >= least,
        "maximum": lambda most: value <= most,
        "minItems": lambda least: len(value) >= least,
        "maxItems": lambda most: len(value) <= most,
        "uniqueItems": lambda _: len({*map(str, value)}) == len(value),
        "items": lambda of: all(fits(one, of) for one in value),
        "minProperties": lambda least: len(value) >= least,
        "maxProperties": lambda most: len(value) <= most,
        "propertyNames": lambda of: all(fits(one, of) for one in value),
        "properties": lambda of: all(fits(value[key], one) for key, one in of.items() if key in value),
        "required": lambda keys: all(key in value for key in keys),
        "anyOf": lambda some: any(fits(value, one) for one in some),
        "additionalProperties": lambda of: all(
            of is not False and fits(value[key], of)
            for key in value.keys() - schema.get("properties", {}).keys()
        ),
        "$schema": bool,
        "title": bool,
        "description": bool,
    }
    kind = schema.get("type")
    if kind and not checks["type"](kind):
        return False
    return all(checks[keyword](told) for keyword, told in schema.items())


@pytest.mark.parametrize("text", [CLOSED, *EXAMPLES])
def test_it_knows_the_policies_of_the_documents(text):
    assert fits(tomllib.loads(text), policy_schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("version = 1", ""),
        ('name = "bob', 'nayme = "bob'),
        ('"link:bob"', '"lnk:bob"'),
        ('"link:bob"', '"anyone:bob"'),
        ('"path:docs/**"', '"path:"'),
        ("show.content", "show.contents"),
        ('hide.openings = ["mtime"', 'hide.openings = ["mtimes"'),
        ('"1GiB"', '"1GB"'),
        ("per_minute = 10", "per_minute = 0"),
        ("limit.per_minute", "limit.per_hour"),
        ('"catalogue.*"', '"catalogue.names"'),
        ('"path:docs/plan.md"', '"file:docs/plan.md"'),
        ('"group:family"', '"members"'),
    ],
)
def test_it_knows_mistakes(old, new):
    assert old in EXAMPLES[0]
    assert not fits(tomllib.loads(EXAMPLES[0].replace(old, new)), policy_schema())
