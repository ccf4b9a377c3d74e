"""The two files that a person writes: rules and settings; a mistake in them has a line and a mend."""

import json

from fuzz_kit import Target

from peertransfer.errors import ConfigError, PolicyError
from peertransfer.policy.describe import describe
from peertransfer.policy.globs import PathGlob
from peertransfer.policy.parse import parse_policy_octets
from peertransfer.service.config import parse_config


def _check_mistake(error, octets):
    """Whatever is wrong, the error names a line of the file, has a mend, and can be shown."""
    assert 0 <= error.line <= octets.count(b"\n") + 1
    assert error.hint
    assert (error.message + error.hint).isprintable()


def policy(octets):
    try:
        found = parse_policy_octets(octets, "policy.toml")
    except PolicyError as error:
        _check_mistake(error, octets)
        raise
    json.dumps(describe(found))


def glob(octets):
    """A glob and a path, with a line's end between them."""
    pattern, _, path = octets.decode("utf-8", "replace").partition("\n")
    PathGlob(pattern[:1024]).covers(path)


def config(octets):
    try:
        parse_config(octets, "config.toml")
    except ConfigError as error:
        _check_mistake(error, octets)
        raise


TARGETS = {
    "policy": Target(policy, (PolicyError,), 1 << 14),
    "glob": Target(glob, (), 5200),
    "config": Target(config, (ConfigError,), 1 << 13),
}
