"""Does everything that is written past the page cache arrive, whatever the system takes of it?"""

import errno
import fcntl
import mmap
import os

import pytest
from store_kit import file_to_send, octets_of, receiving

from peertransfer.content.shape import CHUNK_SIZE
from peertransfer.content.verified import verify
from peertransfer.store.disk import write_past_cache
from peertransfer.wire.framing import FrameReader

FLAGS = os.O_RDWR | os.O_CREAT
PIECE = 65_507
FILE = file_to_send(octets_of(3 * CHUNK_SIZE + 9))


def as_received(octets):
    """Return octets in the memory in which the wire hands them out."""
    reader = FrameReader()
    body = None
    for start in range(0, len(octets), PIECE):
        reader.receive_data(octets[start : start + PIECE])
        body = reader.next_body(len(octets))
    return body


def takes_whole_pages(folder):
    """Tell whether the file system below ``folder`` has ``O_DIRECT``."""
    page = mmap.mmap(-1, mmap.PAGESIZE)
    try:
        fd = os.open(folder / "try", FLAGS | os.O_DIRECT)
        try:
            return os.pwrite(fd, page, 0) == len(page)
        finally:
            os.close(fd)
            (folder / "try").unlink()
    except OSError:
        return False


@pytest.fixture
def two(tmp_path):
    """Return two descriptors of one file; that the first is direct is up to the test."""
    fds = os.open(tmp_path / "f", FLAGS), os.open(tmp_path / "f", FLAGS)
    yield fds
    for fd in fds:
        os.close(fd)


async def test_leaves_as_they_come_from_the_wire_go_past_the_page_cache(tmp_path, monkeypatch):
    if not takes_whole_pages(tmp_path):
        pytest.skip("this file system has no O_DIRECT")
    real, direct = os.pwrite, []

    def pwrite(fd, octets, offset):
        count = real(fd, octets, offset)
        direct.append((bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT), offset, count))
        return count

    async with receiving(tmp_path) as here, here.folder() as folder:
        file = await folder.open_file(FILE.target("f"), FILE.leaf_cid)
        monkeypatch.setattr(os, "pwrite", pwrite)
        for index in range(4):
            octets = as_received(FILE.octets[index * CHUNK_SIZE : (index + 1) * CHUNK_SIZE])
            await file.write([(index, verify(FILE.leaf_cid(index), octets))])
        monkeypatch.undo()
        await file.finish()
        assert direct == [
            *((True, index * CHUNK_SIZE, CHUNK_SIZE) for index in range(3)),
            (False, 3 * CHUNK_SIZE, 9),
        ]
        assert (here.path / "f").read_bytes() == FILE.octets


@pytest.mark.parametrize("taken", [0, 1, 4095, 4096, CHUNK_SIZE - 1, CHUNK_SIZE])
def test_what_the_direct_descriptor_does_not_take_goes_through_the_other(two, monkeypatch, taken):
    direct, fd = two
    octets = FILE.octets[:CHUNK_SIZE]
    real = os.pwrite

    def pwrite(which, piece, offset):
        if which == direct and not taken:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(which, piece[:taken] if which == direct else piece, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    write_past_cache(direct, fd, memoryview(octets), 5)
    assert os.pread(fd, CHUNK_SIZE + 9, 5) == octets


def test_without_a_direct_descriptor_everything_goes_through_the_other(two):
    write_past_cache(-1, two[1], memoryview(FILE.octets), 0)
    assert os.pread(two[1], len(FILE.octets) + 9, 0) == FILE.octets


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_an_error_of_the_disk_is_not_taken_for_a_matter_of_pages(two, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        write_past_cache(two[0], two[1], memoryview(b"a"), 0)
