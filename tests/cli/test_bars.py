"""What does the bar say, and what does it not pretend?"""

import pytest

from peertransfer.cli import bars

PEER = "12D3KooWBhSYVzLCNLRyZ7QQs8w6jFJPyUBZ4DoqqwTHgYhRmLJt"


@pytest.fixture
def clock(monkeypatch):
    """Return a list whose one number is the time."""
    now = [100.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    return now


def drawn(drawing):
    """Return the figures and the lines below."""
    _, *below = drawing.render().renderables
    return drawing._progress.tasks[0].fields["figures"], [str(line) for line in below]


def progress(done):
    return {"event": "progress", "octets_total": 100 << 20, "octets_done": done << 20}


def test_a_transfer_that_stands_still_tells_for_how_long_and_no_rate(clock):
    drawing = bars._Drawing("x", 120)
    for step in range(5):
        clock[0] += 1
        drawing.take(progress(step * 10))
    assert "nothing" not in drawn(drawing)[0]
    clock[0] += 65
    drawing.take(progress(40))
    assert drawn(drawing)[0] == "40 %  nothing for 1m 05s"
    drawing.take(progress(41))
    assert "nothing" not in drawn(drawing)[0]


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("sending", "  …gYhRmLJt sending"),
        ("No route to the peer …gYhRmLJt: nothing there", "  No route to the peer …gYhRmLJt: nothing there"),
    ],
)
def test_a_peer_is_named_once(state, line):
    drawing = bars._Drawing("x", 120)
    drawing.take({"event": "progress", "providers": [{"peer_id": PEER, "state": state}]})
    assert drawn(drawing)[1] == [line]
