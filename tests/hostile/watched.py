"""A service under watch: its memory, descriptors and processor time by /proc, and what good clients see of it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from harness import Service
from report import Report, percentile, spread
from wire import port_of

GOOD_UPLOAD_SECONDS = 1.0
# MEMORY_BUDGET is 128 MiB by default; the program itself and what is not worth counting have 40 MB.
BUDGET = 128 * 1024 * 1024
MOST_MEMORY = BUDGET + 40_000_000


class Process:
    """The facts of a running process."""

    def __init__(self, service: Service) -> None:
        self.id = service.process.pid
        self.folder = Path("/proc") / str(self.id)

    def resident(self) -> int:
        return self._memory("VmRSS")

    def peak(self) -> int:
        return self._memory("VmHWM")

    def descriptors(self) -> int:
        return len(os.listdir(self.folder / "fd"))

    def processor_seconds(self) -> float:
        user, system = (self.folder / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _memory(self, name: str) -> int:
        for line in (self.folder / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"/proc says nothing of {name}")


def established(service: Service) -> set[tuple[str, int]]:
    """The clients' addresses of the connections that the service still holds, by the kernel's table. Their end
    can't be seen from a client that does not read: what was sent before the end waits in front of it."""
    local = f":{port_of(service):04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {peer(row[2]) for row in rows if row[1].endswith(local) and row[3] in ("01", "08")}


def peer(entry: str) -> tuple[str, int]:
    host, port = (int(part, 16) for part in entry.split(":"))
    return socket.inet_ntoa(struct.pack("=I", host)), int(port)


def fewest_descriptors(process: Process, at_most: int, seconds: float) -> int:
    """How many are open once there are so few, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (count := process.descriptors()) > at_most and time.monotonic() < deadline:
        time.sleep(0.1)
    return count


class Probe:
    """Good requests one after the other, from a process of their own: what else we do must not slow them."""

    def __init__(self, kind: str, service: Service) -> None:
        script = Path(__file__).with_name("probe.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), kind, service.url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    @classmethod
    @contextlib.contextmanager
    def running(cls, kind: str, service: Service):
        probe = cls(kind, service)
        try:
            yield probe
        finally:
            probe.process.kill()
            probe.process.wait()
            probe.process.stdin.close()
            probe.process.stdout.close()

    def results(self) -> list[tuple[int, float]]:
        """Status and seconds of each; asked for once, at the end."""
        said, _ = self.process.communicate(timeout=90)
        return [(status, seconds) for status, seconds in json.loads(said)]


def expect_good_uploads(report: Report, results: list[tuple[int, float]], meanwhile: str) -> None:
    """The slowest of a hundred may be the machine's fault, when others work on it."""
    seconds = [took for _, took in results]
    wrong = sorted({status for status, _ in results} - {201})
    report.figure(f"good uploads {meanwhile}", spread(seconds) + (f", answered {wrong} too" if wrong else ""))
    are_taken = bool(results) and not wrong
    report.expect(are_taken, f"good uploads {meanwhile} are answered 201, not {wrong} (0 is no answer)")
    report.expect(
        percentile(seconds, 99) < GOOD_UPLOAD_SECONDS, f"good uploads {meanwhile} take under {GOOD_UPLOAD_SECONDS} s"
    )


def expect_alive(report: Report, service: Service, content: bytes, after: str) -> None:
    """The same process takes a good upload."""
    try:
        status = service.upload("alive.jpg", content).status
    except OSError as error:
        status = error
    ended = service.process.poll()
    report.expect(status == 201 and ended is None, f"a good upload right after {after}: {status}, exit status {ended}")


def expect_no_fault(report: Report, service: Service) -> None:
    """Neither a panic nor an answer of 5xx that is our fault stands in the log."""
    lines = [line for line in service.lines if "panicked" in line or '"code":"internal"' in line]
    report.expect(not lines, f"{len(lines)} faults in the log, the first: {lines[0] if lines else ''}")
