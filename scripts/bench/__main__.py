"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import baseline, chart, check, machine, profiling, readme, report
from bench.derived import differences, ratios
from bench.figures import Figure, figure, figures_of, read_figures, write_figures
from bench.rounds import run_rounds, tell
from bench.suite import FULL, JOBS, QUICK, Places, Suite
from demo import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.rounds import Outcome

DOCS = ROOT / "docs"
RESULTS = DOCS / "performance.jsonl"
OTHER_RESULTS = ROOT / "build" / "bench.jsonl"
"""Of runs that are not the whole one: no document is made of them."""
BASELINE = Path(__file__).parent / "baseline.json"
ROUNDS = 5
CHECK_ROUNDS = 3


@contextlib.contextmanager
def places(chosen: argparse.Namespace) -> Iterator[Places]:
    """Make the folders of a run, and remove them."""
    with (
        tempfile.TemporaryDirectory(prefix="pt-bench-", dir=chosen.disk) as disk,
        tempfile.TemporaryDirectory(prefix="pt-bench-", dir=chosen.memory) as memory,
    ):
        yield Places(Path(disk), Path(memory))


def run(chosen: argparse.Namespace) -> int:
    """Measure, and write all documents; a failure of our own nodes is told by the exit code.

    A run that is not the whole one goes elsewhere and writes no document.
    """
    is_whole = not (chosen.quick or chosen.only)
    results = RESULTS if is_whole else OTHER_RESULTS
    results.parent.mkdir(exist_ok=True)
    commands = dict(chosen.contender)
    stamp = machine.stamp()
    outcomes: dict[str, Outcome] = {}
    figures: list[Figure] = []
    with places(chosen) as where:
        about = machine.describe(where)
        suite = Suite(QUICK if chosen.quick else FULL, where, commands)
        for name in chosen.only or JOBS:
            job = suite.job(name)
            outcomes[name] = run_rounds(job, chosen.rounds)
            figures += figures_of(job, outcomes[name], stamp)
            write_figures(results, about, figures)
    figures += [figure(name, "times", values, stamp) for name, values in ratios(outcomes).items()]
    figures += [figure(name, "s/GiB", values, stamp) for name, values in differences(outcomes).items()]
    write_figures(results, about, figures)
    print(report.bars_table({one.name: one for one in figures}))
    if is_whole:
        write_documents(chosen)
    return 1 if any(is_own_failure(one) for one in figures) else 0


def is_own_failure(one: Figure) -> bool:
    """Tell whether a figure says that our own work failed."""
    job, contender, _ = one.name.split(".", 2)
    return one.note.startswith("failed") and (job == "loop" or contender.startswith("ours"))


def write_documents(_: argparse.Namespace) -> int:
    """Write the page, the picture and the README's table from the figures that are there."""
    about, figures = read_figures(RESULTS)
    (DOCS / "performance.md").write_text(report.document(about, figures))
    (DOCS / "performance.svg").write_text(chart.chart(figures))
    page = ROOT / "README.md"
    page.write_text(readme.with_table(page.read_text(), figures))
    return 0


def run_check(chosen: argparse.Namespace) -> int:
    """Compare with the committed ratios, or commit to new ones."""
    with places(chosen) as where:
        checking = check.check_of(where, chosen.rounds)
        if chosen.write:
            baseline.write_baseline(BASELINE, checking.ratios())
            return 0
        judged = checking.against(baseline.read_baseline(BASELINE))
    for one in judged:
        print(one)
    return 1 if any(one.is_worse for one in judged) else 0


def run_profile(chosen: argparse.Namespace) -> int:
    """Write where the time of both nodes goes."""
    with places(chosen) as where:
        profiling.profile(where.disk, DOCS, machine.stamp())
    return 0


def contender(text: str) -> tuple[str, str]:
    """Read NAME=COMMAND.

    Raises:
        ValueError: there is no name that can be a part of a figure's.
    """
    name, _, command = text.partition("=")
    if not (name.isidentifier() and command):
        raise ValueError(text)
    return name, command


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    top = argparse.ArgumentParser(prog="bench", description=__doc__)
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - a tmpfs, and only its name
    top.add_argument("--disk", default="/var/tmp", help="folder for the large files")  # noqa: S108 - not predictable below it
    top.add_argument("--memory", default=memory, help="folder on a tmpfs for the small files")
    commands = top.add_subparsers(required=True)
    one = commands.add_parser("run", help="measure everything and write docs/performance.*")
    one.add_argument("--rounds", type=int, default=ROUNDS)
    one.add_argument("--quick", action="store_true", help="small sizes, only to see that everything runs")
    one.add_argument("--only", action="append", choices=tuple(JOBS), help="this job; again for more")
    one.add_argument(
        "--contender",
        action="append",
        default=[],
        type=contender,
        metavar="NAME=COMMAND",
        help="a further tool: COMMAND brings $SOURCE to $DEST; again for more",
    )
    one.set_defaults(act=run)
    one = commands.add_parser("report", help="write the documents from the figures that are there")
    one.set_defaults(act=write_documents)
    one = commands.add_parser("check", help="compare ratios with the committed baseline")
    one.add_argument("--rounds", type=int, default=CHECK_ROUNDS)
    one.add_argument("--write", action="store_true", help="write the baseline instead")
    one.set_defaults(act=run_check)
    one = commands.add_parser("profile", help="show where the time of both nodes goes")
    one.set_defaults(act=run_profile)
    return top


def main() -> int:
    """Take the command line; whoever ends us lets nodes and folders be removed first."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.default_int_handler)
    chosen = parser().parse_args()
    code: int = chosen.act(chosen)
    if code:
        tell("It failed; the reason stands above.")
    return code


if __name__ == "__main__":
    sys.exit(main())
