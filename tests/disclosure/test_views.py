"""Views, their fields and the audiences."""

import ast
import inspect
from dataclasses import fields, is_dataclass

import pytest

from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS
from peertransfer.disclosure import views as v
from peertransfer.disclosure.audience import Anyone, DhtServers, LinkHolders, Members, OnePeer

CLASSES = {
    kind.name: kind
    for kind in vars(v).values()
    if isinstance(kind, type) and issubclass(kind, v.View) and kind is not v.View
}
CARRIED = {
    "catalogue": v.CatalogueItem,
}
"""Views whose fields are those of the items that they carry."""


def test_every_view_is_listed_and_every_listed_view_is_there():
    assert set(CLASSES) == set(v.VIEWS) == set(v.VIEW_FIELDS)


@pytest.mark.parametrize("name", [name for name in v.VIEWS if name not in ("openings", "content", "refusal")])
def test_the_fields_that_a_rule_can_show_are_the_fields_of_the_view(name):
    kind = CARRIED.get(name, CLASSES[name])
    assert tuple(field.name for field in fields(kind)) == v.VIEW_FIELDS[name]


def test_a_refusal_tells_a_code_and_repeats_the_number_of_the_request():
    assert tuple(field.name for field in fields(v.RefusalView)) == (*v.VIEW_FIELDS["refusal"], "request_id")


def test_openings_have_a_field_for_each_slot():
    assert v.VIEW_FIELDS["openings"] == (*(f"share_{slot}" for slot in SHARE_SLOTS), *ENTRY_SLOTS)
    assert len(set(v.VIEW_FIELDS["openings"])) == len(v.VIEW_FIELDS["openings"])


def test_content_covers_the_entries_it_names_or_all():
    assert v.ContentView(frozenset({3})).covers(3)
    assert not v.ContentView(frozenset({3})).covers(4)
    assert not v.ContentView().covers(0)
    assert v.ContentView(None).covers(10**6)


@pytest.mark.parametrize("name", v.VIEWS)
def test_a_view_is_empty_unless_it_is_filled(name):
    """A field that no rule shows stays at its default, so the default must tell nothing."""
    assert all(value in (None, (), False, frozenset(), 0) for value in vars_of(CLASSES[name]()).values())


def vars_of(view):
    assert is_dataclass(view)
    return {field.name: getattr(view, field.name) for field in fields(view)}


def test_no_view_can_hold_a_private_record():
    imported = {
        node.module for node in ast.walk(ast.parse(inspect.getsource(v))) if isinstance(node, ast.ImportFrom)
    }
    assert not any("shared" in module for module in imported)


@pytest.mark.parametrize(
    ("audience", "text"),
    [
        (OnePeer("12D3"), "peer:12D3"),
        (Members("net1"), "members:net1"),
        (DhtServers("net1"), "dht-servers:net1"),
        (LinkHolders("alice"), "link:alice"),
        (Anyone(), "anyone"),
    ],
)
def test_the_ledger_writes_an_audience_as_a_rule_does(audience, text):
    assert str(audience) == text
