"""How long does our node keep its event loop from others? Each work once, with the loop of one side watched.

Two bounds: no step of a task over 20 ms of the thread's CPU time, and a timer at most 100 ms late in 99 of
100 cases. The times of what is moved are no figures here: to be watched makes a node slower.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import sys
import time
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from bench.nodes import COMMAND_SECONDS, running_pair
from bench.rounds import tell
from bench.samples import RunFailedError, Sample
from demo import Person
from peertransfer.membership.identity import peer_id_of_public_key, public_key_of_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.nodes import Pair

TELL_SECONDS = 30
FILL = """
WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :rows)
INSERT INTO disclosures SELECT n, :now - :rows + n, :now - :rows + n, 'open', 'peer:' || peer_id, peer_id,
  'manifest', NULL, NULL, '["title","size"]', 'bench', 0, 1,
  randomblob(16), randomblob(32), randomblob(32) FROM counted JOIN peers ON number = n % 50
"""
"""Rows as no node would write them, and that no check would believe, but of the right sizes: sealed, by fifty
peers, over the last days."""
HEAD = "UPDATE ledger_head SET last_index = :rows, sealed_index = :rows, sealed_hash = randomblob(32)"
RULE = """
[[rule]]
name = "r{number}"
to = ["link:l{number}"]
show.grant = ["proof"]
"""


class Watched(Person):
    """Somebody whose node runs with its loop watched."""

    @property
    def program(self) -> list[str]:
        """The words that start the node."""
        return [sys.executable, "-m", "bench.watched_node", str(self._file)]

    @property
    def _file(self) -> Path:
        return self.home.parent / f"{self.name}.loop"

    def look(self) -> dict[str, Any]:
        """Return what was seen of the loop since the last look.

        Raises:
            RunFailedError: the node says nothing.
        """
        assert self.process is not None
        self._file.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        late = time.monotonic() + TELL_SECONDS
        while not self._file.exists():
            if time.monotonic() > late:
                raise RunFailedError("the watched node told nothing of its loop")
            time.sleep(0.01)
        found: dict[str, Any] = json.loads(self._file.read_text())
        return found


@contextlib.contextmanager
def watched_pair(below: Path, side: str, prepare: Callable[[Person], None] | None = None) -> Iterator[Pair]:
    """Run two nodes; the loop of ``side`` is watched."""
    kinds = {role: Watched if role == side else Person for role in ("provider", "getter")}
    with running_pair(below, has_psk=False, kinds=kinds, prepare=prepare) as pair:
        yield pair


def sample_of(person: Person, work: str) -> Sample:
    """Return the figures of a watched node since its last look, and tell where its long steps were."""
    assert isinstance(person, Watched)
    seen = person.look()
    for where, took in sorted(seen["slow"].items(), key=itemgetter(1), reverse=True):
        tell(f"    {work}: {took:.0f} ms in {where}")
    return {f"{what}_{part}": seen[what][part] for what in ("step", "lag") for part in ("p50", "p99", "max")}


def get(source: Path, below: Path, side: str) -> Sample:
    """Share and get; only the ``get`` counts."""
    with watched_pair(below, side) as pair:
        link = pair.share(source)
        watched = pair.provider if side == "provider" else pair.getter
        assert isinstance(watched, Watched)
        watched.look()
        pair.get(link, below / "nodes" / "received")
        return sample_of(watched, f"get, {side}")


def share(source: Path, below: Path) -> Sample:
    """Import and serve."""
    with watched_pair(below, "provider") as pair:
        assert isinstance(pair.provider, Watched)
        pair.provider.look()
        pair.share(source)
        return sample_of(pair.provider, "share")


def ledger(below: Path, rows: int) -> Sample:
    """Ask a ledger of so many for its newest rows, for those of one share, and for twenty pages."""
    peers = [peer_id_of_public_key(public_key_of_seed(bytes([number]) * 32)) for number in range(50)]

    def fill(person: Person) -> None:
        if isinstance(person, Watched):
            with contextlib.closing(sqlite3.connect(person.home / "peertransfer.db")) as connection:
                facts = {"rows": rows, "now": int(time.time()) - 3600}
                connection.execute("CREATE TEMP TABLE peers (number INTEGER PRIMARY KEY, peer_id TEXT)")
                connection.executemany("INSERT INTO peers VALUES (?, ?)", enumerate(peers))
                connection.execute(FILL, facts)
                connection.execute(HEAD, facts)
                connection.commit()

    with watched_pair(below, "provider", fill) as pair:
        assert isinstance(pair.provider, Watched)
        pair.provider.look()
        for words in (["--limit", "1000"], ["--peer", peers[7]], ["--limit", "20000"]):
            pair.provider.ask("privacy", "ledger", *words, timeout=COMMAND_SECONDS)
        return sample_of(pair.provider, "ledger")


def policy(below: Path, rules: int) -> Sample:
    """Take a policy of so many rules into force."""
    with watched_pair(below, "provider") as pair:
        assert isinstance(pair.provider, Watched)
        pair.provider.look()
        path = pair.provider.home / "policy.toml"
        there = path.read_text().splitlines().count("[[rule]]")
        with path.open("a") as file:
            for number in range(rules - there):
                file.write(RULE.format(number=number))
        pair.provider.ask("policy", "reload", timeout=COMMAND_SECONDS)
        return sample_of(pair.provider, "policy reload")
