"""Runs the contenders in turns and writes what came of it: `compare.py [--quick]`. By `bench/service/run`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import chart
import report
from contenders import CONTENDERS, HERE, TOOLS, Service
from stores import free_port, null_s3, seaweed
from tree import PeakMemory, cpu_seconds_of

LOAD = TOOLS / "load" / "release" / "bench-load"
STORES = {"null": lambda: null_s3(LOAD), "seaweedfs": seaweed}
SETS = ["phone", "web", "png"]
QUICK = "--quick" in sys.argv[1:]
CLIENTS = [8] if QUICK else [8, 64]
ROUNDS = 1 if QUICK else int(os.environ.get("ROUNDS", "3"))
STARTS = 1 if QUICK else 5
WARM_SECONDS, SECONDS = (0.3, 1) if QUICK else (1.5, 5)
# What is measured in each turn; of several turns the median counts.
FIGURES = ["uploads_per_second", "p50_ms", "p99_ms", "cpu_ms_per_upload", "peak_pss_mb"]
# What the clients and the S3 take of the same cores.
BESIDE = "beside_ms_per_upload"


def main():
    begun = time.monotonic()
    starts = {contender.name: start_times(contender) for contender in CONTENDERS}
    turns = {}
    for number in range(ROUNDS):
        for store, folder, clients in [(s, f, c) for s in STORES for f in SETS for c in CLIENTS]:
            # Whoever is first has a cooler machine: not the same in every round.
            for contender in CONTENDERS[number % 3 :] + CONTENDERS[: number % 3]:
                cell = (contender.name, store, folder, clients)
                turns.setdefault(cell, []).append(measure(contender, store, folder, clients))
                say(begun, number, cell, turns[cell][-1])
    results = {
        "machine": machine(),
        "contenders": {contender.name: facts(contender, starts[contender.name]) for contender in CONTENDERS},
        "rows": [row(cell, found) for cell, found in turns.items()],
    }
    beside = {cell: median(turn[BESIDE] for turn in found) for cell, found in turns.items()}
    write(results, beside, TOOLS / "quick" if QUICK else HERE, time.monotonic() - begun)


def measure(contender, store, folder, clients):
    """One service and one store, new both, under load."""
    files = sorted((TOOLS / "pictures" / folder).iterdir())
    with STORES[store]() as s3, Service(contender, s3, free_port()) as service:
        with PeakMemory(service.tree) as peak:
            found, cpu, beside = upload(service, s3, clients, files)
    if found["failures"] or not found["uploads"]:
        log = service.log.read_text()[-2000:]
        raise SystemExit(f"{contender.name}, {store}, {folder}, {clients} clients: {found}\n{log}")
    return {
        "uploads_per_second": found["uploads"] / found["seconds"], "p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"],
        "cpu_ms_per_upload": cpu * 1000 / found["uploads"], "peak_pss_mb": peak.bytes / 1e6,
        BESIDE: beside * 1000 / found["uploads"], "busy": found["busy"],
    }


def upload(service, s3, clients, files):
    """What the clients counted, and meanwhile the CPU seconds of the service, and of the clients with the S3."""
    command = [LOAD, "load", service.address, str(clients), str(WARM_SECONDS), str(SECONDS), *files]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        try:
            load.stdout.readline()
            time.sleep(0.1)
            before = cpu_seconds(service, load, s3)
            load.stdin.write("\n")
            load.stdin.flush()
            found = json.loads(load.stdout.readline())
            return found, *(after - then for after, then in zip(cpu_seconds(service, load, s3), before))
        finally:
            load.kill()


def cpu_seconds(service, load, s3):
    return service.tree.cpu_seconds(), cpu_seconds_of(load.pid) + cpu_seconds_of(s3.process.pid)


def start_times(contender):
    """Milliseconds from exec to the first answer; the first start, which reads the disk, does not count."""
    times = []
    for _ in range(STARTS + 1):
        with null_s3(LOAD) as s3, Service(contender, s3, free_port()) as service:
            times.append(service.startup_ms)
    return times[1:]


def facts(contender, starts):
    return {
        "versions": contender.versions(), "startup_ms": round(median(starts), 1),
        "deployed_bytes": contender.deployed_bytes(),
    }


def row(cell, turns):
    named = dict(zip(["contender", "store", "set", "clients"], cell))
    return named | {figure: round(median(turn[figure] for turn in turns), 2) for figure in FIGURES}


def machine():
    named = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    cpu = named[0] if named else os.uname().machine
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory)}


def say(begun, number, cell, found):
    figures = ", ".join(f"{name} {value:.1f}" for name, value in found.items())
    print(f"{time.monotonic() - begun:6.0f} s, round {number + 1}, {' '.join(map(str, cell))}: {figures}", flush=True)


def write(results, beside, folder, seconds):
    folder.mkdir(exist_ok=True)
    text = report.markdown(results, beside, ROUNDS, SECONDS)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "RESULTS.md").write_text(text)
    (folder / "results.svg").write_text(chart.svg(results))
    if not QUICK:
        write_readme(results)
    print(f"{text}\n{seconds / 60:.1f} minutes; written to {folder.name}/")


def write_readme(results):
    """Between its two marks, the table on the first page."""
    readme = HERE.parents[1] / "README.md"
    before, rest = readme.read_text().split(report.README_BEGINS)
    _, after = rest.split(report.README_ENDS)
    readme.write_text(f"{before}{report.README_BEGINS}\n{report.readme_table(results)}\n{report.README_ENDS}{after}")


if __name__ == "__main__":
    main()
