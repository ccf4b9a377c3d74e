"""The entry: ``peertransfer``. Every way out of it is one line and an exit code, never a traceback.

Spec: CLI.md, "Everywhere".
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from peertransfer.cli import get_commands, network_commands, node_commands, rule_commands, share_commands
from peertransfer.cli.frame import Group, Settings
from peertransfer.cli.output import drop_stdout, show_document, show_error, show_text
from peertransfer.errors import HomeError, PeertransferError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

REPORT = "This is a fault of peertransfer: report it with this line and the output of peertransfer --version."


def _show_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if not value or context.resilient_parsing:
        return
    from importlib.metadata import version

    number = version("peertransfer")
    if _wants_json(sys.argv[1:]):
        show_document({"version": number})
    else:
        show_text(f"peertransfer {number}\n")
    context.exit()


@click.group(cls=Group, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version.",
)
@click.pass_context
def app(context: click.Context) -> None:
    """Exchange files with people, and know what they learned about you.

    Two people need only this: one says `peertransfer share PATH` and passes on the link that it prints,
    the other says `peertransfer get LINK`.
    """
    if context.invoked_subcommand is None:
        show_text(context.get_help() + "\n")


for _command in (
    node_commands.init,
    node_commands.run,
    node_commands.identity,
    node_commands.status,
    node_commands.peers,
    share_commands.share,
    share_commands.unshare,
    share_commands.link,
    get_commands.get,
    get_commands.ls,
    get_commands.transfers,
    get_commands.pause,
    get_commands.resume,
    get_commands.cancel,
    rule_commands.policy,
    rule_commands.privacy,
    network_commands.network,
    node_commands.doctor,
    node_commands.completion,
    node_commands.help_command,
):
    app.add_command(_command)


def main(words: Sequence[str] | None = None) -> None:
    """Carry out a command line and exit with its code."""
    given = list(sys.argv[1:] if words is None else words)
    as_json = _wants_json(given)
    sys.excepthook = _report_fault
    sys.exit(_carry_out(given, as_json=as_json))


def _carry_out(words: list[str], *, as_json: bool) -> int:
    try:
        if sys.platform == "win32":
            raise HomeError(
                "Peertransfer does not run on Windows", "Use Linux, or the Windows Subsystem for Linux."
            )
        code: object = app.main(words, prog_name="peertransfer", standalone_mode=False, obj=Settings())
    except PeertransferError as error:
        show_error(error, as_json=as_json)
        return error.exit_code
    except click.ClickException as exc:
        wrong = _usage_error(exc)
        show_error(wrong, as_json=as_json)
        return wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        show_error(PeertransferError("Interrupted", "Run the same command again."), as_json=as_json)
        return 1
    except BrokenPipeError:  # a reader that went away (``| head``) has what it wanted
        drop_stdout()
        return 1
    return code if isinstance(code, int) else 0


def _usage_error(exc: click.ClickException) -> UsageError:
    context = exc.ctx if isinstance(exc, click.UsageError) else None
    path = context.command_path if context is not None else "peertransfer"
    return UsageError(" ".join(exc.format_message().split()), f"See: {path} --help")


def _wants_json(words: Sequence[str]) -> bool:
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _report_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report a fault of ours in one line; the interpreter then ends with 1."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = (
        f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "nowhere"
    )
    fault = PeertransferError(f"Unexpected {kind.__name__} in {place}: {error}", REPORT)
    show_error(fault, as_json=_wants_json(sys.argv[1:]))


if __name__ == "__main__":
    main()
