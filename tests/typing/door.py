"""What must not type-check: getting past the door.

Each marked line must give exactly the marked error; a line without a mark must give none.
"""

from peertransfer.content.verified import Verified
from peertransfer.disclosure.audience import Anyone, DhtServers, OnePeer
from peertransfer.disclosure.disclosed import Disclosed, DisclosureRecord
from peertransfer.disclosure.frame import SealedFrame, seal_frame
from peertransfer.disclosure.views import (
    ContentView,
    GrantView,
    LookupView,
    ManifestView,
    OpeningsView,
    ProtocolsView,
    RefusalView,
    View,
    WantView,
)
from peertransfer.policy.engine import Engine
from peertransfer.policy.facts import Asker
from peertransfer.wire.exchange_codec import (
    encode_blocks,
    encode_grant,
    encode_hello,
    encode_manifest_blocks,
    encode_openings,
    encode_refusal,
    encode_want,
)
from peertransfer.wire.kad_codec import encode_find_node


def a_view_is_not_yet_disclosed() -> None:
    encode_hello(ProtocolsView())  # E: arg-type
    encode_grant(GrantView(b"proof", 0))  # E: arg-type
    encode_find_node(LookupView(b"key"))  # E: arg-type


def a_record_alone_is_no_view(record: DisclosureRecord) -> None:
    encode_refusal(record)  # E: arg-type


def an_answer_of_the_engine_may_be_no(engine: Engine, asker: Asker) -> None:
    decision = engine.refusal(asker, code=1, request_id=0, now=1)
    encode_refusal(decision)  # E: arg-type
    if isinstance(decision, Disclosed):
        encode_refusal(decision)


def one_view_does_not_go_for_another(
    refusal: Disclosed[RefusalView, OnePeer],
    manifest: Disclosed[ManifestView, OnePeer],
    some: Disclosed[View, OnePeer],
) -> None:
    encode_grant(refusal)  # E: arg-type
    encode_openings(manifest, 1, last=True)  # E: arg-type
    encode_blocks(manifest, 1, [], last=True)  # E: arg-type
    encode_want(some)  # E: arg-type
    encode_refusal(refusal)


def one_audience_does_not_go_for_another(
    openings: Disclosed[OpeningsView, Anyone],
    want: Disclosed[WantView, DhtServers],
    lookup: Disclosed[LookupView, OnePeer],
) -> None:
    encode_openings(openings, 1, last=True)  # E: arg-type
    encode_want(want)  # E: arg-type
    encode_find_node(lookup)  # E: arg-type


def only_verified_blocks_are_sent(
    content: Disclosed[ContentView, OnePeer], manifest: Disclosed[ManifestView, OnePeer], block: Verified
) -> None:
    encode_blocks(content, 1, [(0, 0, b"octets")], last=True)  # E: list-item
    encode_manifest_blocks(manifest, 1, [0], [b"octets"], last=True)  # E: list-item
    encode_blocks(content, 1, [(0, 0, block)], last=True)


def a_frame_needs_something_disclosed(view: RefusalView) -> None:
    seal_frame(view, b"head")  # E: arg-type


def what_is_sealed_can_not_be_changed(
    refusal: Disclosed[RefusalView, OnePeer], frame: SealedFrame, block: Verified
) -> None:
    refusal.view = RefusalView(2)  # E: misc
    refusal.audience = OnePeer("other")  # E: misc
    refusal.view.code = 2  # E: misc
    frame.audience = Anyone()  # E: misc
    frame.head = b"other"  # E: misc
    block.octets = memoryview(b"other")  # E: misc
