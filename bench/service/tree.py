"""A process with all that it started: its CPU time, its memory, and its end. By /proc, so for Linux alone."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.15


class Tree:
    """Started in a group of its own, with its output in a file."""

    def __init__(self, command, environment, folder, log):
        with log.open("wb") as out:
            self.begun = time.monotonic()
            self.root = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )

    def cpu_seconds(self):
        """What it has used since its start, with those of it that are gone."""
        # The fields behind the command: utime, stime, and those of children that were waited for.
        return sum(sum(map(int, fields[11:15])) for fields in self._members().values()) / TICK

    def pss_bytes(self):
        return sum(pss_of(pid) for pid in self._members())

    def end(self):
        """Gently, so that workers are seen off; then whatever is left."""
        members = list(self._members())
        self.root.send_signal(signal.SIGTERM)
        try:
            self.root.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.root.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.root.wait()
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in members):
            assert time.monotonic() < deadline, f"of {members} some are still there"
            time.sleep(0.02)

    def _members(self):
        """Each process by its id: what /proc/PID/stat says behind the command."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    found[int(entry.name)] = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue  # it ended meanwhile
        # Its fourth field is the session, which whoever was started from here has.
        return {pid: fields for pid, fields in found.items() if int(fields[3]) == self.root.pid}


class PeakMemory:
    """The largest PSS of a tree that was seen, from `with` on."""

    def __init__(self, tree):
        self.tree, self.bytes = tree, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while True:
            self.bytes = max(self.bytes, self.tree.pss_bytes())
            if self._stop.wait(SAMPLE_SECONDS):
                return


def cpu_seconds_of(pid):
    """What one process has used by itself."""
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / TICK


def pss_of(pid):
    """Memory that several processes share counts in parts, so that the sum is what the tree takes."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)
