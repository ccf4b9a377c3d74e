"""What do all commands have in common? ``--home`` and ``--json``, before the command and after it.

It does not carry anything out. Spec: CLI.md, "Everywhere".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from peertransfer.cli.output import show_text

HOME_VARIABLE = "PEERTRANSFER_HOME"
ANY_PATH = click.Path(readable=False, allow_dash=True)
"""A path of which nothing is checked here; shells complete it."""

_F = TypeVar("_F", bound=Callable[..., object])


@dataclass(slots=True)
class Settings:
    """What was said for every command."""

    home_option: str = ""
    """``--home``; empty: not said."""
    as_json: bool = False
    """``--json``: documents for programs on standard output."""

    @property
    def home_path(self) -> Path:
        """The home: ``--home``, else ``PEERTRANSFER_HOME``, else the platform's data folder."""
        chosen = self.home_option or os.environ.get(HOME_VARIABLE, "")
        if chosen:
            return Path(os.path.abspath(chosen))
        import platformdirs

        return Path(platformdirs.user_data_dir("peertransfer"))


class Command(click.Command):
    """A command with the options that all have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_common_options())

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return ``--help``, which writes as all else is written."""
        return _with_our_help(super().get_help_option(ctx))


class Group(click.Group):
    """A group with the options that all have, of commands that have them too."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("no_args_is_help", False)
        super().__init__(*args, **kwargs)
        self.params.extend(_common_options())

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return ``--help``, which writes as all else is written."""
        return _with_our_help(super().get_help_option(ctx))


def accept_privacy_option(function: _F) -> _F:
    """Add ``--accept-privacy`` to a command that makes a home on its way."""
    return click.option(
        "--accept-privacy", is_flag=True, help="Accept the privacy statement, should there be no home yet."
    )(function)


def _common_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--home"],
            type=ANY_PATH,
            metavar="DIR",
            expose_value=False,
            callback=_keep_home,
            help=f"The node's home. [default: ${HOME_VARIABLE}, or the data folder]",
        ),
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_keep_json, help="JSON for programs."
        ),
    ]


def _with_our_help(option: click.Option | None) -> click.Option | None:
    if option is not None:
        option.callback = _show_help
    return option


def _show_help(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value and not context.resilient_parsing:
        show_text(context.get_help() + "\n")
        context.exit()


def _keep_home(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        if not value:
            raise click.BadParameter("an empty path names no folder", context, parameter)
        context.ensure_object(Settings).home_option = value


def _keep_json(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value:
        context.ensure_object(Settings).as_json = True
