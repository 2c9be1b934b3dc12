"""What a check finds: figures, and what does not hold. It goes on after a failure, so that all figures are seen."""

from __future__ import annotations

import json
import math
from pathlib import Path


class Report:
    def __init__(self) -> None:
        self.figures: list[str] = []
        self.failures: list[str] = []
        self.unchecked: list[str] = []

    def figure(self, what: str, value: str) -> None:
        self.figures.append(f"{what}: {value}")
        print(f"   {what}: {value}", flush=True)

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.failures.append(what)
            print(f"   FAILED {what}", flush=True)

    def leave_unchecked(self, what: str) -> None:
        self.unchecked.append(what)
        print(f"UNCHECKED {what}", flush=True)

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(vars(self)))

    @classmethod
    def read(cls, file: Path) -> "Report":
        report = cls()
        vars(report).update(json.loads(file.read_text()))
        return report


def percentile(values: list[float], percent: float) -> float:
    """The nearest rank; nothing measured is as bad as can be."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else math.inf


def spread(values: list[float]) -> str:
    """Seconds, in short."""
    return ", ".join([
        f"{len(values)} times", f"p50 {in_time(percentile(values, 50))}", f"p99 {in_time(percentile(values, 99))}",
        f"most {in_time(percentile(values, 100))}",
    ])


def in_time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def in_mb(count: float) -> str:
    return f"{count / 1e6:.1f} MB"
