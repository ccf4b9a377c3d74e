"""docs/protocol.md says what the code does: kinds, fields, codes, states and limits are compared."""

import json
import re

import pytest
from source_kit import ROOT

from peertransfer.content.commitment import MAX_VALUE_SIZE
from peertransfer.content.link import MAX_LINK_SIZE
from peertransfer.content.manifest import MAX_ENTRIES
from peertransfer.content.proof import Role
from peertransfer.content.shape import MAX_FILE_SIZE
from peertransfer.content.slots import ENTRY_SLOTS, SHARE_SLOTS, SLOT_TYPES
from peertransfer.disclosure.views import VIEWS
from peertransfer.exchange.outstanding import MAX_CATALOGUE
from peertransfer.exchange.states import SENDERS, TRANSITIONS
from peertransfer.membership import invite
from peertransfer.membership.network import ID_DOMAIN
from peertransfer.wire import messages as m
from peertransfer.wire.codes import RefusalCode
from peertransfer.wire.framing import MAX_BODY, MAX_FRAME
from peertransfer.wire.v1 import exchange_pb2 as pb
from peertransfer.wire.v1 import membership_pb2 as membership_pb

TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
VECTORS = ROOT / "tests" / "vectors"
MESSAGES = {name: message for name, message in pb.DESCRIPTOR.message_types_by_name.items() if name != "Frame"}
TYPES = {str: "text", int: "integer", bytes: "octets", bool: "boolean", tuple: "texts"}


def section(title):
    """Return the text under a heading, up to the next one of its level or above."""
    marks, start = re.search(rf"^(#+) {re.escape(title)}$", TEXT, re.MULTILINE).group(1), 0
    start = re.search(rf"^{marks} {re.escape(title)}$", TEXT, re.MULTILINE).end()
    end = re.search(rf"^#{{1,{len(marks)}}} ", TEXT[start:], re.MULTILINE)
    return TEXT[start:][: end.start() if end else None]


def rows(title):
    """Return the cells of all table rows of a section, without heads."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    heads = {place for place, line in enumerate(lines[1:]) if line.startswith("|---")}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for place, line in enumerate(lines)
        if place not in heads and not line.startswith("|---")
    ]


def test_every_kind_of_frame_is_told_with_its_number():
    kinds = {
        cells[0].strip("`"): int(cells[1])
        for cells in rows("Messages")
        if "getter" in cells[2] or cells[2] in {"both", "provider"}
    }
    assert kinds == {field.name: field.number for field in pb.Frame.DESCRIPTOR.fields}


def test_every_kind_of_frame_belongs_to_views_that_exist():
    table = [
        cells
        for cells in rows("Messages")
        if len(cells) == 4 and cells[1].isdigit() and cells[2] in {"both", "getter", "provider"}
    ]
    assert len(table) == len(pb.Frame.DESCRIPTOR.fields)
    assert {view for cells in table for view in cells[3].split(", ")} <= set(VIEWS)


@pytest.mark.parametrize("name", [name for name, message in MESSAGES.items() if message.fields])
def test_every_field_of_a_message_is_told_with_its_number(name):
    assert {cells[0].strip("`"): int(cells[1]) for cells in rows(name)} == {
        field.name: field.number for field in MESSAGES[name].fields
    }


def test_every_code_is_told_with_its_number():
    assert {cells[0].strip("`"): int(cells[1]) for cells in rows("Refusals")} == {
        code.name: code.value for code in RefusalCode
    }


def test_the_table_of_states_is_that_of_the_machines():
    told = {}
    for state, *columns in rows("Order"):
        row = told[state.strip("`")] = {}
        for speaker, cell in zip((Role.GETTER, Role.PROVIDER), columns, strict=True):
            for part in filter(None, cell.split("; ")):
                steps, _, following = part.partition(" → ")
                for step in steps.split(", "):
                    row[step.strip("`")] = (speaker, following.strip("`") or state.strip("`"))
    assert told == {
        state.value: {step.value: (SENDERS[step], following.value) for step, following in row.items()}
        for state, row in TRANSITIONS.items()
    }


def test_slots_are_told_in_their_order_and_with_their_types():
    told = [(cells[0].strip("`"), cells[1]) for cells in rows("Slots") if cells[0].startswith("`")]
    assert told == [(slot, TYPES[SLOT_TYPES[slot]]) for slot in (*SHARE_SLOTS, *ENTRY_SLOTS)]


def test_limits_are_those_of_the_code():
    assert [int(cells[1]) for cells in rows("Limits")] == [
        MAX_FRAME,
        m.MAX_BLOCK_SIZE,
        m.MAX_REQUESTS,
        m.MAX_INDEX,
        m.MAX_BLOCKS,
        m.MAX_ITEMS,
        m.MAX_HEADERS,
        m.MAX_ITEMS,
        MAX_CATALOGUE,
        MAX_VALUE_SIZE,
        MAX_ENTRIES,
        MAX_FILE_SIZE,
    ]
    assert MAX_BODY == m.MAX_BLOCK_SIZE


def test_every_link_inside_the_document_leads_to_a_heading():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings


def cells_of(title, number_of_cells):
    return [cells for cells in rows(title) if len(cells) == number_of_cells]


def test_the_worked_network_is_that_of_the_vectors():
    worked = json.loads((VECTORS / "membership" / "plain_network.json").read_bytes())
    told = {cells[0].strip("`"): cells[1].strip("`") for cells in cells_of("Networks", 2)}
    assert told == {name: worked[name] for name in worked if name not in {"swarm_key", "dht_key"}}


@pytest.mark.parametrize(
    ("message", "number_of_cells"), [(membership_pb.SignedEnvelope, 3), (membership_pb.Invite, 5)]
)
def test_every_field_of_an_invite_and_its_envelope_is_told_with_its_number(message, number_of_cells):
    assert {cells[0].strip("`"): int(cells[1]) for cells in cells_of("Invite", number_of_cells)} == {
        field.name: field.number for field in message.DESCRIPTOR.fields
    }


def test_limits_and_domains_of_links_and_invites_are_those_of_the_code():
    assert f"At most {MAX_LINK_SIZE} characters" in section("Link")
    assert f'"{ID_DOMAIN.decode()}"' in section("Networks")
    text, ranges = section("Invite"), {cells[0].strip("`"): cells[3] for cells in cells_of("Invite", 5)}
    assert f"`{invite.SCHEME}`" in text
    assert f"at most {invite.MAX_INVITE_SIZE} characters" in text
    assert f'V("{invite.DOMAIN.decode()}")' in text
    assert f"`{invite.PAYLOAD_TYPE.decode()}`" in text
    assert ranges["invite_id"] == f"{invite.INVITE_ID_SIZE} octets"
    assert ranges["name"].startswith(f"1 to {invite.MAX_NAME} characters")
    assert ranges["psk"] == f"{invite.PSK_SIZE} octets, or empty"
    assert ranges["epoch_key"] == f"{invite.EPOCH_KEY_SIZE} octets"
    assert ranges["bootstrap"].startswith(f"1 to {invite.MAX_BOOTSTRAP} multiaddrs")


def test_every_file_of_vectors_is_told_of():
    told = section("Vectors")
    files = {path for path in VECTORS.rglob("*.json") if path.is_file()}
    assert {path.name for path in files if f"{path.name}`" not in told} == set()
    assert {path.parent.name for path in files if f"tests/vectors/{path.parent.name}/" not in told} == set()
