#!/usr/bin/env python3
"""Attack, overload and failure: what the service has to hold under, against the real program over sockets.

    run.py                what fits into five minutes
    run.py --long         half an hour of mixed load, and more kills
    run.py --only NAME    one check

The program is $THUMBGATE, or target/release/thumbgate.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness import PROGRAM
from report import Report
from wire import raise_descriptor_limit

# What stands together runs at once, each against a service of its own. The first ones mostly wait for deadlines;
# the overload has the machine for itself, since it measures how quickly others are answered; the last ones keep
# it busy, and look at what is right, not at how long it takes.
TOGETHER = [
    ["slow_clients", "connection_caps", "bad_requests", "bad_files", "stop"],
    ["overload"],
    ["mixed_load", "kills"],
]
CHECKS = [name for names in TOGETHER for name in names]
SECONDS = {False: 400, True: 3000}


def main() -> int:
    arguments = parse()
    if not sys.platform.startswith("linux"):
        print("UNCHECKED hostile: it needs Linux, for /proc and clients' addresses in 127.0.0.0/8")
        return 0
    raise_descriptor_limit()
    if arguments.check:
        return run_here(arguments.check, arguments.long, Path(arguments.into))
    together = [[arguments.only]] if arguments.only else TOGETHER
    with tempfile.TemporaryDirectory(prefix="thumbgate-hostile-") as folder:
        outcomes = [outcome for names in together for outcome in run_together(names, arguments.long, Path(folder))]
    print_table(outcomes)
    failed = sum(1 for _, report, _ in outcomes if report.failures)
    print(f"hostile: {len(outcomes) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", choices=CHECKS)
    # One check, in this process; its report goes into a file.
    parser.add_argument("--check", choices=CHECKS, help=argparse.SUPPRESS)
    parser.add_argument("--into", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_here(name: str, long: bool, into: Path) -> int:
    report = Report()
    try:
        importlib.import_module(name).check(report, long)
    except Exception as error:  # noqa: BLE001: whatever goes wrong in a check is its failure
        traceback.print_exc(file=sys.stdout)
        report.expect(False, f"the check ended early: {error}")
    report.write(into)
    return 0


def run_together(names: list[str], long: bool, folder: Path) -> list[tuple[str, Report, float]]:
    """In processes of their own, so that they don't slow each other more than they must."""
    print(f"-- {', '.join(names)}: {PROGRAM}", flush=True)
    begun, running, outcomes = time.monotonic(), {}, []
    try:
        for name in names:
            running[name] = start(name, long, folder)
        while running:
            time.sleep(0.1)
            seconds = time.monotonic() - begun
            for name in [name for name, process in running.items() if process.poll() is not None]:
                del running[name]
                outcomes.append((name, finished(name, folder, seconds), seconds))
            if seconds > SECONDS[long]:
                break
    finally:
        stop(running.values())
    return outcomes + [(name, finished(name, folder, seconds), seconds) for name in running]


def stop(processes) -> None:
    """Those that are still there; they end their services themselves, as long as they can."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start(name: str, long: bool, folder: Path) -> subprocess.Popen:
    command = [sys.executable, str(HERE / "run.py"), "--check", name, "--into", str(folder / f"{name}.json")]
    with open(folder / f"{name}.txt", "wb") as output:
        return subprocess.Popen(
            command + ["--long"] * long, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )


def finished(name: str, folder: Path, seconds: float) -> Report:
    file = folder / f"{name}.json"
    report = Report.read(file) if file.exists() else Report()
    if not file.exists():
        report.failures.append(f"there is no report of it after {seconds:.0f} s")
    print(f"{'FAILED' if report.failures else 'ok'} {name} ({seconds:.1f} s)", flush=True)
    print((folder / f"{name}.txt").read_text(errors="replace"), end="", flush=True)
    return report


def print_table(outcomes: list[tuple[str, Report, float]]) -> None:
    print("\ncheck              s  outcome  figures")
    for name, report, seconds in outcomes:
        outcome = "FAILED" if report.failures else "ok"
        lines = report.figures + [f"FAILED {what}" for what in report.failures]
        lines += [f"UNCHECKED {what}" for what in report.unchecked]
        for number, line in enumerate(lines or [""]):
            front = f"{name:16} {seconds:3.0f}  {outcome:7}" if number == 0 else ""
            print(f"{front:28}  {line}")


if __name__ == "__main__":
    sys.exit(main())
