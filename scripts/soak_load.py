"""What is done to the nodes of a soak, over and over: whole fetches, and everything that breaks one off.

It looks at what arrives, and watches nothing else (``soak``).
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.material import digest, make_file
from peertransfer.errors import CancelledTransferError, PeertransferError, RefusedError, UsageError
from soak_verdict import MIB

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from soak import Member

PAUSE_SECONDS = 0.5
"""Between two pieces of work of one worker."""


class GoneError(Exception):
    """The person at the command hangs up."""


class Load:
    """What is done to the nodes, over and over, and how often."""

    def __init__(self, folder: Path, network: str, provider: Member, getter: Member, router: Member) -> None:
        self._folder = folder
        self._network = network
        self._provider, self._getter, self._router = provider, getter, router
        self._random = random.Random(7)  # noqa: S311 - which work is done, and nothing secret
        self._numbers = iter(range(1 << 62))
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self._links = self._share_what_stays()
        self._peer = next(
            str(one["peer_id"]) for one in provider.ask("id")["identities"] if one["network_id"] == network
        )

    def _share_what_stays(self) -> dict[str, tuple[str, Path]]:
        large = make_file(self._folder / "large", 24 * MIB)
        small = make_file(self._folder / "small", MIB)
        many = self._folder / "many"
        self._fill(many, 150)
        return {path.name: (self._share(path)["link"], path) for path in (large, small, many)}

    def _fill(self, folder: Path, count: int) -> None:
        folder.mkdir()
        for number in range(count):
            (folder / f"file {number}").write_bytes(os.urandom(5000))

    def _share(self, path: Path) -> dict[str, Any]:
        return self._provider.client.stream("share", _ignore, paths=[str(path)], network=self._network)

    # --- the pieces of work ------------------------------------------------------------------------

    def fetch(self) -> None:
        """Fetch a share whole, look at every octet, and remove it."""
        link, source = self._links[self._random.choice(sorted(self._links))]
        self._fetch(link, source)

    def _fetch(self, link: str, source: Path) -> None:
        with self._dest() as dest:
            self._getter.client.stream("get", _ignore, link=link, dest=str(dest))
            if digest(source) != digest(dest):
                raise AssertionError(f"what arrived of {source.name} is not what was shared")

    def cancel(self) -> None:
        """Begin to fetch, and cancel as soon as it is under way."""
        cancelled: set[str] = set()

        def on_event(event: dict[str, object]) -> None:
            transfer_id = str(event.get("transfer_id") or "")
            if transfer_id and transfer_id not in cancelled:
                cancelled.add(transfer_id)
                with contextlib.suppress(UsageError):  # it is done already
                    self._getter.client.call("cancel", transfer_id=transfer_id)

        with self._dest() as dest, contextlib.suppress(CancelledTransferError):
            self._getter.client.stream("get", on_event, link=self._links["large"][0], dest=str(dest))

    def hang_up(self) -> None:
        """Begin to fetch and be gone, as by Ctrl-C; go on later, or give up."""
        begun = ""

        def on_event(event: dict[str, object]) -> None:
            nonlocal begun
            begun = str(event.get("transfer_id") or "")
            if begun:
                raise GoneError

        link, source = self._links["large"]
        with self._dest() as dest:
            with contextlib.suppress(GoneError):
                self._getter.client.stream("get", on_event, link=link, dest=str(dest))
            time.sleep(PAUSE_SECONDS)
            if self._random.random() < 0.5:  # noqa: PLR2004 - every other time
                self._getter.client.stream("get", _ignore, link=link, dest=str(dest))
                if digest(source) != digest(dest):
                    raise AssertionError("what was resumed is not what was shared")
        if begun:
            with contextlib.suppress(UsageError):  # it is done already
                self._getter.client.call("cancel", transfer_id=begun)

    def look_up(self) -> None:
        """List a share, what a peer shows, and everything that a person looks at."""
        self._getter.client.call("ls", target=self._links["many"][0])
        self._getter.client.call("ls", target=self._peer)
        for command in ("peers", "transfers", "ledger", "identities"):
            self._random.choice((self._getter, self._provider, self._router)).client.call(command)

    def be_refused(self) -> None:
        """Ask for a share with a secret that is none of its links'."""
        link = re.sub(r"&s=[^&]+", "&s=" + "A" * 22, self._links["small"][0])
        with self._dest() as dest, contextlib.suppress(RefusedError):
            self._getter.client.stream(
                "get", _ignore, link=link, dest=str(dest), from_addrs=[self._provider.address(self._network)]
            )
            raise AssertionError("a link with another secret was good for something")

    def share_and_unshare(self) -> None:
        """Share a new folder, fetch it, end a link of it, and stop sharing it."""
        folder = self._folder / f"shared-{next(self._numbers)}"
        self._fill(folder, 20)
        try:
            shared = self._share(folder)
            made = self._provider.client.call("link_create", share=shared["manifest_cid"])
            self._provider.client.call("link_end", ref=made["link"])
            self._fetch(shared["link"], folder)
            self._provider.client.call("unshare", ref=shared["manifest_cid"])
        finally:
            shutil.rmtree(folder)

    @contextlib.contextmanager
    def _dest(self) -> Iterator[Path]:
        """Give a name for what arrives, in a folder that is removed afterwards."""
        folder = Path(tempfile.mkdtemp(dir=self._folder, prefix="got-"))
        try:
            yield folder / "it"
        finally:
            shutil.rmtree(folder)

    @property
    def works(self) -> tuple[Callable[[], None], ...]:
        """Every kind of work."""
        return (self.fetch, self.cancel, self.hang_up, self.look_up, self.be_refused, self.share_and_unshare)

    def once(self, work: Callable[[], None]) -> None:
        """Do one piece of work, and note what came of it."""
        try:
            work()
        except (PeertransferError, AssertionError, OSError) as error:
            self.failures.append(f"{work.__name__}: {type(error).__name__}: {error}")
        self.counts[work.__name__] += 1

    def repeat(self, works: tuple[Callable[[], None], ...], is_over: threading.Event) -> None:
        """Do some kinds of work in turn."""
        while not is_over.is_set():
            for work in works:
                self.once(work)
                is_over.wait(PAUSE_SECONDS)


def _ignore(event: dict[str, object]) -> None:
    del event
