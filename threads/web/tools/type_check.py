"""Check the types of the page's modules by `tsc`. Needs node and npm.

    python -m threads.web.tools.type_check [FOLDER]

FOLDER: where npm installs the locked packages, or has before; by default a temporary one.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from threads.web.tools.libraries import TOOLS, install, run


def check_types(folder: Path) -> None:
    """Check `static/` with the packages in `folder`; raises `SystemExit` with what is wrong."""
    modules = install(folder)
    web = folder / "web"
    shutil.rmtree(web, ignore_errors=True)
    for name in ("static", "vendor"):
        shutil.copytree(TOOLS.parent / name, web / name)
    shutil.copy(TOOLS / "tsconfig.json", folder)
    tsc = modules / "typescript" / "bin" / "tsc"
    run("node", str(tsc), "--project", "tsconfig.json", "--pretty", "false", folder=folder)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        check_types(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            check_types(Path(temporary))
