"""What the service takes over and above the core's own time: CPU for one photograph of about 4 MB. By `run --path`.

Beside it, what no service that hashes what it stores can do without: SHA-256 over the bytes, once, and the system's work
to receive them and to send them on.
"""

import hashlib
import os
import socket
import subprocess
import threading
import time
from statistics import median

from compare import LOAD, upload
from contenders import TOOLS, Service, Thumbgate
from stores import free_port, null_s3

PICTURE = TOOLS / "pictures" / "phone" / "SafeLanding-progressive.jpg"
CLIENTS, ROUNDS, CORE_MILLISECONDS, ALLOWED_MS = 8, 5, 2000, 3
# What the service reads at a time, and how often a part is done for one figure.
PIECE, TIMES = 32 * 1024, 100


def main():
    turns = [(service_ms(), core_ms(), hash_ms(), transport_ms()) for _ in range(ROUNDS)]
    service, core, digest, transport = (median(column) for column in zip(*turns))
    over = median(whole - alone for whole, alone, *_ in turns)
    print(f"{PICTURE.name}, {PICTURE.stat().st_size / 1e6:.1f} MB, {CLIENTS} clients, an S3 that keeps nothing;")
    print(f"CPU milliseconds per upload, medians of {ROUNDS} turns:")
    print(f"the service {service:.2f}, the core alone {core:.2f}, over and above {over:.2f}", end="; ")
    print(f"asked for: at most {ALLOWED_MS}, {'held' if over <= ALLOWED_MS else 'missed'}")
    print(f"SHA-256 alone {digest:.2f}, the system's receiving and sending alone {transport:.2f}", end="; ")
    print(f"what is left beside them {over - digest - transport:.2f}")


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


def hash_ms():
    """By OpenSSL, which has the processor's own instructions for it as the service has; on every core at once."""
    return on_every_core(lambda content: hashlib.sha256(content).digest())


def transport_ms():
    """Through a TCP connection of this machine, with as large pieces as the service takes."""
    return on_every_core(send_and_receive)


def on_every_core(work):
    content = PICTURE.read_bytes()
    found = []

    def turn():
        begun = time.thread_time()
        for _ in range(TIMES):
            work(content)
        found.append((time.thread_time() - begun) * 1000 / TIMES)

    threads = [threading.Thread(target=turn) for _ in range(os.cpu_count())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return median(found)


def send_and_receive(content):
    """One thread does both, so that its CPU time is all there is; a piece at a time, which the connection holds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    piece = bytearray(PIECE)
    with ours, theirs:
        for at in range(0, len(content), PIECE):
            sent = memoryview(content)[at : at + PIECE]
            ours.sendall(sent)
            left = len(sent)
            while left:
                left -= theirs.recv_into(piece, left)


main()
