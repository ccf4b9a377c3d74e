"""The rows of ``docs/disclosure.md``: everything that can leave a node, as it is declared."""

from source_kit import ROOT

HEAD = ["channel", "view", "field", "sensitivity", "default", "rule keyword", "clause"]
NOT_BUILT = "not built yet"
"""The default of a view that nothing makes."""


def census():
    """Return the rows, each as a dictionary by the names of ``HEAD``."""
    text = (ROOT / "docs" / "disclosure.md").read_text()
    cells = [
        [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    assert cells[0] == HEAD
    return [dict(zip(HEAD, row, strict=True)) for row in cells[2:]]


def channels(row):
    """Return the channels on which a field leaves; most have one."""
    return row["channel"].split(", ")
