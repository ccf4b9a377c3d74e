"""Worlds: all that one node keeps, to be compared by what a peer can read of it under one policy."""

from dataclasses import dataclass, fields, replace

from hypothesis import strategies as st
from memory_node_kit import NEAR, NETWORKS, OTHER_PROVIDER, PRIVATE, PUBLIC, Around
from store_kit import import_tree, make_tree

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.content.shared import build_manifest, entry_values, share_values
from peertransfer.disclosure.audience import LinkHolders, Members
from peertransfer.disclosure.views import ENTRY_SLOTS, SHARE_SLOTS
from peertransfer.policy.facts import Asker, EntryFacts, ItemFacts
from peertransfer.policy.outlook import Outlook, Standing

CREATED_AT = 1_700_000_000
NOW = 1_800_000_000
"""Unix seconds at which worlds are judged: no rule of theirs begins or ends between that and today."""


@dataclass(frozen=True)
class File:
    """One entry of the share."""

    name: str
    folder: str
    octets: bytes
    mtime_at: int
    executable: bool
    media_type: str
    labels: tuple[str, ...]

    @property
    def path(self):
        return f"{self.folder}/{self.name}" if self.folder else self.name


@dataclass(frozen=True)
class World:
    """One share, and what is around it."""

    files: tuple[File, ...]
    title: str
    purpose: str
    basis: str
    expires_at: int
    labels: tuple[str, ...]
    other: tuple[str, int, tuple[str, ...]] | None
    """A second share with its own link in the same network: title, size and labels."""
    elsewhere: int
    """How many shares there are in the other network."""
    recipients: int
    """How many further links the share has, for others."""
    near: bytes
    """The address of a peer in the routing table."""
    provider: bytes
    """That of somebody who provides the same."""
    public: bytes
    private: bytes
    """The node's own."""

    @property
    def around(self):
        """Return where such a node is."""
        return Around(
            (self.public, self.private),
            replace(NEAR, addrs=(self.near,)),
            replace(OTHER_PROVIDER, addrs=(self.provider,)),
        )


def _addr(network):
    return st.integers(1, 250).map(lambda last: b"\x04" + bytes([*network, last]) + b"\x06\x0f\xa1")


labels = st.sampled_from([(), ("open",), ("secret",), ("open", "secret")])
files = st.builds(
    File,
    st.sampled_from(["plan.md", "a.key", "Dr. Jane Doe", "holiday pictures of us all.jpeg", "x"]),
    st.sampled_from(["", "docs", "a/b", "docs/old"]),
    st.sampled_from([b"", b"o" * 700, b"t" * 3000, b"v" * 3001, b"l" * (CHUNK_SIZE + 1)]),
    st.sampled_from([0, 1_600_000_000, 1_600_000_001, 1_700_000_000]),
    st.booleans(),
    st.sampled_from(["image/png", "text/markdown"]),
    labels,
)
TEXTS = st.sampled_from(["Case 12", "for the tax office", "x"])


def worlds(count):
    """Return worlds with so many files."""
    return st.builds(
        World,
        st.lists(files, min_size=count, max_size=count, unique_by=lambda one: one.path).map(tuple),
        TEXTS,
        TEXTS,
        TEXTS,
        st.sampled_from([0, 4_000_000_000, 4_000_000_001]),
        labels,
        st.none() | st.tuples(TEXTS, st.sampled_from([3, 5000]), labels),
        st.integers(0, 2),
        st.integers(0, 2),
        _addr((1, 1, 1)),
        _addr((1, 1, 2)),
        _addr((8, 8, 8)),
        _addr((10, 0, 0)),
    )


# --- what differs and is denied ------------------------------------------------------------------


def blended(policy, asked, world, other):
    """Return ``world`` with each fact of ``other`` that the policy keeps from the peer, and their names."""
    judge, taken = _Judge(policy, asked), []
    for name in (one.name for one in fields(World) if one.name != "files"):
        changed = replace(world, **{name: getattr(other, name)})
        if changed != world and judge.sees_no_difference(world, changed):
            world = changed
            taken.append(name)
    for place, file in enumerate(other.files):
        for name in (one.name for one in fields(File)):
            mine = list(world.files)
            mine[place] = replace(mine[place], **{name: getattr(file, name)})
            changed = replace(world, files=tuple(mine))
            is_valid = len({one.path for one in mine}) == len(mine)
            if is_valid and changed != world and judge.sees_no_difference(world, changed):
                world = changed
                taken.append(f"file.{name}")
    return world, taken


@dataclass(frozen=True)
class Asked:
    """Who asks, and where."""

    peer_id: str
    network: object
    has_link: bool


class _Judge:
    """Tells by the rules alone what a peer may know."""

    def __init__(self, policy, asked):
        members = frozenset() if asked.network is PUBLIC else frozenset({Members(PRIVATE.network_id)})
        held = frozenset({LinkHolders("alice")} if asked.has_link else ())
        self._asker = Asker(asked.network.network_id, asked.peer_id, members | held)
        self._link = "alice" if asked.has_link else ""
        self._standing = Standing(is_served=asked.has_link, is_listed=True)
        self._outlook = Outlook(policy)

    def sees_no_difference(self, some, other):
        return self._known(some) == self._known(other)

    def _known(self, world):
        """Return every field that is shown, with its value where that is a fact of the world."""
        item = ItemFacts("", world.labels, self._link, world.expires_at, CREATED_AT)
        told = self._explained(item, None)
        own = share_values(world)
        known = {f"share_{slot}": own[slot] for slot in SHARE_SLOTS if told[f"openings.share_{slot}"]}
        known |= {name: None for name, is_shown in told.items() if is_shown}
        facts = {
            "catalogue.title": world.title,
            "catalogue.size": sum(len(one.octets) for one in world.files),
            "grant.until": world.expires_at,
            "addresses.listen_addrs": (world.public, world.private),
            "addresses.private_addrs": world.private,
            "provide.addrs": (world.public, world.private),
            "provide.private_addrs": world.private,
            "provide.locator": world.recipients,  # each link has its own
            "addresses.closer_peers": world.near,
            "provide.provider_records": world.provider,
        }
        known |= {name: value for name, value in facts.items() if told[name]}
        for place, file in enumerate(world.files):
            known |= {(place, name): value for name, value in self._of_entry(item, place, file).items()}
        return known | {f"other.{name}": value for name, value in self._of_other(world).items()}

    def _of_entry(self, item, place, file):
        entry = EntryFacts(place, file.path, file.labels, file.media_type, len(file.octets))
        told = self._explained(item, entry)
        values = entry_values(_Entry(file))
        known = {slot: values[slot] for slot in ENTRY_SLOTS if told[f"openings.{slot}"]}
        return known | ({"octets": file.octets} if told["content.octets"] else {})

    def _of_other(self, world):
        if world.other is None:
            return {}
        title, size, labels = world.other
        told = self._explained(ItemFacts("", labels, "", 0, CREATED_AT), None)
        shown = {name for name in told if told[name] and name.startswith(("catalogue.", "provide."))}
        return dict.fromkeys(shown - {"provide.provider_records"}, (title, size))

    def _explained(self, item, entry):
        found = self._outlook.explain(self._asker, item, entry, standing=self._standing, now=NOW)
        return {name: one.shown for name, one in found.items()}


class _Entry:
    """A file as a ``SharedEntry``, with its octets in the place of their root."""

    def __init__(self, file):
        self.path, self.kind, self.size = file.path, "file", len(file.octets)
        self.executable, self.mtime_at = file.executable, file.mtime_at
        self.media_type, self.labels = file.media_type, file.labels
        self.root = file.octets and _Root(file.octets)


class _Root:
    def __init__(self, octets):
        self.to_bytes = lambda: octets


# --- worlds on the disk --------------------------------------------------------------------------


async def imported(world, folder):
    """Put the files of a world onto the disk; return the share, and where its files are."""
    found = await import_tree(make_tree(folder, {one.path: one.octets for one in world.files}))
    by_path = {one.path: one for one in found.item.entries}
    entries = tuple(
        replace(
            by_path[one.path],
            ordinal=place,
            mtime_at=one.mtime_at,
            executable=one.executable,
            media_type=one.media_type,
            labels=one.labels,
        )
        for place, one in enumerate(world.files)
    )
    own = {name: getattr(world, name) for name in ("title", "purpose", "basis", "expires_at", "labels")}
    return replace(found.item, entries=entries, **own), found.sources


def seeded_alike(*items):
    """Return shares with one seed under which their manifests, sorted by hash, list the entries alike."""
    for number in range(100_000):
        seeded = [replace(item, seed=number.to_bytes(32)) for item in items]
        if len({build_manifest(item)[1] for item in seeded}) == 1:
            return seeded
    raise AssertionError("no seed lists them alike")


async def fill(node, world, item, sources, folder, network):
    """Have a node keep a world; return the share."""
    shared = await node.keep(item, sources, CREATED_AT)
    await node.link(shared, "alice", network)
    for number in range(world.recipients):
        await node.link(shared, f"recipient {number}", network)
    (elsewhere,) = set(NETWORKS) - {network}
    for number in range(world.elsewhere):
        found = await import_tree(make_tree(folder / f"elsewhere {number}", {"f": bytes([number])}))
        await node.link(await node.keep(found.item, found.sources, CREATED_AT), f"e{number}", elsewhere)
    if world.other is not None:
        title, size, labels = world.other
        found = await import_tree(make_tree(folder / "other", {"f": b"7" * size}))
        kept = await node.keep(replace(found.item, title=title, labels=labels), found.sources, CREATED_AT)
        await node.link(kept, "other", network)
    return shared
