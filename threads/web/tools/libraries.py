"""Build the libraries of the page into `threads/web/vendor`, or check that they are what was built.

    python -m threads.web.tools.libraries            needs node and npm
    python -m threads.web.tools.libraries --check    needs neither

npm compares each download with the hash in `package-lock.json`; esbuild makes one ES module per library,
which a browser imports without an import map. `manifest.json` has versions and sha256 sums.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).parent
VENDOR = TOOLS.parent / "vendor"
MANIFEST = "manifest.json"
PACKAGES = {
    "lit-html": "lit-html", "marked": "marked", "dompurify": "dompurify", "remend": "remend",
    "highlight": "highlight.js",
}  # fmt: skip
"""The npm package of each module."""
BROWSERS = "chrome123,firefox121,safari17.5"
"""The first ones with `light-dark()`."""


def install(folder: Path) -> Path:
    """Install the locked packages into `folder`; return its `node_modules`. npm verifies their hashes.

    A folder in which they are installed is left as it is.
    """
    modules, lock = folder / "node_modules", TOOLS / "package-lock.json"
    installed = folder / lock.name
    if not (modules.exists() and installed.exists() and installed.read_bytes() == lock.read_bytes()):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", lock.name):
            shutil.copy(TOOLS / name, folder)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
    return modules


def build(target: Path) -> None:
    """Build all libraries with their licences and the manifest into `target`."""
    with tempfile.TemporaryDirectory() as folder:
        modules = install(Path(folder))
        shutil.copytree(TOOLS / "entries", Path(folder) / "entries")
        target.mkdir(exist_ok=True)
        for name, package in PACKAGES.items():
            run(
                "node", str(modules / "esbuild" / "bin" / "esbuild"), f"entries/{name}.ts", "--bundle",
                "--minify", "--format=esm", "--charset=utf8", "--legal-comments=none", f"--target={BROWSERS}",
                f"--outfile={target / name}.js", folder=Path(folder),
            )  # fmt: skip
            types = TOOLS / "entries" / f"{name}.d.ts"
            shutil.copy(
                types if types.exists() else types.with_suffix("").with_suffix(".ts"), target / types.name
            )
            shutil.copy(modules / package / "LICENSE", target / f"{name}.LICENSE")
        manifest = {"versions": _locked_versions(), "sha256": _sums(target)}
    (target / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def problems(vendor: Path = VENDOR) -> list[str]:
    """Return what differs between `vendor` and its manifest, or between the manifest and the lock file."""
    manifest: dict[str, Any] = json.loads((vendor / MANIFEST).read_text(encoding="utf-8"))
    recorded, found = manifest["sha256"], _sums(vendor)
    wrong = [f"{name} is missing" for name in sorted(recorded.keys() - found.keys())]
    wrong += [f"{name} is not in {MANIFEST}" for name in sorted(found.keys() - recorded.keys())]
    wrong += [
        f"{name} was changed"
        for name in sorted(found.keys() & recorded.keys())
        if found[name] != recorded[name]
    ]
    for name, version in _locked_versions().items():
        if manifest["versions"].get(name) != version:
            wrong.append(f"{name} is {version} in package-lock.json, not {manifest['versions'].get(name)}")
    return wrong


def locked_packages() -> dict[str, dict[str, Any]]:
    """Return the entries of `package-lock.json` by folder, without this package itself."""
    lock = json.loads((TOOLS / "package-lock.json").read_text(encoding="utf-8"))
    return {name: each for name, each in lock["packages"].items() if name}


def _locked_versions() -> dict[str, str]:
    locked = locked_packages()
    return {name: locked[f"node_modules/{name}"]["version"] for name in sorted(PACKAGES.values())}


def _sums(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
    return {
        path.name: hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest() for path in paths
    }


def run(*command: str, folder: Path) -> None:
    """Run a command in `folder`; raises `SystemExit` with its output if it fails."""
    executable = shutil.which(command[0])
    if executable is None:
        raise SystemExit(f"{command[0]} is missing; install Node.js with npm")
    done = subprocess.run(
        [executable, *command[1:]], cwd=folder, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main(words: Sequence[str] | None = None) -> None:
    """Build, or check with `--check` and exit with 1 if something differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare with the manifest")
    if not parser.parse_args(words).check:
        build(VENDOR)
    elif found := problems():
        raise SystemExit("\n".join([*found, "Build again with: python -m threads.web.tools.libraries"]))


if __name__ == "__main__":
    main()
