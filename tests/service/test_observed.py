"""What ``policy explain`` says that a peer would see, beside what that peer then gets, for random policies.

A triple is a policy, a peer (with or without a link) and an item: a share, or one entry of it. For each, the peer
does all that it can (``observer_kit``); what it could read is compared field by field with what is explained, and
the rules that are named with those of the ledger's rows.
"""

import random
import time

import pytest
from answering_kit import GETTER
from memory_node_kit import DAY, NETWORKS, PRIVATE, PUBLIC, run_node
from observer_kit import observe
from policy_texts import PolicyTexts

from peertransfer.disclosure.views import VIEW_FIELDS
from peertransfer.membership.identity import peer_id_of_public_key, public_key_of_seed
from peertransfer.service import answering
from peertransfer.service.explaining import explain

PEERS = (GETTER, *(peer_id_of_public_key(public_key_of_seed(bytes([seed]) * 32)) for seed in (11, 12)))
"""The first is in two groups, the second in one, the third in none."""
BATCHES = 4
TRIPLES = 1000
FIELDS = {f"{view}.{name}" for view, names in VIEW_FIELDS.items() for name in names}


@pytest.fixture
def swift_refusals(monkeypatch):
    monkeypatch.setattr(answering, "REFUSAL_TICK_SECONDS", 0.001)


async def stock(node, folder):
    """Share a few things, each with links of all kinds; no two have title, size or count of entries in common."""
    now = int(time.time())
    files = {"docs/plan.md": b"p" * 300, "docs/sign.key": b"k" * 10, "a/pic.png": b"i" * 2000, "none": b""}
    more = {"docs/x.key": b"x" * 700, "b.png": b"b" * 9}
    first = await node.share(
        folder / "first",
        files,
        entry_labels=("holiday",),
        created_at=now - DAY,
        labels=("open",),
        purpose="p",
    )
    second = await node.share(folder / "second", more, created_at=now - 40 * DAY, labels=("secret",))
    gone = await node.share(folder / "gone", {"plan.md": b"q" * 40}, created_at=now, expires_at=now - DAY)
    ended = await node.share(folder / "ended", {"e": b"1", "f": b"2", "g": b"3"}, created_at=now - 3 * DAY)
    await node.link(first, "alice", PRIVATE, expires_at=now + DAY)
    await node.link(first, "bob", PUBLIC)
    await node.link(first, "late", PRIVATE, expires_at=now - 5)
    await node.link(second, "carol", PUBLIC, expires_at=now + DAY)
    await node.link(second, "dora", PRIVATE)
    await node.link(second, "over", PRIVATE, ended_at=now - 5)
    await node.link(gone, "erik", PRIVATE)
    await node.link(ended, "fred", PRIVATE, ended_at=now - 5)
    return [first, second, gone, ended]


WITHOUT_END = {"bob", "dora", "over", "erik", "fred"}
"""Links of shares that never expire, and without an end of their own: no grant says until when it holds."""
LEADING = [("alice", PRIVATE, 0), ("bob", PUBLIC, 0), ("carol", PUBLIC, 1), ("dora", PRIVATE, 1)]
"""Links that hold, with their network and the place of their share."""


def texts(chance, shares):
    return PolicyTexts(
        chance,
        peers=PEERS,
        networks=[one.network_id for one in NETWORKS],
        links=[name for one in shares for name in one.links],
        cids=[one.cid for one in shares],
        labels=["open", "secret", "holiday"],
        globs=["docs/**", "*.key", "a", "none", "**"],
        media=["image/*", "text/markdown"],
        sizes=["10B", "1KiB"],
        ages=["2d", "30d"],
    )


def somebody(chance, shares):
    """Return a network, a share and a link; most of the time the link leads to the share."""
    if chance.random() < 0.6:
        link, network, place = chance.choice(LEADING)
        return network, shares[place], link
    shared = chance.choice(shares)
    return chance.choice(NETWORKS), shared, chance.choice([None, *shared.links])


@pytest.mark.parametrize("seed", range(BATCHES))
@pytest.mark.usefixtures("swift_refusals")
async def test_what_is_explained_is_what_an_observer_gets(tmp_path, seed):
    chance, count, seen, hidden = random.Random(seed), 0, set(), set()
    async with run_node(tmp_path) as node:
        shares = await stock(node, tmp_path)
        writer = texts(chance, shares)
        while count < TRIPLES // BATCHES:
            text, peer = writer.write(), chance.choice(PEERS)
            network, shared, link = somebody(chance, shares)
            node.set_policy(text)
            told = {
                path: await explained(node, peer, shared, network, link, path)
                for path in (None, *shared.paths)
            }
            got = await observe(node, network, peer, shared, link)
            which = f"{peer} in {network.name}, {shared.title} by {link}, {text}"
            for path, fields in told.items():
                shown = {name for name, one in fields.items() if one["shown"] and _is_of(name, path)}
                assert got.fields(path) == _as_sent(shown, link), f"{path}: {which}"
                seen |= shown
                hidden |= {name for name in fields if _is_of(name, path)} - shown
                count += 1
            check_rows(told, got, shared.cid, link, which)
    assert len(seen) > len(FIELDS) / 2, FIELDS - seen
    assert hidden == FIELDS


async def explained(node, peer, shared, network, link, path):
    answer = await explain(
        node.policy,
        node.database,
        node.served,
        peer=peer,
        item=shared.cid,
        path=path,
        link=link,
        network=network.network_id,
    )
    return answer["fields"]


def _is_of(name, path):
    """Tell whether a field is one of an entry, or else of the share as a whole, of the peer and its network."""
    is_of_entry = name.startswith(("openings.", "content.")) and not name.startswith("openings.share_")
    return is_of_entry is (path is not None)


def _as_sent(shown, link):
    """Return as what these fields can be read: private addresses among all, and no end where there is none."""
    finer = {"addresses.listen_addrs": "addresses.private_addrs", "provide.addrs": "provide.private_addrs"}
    found = shown | {coarse for fine, coarse in finer.items() if fine in shown}
    return found - {"grant.until"} if link in WITHOUT_END else found


# --- the ledger ----------------------------------------------------------------------------------


OF_LINK = {"grant", "manifest", "openings", "content"}


def check_rows(told, got, cid, link, which):
    """Compare the rules named by what is explained with those in the rows that the observation left."""
    rows = [row for row in got.rows if row["item"] in {"", cid} and row["fields"]]
    for row in rows:
        assert row["link"] == link or row["view"] not in OF_LINK, which
        if row["view"] == "refusal":
            continue
        if row["view"] == "content":
            of_entries = {path: fields for path, fields in told.items() if path is not None}
            assert row["rule"] == _rules(of_entries, ["content.octets"]), f"{row}: {which}"
            continue
        names = [f"{row['view']}.{name}" for name in row["fields"]]
        if not row["peer_id"] and not all(told[None][name]["shown"] for name in names):
            continue  # it went to the other servers of the DHT
        assert row["rule"] in {
            _rules({None: fields}, names)
            for fields in told.values()
            if all(fields[name]["shown"] for name in names)
        }, f"{row}: {which}"
    refused_by = {rule for row in rows if row["view"] == "refusal" for rule in row["rule"].split(",")}
    assert ",".join(sorted(refused_by)) == _rules({None: told[None]}, ["refusal.code"]), which
    written = {f"{row['view']}.{name}" for row in rows for name in row["fields"]}
    for path in told:
        unwritten = got.fields(path) - written - {"addresses.private_addrs", "provide.private_addrs"}
        assert not unwritten, f"{path}: {which}"


def _rules(told, names):
    """Return the names of the rules by which any of these fields is shown, as the ledger writes them."""
    shown = [fields[name] for fields in told.values() for name in names if fields[name]["shown"]]
    return ",".join(sorted({rule for one in shown for rule in one["rule"].split(",")}))
