"""RESULTS.md as figures that programs read: `results.py RESULTS.md > results.json`."""

import json
import re
import sys
from pathlib import Path

# What compare.py times the first event with.
FIRST = "Flow-baseline.jpg"


def read(markdown):
    """The figures of both tables; the numbers are those that stand there, as rounded as they are."""
    rows = {cells[0]: cells[1:] for cells in table_rows(markdown)}
    pictures = {match[1]: row for row in rows if (match := re.fullmatch(r"warm event, (.*\.jpg), ms of CPU", row))}
    return {
        "start_ms": both(rows["from exec to the first event's request, ms"]),
        "first_event_ms": both(rows["first event (15 MP photograph), ms"]),
        "first_event_picture": FIRST,
        "warm_cpu_ms": {picture: both(rows[row]) for picture, row in pictures.items()},
        "warm_cpu_mean_ms": both(rows["warm event, geometric mean of all, ms of CPU"]),
        "peak_mib": both(rows["peak memory, MiB"]),
        "largest": [
            {"picture": name, "bytes": int(cells[0]), "peak_mib": float(cells[1])}
            for name, cells in rows.items() if len(cells) == 2 and cells[0].isdigit()
        ],
        "zip_bytes": int(re.search(r"zipped program has (\d+) bytes", markdown)[1]),
    }


def table_rows(markdown):
    for line in markdown.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def both(cells):
    return {"thumbgate": float(cells[0]), "python": float(cells[1])}


if __name__ == "__main__":
    json.dump(read(Path(sys.argv[1]).read_text()), sys.stdout, indent=1)
    print()
