"""All messages of all protos, and how to change one field of one of them."""

from peertransfer.wire.v1 import exchange_pb2, identify_pb2, kad_pb2, membership_pb2

FILES = (exchange_pb2, identify_pb2, kad_pb2, membership_pb2)
MESSAGES = {
    name: message for file in FILES for name, message in file.DESCRIPTOR.message_types_by_name.items()
}
FIELDS = {(name, field.name) for name, message in MESSAGES.items() for field in message.fields}
"""Every (message, field) of the protos."""


def variants(message):
    """Give every copy of a message that differs from it in one place: (message, field, copy)."""
    for field in message.DESCRIPTOR.fields:
        copy = _copy(message)
        place = message.DESCRIPTOR.name, field.name
        if field.message_type is None:
            _change(copy, field)
            yield (*place, copy)
        elif field.is_repeated or message.HasField(field.name):
            copy.ClearField(field.name)
            yield (*place, copy)
            yield from _inside(message, field)


def _inside(message, field):
    value = getattr(message, field.name)
    for index, element in enumerate(value) if field.is_repeated else ((None, value),):
        for *place, changed in variants(element):
            copy = _copy(message)
            target = getattr(copy, field.name)
            (target if index is None else target[index]).CopyFrom(changed)
            yield (*place, copy)


def _copy(message):
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _change(message, field):
    value = getattr(message, field.name)
    if field.is_repeated:
        value.append("one more" if field.type == field.TYPE_STRING else b"\x00\x01o")
    elif field.type == field.TYPE_STRING:
        setattr(message, field.name, value + "x")
    elif field.type == field.TYPE_BYTES:
        setattr(message, field.name, value[:-1] + bytes([value[-1] ^ 1]) if value else b"\x01" * 32)
    elif field.type == field.TYPE_BOOL:
        setattr(message, field.name, not value)
    else:
        setattr(message, field.name, value - 1 if value > 1 else value + 1)
