"""What comes over the local socket: bodies of requests, for every command."""

import json

from fuzz_kit import Target

from peertransfer.control.application import _parse
from peertransfer.control.commands import COMMANDS, checked_fields
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


TARGETS = {
    "request": Target(request, (UsageError,), 1 << 14),
}
