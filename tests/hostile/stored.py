"""The local store's folder as an outsider reads it, by what README says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from harness import sha256

UPLOADS, THUMBNAILS = "marketing-uploads-bucket", "marketing-thumbnails-bucket"


@dataclass
class Folder:
    """A data folder. A file that was found whole once is not read again, as long as its time stays."""

    path: Path

    def __post_init__(self) -> None:
        self.digests: dict[tuple[Path, int, int], str] = {}

    def temporary(self) -> list[Path]:
        return [file for bucket in (UPLOADS, THUMBNAILS) for file in (self.path / bucket).glob(".thumbgate/tmp/*")]

    def visible(self, bucket: str) -> list[Path]:
        root = self.path / bucket
        files = (file for file in root.rglob("*") if file.is_file())
        return [file for file in files if ".thumbgate" not in file.relative_to(root).parts]

    def versions(self, bucket: str) -> list[Path]:
        return [file for file in (self.path / bucket / ".thumbgate" / "versions").rglob("*") if file.is_file()]

    def digest(self, file: Path) -> str:
        facts = file.stat()
        known_by = (file, facts.st_mtime_ns, facts.st_size)
        if known_by not in self.digests:
            self.digests[known_by] = sha256(file.read_bytes())
        return self.digests[known_by]

    def has(self, bucket: str, key: str, version: str, digest: str) -> bool:
        """Whether a version has these bytes: under its key as the newest one, or among the earlier ones."""
        earlier = self.path / bucket / ".thumbgate" / "versions" / key / f"{version}{Path(key).suffix}"
        return any(file.exists() and self.digest(file) == digest for file in (self.path / bucket / key, earlier))

    def broken_records(self) -> list[Path]:
        """Lines that are no JSON, but for the last one, which a killed process may leave half-written."""
        folders = [self.path / bucket / ".thumbgate" / "records" for bucket in (UPLOADS, THUMBNAILS)]
        records = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        return [file for file in records if not all(map(is_json, file.read_bytes().split(b"\n")[:-1]))]


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
