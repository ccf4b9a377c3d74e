import pytest

from peertransfer.control.faults import error_of, fault_object, sentences
from peertransfer.errors import ChangedError, PeertransferError, PolicyError


def _kinds(kind=PeertransferError):
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


@pytest.mark.parametrize("kind", list(_kinds()), ids=lambda kind: kind.__name__)
def test_every_error_keeps_its_code_and_exit_code_across_the_socket(kind):
    error = kind("what", "mend")
    back = error_of(fault_object(error))
    assert (back.code, back.exit_code, back.message, back.hint) == (
        error.code,
        error.exit_code,
        "what",
        "mend",
    )


def test_a_code_that_is_not_known_is_a_local_error():
    assert error_of({"code": "future", "message": "m"}).exit_code == 1


@pytest.mark.parametrize("fault", [{}, {"code": 1, "message": [], "hint": None}])
def test_a_fault_that_says_nothing_still_has_a_sentence(fault):
    assert error_of(fault).message


def test_an_over_long_message_is_cut():
    assert len(error_of({"message": "x" * 100_000}).message) <= 4_096


def test_facts_survive_in_the_message_alone():
    assert fault_object(PolicyError("p", file="f", line=3))["message"] == "p"


def test_further_facts_cross_with_the_error():
    error = ChangedError("one of two files changed")
    error.facts = {"not_given": [{"path": "a", "reason": "changed"}]}
    assert error_of(fault_object(error)).facts == error.facts


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (
            ("this is no multiaddr", "write it like /ip4/192.0.2.7/tcp/4001"),
            "This is no multiaddr. Write it like /ip4/192.0.2.7/tcp/4001.",
        ),
        (
            ("policy.toml:3: the word is not known", 'did you mean "items"?'),
            'policy.toml:3: the word is not known. Did you mean "items"?',
        ),
        (('There is no "x."', ""), 'There is no "x."'),
        (("what, then", "Stop it with: kill 7"), "What, then. Stop it with: kill 7"),
        (("/home/x can't be read", "peertransfer ls"), "/home/x can't be read. peertransfer ls."),
        (("no. 1", "See: peertransfer ls"), "no. 1. See: peertransfer ls"),
    ],
)
def test_an_error_is_written_in_whole_sentences(parts, line):
    assert sentences(*parts) == line
