"""Three calls of the Linux kernel that Python's ``os`` does not have.

Each says whether this machine has it; what is done without it is ``store.placing``'s and
``store.partial``'s. Spec: openat2(2), renameat2(2), syncfs(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08

_SYS_OPENAT2 = 437  # the same on every architecture that Python runs on
_RENAME_NOREPLACE = 1
_MAX_RETRIES = 16
"""RESOLVE_BENEATH says EAGAIN while somebody renames folders on the way."""

_libc = ctypes.CDLL(None, use_errno=True)
_IS_LINUX = sys.platform == "linux"


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class MissingCallError(OSError):
    """This machine lacks the call: use the other way."""


def openat2(dir_fd: int, path: bytes, flags: int, mode: int) -> int:
    """Open ``path`` below ``dir_fd``; no symbolic link is followed, and nothing above is reached.

    Raises:
        MissingCallError: an old kernel, a sandbox, or not Linux.
        OSError: as ``open``; ELOOP for a symbolic link, EXDEV for what leads above.
    """
    if not _IS_LINUX:
        raise MissingCallError(errno.ENOSYS, "openat2 is Linux's")
    resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
    how = _OpenHow(flags | os.O_CLOEXEC, mode if flags & os.O_CREAT else 0, resolve)
    for _ in range(_MAX_RETRIES):
        fd = int(
            _libc.syscall(
                ctypes.c_long(_SYS_OPENAT2),
                ctypes.c_int(dir_fd),
                ctypes.c_char_p(path),
                ctypes.byref(how),
                ctypes.c_size_t(ctypes.sizeof(how)),
            )
        )
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number not in {errno.EAGAIN, errno.EINTR}:
            break
    else:
        number = errno.EAGAIN
    # EPERM is what older container sandboxes answer to calls that they do not know.
    if number in {errno.ENOSYS, errno.EPERM}:
        raise MissingCallError(number, os.strerror(number))
    raise OSError(number, os.strerror(number), os.fsdecode(path))


def rename_noreplace(old_dir: int, old: str, new_dir: int, new: str) -> None:
    """Rename, unless there is something under the new name.

    Raises:
        MissingCallError: this system or this file system can't.
        FileExistsError: there is something.
        OSError: as ``rename``.
    """
    call = getattr(_libc, "renameat2", None)
    if call is None:
        raise MissingCallError(errno.ENOSYS, "renameat2 is missing")
    if call(old_dir, os.fsencode(old), new_dir, os.fsencode(new), _RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number in {errno.ENOSYS, errno.EINVAL}:
        raise MissingCallError(number, os.strerror(number))
    raise OSError(number, os.strerror(number), new)


def syncfs(fd: int) -> None:
    """Write out everything of the file system that ``fd`` is on.

    Raises:
        MissingCallError: not Linux.
        OSError: something could not be written.
    """
    call = getattr(_libc, "syncfs", None)
    if call is None:
        raise MissingCallError(errno.ENOSYS, "syncfs is missing")
    if call(fd) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
