"""What is said of files that did not come."""

import pytest

from peertransfer.errors import ChangedError, RefusedError
from peertransfer.service.not_given import MAX_LISTED, NotGiven, facts_of, not_given, refusal_of


@pytest.mark.parametrize(
    ("files", "count", "kind", "message"),
    [
        ({"a": "changed"}, 1, ChangedError, "The file changed since it was shared: a"),
        ({"a": "changed"}, 6, ChangedError, "1 of 6 files changed since it was shared: a"),
        (
            {"a": "changed", "b": "changed"},
            6,
            ChangedError,
            "2 of 6 files changed since they were shared: a, b",
        ),
        ({"a": "hidden"}, 2, RefusedError, "1 of 2 files was not opened by the provider: a"),
        (
            {"a": "refused", "b": "changed"},
            3,
            ChangedError,
            "2 of 3 files changed since it was shared or was refused by the provider: a, b",
        ),
        (
            dict.fromkeys("abcde", "refused"),
            5,
            RefusedError,
            "5 of 5 files were refused by the provider: a, b, c and 2 more",
        ),
    ],
)
def test_how_many_of_how_many_and_which(files, count, kind, message):
    error = refusal_of([NotGiven(path, reason) for path, reason in files.items()], count, "peer")
    assert type(error) is kind
    assert error.message == message
    assert error.peer == "peer"
    assert ("in place" in error.hint) == (len(files) < count)


def test_a_hostile_name_is_escaped_in_the_sentence_and_whole_for_a_program():
    error = refusal_of([NotGiven("a\x1b[2J", "changed")], 1)
    assert "\x1b" not in error.message
    assert error.facts["not_given"] == [{"path": "a\x1b[2J", "reason": "changed"}]


def test_a_list_for_a_program_ends_somewhere():
    facts = facts_of([NotGiven(str(number), "refused") for number in range(MAX_LISTED + 5)])
    assert len(facts["not_given"]) == MAX_LISTED
    assert facts["not_given_count"] == MAX_LISTED + 5


def test_a_refusal_is_told_from_a_change():
    assert not_given("a", RefusedError("no")).reason == "refused"
    assert not_given("a", ChangedError("no")).reason == "changed"
