"""All that the document is reckoned from: measured figures, prices and quotas, assumptions, the template's defaults."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SERVICE = ROOT / "bench" / "service" / "results.json"
CONTENDERS = ["thumbgate", "node", "python"]
SETS = ["phone", "web", "png"]
# The server's figures that count: with a store behind it, and few enough clients that they don't queue.
STORE, CLIENTS = "seaweedfs", 8


@dataclass(frozen=True)
class Figures:
    service: dict
    function: dict
    prices: dict
    model: dict
    template: dict
    # model.json as it stands, with units and reasons.
    reasons: dict

    def row(self, contender, kind):
        """The server's measured row for a set of pictures."""
        wanted = {"contender": contender, "store": STORE, "set": kind, "clients": CLIENTS}
        for row in self.service["rows"]:
            if wanted.items() <= row.items():
                return row
        raise SystemExit(f"bench/service has no row for {wanted}")

    def server_cpu_ms(self, contender, kind="phone"):
        return self.row(contender, kind)["cpu_ms_per_upload"]

    def server_peak_mb(self, contender):
        """The most of all rows: what an instance has to have."""
        return max(row["peak_pss_mb"] for row in self.service["rows"] if row["contender"] == contender)

    def photographs(self, progressive):
        """The function's warm CPU milliseconds, picture by picture: {picture: {"thumbgate": ms, "python": ms}}."""
        part = "-progressive" if progressive else "-baseline"
        return {name: ms for name, ms in self.function["warm_cpu_ms"].items() if part in name}

    def event_cpu_ms(self, who):
        """The arithmetic mean, which is what is paid for: bench/lambda shows geometric ones, for comparing."""
        kinds = [mean(ms[who] for ms in self.photographs(kind).values()) for kind in (False, True)]
        share = self.model["progressive_share"]
        return kinds[0] * (1 - share) + kinds[1] * share

    def first_event_extra_ms(self, who):
        """What the first event takes over a warm one with the same picture."""
        warm = self.function["warm_cpu_ms"][self.function["first_event_picture"]][who]
        return max(0, self.function["first_event_ms"][who] - warm)


def load(service=SERVICE):
    if not Path(service).exists():
        raise SystemExit(
            f"there is no {Path(service).name} of bench/service: run that bench first, or name one by --service"
        )
    assumed = json.loads((HERE / "model.json").read_text())
    return Figures(
        service=json.loads(Path(service).read_text()),
        function=json.loads((ROOT / "bench" / "lambda" / "results.json").read_text()),
        prices=bare(json.loads((HERE / "prices.json").read_text())),
        model=bare(assumed),
        template=template_defaults((ROOT / "infra" / "template.yaml").read_text()),
        reasons={name: entry for name, entry in assumed.items() if isinstance(entry, dict)},
    )


def bare(tree):
    """Without units and reasons: {"value": 1, "unit": ...} is 1."""
    if isinstance(tree, dict):
        return bare(tree["value"]) if "value" in tree else {name: bare(part) for name, part in tree.items()}
    return tree


def template_defaults(text):
    """The template's numbers, by parameter; it is read by its indentation, as there may be no YAML reader."""
    found = re.findall(r"^  (\w+):\n(?:    .*\n)*?    Default: '?(\d+)'?\n", text, re.MULTILINE)
    batch = re.search(r"^      BatchSize: (\d+)$", text, re.MULTILINE)
    return {name: int(number) for name, number in found} | {"BatchSize": int(batch[1])}
