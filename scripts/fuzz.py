"""Fuzz every parser of what a stranger sends or a person writes, and write down what came of it.

Usage: fuzz.py [TARGET]...      (SECONDS=60 for each target)

The engine is atheris: it changes the kept inputs and follows which lines and branches each new one
reaches. A target runs in a process of its own, with bounded memory. Inputs that break the rule
(``tests/kit/fuzz_kit.py``) are put into ``tests/fuzz/corpus/found``, where the tests replay them. Writes
``docs/fuzz.md``, unless targets are named.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "kit"), str(ROOT / "scripts")]
REPORT = ROOT / "docs" / "fuzz.md"
HANG_SECONDS = 30
"""Real time after which a call is broken off; the rule itself counts processor time."""
SETUP_SECONDS = 120
LINES_TOLD = 40
"""Of what the process of a target that failed wrote."""
MAX_MEMORY = 4 << 30
"""Octets of address space of a target's process: a bomb meets an error, and the machine lives."""
MEASURED = ("peertransfer", "tomllib", "json", "base64", "ipaddress", "urllib")
"""Packages of which the engine follows the branches."""

_DONE = re.compile(r"^#\d+\s+DONE\s+cov: (\d+) ft: (\d+)", re.MULTILINE)
_NOISE = re.compile(r"^(INFO: Instrumenting|WARNING: Failed to find function) .*\n", re.MULTILINE)
_UNITS = re.compile(r"^stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one target."""

    name: str
    inputs: int
    """Inputs tried."""
    branches: int
    """Edges reached, as the engine counts them."""
    found: tuple[str, ...]
    """Names of the inputs that broke the rule."""
    said: str
    """What the process wrote."""
    exit_code: int

    @property
    def is_good(self) -> bool:
        """Tell whether it ran to its end and found nothing."""
        return self.exit_code == 0 and not self.found and self.inputs > 0


def fuzz_here(group: str, name: str, seconds: int, work: Path) -> None:
    """Fuzz one target of one file in this process, which ends with it."""
    import atheris  # noqa: PLC0415 - only the processes of ``make fuzz`` have it

    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    with atheris.instrument_imports(include=list(MEASURED)):
        import fuzz_kit  # noqa: PLC0415 - what it imports must be instrumented

        target = fuzz_kit.load(fuzz_kit.groups()[group])[name]
    found = fuzz_kit.FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={HANG_SECONDS}",
        f"-max_len={target.max_size}",
        f"-artifact_prefix={found}/",
        "-rss_limit_mb=0",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup(
        [sys.argv[0], *options, str(work), str(fuzz_kit.SEEDS / name), str(found)], fuzz_kit.Judge(target)
    )
    atheris.Fuzz()


def run(group: str, name: str, seconds: int) -> Run:
    """Fuzz one target in a process of its own."""
    import fuzz_kit  # noqa: PLC0415 - ``fuzz_here`` must be the first to import it

    before = set(fuzz_kit.corpus(name))
    with tempfile.TemporaryDirectory(prefix="peertransfer-fuzz-") as work:
        line = [sys.executable, __file__, "--here", group, name, str(seconds), work]
        done = subprocess.run(
            line,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + SETUP_SECONDS,
            check=False,
        )
    for path in (fuzz_kit.FOUND / name).glob("*-*"):  # as the engine names them: what happened, and a digest
        if path.suffix != ".bin":
            path.rename(path.with_name(f"{path.name[:20]}.bin"))
    with contextlib.suppress(OSError):  # something was found
        (fuzz_kit.FOUND / name).rmdir()
    found = tuple(path.name for path in fuzz_kit.corpus(name) if path not in before)
    covered, units = _DONE.search(done.stderr), _UNITS.search(done.stderr)
    return Run(
        name,
        int(units[1]) if units else 0,
        int(covered[1]) if covered else 0,
        found,
        _NOISE.sub("", done.stderr) + done.stdout,
        done.returncode,
    )


def table(runs: list[Run]) -> str:
    """Return what came of the targets as a Markdown table."""
    rows = [f"| {one.name} | {one.inputs:,} | {one.branches} | {_verdict(one)} |" for one in runs]
    return "\n".join(["| target | inputs | branches | verdict |", "|---|---|---|---|", *rows])


def _verdict(one: Run) -> str:
    if one.found:
        return "found: " + ", ".join(one.found)
    return "clean" if one.is_good else f"did not run to its end (exit code {one.exit_code})"


def report(runs: list[Run], seconds: int, commit: str) -> str:
    """Return the document."""
    return (
        "# Fuzzing\n\n"
        f"Run by `make fuzz` on {time.strftime('%Y-%m-%d')} at commit {commit}: {len(runs)} targets, "
        f"{seconds} s each, by atheris. A finding is any exception that the parser does not name, a call of "
        "over a second of processor time, or memory that grows by over 256 MiB. *Branches* are edges that "
        "the engine saw reached, in our code and in the parsers of the standard library below it.\n\n"
        "The targets are in `tests/fuzz/`; `make test` replays the kept inputs, among them whatever was "
        "found once (`tests/fuzz/corpus/found`).\n\n"
        f"{table(runs)}\n"
    )


def tell(one: Run) -> None:
    """Print what came of a target; of one that failed, what its process wrote at the end."""
    print(f"  {one.name}: {one.inputs:,} inputs, {_verdict(one)}", flush=True)
    if not one.is_good:
        print("\n".join(one.said.splitlines()[-LINES_TOLD:]), file=sys.stderr, flush=True)


def main() -> int:
    """Fuzz; exit code 1 where anything was found."""
    if sys.argv[1:2] == ["--here"]:
        _, _, group, name, seconds, work = sys.argv
        fuzz_here(group, name, int(seconds), Path(work))
        return 0
    import fuzz_kit  # noqa: PLC0415 - ``fuzz_here`` must be the first to import it

    from bench.machine import stamp  # noqa: PLC0415 - the same

    each_seconds = int(os.environ.get("SECONDS", "60"))
    commit = stamp().commit
    runs = []
    for group, path in fuzz_kit.groups().items():
        for name in fuzz_kit.load(path):
            if name in (sys.argv[1:] or [name]):
                runs.append(run(group, name, each_seconds))
                tell(runs[-1])
    if not sys.argv[1:]:
        REPORT.write_text(report(runs, each_seconds, commit))
    return 0 if all(one.is_good for one in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
