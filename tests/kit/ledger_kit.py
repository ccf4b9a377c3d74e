"""What tests write into a ledger, and how they read and tamper with it."""

import apsw

from peertransfer.disclosure.disclosed import DisclosureRecord
from peertransfer.store.ledger import described_entry
from peertransfer.store.ledger_pages import Cursor, LedgerFilter
from peertransfer.store.records import pack


def record(
    peer="peer1",
    view="grant",
    item="cid1",
    fields=("proof", "until"),
    rule="link",
    network="net",
    link="",
):
    """Return what the engine would say of one decision."""
    audience = f"peer:{peer}" if peer else f"dht-servers:{network}"
    return DisclosureRecord(network, audience, peer, view, item, fields, rule, link)


async def entries_of(ledger, *, limit=1000, newest=False, **asked):
    """Return all entries that match, page by page, as ``privacy ledger`` gives them."""
    found, cursor = [], None
    while page := await ledger.page(LedgerFilter(**asked), limit=limit, newest=newest, cursor=cursor):
        found += page
        cursor = Cursor(page[-1].at, page[-1].index)
    return [described_entry(entry) for entry in found]


async def told_entries(ledger, **asked):
    """Return all entries without their places in the chain and in time."""
    return [
        {name: value for name, value in entry.items() if name not in {"index", "last_at"}}
        for entry in await entries_of(ledger, **asked)
    ]


def tamper(path, statement, values=()):
    """Change the database as somebody would who found the file; all constraints hold."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    connection.execute(statement, values)
    connection.close()


def fill(path, count, *, peers=100, items=1000, links=50):
    """Write ``count`` rows straight into the table, one a minute, unchained: to be found, not to be checked.

    A tenth of the rows is of one peer, half of them of one item and link, half of another, so that each of
    these matches very many rows, and one item never went through the other's link.
    """
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF; BEGIN")
    statement = """INSERT INTO disclosures (chain_index, at, last_at, peer_id, network_id, audience, view, item,
        link, fields, rule, octets, count, salt, commitment, chain_hash)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
    connection.executemany(statement, (_row(n, peers, items, links) for n in range(1, count + 1)))
    connection.execute("UPDATE ledger_head SET last_index = ?, sealed_index = ?", (count, count))
    connection.execute("COMMIT")
    connection.close()


def _row(n, peers, items, links):
    many, half = n % 10 == 2, n // 10 % 2
    peer = f"12D3KooW{0 if many else n % peers:044}"
    item = None if n % 5 == 0 else f"bafy{half if many else n % items:055}"
    link = None if item is None or n % 2 else f"link {half if many else n % links}"
    at = 1_700_000_000 + n * 60
    fields = pack(("name", "size", "content"))
    audience = f"peer:{peer}"
    view = ("openings", "grant", "content", "want")[n % 4]
    return (
        *(n, at, at + 30, peer, "n" * 52, audience, view, item, link, fields, "holders", 1000 * n, 1),
        *(n.to_bytes(16), n.to_bytes(32), n.to_bytes(32)),
    )
