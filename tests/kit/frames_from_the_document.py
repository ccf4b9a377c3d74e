"""A second implementation, written from docs/protocol.md alone: frames and messages.

It imports nothing of this project but the other half, ``from_the_document.py``, and no protobuf library.
"""

from from_the_document import MIB, fields_of, must, read_varint, varint

TOP = (1 << 31) - 1

# --- Framing ---------------------------------------------------------------------------------------


def frame(kind, message):
    body = varint(kind << 3 | 2) + varint(len(message)) + message
    return varint(len(body)) + body


def cut_frame(octets):
    """Return one frame and what follows it."""
    size, at = read_varint(octets, 0, longest=3)
    must(varint(size) == octets[:at] and size <= 65536, "a bad length")
    must(len(octets) >= at + size, "cut short")
    return octets[at : at + size], octets[at + size :]


# --- Messages --------------------------------------------------------------------------------------

CODE = {1: "REFUSED", 2: "CHANGED", 3: "BUSY", 4: "UNSUPPORTED", 5: "OUT_OF_RANGE", 6: "ENDED"}
TABLES = {
    "Hello": "version:number max_requests:number nonce:octets",
    "Want": "locator:octets proof:octets",
    "Grant": "proof:octets until:large",
    "Refusal": "request_id:number code:code",
    "Range": "first:number count:number",
    "ManifestRequest": "request_id:number nodes:boolean ranges:Range",
    "OpeningsRequest": "request_id:number first:number count:number",
    "SlotOpening": "salt:octets value:octets commitment:octets",
    "EntryOpening": "index:number slots:SlotOpening",
    "Openings": "request_id:number share:SlotOpening entries:EntryOpening last:boolean",
    "EntryRanges": "entry:number ranges:Range",
    "NodesRequest": "request_id:number items:EntryRanges",
    "BlocksRequest": "request_id:number items:EntryRanges",
    "BlockHeader": "entry:number index:number size:number",
    "Blocks": "request_id:number blocks:BlockHeader last:boolean",
    "HaveRequest": "request_id:number entry:number",
    "Have": "request_id:number count:number bitmap:octets",
    "Cancel": "request_id:number",
    "Delivered": "",
    "CatalogueRequest": "request_id:number",
    "CatalogueItem": "manifest_cid:text title:text entries:shown size:shown_large link:text",
    "Catalogue": "request_id:number items:CatalogueItem last:boolean",
}
"""The fields of each message in the order of their numbers, which begin at 1."""
KINDS = [
    *(
        "hello",
        "want",
        "grant",
        "refusal",
        "manifest_request",
        "openings_request",
        "openings",
        "nodes_request",
    ),
    *(
        "blocks_request",
        "blocks",
        "have_request",
        "have",
        "cancel",
        "delivered",
        "catalogue_request",
        "catalogue",
    ),
]


def read_message(name, octets):
    """Return the fields of a message by name, checked, as proto3 JSON would say them."""
    columns = [one.split(":") for one in TABLES[name].split()]
    message = {key: [] for key, kind in columns if kind in TABLES}
    for number, value in fields_of(octets):
        if 1 <= number <= len(columns):
            key, kind = columns[number - 1]
            if kind in TABLES:
                message[key].append(read_message(kind, value))
            elif kind == "text":
                message[key] = value.decode()
            elif value or kind.startswith("shown"):
                message[key] = bool(value) if kind == "boolean" else value
    check(name, message)
    return message


def check(name, message):  # noqa: PLR0912 - one message after the other
    """Refuse what is out of the range that the tables give."""

    def within(key, low, high):
        must(low <= message.get(key, 0) <= high, key)

    def size(key, *sizes):
        must(len(message.get(key, b"")) in sizes, key)

    def many(key, low, high):
        must(low <= len(message[key]) <= high, key)

    if "request_id:" in TABLES[name]:
        within("request_id", 0 if name == "Refusal" else 1, TOP)
    for key in ("index", "entry", "first"):
        if f"{key}:" in TABLES[name]:
            within(key, 0, TOP)
    match name:
        case "Hello":
            within("version", 1, TOP)
            within("max_requests", 1, 64)
            size("nonce", 32)
        case "Want":
            size("locator", 32)
            size("proof", 32)
        case "Grant":
            size("proof", 32)
            within("until", 0, (1 << 63) - 1)
        case "Refusal":
            must(message.get("code"), "code")
        case "Range":
            within("count", 1, 4096)
            must(message.get("first", 0) + message["count"] - 1 <= TOP)
        case "ManifestRequest":
            many("ranges", 1, 1024)
            must(sum(one["count"] for one in message["ranges"]) <= 4096)
        case "OpeningsRequest":
            within("count", 0, (1 << 31) - message.get("first", 0))
        case "SlotOpening":
            is_open = message.get("salt") and message.get("value") and not message.get("commitment")
            is_hidden = message.get("commitment") and not message.get("salt") and not message.get("value")
            must(is_open or is_hidden, "neither open nor hidden")
            size("salt", 0, 16)
            size("commitment", 0, 32)
        case "EntryOpening":
            many("slots", 13, 13)
        case "Openings":
            must(len(message["share"]) in {0, 5})
            many("entries", 0, 1024)
        case "EntryRanges":
            many("ranges", 1, 4096)
        case "NodesRequest" | "BlocksRequest":
            many("items", 1, 1024)
            must(sum(one["count"] for item in message["items"] for one in item["ranges"]) <= 4096)
        case "BlockHeader":
            within("size", 0, MIB)
        case "Blocks":
            many("blocks", 0, 512)
            must(sum(one.get("size", 0) for one in message["blocks"]) <= MIB)
        case "Have":
            within("count", 1, TOP)
            size("bitmap", 0, (message["count"] + 7) // 8)
            must(int.from_bytes(message.get("bitmap", b""), "little") >> message["count"] == 0, "bits beyond")
        case "Catalogue":
            many("items", 0, 1024)


def read_frame(octets):
    """Return a frame's kind and message; the kind is ``None`` for a request of a later version."""
    found = fields_of(octets)
    known = [(KINDS[number - 1], value) for number, value in found if 1 <= number <= len(KINDS)]
    if known:
        kind, value = known[-1]
        must(isinstance(value, bytes), "no message")
        return kind, read_message(kind.title().replace("_", ""), value)
    unknown = [value for _, value in found if isinstance(value, bytes)]
    must(unknown, "says nothing")
    request_id = dict(fields_of(unknown[0])).get(1, 0)
    must(isinstance(request_id, int) and 1 <= request_id <= TOP, "no request id")
    return None, {"request_id": request_id}
