"""The two S3 that the contenders put into, each new for every measurement."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "e2e"))

import seaweedfs  # noqa: E402: it lies among the tests

BUCKETS = ["uploads", "thumbnails"]
# What a SeaweedFS server has unless told otherwise. In small volumes, who stores more meets more of the store's rests.
VOLUME_MEGABYTES = 30_000


class S3(NamedTuple):
    endpoint: str
    access_key: str
    secret_key: str
    process: subprocess.Popen


@contextlib.contextmanager
def null_s3(program):
    """Keeps nothing, so that a service's own cost shows."""
    process = subprocess.Popen([program, "null-s3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield S3(f"http://{process.stdout.readline().strip()}", "null", "null", process)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@contextlib.contextmanager
def seaweed():
    """A real one, its buckets with versions as thumbgate's README wants them."""
    with seaweedfs.SeaweedFS.started(volume_megabytes=VOLUME_MEGABYTES) as server:
        client = server.client()
        for bucket in BUCKETS:
            seaweedfs.create_bucket(client, bucket)
        yield S3(server.endpoint, seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY, server.process)


def free_port():
    return seaweedfs.free_ports(1)[0]
