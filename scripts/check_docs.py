"""Check the documents: links and named files are there, every document is linked, no machine is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED_FILE = re.compile(r"`([a-z0-9_]+(?:/[A-Za-z0-9_.-]+)*/[A-Za-z0-9_-]+\.(?:py|md|proto|json|toml))`")
"""A file in backticks, as a path below one of ``ROOTS``."""
ROOTS = (ROOT, ROOT / "node" / "peertransfer")
ENTRANCES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")
"""Where a stranger begins to read."""
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_.~-])/(?:home/[a-z]+|Users/[a-z]+|root)/")


def tracked_documents() -> list[Path]:
    """Return the Markdown files that are part of the project."""
    command = ["git", "-C", str(ROOT), "ls-files", "*.md"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def problems_of(document: Path) -> list[str]:
    """Return one line for each thing that is wrong in ``document``."""
    text = document.read_text(encoding="utf-8")
    name = document.relative_to(ROOT)
    found = [
        f"{name}: link to nothing: {target}"
        for target in LINK.findall(text)
        if "://" not in target and not target.startswith("mailto:")
        if not (document.parent / target).exists()
    ]
    found += [
        f"{name}: names a file that is not there: {target}"
        for target in NAMED_FILE.findall(text)
        if not any((root / target).exists() for root in (*ROOTS, document.parent))
    ]
    found += [f"{name}: a machine's path: {match.group().strip()}" for match in MACHINE_PATH.finditer(text)]
    return found


def unlisted_decisions() -> list[str]:
    """Return a line for each ADR that the index does not name."""
    folder = ROOT / "docs" / "adr"
    index = (folder / "index.md").read_text(encoding="utf-8")
    names = sorted(path.name for path in folder.glob("[0-9]*.md"))
    return [f"docs/adr/index.md: does not list {name}" for name in names if name not in index]


def unlinked_documents() -> list[str]:
    """Return a line for each document below docs/ that no entrance links to."""
    linked = {
        (ROOT / target).resolve()
        for name in ENTRANCES
        for target in LINK.findall((ROOT / name).read_text(encoding="utf-8"))
    }
    unlinked = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.resolve() not in linked]
    return [f"docs/{path.name}: no entrance links to it" for path in unlinked]


def main() -> int:
    """Print every problem; exit code 1 where there is one."""
    found = [line for document in tracked_documents() for line in problems_of(document)]
    found += unlisted_decisions() + unlinked_documents()
    print("\n".join(found) if found else "documents: no broken link, no document that nobody finds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
