"""The document's tables, by the names that scale.md.in has for them."""

from dataclasses import replace

from figures import CONTENDERS, SETS
from limits import INSTANCE, first_over, limits, need
from model import bill, capacity, cheapest, duration_ms, fits, functions, share, warm_usd, ways

NAMES = {"thumbgate": "thumbgate", "node": "Express, multer, sharp", "python": "FastAPI, Pillow"}
RATE_TITLES = {"api": "HTTP API", "presigned": "presigned uploads", "python": "Python lab", "server": f"one {INSTANCE}"}
ARCHES = ["arm", "x86"]


def values(figures, outcomes):
    """All tables."""
    return {
        "measured-server": measured_server(figures),
        "measured-function": measured_function(figures),
        "assumptions": assumptions(figures),
        "vcpu-hour": vcpu_hour(figures),
        "lambda-hour": lambda_hour(figures),
        "by-memory": by_memory(figures),
        "cheapest": cheapest_sizes(figures),
        "sensitivity": sensitivity(figures),
        "bills": bills(figures),
        "instances": instances(figures),
        "per-million-by-cpu": per_million_by_cpu(figures),
        "limits": all_limits(figures),
        "rates": rates(figures),
        "needs": needs(figures),
        "bursts": bursts(figures, outcomes),
    }


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def number(value):
    """Three digits that count, thousands set apart."""
    if value >= 100:
        return f"{round(value, 3 - len(str(int(value)))):,.0f}"
    return f"{value:.3g}"


def usd(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def percent(share):
    return f"{share * 100:.1f} %"


# --- What goes in. ---


def measured_server(figures):
    rows = []
    for who in CONTENDERS:
        cpu = [number(figures.server_cpu_ms(who, kind)) for kind in SETS]
        rows.append([NAMES[who], *cpu, f"{figures.server_peak_mb(who):.0f}"])
    return table(["server", *(f"{kind}, ms of CPU" for kind in SETS), "most memory, MB"], rows)


def measured_function(figures):
    function = figures.function
    rows = [
        ["from exec to the first event's request, ms", *pair(function["start_ms"])],
        [
            "the first event over a warm one with the same picture, ms",
            *(f"{figures.first_event_extra_ms(who):.1f}" for who in ("thumbgate", "python")),
        ],
        ["warm event, mean of baseline photographs, ms of CPU", *means(figures, False)],
        ["warm event, mean of progressive photographs, ms of CPU", *means(figures, True)],
        ["peak memory, MiB", *pair(function["peak_mib"])],
    ]
    return table(["function on S3's events", "thumbgate", "Python lab"], rows)


def pair(both):
    return f"{both['thumbgate']:.1f}", f"{both['python']:.1f}"


def means(figures, progressive):
    pictures = figures.photographs(progressive).values()
    return pair({who: sum(ms[who] for ms in pictures) / len(pictures) for who in ("thumbgate", "python")})


def assumptions(figures):
    rows = []
    for name, entry in figures.reasons.items():
        value = entry["value"]
        shown = ", ".join(f"{part} {who}" for who, part in value.items()) if isinstance(value, dict) else value
        rows.append([f"`{name}`", f"{shown} {entry['unit']}".strip(), entry["why"]])
    return table(["", "", "why"], rows)


# --- One vCPU, one function. ---


def vcpu_hour(figures):
    rows = [[NAMES[who], *(number(3600_000 / figures.server_cpu_ms(who, kind)) for kind in SETS)] for who in CONTENDERS]
    return table(["uploads an hour of one vCPU", *SETS], rows)


def lambda_hour(figures):
    by, sizes = functions(figures), [figures.template["MemorySize"], figures.prices["lambda"]["mb_of_one_vcpu"]]
    rows = [
        [function.title, *(number(3600_000 / duration_ms(figures, function.work, memory)) for memory in sizes)]
        for function in by.values()
    ]
    return table(["uploads an hour of one instance that is never idle", *(f"{size:,} MB" for size in sizes)], rows)


def by_memory(figures):
    by = functions(figures)
    head = ["MB", "vCPU"] + [
        part for function in by.values() for part in (f"{function.title}: ms", "arm, USD", "x86, USD")
    ]
    rows = []
    for memory in figures.model["memory_mb"]:
        row = [f"{memory:,}", f"{share(figures, memory):.2f}"]
        for function in by.values():
            row += of_size(figures, function, memory)
        rows.append(row)
    return table(head, rows)


def of_size(figures, function, memory):
    if not fits(figures, function, memory):
        return ["does not fit", "", ""]
    cost = [usd(1_000_000 * warm_usd(figures, function.work, memory, arch)) for arch in ARCHES]
    return [f"{duration_ms(figures, function.work, memory):.0f}", *cost]


def cheapest_sizes(figures):
    rows = []
    for function in functions(figures).values():
        memory = cheapest(figures, function)
        rows.append([function.title, f"{memory} MB", *of_size(figures, function, memory)])
    return table(["", "cheapest size", "ms", "arm, USD a million", "x86, USD a million"], rows)


def sensitivity(figures):
    memory, rows = figures.template["MemorySize"], []
    for scale in figures.model["s3_medians_tried"]:
        rows.append([f"S3's medians times {scale:g}", *compared(figures, memory, scale)])
    for progressive in figures.model["progressive_shares_tried"]:
        mixed = replace(figures, model=figures.model | {"progressive_share": progressive})
        rows.append([f"{progressive:.0%} of the photographs progressive", *compared(mixed, memory, 1)])
    return table([f"{memory} MB, arm", "thumbgate, ms", "USD", "Python lab, ms", "USD", "USD, times"], rows)


def compared(figures, memory, scale):
    by = functions(figures)
    took = [duration_ms(figures, by[name].work, memory, "arm", scale) for name in ("event", "python")]
    cost = [1_000_000 * warm_usd(figures, by[name].work, memory, "arm", scale) for name in ("event", "python")]
    return [f"{took[0]:.0f}", usd(cost[0]), f"{took[1]:.0f}", usd(cost[1]), f"{cost[1] / cost[0]:.1f}"]


def bills(figures):
    memory = figures.template["MemorySize"]
    by = {way.title: bill(figures, way, memory) for way in ways(figures).values()}
    rows = [[item, *(usd(lines[item]) for lines in by.values())] for item in next(iter(by.values()))]
    rows.append(["**all**", *(f"**{usd(sum(lines.values()))}**" for lines in by.values())])
    return table([f"USD a million, {memory} MB, arm", *by], rows)


# --- Servers. ---


def instances(figures):
    rows = []
    for name, machine in figures.prices["instances"].items():
        for who in CONTENDERS:
            one = capacity(figures, who, name)
            rows.append(
                [
                    name,
                    NAMES[who],
                    number(one.by_cpu),
                    number(one.by_network),
                    one.first_limit,
                    number(one.uploads * 3600 / machine["vcpus"]),
                    f"{one.usd_an_hour:.4f}",
                    usd(one.usd_a_million(one.uploads)),
                    f"{figures.server_peak_mb(who) * 1e6 / (machine['memory_gib'] * 2**30):.0%}",
                ]
            )
    head = [
        "instance",
        "server",
        "uploads/s by CPU",
        "by network",
        "met first",
        "uploads/h a vCPU",
        "USD/h",
        "USD a million",
        "memory",
    ]
    return table(head, rows)


def per_million_by_cpu(figures):
    """As if the network were no limit: what is left of the comparison for small files."""
    rows = []
    for name in figures.prices["instances"]:
        for who in CONTENDERS:
            by_kind = [capacity(figures, who, name, kind, file_mb=0) for kind in SETS]
            rows.append([name, NAMES[who], *(usd(one.usd_a_million(one.uploads)) for one in by_kind)])
    return table(["USD a million by CPU alone", "server", *SETS], rows)


# --- Limits. ---


def all_limits(figures):
    rows = []
    for way, found in limits(figures).items():
        rows += [[RATE_TITLES[way], limit.name, number(limit.holds), limit.met, limit.moved_by] for limit in found]
    return table(["way in", "limit", "holds up to, uploads/s", "what is seen over it", "what moves it"], rows)


def rates(figures):
    rows = []
    for rate in figures.model["rates"]:
        for way, found in limits(figures).items():
            first, others = first_over(found, rate)
            met = f"{first.name}, at {number(first.holds)}" if first else "none"
            moved = first.moved_by if first else ""
            rows.append([f"{rate:,}", RATE_TITLES[way], met, moved, "; ".join(limit.name for limit in others)])
    return table(["uploads/s", "way in", "first limit met", "what moves it", "then"], rows)


def needs(figures):
    memory, rows = figures.template["MemorySize"], []
    lambda_usd = sum(bill(figures, ways(figures)["api"], memory).values()) / 1_000_000
    hour = capacity(figures, "thumbgate", INSTANCE).usd_an_hour
    requests_usd = bill(figures, ways(figures)["url"], memory)["S3 requests"] / 1_000_000
    for rate in figures.model["rates"]:
        wants = need(figures, rate)
        rows.append(
            [
                f"{rate:,}",
                number(wants.concurrency),
                wants.partitions,
                number(wants.megabytes / 1000),
                f"{usd(rate * 3600 * lambda_usd)}",
                f"{wants.instances:,}",
                usd(wants.instances * hour + rate * 3600 * requests_usd),
            ]
        )
    head = [
        "uploads/s",
        "Lambda concurrency",
        "S3 partitions of each bucket",
        "GB/s in",
        "USD/h by the HTTP API",
        f"instances ({INSTANCE})",
        "USD/h by instances, with S3's requests",
    ]
    return table(head, rows)


# --- Bursts. ---


def bursts(figures, outcomes):
    titles = {burst["name"]: burst["title"] for burst in figures.model["bursts"]}
    by, rows = functions(figures), []
    for (burst, name), outcome in outcomes.items():
        rows.append(
            [
                titles[burst],
                by[name].title,
                f"{outcome.offered():,}",
                percent(outcome.refused_share()),
                percent(outcome.cold_share()),
                *(f"{outcome.latency(quantile) * 1000:,.0f}" for quantile in (0.5, 0.99, 1)),
                f"{outcome.most_busy():,}",
                usd(outcome.usd_a_million()),
            ]
        )
    head = [
        "burst",
        "function",
        "uploads",
        "refused",
        "cold starts",
        "p50, ms",
        "p99",
        "most",
        "instances busy at most",
        "USD a million served",
    ]
    return table(head, rows)
