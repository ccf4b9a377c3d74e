"""Read ``policy.toml``: the rules, or what is wrong with them.

It takes no policy into force (``service.door``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.errors import HomeError
from peertransfer.policy.parse import MAX_SIZE, parse_policy_octets
from peertransfer.service.policy_names import check_ids
from peertransfer.store.home import unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from peertransfer.policy.rules import Policy


def read_policy(path: Path) -> Policy:
    """Return the policy of a file; of one that is too large, no more is read than shows that it is.

    Raises:
        HomeError: it is missing, or can't be read.
        PolicyError: it says something wrong.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_SIZE + 1)
    except FileNotFoundError as exc:
        raise HomeError(f"There is no {path}", "Put your policy back there.") from exc
    except OSError as exc:
        raise unreadable(path, exc, "Put a readable file in its place.") from exc
    policy = parse_policy_octets(octets, str(path))
    check_ids(policy)
    return policy
