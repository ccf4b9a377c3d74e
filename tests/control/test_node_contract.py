"""The commands and the node that carries them out agree, field by field."""

import inspect

from peertransfer.control.commands import COMMANDS
from peertransfer.control.offline import COMMANDS as OFFLINE
from peertransfer.service import offline
from peertransfer.service.node import Node


def test_every_command_is_a_method_of_the_node_with_these_fields():
    for command in COMMANDS.values():
        parameters = dict(inspect.signature(getattr(Node, command.name)).parameters)
        parameters.pop("self")
        assert ("progress" in parameters) == command.is_long, command.name
        parameters.pop("progress", None)
        rest = [one for one in parameters.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
        for one in rest:  # handed on as they are
            del parameters[one.name]
        fields = set(command.required) | set(command.optional)
        assert fields >= set(parameters) if rest else fields == set(parameters), command.name
        for name in set(command.optional) & set(parameters):
            assert parameters[name].default is not inspect.Parameter.empty, (command.name, name)


def test_every_answer_without_a_node_takes_the_fields_of_the_command():
    for name in OFFLINE:
        first, *parameters = inspect.signature(getattr(offline, name)).parameters.values()
        known = {**COMMANDS[name].required, **COMMANDS[name].optional}
        assert {parameter.name for parameter in parameters} <= set(known), name
        assert set(COMMANDS[name].required) <= {parameter.name for parameter in parameters}, name
        assert first.default is inspect.Parameter.empty
