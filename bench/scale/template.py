"""Fills {{names}} in a document in which no figure may be typed by hand."""

import re

# Names that have digits in them. Anything else with a digit has to come from a script.
NAMES = ["S3", "EC2", "x86", "p50", "p99", "UUIDv7", "UUIDv4", "base64", "boto3"]
HOLE = re.compile(r"\{\{([a-z0-9-]+)\}\}")


def render(source, values):
    """Fails on a figure that is typed by hand, on a name without a value, and on a value without use."""
    if typed := typed_figures(source):
        raise SystemExit(f"typed by hand in the template: {', '.join(typed)}")
    named = set(HOLE.findall(source))
    if named != values.keys():
        raise SystemExit(
            f"without a value: {sorted(named - values.keys())}; without use: {sorted(values.keys() - named)}"
        )
    return HOLE.sub(lambda hole: str(values[hole[1]]), source)


def typed_figures(source):
    """Words with digits that are neither names nor holes, nor in a link's address or in code."""
    prose = re.sub(r"\]\([^)]*\)|`[^`]*`", "", HOLE.sub("", source))
    words = re.findall(r"[\w.,-]*\d[\w.,-]*", prose)
    return [word for word in words if re.split(r"[^\w]", word)[0] not in NAMES]
