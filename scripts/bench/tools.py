"""Where a control's tool is, or that it is not here."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from bench.samples import NotInstalledError

FURTHER_PATH = os.pathsep.join([str(Path(sys.executable).parent), "/usr/sbin", "/sbin"])
"""Where py-spy is, and sshd; not in everybody's ``PATH``."""


def tool(name: str) -> str:
    """Return the full path of a program.

    Raises:
        NotInstalledError: it is not in ``PATH``.
    """
    found = shutil.which(name) or shutil.which(name, path=FURTHER_PATH)
    if found is None:
        raise NotInstalledError(name)
    return found
