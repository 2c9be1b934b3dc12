"""What the service takes over and above the core's own time: CPU for one photograph of about 4 MB. By `run --path`."""

import os
import subprocess
from statistics import median

from compare import LOAD, upload
from contenders import TOOLS, Service, Thumbgate
from stores import free_port, null_s3

PICTURE = TOOLS / "pictures" / "phone" / "SafeLanding-progressive.jpg"
CLIENTS, ROUNDS, CORE_MILLISECONDS, ALLOWED_MS = 8, 5, 2000, 3


def main():
    turns = [(service_ms(), core_ms()) for _ in range(ROUNDS)]
    service, core = (median(column) for column in zip(*turns))
    over = median(whole - alone for whole, alone in turns)
    print(f"{PICTURE.name}, {PICTURE.stat().st_size / 1e6:.1f} MB, {CLIENTS} clients, an S3 that keeps nothing;")
    print(f"CPU milliseconds per upload, medians of {ROUNDS} turns:")
    print(f"the service {service:.2f}, the core alone {core:.2f}, over and above {over:.2f}", end="; ")
    print(f"asked for: at most {ALLOWED_MS}, {'held' if over <= ALLOWED_MS else 'missed'}")


def service_ms():
    with null_s3(LOAD) as s3, Service(Thumbgate(), s3, free_port()) as service:
        found, cpu, _ = upload(service, s3, CLIENTS, [PICTURE])
    assert not found["failures"], found
    return cpu * 1000 / found["uploads"]


def core_ms():
    """On every core at once, as the service does it: they share caches and more."""
    folder = TOOLS / "thumbnails"
    folder.mkdir(exist_ok=True)
    command = [os.environ["CORE"], str(CORE_MILLISECONDS), folder, PICTURE]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(os.cpu_count())]
    outputs = [run.communicate()[0] for run in runs]
    assert all(run.returncode == 0 for run in runs), outputs
    return median(float(output.split()[1]) for output in outputs)


main()
