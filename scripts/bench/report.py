"""``docs/performance.md`` from the figures: what was to be reached, and everything beside its controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.bars import BARS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.figures import Figure

NAMES = {
    "ours": "Peertransfer",
    "ours_psk": "Peertransfer, with a PSK",
    "bare": "bare CPython",
    "tcp": "plain TCP",
    "js": "js-libp2p",
    "stock": "stock py-libp2p",
    "cp": "`cp` + SHA-256",
    "cp_synced": "`cp`, sync, SHA-256",
    "rsync": "rsync over ssh",
    "scp": "scp",
    "syncthing": "Syncthing",
    "large_provider": "`get` of 1 GiB, provider",
    "large_getter": "`get` of 1 GiB, getter",
    "many_provider": "`get` of 10,000 files, provider",
    "many_getter": "`get` of 10,000 files, getter",
    "share": "`share` of 10,000 files",
    "ledger": "`privacy ledger` in a million rows",
    "policy": "`policy reload` of 10,000 rules",
}
SYNCED = frozenset({"ours", "ours_psk", "cp_synced", "syncthing"})
"""Who has it on the disk at the end."""
TITLES = {
    "stream": "One stream, memory to memory",
    "streams8": "Eight streams, memory to memory",
    "large": "1 GiB, disk to disk",
    "many": "10,000 files of 4 KiB in 100 folders, on a tmpfs",
    "small": "1 MiB, from the command to its end, both nodes running",
    "dial": "Dial",
    "ping": "Ping: 32 octets there and back",
    "huge": "10 GiB, disk to disk",
    "idle": "Idle",
    "loop": "The event loop",
}
COLUMNS = {
    "rate": "MiB/s",
    "seconds": "s",
    "total_seconds": "with indexing, s",
    "milliseconds": "ms",
    "cpu_provider": "CPU s/GiB, provider",
    "cpu_getter": "CPU s/GiB, getter",
    "peak_provider": "VmHWM MiB, provider",
    "peak_getter": "VmHWM MiB, getter",
    "idle_rss": "resident MiB",
    "idle_cpu": "CPU s a minute",
    "step_p50": "step, ms of CPU, median",
    "step_p99": "step, 99 %",
    "step_max": "step, longest",
    "lag_p50": "lag, ms, median",
    "lag_p99": "lag, 99 %",
    "lag_max": "lag, most",
}
"""Heads of the columns, in their order."""
NOTES = """\
A figure is the median of its runs, with the least and the most in brackets; contenders take turns,
round by round. All run on one machine over loopback, each end in a process of its own. Read ratios:
they are made round by round and then summed up, so that a machine's slow moment meets both sides. A
ratio over 1 says that Peertransfer is the faster one.

- Peertransfer moves files by `share` and `get` between two running nodes, every run from new homes;
  `s` is `get`: all octets encrypted, verified, in place and synced. CPU is the node's, the getter's
  with the command that waits.
- Syncthing's time holds its indexing, so it stands beside `share` and `get` together ("with indexing").
  rsync, scp, `cp` and plain TCP sync nothing; their start is in their time.
- Bare CPython is TCP with ChaCha20-Poly1305 records, and no libp2p: what the interpreter and its
  libraries can do. Memory to memory nothing is hashed. It and plain TCP have one connection and no
  streams.
- A step is what a task does on the event loop before others get a turn, in CPU time of that thread; the
  lag is how late a timer of 10 ms is there. They are taken in runs of their own, which are slower.
- VmHWM is the kernel's peak of the node's process since its start; of other tools it is the sum
  over their processes.
"""


def number(value: float) -> str:
    """Write a number with three digits that count, and no more than there are."""
    digits = sum(abs(value) < least for least in (100, 10, 1))
    return f"{value:,.{digits}f}"


def cell(figure: Figure | None) -> str:
    """Write a figure with its spread."""
    if figure is None or figure.median is None or figure.min is None or figure.max is None:
        return "-"
    if figure.repetitions == 1:
        return number(figure.median)
    return f"{number(figure.median)} ({number(figure.min)} to {number(figure.max)})"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bars_table(figures: Mapping[str, Figure]) -> str:
    """Write what was to be reached."""
    rows = []
    for bar in BARS:
        reached = bar.reached(figures)
        shown = "-" if reached is None else f"{number(reached)} {bar.unit or 'times'}"
        rows.append([bar.what, f"{bar.bar:g}", f"{bar.aim:g}", shown, bar.verdict(reached)])
    return markdown(["work", "bar", "aim", "reached", ""], rows)


def contenders_of(job: str, figures: Mapping[str, Figure]) -> list[str]:
    """Return who took part in a job, or should have."""
    parts = [name.split(".") for name in figures]
    return list(dict.fromkeys(one[1] for one in parts if one[0] == job))


def job_table(job: str, figures: Mapping[str, Figure]) -> str:
    """Write all that was measured in a job; who did not take part is there, with the reason."""
    metrics = [
        metric
        for metric in COLUMNS
        if any(n.startswith(f"{job}.") and n.endswith(f".{metric}") for n in figures)
    ]
    has_files = "seconds" in metrics
    rows = []
    for name in contenders_of(job, figures):
        found = [figures.get(f"{job}.{name}.{metric}") for metric in metrics]
        note = next((one.note for one in found if one is not None and one.note), "")
        row = [NAMES.get(name, f"`{name}`"), *map(cell, found)]
        if has_files:
            row.append("yes" if name in SYNCED else "no")
        rows.append([*row, note])
    head = ["", *(COLUMNS[metric] for metric in metrics), *(["synced"] if has_files else []), ""]
    return markdown(head, rows)


def ratios_table(figures: Mapping[str, Figure]) -> str:
    """Write the ratios."""
    rows = []
    for name, one in figures.items():
        if name.startswith("ratio."):
            _, job, pair, metric = name.split(".")
            ours, control = pair.split("/")
            what = TITLES[job] + (", `share` included" if metric == "total_seconds" else "")
            rows.append([what, NAMES[ours], NAMES[control], cell(one)])
    return markdown(["work", "", "beside", "times as fast"], rows)


def measured(figures: Mapping[str, Figure]) -> str:
    """Return when and at which commit; of several, which jobs are of each."""
    jobs: dict[str, dict[str, None]] = {}
    for name, one in figures.items():
        jobs.setdefault(f"{one.date} at commit {one.commit}", {})[name.partition(".")[0]] = None
    if len(jobs) == 1:
        return next(iter(jobs))
    return "; ".join(f"{when} ({', '.join(of)})" for when, of in jobs.items())


def document(machine: Mapping[str, str], figures: Mapping[str, Figure]) -> str:
    """Return the whole page."""
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    jobs = [
        f"## {title}\n\n{job_table(job, figures)}\n"
        for job, title in TITLES.items()
        if contenders_of(job, figures)
    ]
    return "\n".join(
        [
            "# Performance",
            "",
            f"Measured by `make bench` on {measured(figures)}; {about}.",
            "Every figure with its unit, spread and count is in [performance.jsonl](performance.jsonl).",
            "",
            "![Peertransfer beside its controls](performance.svg)",
            "",
            "## To be reached",
            "",
            bars_table(figures),
            "",
            "Memory counts by its largest run, all else by the median; of several figures the worst counts.",
            "",
            "## How to read it",
            "",
            NOTES,
            *jobs,
            "## Ratios",
            "",
            ratios_table(figures),
            "",
            "## Where the time goes",
            "",
            "`make bench-profile` samples both nodes while 1 GiB goes over a PSK: [profile.md](profile.md).",
            "",
        ]
    )
