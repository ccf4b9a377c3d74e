"""What only one function may make can't be made by anybody else, not by accident."""

import copy
import dataclasses
import pickle

import pytest

from peertransfer.content.cid import Cid, Codec, HashFunction
from peertransfer.content.verified import Verified, verify
from peertransfer.disclosure._seal import seal
from peertransfer.disclosure.audience import Anyone, OnePeer
from peertransfer.disclosure.disclosed import Disclosed, DisclosureRecord
from peertransfer.disclosure.frame import SealedFrame, seal_frame
from peertransfer.disclosure.views import RefusalView
from peertransfer.errors import DisclosureError, ForgeryError

RECORD = DisclosureRecord("open", "anyone", "", "refusal", "", ("code",), "r")
SEALED = seal(RefusalView(1), OnePeer("12D3peer"), RECORD)
FRAME = seal_frame(SEALED, b"head", (memoryview(b"body"),))
CID = Cid.of(Codec.RAW, HashFunction.BLAKE3, b"octets")
BLOCK = verify(CID, b"octets")


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Disclosed, (RefusalView(1), OnePeer("12D3peer"), RECORD)),
        (Disclosed, ()),
        (SealedFrame, (Anyone(), b"head")),
        (Verified, (CID, memoryview(b"other"))),
    ],
)
def test_there_is_no_public_constructor(kind, arguments):
    with pytest.raises(ForgeryError, match=kind.__name__):
        kind(*arguments)


def test_a_parametrised_name_is_no_way_round():
    with pytest.raises(ForgeryError):
        Disclosed[RefusalView, OnePeer](RefusalView(1), OnePeer("12D3peer"), RECORD)


@pytest.mark.parametrize("value", [SEALED, FRAME, BLOCK])
def test_a_changed_copy_can_not_be_made(value):
    (name, *_) = [field.name for field in dataclasses.fields(value)]
    with pytest.raises(ForgeryError):
        dataclasses.replace(value, **{name: None})
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)


def test_a_forgery_is_an_error_of_disclosure():
    assert issubclass(ForgeryError, DisclosureError)


@pytest.mark.parametrize("kind", [Disclosed, SealedFrame, Verified])
def test_there_is_no_subclass_with_a_constructor_of_its_own(kind):
    """``@final`` says it to the type checker; the metaclass says it to whoever tries."""
    forged = type(kind)("Forged", (kind,), {})
    with pytest.raises(ForgeryError):
        forged()


def test_the_makers_make():
    assert SEALED.view == RefusalView(1)
    assert SEALED.audience == OnePeer("12D3peer")
    assert SEALED.record is RECORD
    assert FRAME.audience == SEALED.audience
    assert FRAME.head == b"head"
    assert FRAME.size == 8
    assert bytes(BLOCK.octets) == b"octets"


def test_a_copy_says_the_same():
    """A copy can't say more than its original, so it is left alone."""
    assert copy.copy(SEALED) == SEALED


def test_a_sealed_frame_does_not_travel_between_processes():
    with pytest.raises(TypeError):
        pickle.dumps(FRAME)
