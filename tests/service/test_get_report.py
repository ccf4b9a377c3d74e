"""Which transfers are listed, and in which order?"""

from pathlib import Path

from peertransfer.service.get_report import MAX_FINISHED, listed_transfers
from peertransfer.store.transfers import StoredTransfer


def transfer(number, state, dest="", cid="cid"):
    """Return a transfer that was begun at ``number``."""
    return StoredTransfer(
        transfer_id=f"t{number}",
        manifest_cid=cid,
        network_id="open",
        secret=b"",
        dest=Path("/home/ann") / (dest or f"d{number}"),
        title="title",
        started_at=number,
        state=state,
    )


def listed(*known):
    return [one.transfer_id for one in listed_transfers(known)]


def test_what_runs_is_first_and_then_the_newest():
    assert listed(
        transfer(1, "running"), transfer(2, "paused"), transfer(3, "done"), transfer(4, "running")
    ) == ["t4", "t1", "t3", "t2"]


def test_of_what_is_over_the_newest_are_listed_and_of_the_rest_everything():
    over = [transfer(number, "done" if number % 2 else "cancelled") for number in range(100)]
    found = listed(transfer(-2, "paused"), transfer(-1, "failed"), *over)
    assert found == [*(f"t{number}" for number in range(99, 99 - MAX_FINISHED, -1)), "t-1", "t-2"]


def test_the_same_share_to_the_same_place_is_listed_once_when_it_is_over():
    again = [transfer(number, "done", "here") for number in range(3)]
    assert listed(*again, transfer(3, "running", "here"), transfer(4, "done", "here", "other")) == [
        "t3",
        "t4",
        "t2",
    ]
