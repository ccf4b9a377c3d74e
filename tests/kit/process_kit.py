"""Real ``peertransfer`` processes in homes of their own: what a person at a terminal sees, and no more."""

import contextlib
import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "peertransfer"
READY_SECONDS = 20
COMMAND_SECONDS = 25
LOOPBACK = "/ip4/127.0.0.1/tcp/0"


class Person:
    """One home, and the commands that are given there."""

    def __init__(self, folder, name):
        self.folder = folder
        self.name = name
        self.home = folder / name
        self.process = None
        self.ready = {}

    @property
    def log(self):
        """Return the file that holds what the node wrote to stderr."""
        return self.folder / f"{self.name}.log"

    def command(self, *words, text=None, as_json=True):
        """Run a command to its end."""
        line = [PROGRAM, "--home", self.home, *(["--json"] if as_json else []), *words]
        return subprocess.run(
            [str(word) for word in line],
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def ask(self, *words, text=None):
        """Run a command that must succeed, and return its document."""
        done = self.command(*words, text=text)
        assert done.returncode == 0, (self.name, words[0], done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def init(self):
        """Make the home."""
        return self.ask("init", "--accept-privacy")

    def start(self, listen=LOOPBACK, *options):
        """Start the long-lived node, and wait for its ready line."""
        line = [str(PROGRAM), "--home", str(self.home), "run", "--listen", listen, *options]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        first = self.process.stdout.readline() if readable else ""
        assert first, f"{self.name} did not start: {self.log.read_text()}"
        self.ready = json.loads(first)
        assert self.ready["event"] == "ready"

    def stop(self):
        """End the node, and return its exit code."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.terminate()
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            process.stdout.close()

    def address(self, network_id="open"):
        """Return where the node listens, with its peer ID."""
        hosts = self.ask("status")["hosts"]
        return next(host for host in hosts if host["network_id"] == network_id)["listen_addrs"][0]


@contextlib.contextmanager
def people(*names):
    """Make a home for each name; end every node and remove everything at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pt-"))
    before = os.umask(0o077)
    everybody = [Person(folder, name) for name in names]
    try:
        for person in everybody:
            person.init()
        yield everybody
    finally:
        os.umask(before)
        for person in everybody:
            person.stop()
        shutil.rmtree(folder, ignore_errors=True)


def octets(size, seed=0):
    """Return ``size`` octets that do not repeat."""
    return hashlib.shake_256(seed.to_bytes(8, "big")).digest(size)


def tree(folder):
    """Return what is below ``folder``: digest and executable bit of a file, ``None`` for a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = "symlink"
        elif path.is_dir():
            found[name] = None
        else:
            found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), bool(path.stat().st_mode & 0o100))
    return found


def refused(done, code):
    """Assert that a command ended with ``code`` and one line that says why; return that line."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: "), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return lines[0]


def until(check, seconds=10):
    """Ask ``check`` again until it holds."""
    ends_at = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < ends_at, f"{check} did not come true in {seconds} s"
        time.sleep(0.05)
