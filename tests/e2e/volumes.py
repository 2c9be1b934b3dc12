"""Small file systems for the local store, which can be full, without room for names, read-only, or not mounted.

Mounting needs root and may be forbidden all the same; then a loud line says what is not checked.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PAGE = 4096
UPLOADS, THUMBNAILS = "marketing-uploads-bucket", "marketing-thumbnails-bucket"


class Volumes:
    """A data folder whose two buckets are file systems of their own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="volumes-"))
        self.data, self.disks = self.home / "data", self.home / "disks"
        self.mounted: list[Path] = []

    def __enter__(self) -> "Volumes":
        for name in (UPLOADS, THUMBNAILS):
            for folder in (self.disk(name), self.bucket(name)):
                folder.mkdir(parents=True)
            self._mount("-t", "tmpfs", "-o", "size=4m,nr_inodes=600", "tmpfs", str(self.disk(name)))
            self._mount("--bind", str(self.disk(name)), str(self.bucket(name)))
        return self

    def __exit__(self, *_) -> None:
        for folder in reversed(self.mounted):
            subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def disk(self, name: str) -> Path:
        return self.disks / name

    def bucket(self, name: str) -> Path:
        return self.data / name

    def break_as(self, fault: str, name: str) -> None:
        match fault:
            case "full":
                with contextlib.suppress(OSError), (self.disk(name) / "filler").open("wb", buffering=0) as filler:
                    while filler.write(b"x" * 4096):
                        pass
            case "no names left":
                with contextlib.suppress(OSError):
                    (self.disk(name) / "filler").mkdir()
                    for number in range(10_000):
                        (self.disk(name) / "filler" / str(number)).touch()
            case "read-only":
                mount("-o", "remount,ro", str(self.disk(name)))
            case "not mounted":
                subprocess.run(["umount", self.bucket(name)], check=True)

    def free_pages(self, name: str, pages: int) -> None:
        """Of a disk that is full."""
        filler = self.disk(name) / "filler"
        os.truncate(filler, filler.stat().st_size // PAGE * PAGE - pages * PAGE)

    def mend(self, fault: str, name: str) -> None:
        match fault:
            case "full":
                (self.disk(name) / "filler").unlink()
            case "no names left":
                shutil.rmtree(self.disk(name) / "filler")
            case "read-only":
                mount("-o", "remount,rw", str(self.disk(name)))
            case "not mounted":
                mount("--bind", str(self.disk(name)), str(self.bucket(name)))

    def _mount(self, *arguments: str) -> None:
        mount(*arguments)
        self.mounted.append(Path(arguments[-1]))


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def can_mount() -> bool:
    folder = Path(tempfile.mkdtemp(prefix="mount-"))
    try:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True).returncode:
            return False
        return subprocess.run(["umount", folder], check=False).returncode == 0
    except FileNotFoundError:
        return False
    finally:
        folder.rmdir()


def unchecked(what: str) -> None:
    """Loud here, and again at the end of tests/run, which gathers such lines."""
    line = f"UNCHECKED {what}"
    print(line, flush=True)
    if "scratch" in os.environ:
        with (Path(os.environ["scratch"]) / "unchecked").open("a") as lines:
            lines.write(line + "\n")
