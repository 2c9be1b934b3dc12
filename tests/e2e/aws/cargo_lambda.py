#!/usr/bin/env python3
"""The function as cargo-lambda builds it, by the first command of infra/README.md, and as its `watch` runs it.

The build is for this machine: for another one cargo-lambda would add a target to the toolchain.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cloud import commands_of_readme  # noqa: E402
from harness import (  # noqa: E402
    JPEG, PNG, REPOSITORY, TEXT, Answer, bare_environment, contains, curl, equal, picture_size, run_checks, sha256, until,
)
from seaweedfs import free_ports  # noqa: E402

TOOLS = REPOSITORY / "tests" / "e2e" / ".tools"
MOST_ZIPPED = 7_000_000
scratch: Path


def cargo_environment(**more: str) -> dict[str, str]:
    return os.environ | {"PATH": f"{TOOLS / 'cargo-lambda' / 'bin'}:{os.environ['PATH']}"} | more


def the_first_command_of_readme_builds_a_small_bootstrap() -> None:
    """In a target folder of its own: its linker makes other files of the same names."""
    command, cross = commands_of_readme("Deploy")[0], " --arm64"
    contains(command, cross, "the first command")
    command = f"{command.replace(cross, '')} --locked --lambda-dir {scratch / 'lambda'}"
    environment = cargo_environment(CARGO_TARGET_DIR=str(TOOLS / "cargo-lambda-target"))
    subprocess.run(["bash", "-c", command], cwd=REPOSITORY, env=environment, check=True)
    bootstrap = scratch / "lambda" / "thumbgate" / "bootstrap"
    zipped = scratch / "bootstrap.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.write(bootstrap, "bootstrap")
    print(f"   {bootstrap.stat().st_size} bytes, zipped {zipped.stat().st_size}", flush=True)
    assert zipped.stat().st_size <= MOST_ZIPPED, f"at most {MOST_ZIPPED} bytes are wanted"


def what_was_built_answers_as_a_function() -> None:
    """Under cargo-lambda's Runtime API, started by ourselves."""
    with watching("--only-lambda-apis") as url:
        until(lambda: listens(url), 60, "cargo-lambda listens")
        environment = bare_environment(scratch) | function_settings() | {
            "AWS_LAMBDA_RUNTIME_API": f"{url}/.rt", "AWS_LAMBDA_FUNCTION_NAME": "_",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "1",
        }
        process = subprocess.Popen([scratch / "lambda" / "thumbgate" / "bootstrap"], cwd=scratch, env=environment)
        try:
            takes_pictures_and_refuses_text(url)
        finally:
            process.kill()
            process.wait()


def watch_answers_curl_and_originals_are_kept_byte_by_byte() -> None:
    """`watch` builds as `cargo build` does, so that what is built already serves."""
    with watching("--release", "--ignore-changes") as url:
        takes_pictures_and_refuses_text(url)


@contextlib.contextmanager
def watching(*options: str):
    (port,) = free_ports(1)
    process = subprocess.Popen(
        ["cargo", "lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", str(port), *options],
        cwd=REPOSITORY, env=cargo_environment(**function_settings()), stdin=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def function_settings() -> dict[str, str]:
    return {"STORE": "local", "DATA_DIR": str(scratch / "data"), "ALLOW_ANONYMOUS": "true"}


def takes_pictures_and_refuses_text(url: str) -> None:
    until(lambda: answers(url), 300, "the function answers")
    data = scratch / "data"
    for file, thumbnail_key, size in ((JPEG, "image1-thumbnail.jpg", (150, 113)), (PNG, "image2-thumbnail.png", (113, 150))):
        record = post(url, file).expect(201).json()
        equal(record["thumbnail"]["key"], thumbnail_key, "the thumbnail's key")
        equal(record["upload"]["sha256"], sha256(file.read_bytes()), "the original's hash in the answer")
        original = (data / "marketing-uploads-bucket" / file.name).read_bytes()
        assert original == file.read_bytes(), f"{file.name} was not kept byte by byte"
        fetched = curl(scratch, f"{url}/thumbnails/{thumbnail_key}").expect(200).body
        equal(fetched, (data / "marketing-thumbnails-bucket" / thumbnail_key).read_bytes(), "the thumbnail as it arrives")
        equal(picture_size(fetched)[1:], size, "its size")
    post(url, TEXT).expect_problem(415, "unsupported-extension")


def listens(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    with contextlib.suppress(OSError), socket.create_connection((parts.hostname, parts.port), timeout=5):
        return True
    return False


def answers(url: str) -> bool:
    with contextlib.suppress(AssertionError):
        return curl(scratch, f"{url}/health").status == 200
    return False


def post(url: str, file: Path) -> Answer:
    return curl(scratch, "--form", f"file=@{file}", f"{url}/uploads")


CHECKS = [
    the_first_command_of_readme_builds_a_small_bootstrap,
    what_was_built_answers_as_a_function,
    watch_answers_curl_and_originals_are_kept_byte_by_byte,
]


def main() -> int:
    global scratch
    with tempfile.TemporaryDirectory(prefix="thumbgate-cargo-lambda-") as folder:
        scratch = Path(folder)
        return run_checks("cargo-lambda", CHECKS)


if __name__ == "__main__":
    sys.exit(main())
