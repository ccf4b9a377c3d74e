"""Break the tree in each way of ``tests/leaks/mutations.toml``, and demand that the leak tests notice.

Each change is made in a copy of the tree in a temporary folder; the unmodified copy has to pass. Names of
mutations as arguments choose some of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = "tests/leaks"
RESULT = re.compile(r"^(FAILED|ERROR) \S*?(?:::(\w+))?(?: - .*)?$", re.MULTILINE)
SKIPPED = re.compile(r"^SKIPPED .*?: (no packets .*)$", re.MULTILINE)
RUN_SECONDS = 300


@dataclass(frozen=True)
class Mutation:
    """One line to change, and the tests that have to fail then."""

    name: str
    file: str
    original: str
    changed: str
    caught_by: list[str]

    def apply(self, root: Path) -> None:
        """Change the line in the tree at ``root``."""
        path = root / self.file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        at = [line.rstrip("\n") for line in lines].index(self.original)
        lines[at] = self.changed + "\n"
        path.write_text("".join(lines), encoding="utf-8")


@dataclass(frozen=True)
class Outcome:
    """What became of the leak tests in one copy."""

    failed: set[str]
    broken: bool
    """The day itself did not come to its end: then nothing was judged."""
    skipped: str
    """Why there were no packets to look at, if there were none."""
    text: str


def copy_tree(target: Path) -> None:
    """Copy what git tracks, and what is new, to ``target``."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


def run_tests(root: Path) -> Outcome:
    """Run the leak tests of the tree at ``root`` against its own code."""
    options = ["-q", "-rfEs", "--tb=no", "-p", "no:cacheprovider", f"--basetemp={root / 'basetemp'}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"{TESTS}/test_day.py"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "node")},
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
    found = RESULT.findall(done.stdout)
    failed = {name for kind, name in found if kind == "FAILED"}
    is_broken = any(kind == "ERROR" for kind, _ in found) or done.returncode not in {0, 1}
    skipped = SKIPPED.search(done.stdout)
    return Outcome(failed, is_broken, skipped.group(1) if skipped else "", done.stdout + done.stderr)


def judge(mutation: Mutation | None, outcome: Outcome) -> tuple[bool, str]:
    """Tell whether a copy fared as it must, and say how."""
    if outcome.broken:
        return False, f"the day broke down:\n{outcome.text}"
    if mutation is None:
        return not outcome.failed, ", ".join(sorted(outcome.failed)) or "passes"
    missing = sorted(set(mutation.caught_by) - outcome.failed)
    if missing and outcome.skipped and not outcome.failed:
        return True, f"NOT JUDGED: {outcome.skipped}"
    if missing:
        return (
            False,
            f"not caught by {', '.join(missing)}; failed: {', '.join(sorted(outcome.failed)) or 'none'}",
        )
    return True, f"caught by {', '.join(sorted(outcome.failed))}"


def main() -> int:
    """Run the unmodified copy and all mutations; 0 if each fared as it must."""
    table = tomllib.loads((ROOT / TESTS / "mutations.toml").read_text(encoding="utf-8"))["mutation"]
    mutations = [Mutation(**one) for one in table]
    chosen = [one for one in mutations if not sys.argv[1:] or one.name in sys.argv[1:]]
    is_good = True
    for mutation in (None, *chosen):
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="mutant-") as name:
            copy_tree(Path(name))
            if mutation is not None:
                mutation.apply(Path(name))
            is_as_it_must, how = judge(mutation, run_tests(Path(name)))
        is_good = is_good and is_as_it_must
        sign = "ok  " if is_as_it_must else "FAIL"
        title = mutation.name if mutation else "the tree as it is"
        print(f"{sign} {title} ({time.monotonic() - started:.0f} s): {how}", flush=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
