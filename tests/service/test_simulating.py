"""The ledger replayed against another policy: what a real engine let out of a real store, and what it refused."""

import re

import answering_kit as kit
import pytest
from ledger_kit import fill, record
from source_kit import ROOT

from peertransfer.errors import PolicyError
from peertransfer.policy.parse import parse_policy
from peertransfer.policy.preset import CLOSED
from peertransfer.service import changes, simulating
from peertransfer.service.facts import wall_clock
from peertransfer.service.simulating import SPAN_SECONDS, simulate
from peertransfer.store.database import Database
from peertransfer.store.ledger import Ledger
from peertransfer.store.ledger_pages import LedgerFilter

LISTS = ("newly_shown", "newly_hidden", "undecided")
NOTHING = {name: {} for name in LISTS}
DAY = 86_400
LISTING = '[[rule]]\nname = "lists"\nto = ["anyone"]\nshow.catalogue = ["title", "size"]\n'
HIDDEN_KEYS = kit.hides('hide.openings = ["*"]', 'hide.content = ["*"]', items='items = ["path:small"]')


async def tried(one, policy, **options):
    """Try a policy on what a scene's provider has in its ledger."""
    in_force = one.provider.policy.engine.policy
    options = {"now": wall_clock() + 1, **options}
    return await simulate(policy, "tried.toml", in_force, one.provider.database, **options)


def lists(answer):
    """Return each list as {view.field: rule}."""
    return {
        name: {f"{one['view']}.{field}": one["rule"] for one in answer[name] for field in one["fields"]}
        for name in LISTS
    }


async def fetched(one, *, after=None):
    """Let the scene's getter fetch all there is."""
    async with one.ask() as asking:
        for request in (kit.manifest_part, kit.openings_of(), kit.openings_of(0, 2)):
            await kit.take(asking, request)
        await kit.take(asking, kit.blocks_of(one.places["small"], 1))
    await one.until_over()
    if after is not None:
        await after()


async def test_the_policy_in_force_changes_nothing(tmp_path):
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        answer = await tried(one, CLOSED)
        assert lists(answer) == NOTHING
        assert (answer["entries"], answer["refusals"], answer["erased"]) == (6, 0, 0)


async def test_what_a_rule_hides_is_newly_hidden_by_that_rule_and_from_that_peer(tmp_path):
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        answer = await tried(one, CLOSED + kit.hides('hide.openings = ["size", "mtime"]'))
        assert lists(answer) == {**NOTHING, "newly_hidden": {"openings.size": "hides"}}
        (entry,) = answer["newly_hidden"]
        assert (entry["peer_id"], entry["item"], entry["title"]) == (kit.GETTER, one.cid, "shared")
        assert (entry["link"], entry["count"], entry["network_id"]) == ("alice", 1, kit.NETWORK)
        assert 0 < entry["first_at"] <= entry["last_at"] <= wall_clock()


async def test_what_no_rule_shows_is_hidden_by_none(tmp_path):
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        answer = await tried(one, "version = 1\n")
        assert set(lists(answer)["newly_hidden"].values()) == {""}
        assert {one["view"] for one in answer["newly_hidden"]} == {
            *("protocols", "grant", "manifest", "openings", "content")
        }
        assert sum(one["octets"] for one in answer["newly_hidden"] if one["view"] == "content") == 100


async def test_a_field_that_any_entry_has_is_newly_shown_with_the_page(tmp_path):
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        more = '[[rule]]\nname = "more"\nto = ["link:alice"]\nshow.openings = ["mtime", "share_purpose"]\n'
        assert lists(await tried(one, CLOSED + more)) == {
            **NOTHING,
            "newly_shown": {"openings.mtime": "more", "openings.share_purpose": "more"},
        }
        of_another = more.replace("link:alice", "link:bob")
        assert lists(await tried(one, CLOSED + of_another)) == NOTHING


@pytest.mark.parametrize("view", ["grant", "protocols"])
async def test_without_a_grant_or_a_greeting_nothing_after_it_leaves(tmp_path, view):
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        answer = await tried(one, CLOSED + kit.hides(f'hide.{view} = ["*"]'))
        hidden = lists(answer)["newly_hidden"]
        assert {"manifest.octets", "openings.name", "content.octets"} <= set(hidden)
        assert set(hidden.values()) == {"hides"}
        because = {one["because_of"] for one in answer["newly_hidden"] if one["view"] == "content"}
        assert because == {"grant.proof" if view == "grant" else "protocols.hello"}


async def test_an_entry_has_the_fields_that_the_documentation_tells(tmp_path):
    section = (ROOT / "docs" / "policy.md").read_text().partition("## Trying a policy on the past")[2]
    table = section.partition("The rest of it:")[2].partition("A list holds")[0]
    told = {
        name for cell in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE) for name in cell.split("`")[1::2]
    }
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        entry = (await tried(one, "version = 1\n"))["newly_hidden"][0]
        assert set(entry) == told | {"count", "first_at", "last_at"}


# --- what is not known ---------------------------------------------------------------------------


async def test_which_files_were_asked_for_is_not_known(tmp_path):
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        answer = await tried(one, CLOSED + HIDDEN_KEYS)
        assert answer["newly_hidden"] == answer["newly_shown"] == []
        assert {one["view"] for one in answer["undecided"]} == {"openings", "content"}
        for entry in answer["undecided"]:
            assert (entry["why"], entry["files_hidden"], entry["files"]) == ("entries", 1, 2)
            assert entry["rule"] == "hides"


async def test_of_what_is_not_known_the_policy_in_force_may_say_the_same(tmp_path):
    async with kit.scene(tmp_path, policy=CLOSED + HIDDEN_KEYS) as one:
        async with one.ask() as asking:
            await kit.take(asking, kit.openings_of(0, 2))
        await one.until_over()
        answer = await tried(one, CLOSED + LISTING + HIDDEN_KEYS)
        assert lists(answer) == NOTHING
        assert answer["as_in_force"] == 6
        other = HIDDEN_KEYS.replace("path:small", "path:big")
        assert set(lists(await tried(one, CLOSED + other))["undecided"]) == {
            *(f"openings.{name}" for name in ("content", "executable", "folder", "kind", "name", "size"))
        }


async def test_labels_of_a_share_that_is_gone_are_not_known(tmp_path):
    async with kit.scene(tmp_path, labels=("work",)) as one:
        await fetched(one)
        by_label = kit.hides('hide.openings = ["size"]', items='items = ["label:work"]')
        assert lists(await tried(one, CLOSED + by_label))["newly_hidden"] == {"openings.size": "hides"}
        await one.unshare()
        answer = await tried(one, CLOSED + by_label)
        assert lists(answer)["newly_hidden"] == {}
        # Nor whether it had an end, which the grant would have told.
        assert {one["fields"][0]: one["why"] for one in answer["undecided"]} == {
            "size": "share",
            "until": "value",
        }
        whole = kit.hides('hide.manifest = ["*"]', items='items = ["label:work"]')
        whys = {(one["view"], one["why"]) for one in (await tried(one, CLOSED + whole))["undecided"]}
        assert {("grant", "share"), ("manifest", "share"), ("content", "share")} <= whys
        # What does not depend on it is known still.
        assert lists(await tried(one, CLOSED + kit.hides('hide.openings = ["size"]')))["newly_hidden"] == {
            "openings.size": "hides"
        }
        assert lists(await tried(one, CLOSED)) == NOTHING


async def test_contents_that_were_destroyed_are_counted(tmp_path):
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        ledger = one.provider.ledger
        await ledger.record([record(peer="other"), record(peer="other", view="agent")], now=wall_clock())
        await ledger.record([record(peer="last", item="")], now=wall_clock())
        await ledger.erase(LedgerFilter(peer="other"), now=wall_clock())
        assert (await tried(one, CLOSED))["erased"] == 2


# --- what was refused ----------------------------------------------------------------------------


async def test_a_refused_want_is_newly_shown_with_what_it_leads_to(tmp_path):
    denied = CLOSED + kit.hides('hide.grant = ["*"]')
    async with kit.scene(tmp_path, policy=denied) as one:
        await one.refused()
        await one.until_over()
        assert lists(await tried(one, denied)) == NOTHING
        answer = await tried(one, CLOSED)
        shown = lists(answer)["newly_shown"]
        assert {"grant.proof", "manifest.octets", "openings.name", "content.octets"} <= set(shown)
        assert set(shown.values()) == {"link-holders-fetch"}
        assert answer["newly_hidden"] == answer["undecided"] == []
        for entry in answer["newly_shown"]:
            assert (entry["peer_id"], entry["item"], entry["link"]) == (kit.GETTER, one.cid, "alice")
            assert entry["because_of"] == ("" if entry["view"] == "grant" else "grant.proof")


async def test_what_was_not_proven_no_policy_grants(tmp_path):
    async with kit.scene(tmp_path) as one:
        await one.refused(kit.Wanted(one.cid, b"u" * 16, one.wanted.locator))
        await one.until_over()
        answer = await tried(one, CLOSED)
        assert (answer["newly_shown"], answer["undecided"], answer["refusals"]) == ([], [], 1)


async def test_refused_content_is_newly_shown(tmp_path):
    async with kit.scene(tmp_path, policy=CLOSED + kit.hides('hide.content = ["*"]')) as one:
        async with one.ask() as asking:
            await kit.outcome(asking, kit.blocks_of(one.places["small"], 1))
        await one.until_over()
        assert lists(await tried(one, CLOSED))["newly_shown"] == {"content.octets": "link-holders-fetch"}


async def test_addresses_and_program_that_were_refused_may_be_shown(tmp_path):
    async with kit.scene(tmp_path) as one:
        for view in ("addresses", "agent", "protocols"):
            await one.provider.ledger.refused(
                peer_id=kit.GETTER, view=view, item="", now=wall_clock(), network_id="open"
            )
        tell = (
            '[[rule]]\nname = "tell"\nto = ["anyone"]\nshow.agent = ["agent_version"]\n'
            'show.protocols = ["protocol_ids"]\nshow.addresses = ["listen_addrs", "observed_addr"]\n'
        )
        answer = await tried(one, CLOSED + tell)
        assert lists(answer)["newly_shown"] == {
            "addresses.listen_addrs": "tell",
            "agent.agent_version": "tell",
        }
        assert {one["fields"][0]: one["why"] for one in answer["undecided"]} == {
            "observed_addr": "value",
            "hello": "question",
            "protocol_ids": "question",
        }


async def test_which_link_was_proven_is_not_known_of_what_was_refused_before_that_was_kept(tmp_path):
    async with kit.scene(tmp_path) as one:
        await one.refused(kit.Wanted(one.cid, b"u" * 16, one.wanted.locator))
        await one.until_over()
        database = one.provider.database
        await database.run(lambda connection: connection.execute("UPDATE refusals SET link = NULL") and None)
        (entry,) = (await tried(one, CLOSED))["undecided"]
        assert (entry["view"], entry["item"], entry["fields"], entry["why"]) == ("grant", one.cid, [], "link")


# --- catalogues ----------------------------------------------------------------------------------


async def test_a_catalogue_may_have_listed_more(tmp_path):
    labelled = LISTING.replace("show.", 'items = ["label:work"]\nshow.')
    async with kit.scene(tmp_path, policy=CLOSED + labelled, labels=("work",)) as one:
        other, _ = await one.provider.share({"x": b"x"}, name="other")
        await one.provider.link(other, "bob")
        database = one.provider.database
        await database.run(lambda connection: connection.execute("UPDATE shares SET created_at = 1") and None)
        async with one.ask() as asking:
            await kit.take(asking, kit.catalogue)
        await one.until_over()
        assert lists(await tried(one, CLOSED + labelled)) == NOTHING
        answer = await tried(one, CLOSED + LISTING)
        assert lists(answer)["newly_shown"] == {"catalogue.title": "lists", "catalogue.size": "lists"}
        assert [one["item"] for one in answer["newly_shown"]] == [other]
        hidden = lists(await tried(one, CLOSED))["newly_hidden"]
        assert set(hidden) == {"catalogue.title", "catalogue.size"}


# --- time and limits -----------------------------------------------------------------------------


async def rows(folder, *moments, peer="peer1", **options):
    """Write what an agent string's row would be at each of some moments; return the database."""
    database = Database(folder / "rows.db")
    for now in moments:
        fields = ("agent_version", "protocol_version")
        await Ledger(database).record(
            [record(peer=peer, view="agent", item="", fields=fields, **options)], now=now
        )
    return database


NOON = 1_767_614_400
"""Monday, 5 January 2026, 12:00 UTC."""
AGENT = '[[rule]]\nname = "tells"\nto = ["anyone"]\nshow.agent = ["*"]\n'


@pytest.mark.parametrize(
    ("moments", "when", "hidden", "undecided"),
    [
        ((NOON,), "08:00-13:00", False, False),
        ((NOON,), "13:00-18:00", True, False),
        ((NOON, NOON + 1800, NOON + 1860), "11:00-12:30", False, True),
        ((NOON, NOON + 1800, NOON + 1860), "11:00-13:00", False, False),
        ((NOON, NOON + 300, NOON + 900), "12:05-12:06", False, True),
        ((NOON, NOON + 300, NOON + 900), "12:20-12:25", True, False),
    ],
)
async def test_a_rule_is_asked_for_the_time_of_the_entry(tmp_path, moments, when, hidden, undecided):
    async with await rows(tmp_path, *moments) as database:
        policy = f'version = 1\n{AGENT}when = ["{when}"]\n'
        answer = await simulate(policy, "p", None, database, now=NOON + DAY)
        assert [bool(answer["newly_hidden"]), bool(answer["undecided"])] == [hidden, undecided]
        assert {one["why"] for one in answer["undecided"]} <= {"time"}


async def test_what_is_the_same_but_for_the_time_or_the_peer_is_asked_anew(tmp_path):
    async with await rows(tmp_path, NOON, NOON + 4 * 3600, peer=kit.GETTER) as database:
        fields = ("agent_version", "protocol_version")
        other = record(peer=kit.PROVIDER, view="agent", item="", fields=fields)
        await Ledger(database).record([other], now=NOON)
        for policy, gone in (
            (f'{AGENT}when = ["11:00-13:00"]\n', [(kit.GETTER, NOON + 4 * 3600)]),
            (AGENT.replace("anyone", f"peer:{kit.GETTER}"), [(kit.PROVIDER, NOON)]),
        ):
            answer = await simulate(f"version = 1\n{policy}", "p", None, database, now=NOON + DAY)
            assert [(one["peer_id"], one["first_at"]) for one in answer["newly_hidden"]] == gone


async def catalogues(folder, *items):
    """Write rows of catalogues, each of one share that is gone, a minute apart."""
    database = Database(folder / "rows.db")
    for number, item in enumerate(items):
        await Ledger(database).record(
            [record(view="catalogue", item=item, fields=("title",))], now=NOON + 60 * number
        )
    return database


async def test_the_shares_of_a_day_are_counted_in_the_order_in_which_they_were_shown(tmp_path):
    async with await catalogues(tmp_path, "cid1", "cid2", "cid1", "cid3") as database:
        policy = f"version = 1\n{LISTING}limit.items_per_day = 1\n"
        policy += '[[rule]]\nname = "greets"\nto = ["anyone"]\nshow.protocols = ["hello"]\n'
        answer = await simulate(policy, "p", None, database, now=NOON + DAY)
        assert [one["item"] for one in answer["newly_hidden"]] == ["cid2", "cid3"]
        answer = await simulate(policy.replace("day = 1", "day = 3"), "p", None, database, now=NOON + DAY)
        assert answer["newly_hidden"] == []


async def test_octets_beyond_a_limit_may_have_stayed(tmp_path):
    async with kit.scene(tmp_path) as one:
        await fetched(one)
        (content,) = [row for row in await one.provider.rows() if row["view"] == "content"]
        assert content["octets"] == 100
        ledger = one.provider.ledger
        more = record(
            peer=kit.GETTER,
            view="content",
            item=one.cid,
            fields=("octets",),
            rule="link-holders-fetch",
            network="open",
            link="alice",
        )
        await ledger.record([more], 3 << 20, now=wall_clock())
        for limit, undecided in (("5MiB", []), ("1MiB", [("content", "limit")])):
            policy = CLOSED.replace(
                'show.grant = ["proof", "until"]',
                f'show.grant = ["proof", "until"]\nlimit.octets_per_day = "{limit}"',
            )
            answer = await tried(one, policy)
            assert [(one["view"], one["why"]) for one in answer["undecided"]] == undecided
            assert answer["newly_hidden"] == []


async def test_whether_a_limit_was_the_reason_of_a_refusal_is_not_known(tmp_path):
    async with await rows(tmp_path) as database:
        await Ledger(database).refused(peer_id="peer1", view="agent", item="", now=NOON, network_id="net")
        for limit, lists in (("", ["newly_shown"]), ("limit.per_minute = 1\n", ["undecided"])):
            answer = await simulate(f"version = 1\n{AGENT}{limit}", "p", None, database, now=NOON + DAY)
            assert [name for name in LISTS if answer[name]] == lists
        assert {one["why"] for one in answer["undecided"]} == {"limit"}


# --- how much ------------------------------------------------------------------------------------


async def test_only_the_last_30_days_are_looked_at(tmp_path):
    async with await rows(tmp_path, NOON, NOON + 2 * DAY) as database:
        answer = await simulate("version = 1\n", "p", None, database, now=NOON + SPAN_SECONDS + DAY)
        assert [one["last_at"] for one in answer["newly_hidden"]] == [NOON + 2 * DAY]
        assert answer["entries"] == 1


async def test_repeats_are_one_entry_and_the_last_ones_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(simulating, "PAGE", 2)
    async with await rows(tmp_path, *(NOON + 7200 * n for n in range(5))) as database:
        await Ledger(database).record([record(peer="peer2", view="agent", item="")], now=NOON + DAY)
        answer = await simulate("version = 1\n", "p", None, database, now=NOON + 2 * DAY)
        first, last = answer["newly_hidden"]
        assert (first["peer_id"], first["count"]) == ("peer1", 5)
        assert (first["first_at"], first["last_at"]) == (NOON, NOON + 4 * 7200)
        assert answer["counts"]["newly_hidden"] == 6
        answer = await simulate("version = 1\n", "p", None, database, now=NOON + 2 * DAY, limit=1)
        assert answer["newly_hidden"] == [last]
        assert answer["left_out"] == {"newly_shown": 0, "newly_hidden": 1, "undecided": 0}


async def test_a_ledger_of_any_size_leaves_so_many_entries(tmp_path, monkeypatch):
    monkeypatch.setattr(changes, "MAX_KEPT", 10)
    Database(tmp_path / "x.db").close()
    fill(tmp_path / "x.db", 1000)
    async with Database(tmp_path / "x.db") as database:
        answer = await simulate("version = 1\n", "p", None, database, now=1_700_000_000 + DAY)
        assert (answer["entries"], len(answer["newly_hidden"])) == (1000, 10)
        assert answer["left_out"]["newly_hidden"] > 100


async def test_a_file_that_is_no_policy_is_refused_as_policy_check_does(tmp_path):
    async with Database(tmp_path / "x.db") as database:
        for text, what in (("version = 1\nrules = 3\n", r"p:2: .*rules"), ("version = 2\n", "version 2")):
            with pytest.raises(PolicyError, match=what):
                await simulate(text, "p", parse_policy(CLOSED, "c"), database, now=1)
