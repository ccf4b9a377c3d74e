"""A getter that was written from docs/protocol.md alone gets a share from this implementation's provider.

All that the getter knows is its link, its network's PSK and both peer IDs; the vectors are in
``tests/wire/test_the_document_alone.py``.
"""

import frames_from_the_document as frames
import from_the_document as second
import pytest
from exchange_kit import (
    GETTER_PEER,
    PROVIDER_NONCE,
    PROVIDER_PEER,
    content,
    events_of,
    grant,
    hello,
    octets_of,
    sealed,
)

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.commitment import hide
from peertransfer.content.dag import CHUNK_SIZE, build_dag
from peertransfer.content.link import Link
from peertransfer.content.locator import locator
from peertransfer.content.manifest import manifest_dag
from peertransfer.content.opening import EntryOpening
from peertransfer.content.proof import Role, check_proof, prove
from peertransfer.content.shared import SharedEntry, SharedItem, build_manifest, entry_opening, share_opening
from peertransfer.content.verified import verify
from peertransfer.disclosure import views as v
from peertransfer.exchange import events as e
from peertransfer.exchange.provider import Provider
from peertransfer.membership.epoch import epoch_key_of_psk
from peertransfer.membership.network import network_id_of_psk

PSK, SECRET = bytes(range(100, 132)), bytes(range(16))
LEAVES = (bytes(CHUNK_SIZE), b"the rest")


class OurSide:
    """The provider, with a share of one file and one empty folder; the time of the file is hidden."""

    def __init__(self, function):
        digests = b"".join(map(function.digest, LEAVES))
        dag = build_dag(function, sum(map(len, LEAVES)), digests)
        entries = (
            SharedEntry(0, "a/b.txt", "file", CHUNK_SIZE + 8, executable=False, mtime_at=1, root=dag.root),
            SharedEntry(1, "empty", "folder"),
        )
        self.share = SharedItem("Title", function, bytes(range(32)), entries)
        self.manifest, self.order = build_manifest(self.share)
        self.machine = Provider(getter_peer=GETTER_PEER, provider_peer=PROVIDER_PEER)
        self.link = str(Link(manifest_dag(self.manifest).root, network_id_of_psk(PSK), SECRET))
        self._root = verify(dag.root, dag.nodes[0])
        self._leaves = [verify(Cid.of(Codec.RAW, function, leaf), leaf) for leaf in LEAVES]

    def answer(self, octets):
        return b"".join(octets_of(self._answer(event)) for event in events_of(self.machine, octets))

    def _answer(self, event):  # noqa: PLR0911 - one answer for each request
        match event:
            case e.HelloReceived():
                return self.machine.send_hello(hello(PROVIDER_NONCE))
            case e.WantReceived(name, proof):
                assert name == locator(SECRET, epoch_key_of_psk(PSK), manifest_dag(self.manifest).root)
                transcript = self.machine.transcript(name)
                assert check_proof(SECRET, Role.GETTER, transcript, proof)
                return self.machine.send_grant(grant(prove(SECRET, Role.PROVIDER, transcript)))
            case e.ManifestRequested(request_id):
                octets = self.manifest.to_octets()
                block = verify(manifest_dag(self.manifest).root, octets)
                return self.machine.send_manifest_blocks(
                    sealed(v.ManifestView(octets)), request_id, [0], [block], last=True
                )
            case e.OpeningsRequested(request_id, _, 0):
                view = v.OpeningsView(share_opening(self.share), ())
                return self.machine.send_openings(sealed(view), request_id, last=True)
            case e.OpeningsRequested(request_id, first, count):
                view = v.OpeningsView(
                    None, tuple(self._opening(index) for index in range(first, first + count))
                )
                return self.machine.send_openings(sealed(view), request_id, last=True)
            case e.NodesRequested(request_id, (item,)):
                return self.machine.send_blocks(
                    content(None), request_id, [(item.entry, 0, self._root)], last=True
                )
            case e.BlocksRequested(request_id, (item,)):
                blocks = [(item.entry, 1, self._leaves[1])]
                return self.machine.send_blocks(content(None), request_id, blocks, last=True)

    def _opening(self, index):
        slots = entry_opening(self.share, self.share.entries[self.order[index]], index).slots
        masked = [hide(self.share.hash_function, one) if "mtime" in one.slot else one for one in slots]
        return EntryOpening(index, tuple(masked))


class TheirSide:
    """The getter, by the document."""

    def __init__(self, ours):
        self._ours = ours
        self.link = second.read_link(ours.link)
        assert self.link["network_id"] == second.network_of_psk(PSK)
        self.function = self.link["manifest_cid"][2]

    def say(self, kind, message):
        """Send a message and return the one frame that answers it, and the octets of its blocks."""
        frame, rest = frames.cut_frame(self._ours.answer(frames.frame(frames.KINDS.index(kind) + 1, message)))
        kind, answer = frames.read_frame(frame)
        blocks = answer["blocks"] if kind == "blocks" else []
        assert len(rest) == sum(one.get("size", 0) for one in blocks)
        return answer, rest

    def ask(self, kind, request_id, *fields):
        answer, rest = self.say(kind, second.field(1, request_id) + b"".join(fields))
        assert (answer["request_id"], answer.get("last")) == (request_id, True)
        return answer, rest

    def greet_and_want(self):
        nonce = b"\x77" * 32
        answer, _ = self.say("hello", second.field(1, 1) + second.field(2, 8) + second.field(3, nonce))
        name = second.locator(self.link["secret"], second.epoch_key_of_psk(PSK), self.link["manifest_cid"])
        transcript = (GETTER_PEER, PROVIDER_PEER, nonce, answer["nonce"], name)
        proof = second.proof(self.link["secret"], b"getter", *transcript)
        answer, _ = self.say("want", second.field(1, name) + second.field(2, proof))
        assert answer["proof"] == second.proof(self.link["secret"], b"provider", *transcript)

    def read_manifest(self):
        _, octets = self.ask("manifest_request", 1, second.field(3, second.field(2, 1)))
        digest = second.HASHES[self.function](octets)
        assert second.root_of(self.function, len(octets), [digest]) == self.link["manifest_cid"]
        return second.read_manifest(octets)

    def open(self, scope, names, slots, digest):
        """Check the slots against their digest, and return the values of the open ones."""
        made, values = [], {}
        for name, slot in zip(names, slots, strict=True):
            if "commitment" in slot:
                made.append(slot["commitment"])
            else:
                made.append(second.commitment(self.function, name, slot["salt"], slot["value"]))
                values[name] = second.read_value(name, slot["value"])
        assert second.digest_of(self.function, scope, made) == digest
        return values


def names_of(slots):
    return [one.partition(":")[0] for one in slots.split()]


@pytest.mark.parametrize("function", HashFunction)
def test_a_getter_by_the_document_gets_a_share(function):
    theirs = TheirSide(OurSide(function))
    theirs.greet_and_want()
    code, share, digests = theirs.read_manifest()
    assert code == theirs.function

    page, _ = theirs.ask("openings_request", 2)
    assert theirs.open("share", names_of(second.SHARE_SLOTS), page["share"], share)["title"] == "Title"
    page, _ = theirs.ask("openings_request", 3, second.field(3, len(digests)))
    assert [entry.get("index", 0) for entry in page["entries"]] == [0, 1]
    entries = [
        theirs.open("entry", names_of(second.ENTRY_SLOTS), entry["slots"], digest)
        for entry, digest in zip(page["entries"], digests, strict=True)
    ]
    index = next(index for index, entry in enumerate(entries) if entry["kind"] == "file")
    file, folder = entries[index], entries[1 - index]
    assert (file["folder"], file["name"], file["size"]) == ("a", "b.txt", CHUNK_SIZE + 8)
    assert "mtime" not in file
    assert (folder["kind"], folder["name"], folder["content"]) == ("folder", "empty", None)

    item = second.field(1, index)
    _, node = theirs.ask("nodes_request", 4, second.field(2, item + second.field(2, second.field(2, 1))))
    assert second.cid_octets(0x70, code, second.HASHES[code](node)) == file["content"]
    links = second.read_root_node(code, node)
    last = second.field(1, 1) + second.field(2, 1)
    _, leaf = theirs.ask("blocks_request", 5, second.field(2, item + second.field(2, last)))
    assert leaf == LEAVES[1]
    assert second.cid_octets(0x55, code, second.HASHES[code](leaf)) == links[1][0]
