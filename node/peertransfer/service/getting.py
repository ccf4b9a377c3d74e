"""Fetch, look, pause and go on: what the person may ask about other people's shares.

How one run goes is ``service.get_operation``; what is on the disk is ``store``. Spec: CLI.md ``get``, ``ls``.
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from peertransfer.content.cid import Cid
from peertransfer.content.link import Link
from peertransfer.content.locator import locator
from peertransfer.content.names import check_segment, display
from peertransfer.errors import (
    CancelledTransferError,
    ChangedError,
    ClashError,
    NotFoundError,
    PeertransferError,
    ReachError,
    UsageError,
)
from peertransfer.service.facts import wall_clock
from peertransfer.service.fetch_queue import targets_of
from peertransfer.service.fetching import Fetching
from peertransfer.service.get_operation import GetOperation
from peertransfer.service.get_report import (
    FINISHED,
    described_share,
    described_transfer,
    keep_reporting,
    listed_transfers,
    report,
    result_of,
)
from peertransfer.service.get_run import Claim, Run
from peertransfer.service.groups import open_nursery
from peertransfer.service.landing import Landing, adjust, renamed
from peertransfer.service.not_given import NotGiven, refusal_of
from peertransfer.service.plan import select as select_entries
from peertransfer.store.deliveries import Bans
from peertransfer.store.disk import check_room
from peertransfer.store.partial_folder import PartialFolder
from peertransfer.store.placing import DestinationRoot
from peertransfer.store.survey import Placement, survey
from peertransfer.store.transfers import StoredTransfer, Transfers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peertransfer.service.hosts import Hosts
    from peertransfer.service.loading import RemoteShare
    from peertransfer.store.database import Database
    from peertransfer.store.transfers import ClashMode

KEPT_HINT = "What arrived is kept: the same command goes on from there."


class Getting:
    """All transfers of this node."""

    def __init__(self, database: Database, hosts: Hosts, free_disk_floor: int) -> None:
        self._hosts = hosts
        self._floor = free_disk_floor
        self._bans = Bans(database)
        self._transfers = Transfers(database)
        self._running: dict[str, Run] = {}
        self._claims: set[Claim] = set()
        self._received = 0

    @property
    def running_count(self) -> int:
        """How many transfers run now."""
        return len(self._running)

    @property
    def octets_received(self) -> int:
        """Payload octets since start."""
        return self._received + sum(
            run.landing.octets_received for run in self._running.values() if run.landing is not None
        )

    async def note_interrupted(self) -> None:
        """Mark what a killed node left running as paused."""
        for one in await self._transfers.list():
            if one.state == "running":
                await self._transfers.set_state(one.transfer_id, "paused", wall_clock())

    async def expire_bans(self, now: int) -> None:
        """Forget bans that are over."""
        await self._bans.expire(now)

    # --- get ---------------------------------------------------------------------------------------

    async def get(
        self,
        link: str,
        dest: str,
        progress: Callable[[dict[str, object]], None],
        *,
        from_addrs: Sequence[str] = (),
        select: Sequence[str] = (),
        wait: bool = False,
        overwrite: bool = False,
        rename: bool = False,
    ) -> dict[str, object]:
        """Fetch what is behind a link into ``dest``, and return what became of it.

        Raises:
            PeertransferError: see CLI.md for the exit code of each.
        """
        nameless = next((addr for addr in from_addrs if "/p2p/" not in addr), None)
        if nameless is not None:
            raise UsageError(
                f"{display(nameless)} does not say which peer is expected there",
                "Give it with /p2p/<peer ID>.",
            )
        mode: ClashMode = "overwrite" if overwrite else "rename" if rename else "refuse"
        run = Run(Link.parse(link), Path(dest), tuple(select), mode)
        return await self._carry_out(run, [*from_addrs, *run.link.addrs], progress, is_patient=wait)

    async def _carry_out(
        self,
        run: Run,
        addrs: Sequence[str],
        progress: Callable[[dict[str, object]], None],
        *,
        is_patient: bool,
    ) -> dict[str, object]:
        started = trio.current_time()
        running = await self._hosts.host_for(run.link.network_id)
        operation = GetOperation(
            running=running,
            link=run.link,
            locator=locator(run.link.secret, running.network.epoch_key, run.link.manifest_cid),
            bans=self._bans,
            prepare=lambda share: self._prepare(run, share, addrs),
            is_patient=is_patient,
        )
        is_done = False
        try:
            with run.scope:
                async with open_nursery() as nursery:
                    nursery.start_soon(keep_reporting, run, operation, progress)
                    await operation.run(addrs)
                    nursery.cancel_scope.cancel()
                is_done = True
        except ChangedError:
            run.has_changed = True
            raise
        except ReachError as error:
            if run.has_something:
                error.hint = f"{error.hint} {KEPT_HINT}"
            raise
        finally:
            with trio.CancelScope(shield=True):
                await self._end(run, is_done=is_done)
        if run.scope.cancelled_caught:
            raise _cancelled(run)
        report(run, operation, progress)
        if run.selected and run.hidden:
            raise refusal_of(run.hidden, run.file_count + len(run.hidden))
        return result_of(run, operation, trio.current_time() - started)

    async def _prepare(self, run: Run, share: RemoteShare, addrs: Sequence[str]) -> Fetching | None:
        """Decide where everything goes, look at what is there, and make the queue."""
        run.share = share
        _choose(run, share)
        root_path, placements = await self._placements(run, share)
        folder = root_path if run.places else root_path.parent
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}", "Make it first, or choose another place.")
        self._claim(run, root_path)
        run.transfer = await self._begin(run, share, root_path, addrs)
        self._running[run.transfer.transfer_id] = run
        run.root = await trio.to_thread.run_sync(_open_root, root_path, run.is_titled)
        surveyed = await survey(run.root, placements, run.mode)
        if run.places:
            run.places = tuple(surveyed[0].path)
        missing = {one.placement.entry: one for one in surveyed if one.placement.root and not one.is_there}
        check_room(root_path, sum(one.placement.size or 0 for one in missing.values()), self._floor)
        run.renamed = renamed(surveyed)
        await trio.to_thread.run_sync(adjust, run.root, surveyed)
        run.folder = await trio.to_thread.run_sync(
            PartialFolder, run.root, run.transfer.transfer_id, self._transfers
        )
        there = {one.placement.root: one.path for one in surveyed if one.placement.root and one.is_there}
        run.landing = Landing(run.folder, missing, there)
        run.landing.octets_reused = sum(one.size for one in surveyed if one.is_there)
        run.reused_files = sum(one.is_there and one.placement.root is not None for one in surveyed)
        targets = await trio.to_thread.run_sync(targets_of, run.chosen, missing)
        if not targets:
            return None
        return Fetching(targets, run.landing, run.file_count, self._hosts.allowance)

    async def _placements(self, run: Run, share: RemoteShare) -> tuple[Path, list[Placement]]:
        title = check_segment(share.title)
        is_one_file = len(share.entries) == 1 and share.entries[0].path == (title,)
        is_folder = await trio.to_thread.run_sync(run.dest.is_dir)
        if is_one_file:
            root, name = (run.dest, title) if is_folder else (run.dest.parent, run.dest.name)
            paths: list[tuple[str, ...]] = [(name,)]
            run.places = (name,)
        else:
            is_within = is_folder and not await self._was_root(run.dest, title)
            run.is_titled = run.is_titled or is_within
            root = run.dest / title if is_within else run.dest
            paths = [entry.path for entry in run.chosen]
        return root, [
            Placement(entry.index, path, entry.root, entry.size, executable=entry.executable)
            for entry, path in zip(run.chosen, paths, strict=True)
        ]

    async def _was_root(self, dest: Path, title: str) -> bool:
        """Whether an earlier ``get`` of a share of this title made ``dest`` itself."""
        known = await self._transfers.list()
        return any((one.dest, one.title, one.name) == (dest, title, "") for one in known)

    def _claim(self, run: Run, root_path: Path) -> None:
        """Keep others from doing the same at the same time.

        Raises:
            ClashError: another run does it already.
        """
        claim = (str(run.link.manifest_cid), root_path, "/".join(run.places))
        if claim in self._claims:
            raise ClashError(
                f"The same transfer to {root_path.joinpath(*run.places)} runs already",
                "Wait for it, or look at it with: peertransfer transfers",
                path=str(root_path.joinpath(*run.places)),
            )
        self._claims.add(claim)
        run.claim = claim

    async def _begin(
        self, run: Run, share: RemoteShare, root_path: Path, addrs: Sequence[str]
    ) -> StoredTransfer:
        cid = str(run.link.manifest_cid)
        name = "/".join(run.places)
        known = await self._transfers.find_unfinished(cid, root_path, name)
        if known is not None:
            await self._transfers.set_link(known.transfer_id, run.link.secret, addrs, run.size)
            await self._transfers.set_state(known.transfer_id, "running", wall_clock())
            return known
        transfer = StoredTransfer(
            transfer_id=secrets.token_hex(8),
            manifest_cid=cid,
            network_id=run.link.network_id,
            secret=run.link.secret,
            dest=root_path,
            title=share.title,
            name=name,
            started_at=wall_clock(),
            addrs=tuple(addrs),
            selected=run.selected,
            clash_mode=run.mode,
            updated_at=wall_clock(),
            octets_total=run.size,
        )
        await self._transfers.begin(transfer)
        return transfer

    async def _end(self, run: Run, *, is_done: bool) -> None:
        try:
            if run.landing is not None and not (is_done or run.is_given_up):
                with contextlib.suppress(PeertransferError):  # why the run ends is said already
                    await run.landing.flush()
            if run.folder is not None:
                await run.folder.aclose(discard=is_done or run.is_given_up or run.has_changed)
        finally:
            if run.root is not None:
                if not is_done:
                    await trio.to_thread.run_sync(run.root.remove_if_made)
                run.root.close()
            if run.claim is not None:
                self._claims.remove(run.claim)
            if run.transfer is not None:
                self._running.pop(run.transfer.transfer_id, None)
                received = run.landing.octets_received if run.landing else 0
                reused = run.landing.octets_reused if run.landing else 0
                self._received += received
                state = "done" if is_done else run.end_state
                await self._transfers.set_state(
                    run.transfer.transfer_id, state, wall_clock(), received=received, reused=reused
                )

    # --- look --------------------------------------------------------------------------------------

    async def look(self, target: str) -> list[dict[str, object]]:
        """Return what is behind a link, without fetching anything.

        Raises:
            UsageError: it is no link.
        """
        link = Link.parse(target)
        found: list[RemoteShare] = []

        async def keep(share: RemoteShare) -> None:
            found.append(share)

        running = await self._hosts.host_for(link.network_id)
        operation = GetOperation(
            running=running,
            link=link,
            locator=locator(link.secret, running.network.epoch_key, link.manifest_cid),
            bans=self._bans,
            prepare=keep,
            is_patient=False,
            is_look=True,
        )
        await operation.run(link.addrs)
        return [described_share(share) for share in found]

    # --- transfers ---------------------------------------------------------------------------------

    async def transfers(self) -> list[dict[str, object]]:
        """List transfers: what runs first, then the newest."""
        return [
            described_transfer(one, self._running.get(one.transfer_id))
            for one in listed_transfers(await self._transfers.list())
        ]

    async def pause(self, transfer_id: str) -> dict[str, object]:
        """Pause a running transfer."""
        run = self._running.get(transfer_id)
        if run is None:
            raise NotFoundError(f"No transfer {transfer_id!r} runs", "See: peertransfer transfers")
        run.scope.cancel()
        return {"transfer_id": transfer_id, "state": "paused"}

    def pause_all(self) -> None:
        """Pause everything: the node ends."""
        for run in self._running.values():
            run.scope.cancel()

    async def resume(
        self, transfer_id: str, progress: Callable[[dict[str, object]], None]
    ) -> dict[str, object]:
        """Go on with a paused transfer."""
        one = await self._transfers.find(transfer_id)
        if one.state in FINISHED or transfer_id in self._running:
            raise UsageError(f"The transfer {transfer_id!r} is {one.state}", "Only a paused one can go on.")
        link = Link(Cid.parse(one.manifest_cid), one.network_id, one.secret, ())
        run = Run(link, one.dest / one.name, one.selected, one.clash_mode, is_titled=_is_titled(one))
        return await self._carry_out(run, one.addrs, progress, is_patient=False)

    async def cancel(self, transfer_id: str) -> dict[str, object]:
        """Give a transfer up and remove its partial files."""
        run = self._running.get(transfer_id)
        if run is not None:
            run.is_given_up = True
            run.scope.cancel()
            return {"transfer_id": transfer_id, "state": "cancelled"}
        one = await self._transfers.find(transfer_id)
        if one.state == "done":
            raise UsageError(f"The transfer {transfer_id!r} is done", "There is nothing left to cancel.")
        if one.dest.is_dir():
            with await trio.to_thread.run_sync(_open_root, one.dest, _is_titled(one)) as root:
                folder = await trio.to_thread.run_sync(PartialFolder, root, transfer_id, self._transfers)
                await folder.aclose(discard=True)
        await self._transfers.set_state(transfer_id, "cancelled", wall_clock())
        return {"transfer_id": transfer_id, "state": "cancelled"}


def _choose(run: Run, share: RemoteShare) -> None:
    """Tell what the person chose and can be fetched from what is hidden.

    Raises:
        RefusedError: no file that was chosen can be fetched.
    """
    chosen = select_entries(share.entries, run.selected)
    closed = [entry for entry in chosen if entry.kind == "file" and entry.root is None]
    run.hidden = tuple(NotGiven(entry.text, "hidden") for entry in closed)
    run.chosen = tuple(entry for entry in chosen if entry.kind != "file" or entry.root is not None)
    if closed and not run.file_count:
        raise refusal_of(run.hidden, len(closed))


def _cancelled(run: Run) -> CancelledTransferError:
    if run.is_given_up:
        return CancelledTransferError("The transfer was cancelled", "What was not complete of it is removed.")
    return CancelledTransferError("The transfer was paused", "Run the same command again to go on.")


def _open_root(path: Path, is_titled: bool) -> DestinationRoot:
    return DestinationRoot(path.parent, path.name) if is_titled else DestinationRoot(path)


def _is_titled(one: StoredTransfer) -> bool:
    """Whether the last name of a transfer's folder is its title, so that a peer may have chosen it."""
    return not one.name and one.dest.name == one.title
