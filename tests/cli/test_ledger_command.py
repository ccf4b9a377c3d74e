"""``privacy ledger`` as a person and a program see it."""

import pytest

PEER = "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt"
CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
HEAD = f"12:{'ab' * 32}"
UNBROKEN = {
    "verified": True,
    "entries": 12,
    "erased": 0,
    "open": 0,
    "since": 1_795_602_132,
    "head": HEAD,
    "checkpoints": [],
    "first_broken": None,
    "reason": "",
    "head_found": None,
}


def entry(index):
    return {
        "index": index,
        "at": index,
        "peer_id": PEER,
        "view": "grant",
        "fields": ["proof"],
        "rule": "r",
        "count": index,
    }


def pages(node, *entries, size):
    """Let the node answer page by page, as a node does."""

    async def ledger(*, limit=size, newest=False, cursor=None, **asked):
        node.calls.append(("ledger", {"limit": limit, "newest": newest, "cursor": cursor, **asked}))
        ordered = sorted(entries, key=lambda one: one["at"], reverse=newest)
        begin = int(cursor or 0)
        page = ordered[begin : begin + min(limit, size)]
        more = {"cursor": str(begin + len(page))} if len(page) == min(limit, size) else {}
        return {"entries": page, **more}

    node.ledger = ledger


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (("--peer", PEER), {"peer": PEER}),
        (("--item", CID), {"item": CID}),
        (("--link", "Ann"), {"link": "Ann"}),
        (("--since", "1970-01-02T00:00+00:00"), {"since": 86400}),
        (("--limit", "7"), {"limit": 7, "newest": True}),
        (("--refusals", "--peer", PEER), {"refusals": True, "peer": PEER}),
    ],
)
def test_what_is_asked_for_reaches_the_node(cli, node, words, fields):
    assert cli("privacy", "ledger", *words).code == 0
    assert node.calls == [("ledger", fields)]


def test_a_large_ledger_comes_page_by_page_as_one_document(cli, node):
    everything = [entry(n) for n in range(1, 12)]
    pages(node, *everything, size=4)
    assert cli("--json", "privacy", "ledger").document == {"entries": everything}
    assert [fields["cursor"] for _, fields in node.calls] == [None, "4", "8"]
    lines = cli("privacy", "ledger").out.splitlines()
    assert [line.split()[-1] for line in lines if "grant" in line] == [str(n) for n in range(1, 12)]


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 8, 9, 11, 12])
def test_the_newest_are_shown_the_oldest_of_them_first(cli, node, limit):
    everything = [entry(n) for n in range(1, 12)]
    pages(node, *everything, size=4)
    found = cli("--json", "privacy", "ledger", "--limit", str(limit)).document["entries"]
    assert found == everything[-limit:]


def test_an_empty_ledger_is_an_empty_document(cli, node):
    pages(node, size=4)
    assert cli("--json", "privacy", "ledger").document == {"entries": []}
    assert cli("privacy", "ledger").out == "Nobody has learned anything.\n"


def test_an_unbroken_chain_is_told_with_its_head(cli, node):
    node.answers["ledger_check"] = UNBROKEN
    outcome = cli("privacy", "ledger", "--verify")
    assert (outcome.code, outcome.err) == (0, "")
    first, *rest = outcome.out.splitlines()
    assert first.startswith("12 entries, unbroken since 2026-11-25 ")
    assert rest == [f"head  {HEAD}"]
    assert cli("--json", "privacy", "ledger", "--verify").document == UNBROKEN


def test_what_went_and_what_is_not_under_the_head_is_told(cli, node):
    checkpoint = {"index": 500, "hash": "cd" * 32, "at": 1_795_602_132, "dropped": 3}
    node.answers["ledger_check"] = {
        **UNBROKEN,
        "entries": 1,
        "erased": 2,
        "open": 3,
        "checkpoints": [{**checkpoint, "index": 1}, checkpoint],
        "head_found": True,
    }
    out = cli("privacy", "ledger", "--verify", "--head", HEAD).out
    assert node.calls == [("ledger_check", {"head": HEAD})]
    assert out.startswith("1 entry, unbroken since ")
    for line in (
        "erased              2",
        "dropped             500 older ones, the last on 2026-11-2",
        "found",
    ):
        assert line in out


def test_a_broken_chain_is_exit_4_and_names_the_row(cli, node):
    broken = {**UNBROKEN, "verified": False, "first_broken": 7, "reason": "it is missing"}
    node.answers["ledger_check"] = broken
    outcome = cli("privacy", "ledger", "--verify")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err.startswith("error: The ledger is broken at entry 7: it is missing. ")
    outcome = cli("--json", "privacy", "ledger", "--verify")
    assert (outcome.code, outcome.document) == (4, broken)


def test_a_noted_head_that_is_not_there_is_exit_4(cli, node):
    node.answers["ledger_check"] = {**UNBROKEN, "verified": False, "head_found": False}
    outcome = cli("privacy", "ledger", "--verify", "--head", HEAD)
    assert outcome.code == 4
    assert "not in it" in outcome.err


@pytest.mark.parametrize(
    "words", [("--head", HEAD), ("--verify", "--peer", PEER), ("--verify", "--refusals"), ("--limit", "0")]
)
def test_words_that_do_not_go_together_are_exit_2_and_ask_nobody(cli, node, words):
    assert cli("privacy", "ledger", *words).code == 2
    assert node.calls == []


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--peer", "nonsense"), "12D3Koo"),
        (("--item", "nonsense"), ""),
        (("--peer", PEER, "--item", "x"), ""),
    ],
)
def test_a_ledger_filter_that_names_nothing_is_exit_2_and_asks_nobody(cli, node, words, hint):
    outcome = cli("privacy", "ledger", *words)
    assert outcome.code == 2
    assert hint in outcome.err
    assert node.calls == []


def test_the_link_of_a_disclosure_is_shown_where_there_is_one(cli, node):
    plain = {"at": 1, "peer_id": PEER, "view": "grant", "fields": ["proof"], "rule": "r", "count": 1}
    node.answers["ledger"] = {"entries": [plain, {**plain, "link": "for Ann"}]}
    heading, without, through = cli("privacy", "ledger").out.splitlines()
    assert heading.split()[4:6] == ["LINK", "FIELDS"]
    assert without[heading.index("LINK")] == "-"
    assert through[heading.index("LINK") :].startswith("for Ann  proof")
    node.answers["ledger"] = {"entries": [plain]}
    assert "LINK" not in cli("privacy", "ledger").out


def test_what_was_asked_in_vain_is_a_list_of_its_own(cli, node):
    node.answers["ledger"] = {"refusals": []}
    assert cli("privacy", "ledger", "--refusals").out == "Nobody was refused anything.\n"
    refusal = {"last_at": 1, "network_id": "open", "peer_id": PEER, "view": "grant", "item": "", "count": 3}
    node.answers["ledger"] = {"refusals": [refusal]}
    shown = cli("privacy", "ledger", "--refusals").out.splitlines()
    assert shown[0].split() == ["LAST", "WHO", "VIEW", "ITEM", "N"]
    assert shown[1].split()[-4:] == ["…gYhRmLJt", "grant", "-", "3"]
    refusal["link"] = "for Ann"
    assert cli("privacy", "ledger", "--refusals").out.splitlines()[1].endswith("grant  -     for Ann  3")
    assert cli("--json", "privacy", "ledger", "--refusals").document == node.answers["ledger"]
