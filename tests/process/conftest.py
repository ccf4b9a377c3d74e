"""Two nodes that know nothing of each other."""

import pytest
from process_kit import people


@pytest.fixture(scope="module")
def pair():
    """Return a sharing and a fetching node, both running."""
    with people("alice", "bob") as everybody:
        for person in everybody:
            person.start()
        yield everybody
