"""docs/metrics.md as a table, and whether what a PromQL expression names stands in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# What Prometheus itself adds: to each target, to each histogram, and about each alert.
TARGET_LABELS = {"job", "instance"}
OWN_METRICS = {
    "up": TARGET_LABELS,
    "ALERTS": TARGET_LABELS | {"alertname", "alertstate", "severity"},
}
HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
GROUPINGS = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)"
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass
class Metric:
    """One row. A label without values has those of the build, which nobody can list."""

    kind: str
    labels: dict[str, list[str]]
    unit: str


def table(page: Path) -> dict[str, Metric]:
    """The rows by the metric's name."""
    metrics: dict[str, Metric] = {}
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            name = cells[0].strip("`")
            assert name not in metrics, f"{name} has two rows"
            metrics[name] = Metric(cells[1], labels_of(cells[2]), cells[3])
    assert len(metrics) > 20, f"rows of {page}: {sorted(metrics)}"
    return metrics


def labels_of(cell: str) -> dict[str, list[str]]:
    if cell == "none":
        return {}
    parts = [part.split(":", 1) for part in cell.split("; ")]
    return {name.strip(" `"): re.findall(r"`([^`]+)`", values) for name, values in parts}


def complaints(expression: str, metrics: dict[str, Metric]) -> list[str]:
    """What the expression names that no scrape has."""
    found = []
    labels_there: set[str] = set()
    for name, matchers in selectors(expression):
        labels = labels_of_metric(name, metrics)
        if labels is None:
            found.append(f"no metric {name}")
            continue
        labels_there |= labels.keys()
        for label, operator, value in matchers:
            if label not in labels:
                found.append(f"{name} has no label {label}")
            else:
                found += wrong_values(name, label, operator, value, labels[label])
    for group in re.findall(GROUPINGS, STRING.sub('""', expression)):
        named = {label.strip() for label in group.split(",") if label.strip()}
        found += [f"no metric here has a label {label}" for label in sorted(named - labels_there)]
    return found if labels_there else [*found, "no metric at all"]


def labels_of_metric(name: str, metrics: dict[str, Metric]) -> dict[str, list[str]] | None:
    """Its labels with their values; none where there is no such metric."""
    own = dict.fromkeys(OWN_METRICS.get(name, TARGET_LABELS), [])
    if name in OWN_METRICS:
        return own
    for suffix in HISTOGRAM_SUFFIXES:
        base = metrics.get(name.removesuffix(suffix))
        if name.endswith(suffix) and base is not None and base.kind == "histogram":
            return own | base.labels | ({"le": []} if suffix == "_bucket" else {})
    metric = metrics.get(name)
    return None if metric is None or metric.kind == "histogram" else own | metric.labels


def selectors(expression: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Each metric that is named, with its matchers: label, operator, value."""
    found = []
    blanked = STRING.sub(lambda match: '"' + "_" * (len(match[0]) - 2) + '"', expression)
    plain = re.sub(GROUPINGS, lambda match: " " * len(match[0]), blanked)
    plain = re.sub(r"\{[^}]*\}|\[[^]]*\]", lambda match: match[0][0] + " " * (len(match[0]) - 2) + match[0][-1], plain)
    for match in re.finditer(r"[a-zA-Z_:][a-zA-Z0-9_:]*", plain):
        behind = plain[match.end() :].lstrip()
        is_part_of_number = match.start() > 0 and plain[match.start() - 1].isalnum()
        if match[0].lower() in WORDS or behind.startswith("(") or is_part_of_number:
            continue
        matchers = re.match(r"\s*\{[^}]*\}", blanked[match.end() :])
        text = expression[match.end() : match.end() + matchers.end()] if matchers else ""
        found.append((match[0], re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"', text)))
    return found


def wrong_values(name: str, label: str, operator: str, value: str, there: list[str]) -> list[str]:
    """An alternative that no value matches is one that was misspelt."""
    if not there:
        return []
    wanted = value.split("|") if operator in ("=~", "!~") else [re.escape(value)]
    return [
        f"{name} has no {label} like {pattern!r}"
        for pattern in wanted
        if not any(re.fullmatch(pattern, known) for known in there)
    ]
