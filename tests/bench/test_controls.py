"""The controls do the work that they are timed for, and one that does not is found out."""

import subprocess
import sys

import pytest

from bench import controls
from bench.ends_runner import End, listening, python_end
from bench.material import digest, make_file, make_tree
from bench.procfs import cpu_seconds, family, memory_mib, run_measured
from bench.samples import MIB, NotInstalledError, RunFailedError
from bench.tools import tool


@pytest.fixture
def source(tmp_path):
    return make_file(tmp_path / "source", MIB)


def test_a_copy_is_timed_checked_and_removed(source, tmp_path):
    sample = controls.copy_and_hash(source, tmp_path, MIB, is_synced=True)
    assert sample["seconds"] > 0
    assert list(tmp_path.iterdir()) == [source]


def test_a_tree_has_a_hundred_files_to_a_folder_and_a_digest_of_its_own(tmp_path):
    tree = make_tree(tmp_path / "tree", 201)
    assert sorted(len(list(folder.iterdir())) for folder in tree.iterdir()) == [1, 100, 100]
    before = digest(tree)
    (tree / "000" / "000").rename(tree / "000" / "other")
    assert digest(tree) != before


def test_a_command_of_the_callers_brings_source_to_dest(source, tmp_path):
    sample = controls.run_command("sh -c 'cp $SOURCE $DEST'", source, tmp_path, MIB)
    assert sample["seconds"] > 0


def test_a_command_that_brings_something_else_has_failed(source, tmp_path):
    with pytest.raises(RunFailedError, match="not what was sent"):
        controls.run_command("sh -c 'echo x > $DEST'", source, tmp_path, MIB)
    with pytest.raises(RunFailedError, match="ended with 3: because"):
        controls.run_command("sh -c 'echo because >&2; exit 3'", source, tmp_path, MIB)


def test_a_tool_that_is_not_there_is_named(source, tmp_path):
    with pytest.raises(NotInstalledError, match="no-such-tool"):
        controls.run_command("no-such-tool x", source, tmp_path, MIB)
    with pytest.raises(NotInstalledError, match="no-such-tool"):
        tool("no-such-tool")


def test_a_command_costs_its_own_memory_and_that_of_its_children():
    child = f"{sys.executable} -c 'bytearray(64 << 20); import time; time.sleep(0.3)'"
    spent = run_measured(["sh", "-c", f"{child}; true"])
    assert spent.peak_mib > 64
    assert spent.seconds > 0.3


def test_the_kernel_is_asked_of_a_process_and_of_its_children():
    line = "import time; sum(range(20_000_000)); print('x', flush=True); time.sleep(60)"
    with subprocess.Popen(
        ["sh", "-c", f'{sys.executable} -c "{line}"; true'], stdout=subprocess.PIPE
    ) as parent:
        parent.stdout.read(1)
        child = family(parent.pid)[1]
        assert cpu_seconds(parent.pid) == pytest.approx(cpu_seconds(child), abs=0.05)
        assert cpu_seconds(child) > 0.1
        assert memory_mib(child, "VmHWM") >= memory_mib(child, "VmRSS") > 1
        subprocess.run(["kill", str(child)], check=True)
    assert cpu_seconds(child) == 0
    assert memory_mib(child, "VmHWM") == 0


@pytest.mark.process
@pytest.mark.parametrize("words", [("ours", "psk"), ("bare",), ("plain",)], ids=" ".join)
def test_two_ends_move_octets_on_one_stream_and_on_eight(words, scripts_in_path):
    end = End(python_end(*words), 16 * MIB)
    for streams in (1, 8):
        assert end.stream(streams)["rate"] > 1


@pytest.mark.process
@pytest.mark.parametrize("words", [("ours",), ("bare",), ("plain",)], ids=" ".join)
def test_two_ends_dial_and_ping(words, scripts_in_path):
    end = End(python_end(*words), 16 * MIB)
    assert 0 < end.each("connect", 3)["milliseconds"] < 5_000
    if words != ("bare",):
        assert 0 < end.each("ping", 5)["milliseconds"] < 5_000


@pytest.mark.process
def test_a_file_comes_over_plain_tcp(source, tmp_path, scripts_in_path):
    assert controls.fetch_by_tcp(source, tmp_path, MIB)["seconds"] > 0


def test_an_end_that_does_not_listen_has_failed():
    with (
        pytest.raises(RunFailedError, match="did not listen"),
        listening([sys.executable, "-c", "print('x')"]),
    ):
        pass
