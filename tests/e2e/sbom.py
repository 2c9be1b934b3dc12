#!/usr/bin/env python3
"""Writes the program's software bill of materials (CycloneDX), and checks that it names every crate that the program is
made of: tests/e2e/sbom.py CARGO-CYCLONEDX FOLDER

What the program is made of is asked of another witness: `cargo tree`, for the same machine and the locked versions. The
bill may name a few more, which features bring that only the tests turn on: the tool does not tell them apart.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from harness import REPOSITORY, equal

PROGRAM = "thumbgate"
# The tool knows no output folder: it writes beside each manifest.
MADE = f"{PROGRAM}-sbom.cdx"


def main(tool: str, folder: Path) -> None:
    target = output("rustc", "-vV").split("host: ")[1].split()[0]
    bill = made_by(tool, target)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{PROGRAM}.cdx.json").write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    equal((bill["bomFormat"], bill["metadata"]["component"]["name"]), ("CycloneDX", PROGRAM), "what the bill is of")
    named = {(component["name"], component["version"]) for component in bill["components"]}
    used = crates_of(target)
    equal(sorted(used - named), [], "crates that the bill leaves out")
    locked = set(re.findall(r'name = "(.+)"\nversion = "(.+)"', (REPOSITORY / "Cargo.lock").read_text(encoding="utf-8")))
    equal(sorted(named - locked), [], "crates that are not in the lock file")
    for component in bill["components"]:
        assert component.get("purl", "").startswith("pkg:cargo/"), f"it says where it is from: {component}"
        assert component.get("licenses"), f"it says what it may be used for: {component}"
    print(f"sbom: {folder}/{PROGRAM}.cdx.json for {target}: {len(named)} of {len(locked)} locked crates, {len(used)} in the program")


def made_by(tool: str, target: str) -> dict:
    try:
        subprocess.run(
            [tool, "cyclonedx", "--format", "json", "--spec-version", "1.5", "--target", target, "--no-build-deps",
             "--override-filename", MADE],
            cwd=REPOSITORY, check=True,
        )
        return json.loads((REPOSITORY / f"{MADE}.json").read_text(encoding="utf-8"))
    finally:
        for left in (REPOSITORY / f"{MADE}.json", *REPOSITORY.glob(f"crates/*/{MADE}.json")):
            left.unlink(missing_ok=True)


def crates_of(target: str) -> set[tuple[str, str]]:
    """Without what only build scripts and tests need; procedural macros are programs of the compiler's, but in both."""
    tree = output("cargo", "tree", "--locked", "--package", PROGRAM, "--target", target, "--edges", "normal",
                  "--prefix", "none", "--format", "{p}")
    crates = {(line.split()[0], line.split()[1].removeprefix("v")) for line in tree.splitlines() if line.strip()}
    assert len(crates) > 100, f"cargo tree names {len(crates)} crates"
    return {crate for crate in crates if crate[0] != PROGRAM}


def output(*command: str) -> str:
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
