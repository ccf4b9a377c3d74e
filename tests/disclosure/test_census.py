"""``docs/disclosure.md`` is the list of everything that can leave: it must be complete, and true.

Every (view, field) of the code has its row and every row its field; the default that a row states is what
the preset shows; the clauses that it names exist; a view that nothing makes says so. Which field of which message
carries what is in ``test_messages.py``.
"""

import inspect
import re

import pytest
from census_kit import NOT_BUILT, census, channels
from source_kit import ROOT

from peertransfer.disclosure.disclosed import Denied
from peertransfer.disclosure.views import VIEW_FIELDS, VIEWS
from peertransfer.policy.engine import Engine
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.policy.rules import AudienceKind

CLAUSE = re.compile(r"(1\.[a-d]|2\.[a-f]|3\.[a-d]|4\.[ab]|5|6\.[a-e]|7|8\.[a-d]|9\.[ab]|10|0)")
CHANNELS = {"identify", "DHT", "exchange", "-"}
SENSITIVITIES = {"none", "low", "medium", "high", "-"}
METHODS_OF = {
    "provide": ("provide", "provide_to", "provider_records"),
    "want": ("want", "want_catalogue"),
}
"""Views that more than one method of the engine makes."""


ROWS = census()


def by_default():
    """What the preset shows: (view, field) to the audiences that it is shown to."""
    found = {}
    for rule in parse_policy(CLOSED, "policy.toml").rules:
        for view, names in rule.show.items():
            for name in names:
                found.setdefault((view, name), set()).update(str(pattern) for pattern in rule.to)
    return found


def test_every_field_has_one_row_and_every_row_a_field():
    told = [(row["view"], row["field"]) for row in ROWS if row["field"] != "-"]
    assert len(told) == len(set(told))
    assert set(told) == {(view, name) for view, names in VIEW_FIELDS.items() for name in names}


def test_a_view_without_fields_is_told_to_be_not_built_yet():
    empty = {view for view, names in VIEW_FIELDS.items() if not names}
    assert {row["view"] for row in ROWS if row["field"] == "-"} == empty
    assert {row["view"] for row in ROWS if row["default"] == NOT_BUILT} == empty


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['view']}.{row['field']}")
def test_a_row_is_true(row):
    assert CHANNELS.issuperset(channels(row))
    assert row["sensitivity"] in SENSITIVITIES
    assert all(CLAUSE.fullmatch(clause) for clause in row["clause"].split(", "))
    if row["default"] == NOT_BUILT:
        assert row["rule keyword"] == row["view"]
        return
    assert row["rule keyword"] == f"{row['view']}.{row['field']}"
    shown = by_default().get((row["view"], row["field"]), set())
    assert row["default"] == (", ".join(sorted(shown)) or "hidden")


def test_the_rows_are_in_the_order_of_the_views():
    assert list(dict.fromkeys(row["view"] for row in ROWS)) == list(VIEWS)


def test_every_view_has_its_method_and_every_method_its_view():
    public = {name for name, _ in inspect.getmembers(Engine, inspect.isfunction) if not name.startswith("_")}
    questions = {"may_serve", "may_go_on", "basis", "may_use_as_server", "may_tell_server"}
    expected = {method for view in VIEWS for method in METHODS_OF.get(view, (view,))}
    assert public - questions == expected


def test_a_method_of_a_view_that_is_not_built_can_only_deny():
    for row in ROWS:
        annotation = inspect.signature(getattr(Engine, row["view"])).return_annotation
        assert (annotation == Denied.__name__) == (row["default"] == NOT_BUILT)


def test_every_word_for_an_audience_can_be_said_in_a_policy():
    text = (ROOT / "docs" / "disclosure.md").read_text()
    for kind in AudienceKind:
        assert f"`{kind.value}" in text


# --- the protos ----------------------------------------------------------------------------------

PROTOS = "\n".join(path.read_text() for path in sorted((ROOT / "protos").rglob("*.proto")))


def test_every_message_names_a_view_that_exists_and_every_view_has_its_message():
    named = {
        view for found in re.findall(r"Views?: ([a-z, ]+)", PROTOS) for view in re.split(r",? and |, ", found)
    }
    assert {view.strip() for view in named} - {""} <= set(VIEWS)
    assert {view for view, names in VIEW_FIELDS.items() if names} <= {view.strip() for view in named}
