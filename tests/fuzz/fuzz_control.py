"""What comes over the local socket: bodies of requests, for every command."""

import json
import os

from fuzz_kit import Target

from peertransfer.control.application import _parse
from peertransfer.control.commands import COMMANDS, Kind, checked_fields
from peertransfer.control.faults import fault_line
from peertransfer.errors import UsageError


def request(octets):
    """The body of a request, offered to each command."""
    body = _parse(octets)
    for command in COMMANDS.values():
        try:
            fields = checked_fields(command, body)
        except UsageError as error:
            json.dumps(fault_line(error)).encode()
        else:
            assert fields.keys() >= command.required.keys()
            _check_texts({**command.required, **command.optional}, fields)


def _check_texts(kinds, fields):
    """What was taken can be written to a database, or be the name of a file."""
    for name, value in fields.items():
        for text in value if isinstance(value, tuple) else (value,):
            if kinds[name] in {Kind.PATH, Kind.PATHS}:
                os.fsencode(text)
            elif kinds[name] in {Kind.TEXT, Kind.TEXTS}:
                text.encode()


TARGETS = {
    "request": Target(request, (UsageError,), 1 << 14),
}
