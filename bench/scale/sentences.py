"""Figures within sentences, by the names that scale.md.in has for them."""

from math import ceil

from figures import CLIENTS, STORE
from limits import INSTANCE, limits, need
from model import bill, capacity, duration_ms, functions, init_ms, warm_usd, ways
from tables import number, percent, usd


def values(figures, outcomes):
    """All figures that stand in sentences."""
    parts = [inputs, about_functions, about_limits, keys, break_even, in_all]
    found = {name: value for part in parts for name, value in part(figures).items()}
    return found | about_bursts(figures, outcomes)


def inputs(figures):
    """What is repeated as it was put in."""
    model, prices, template = figures.model, figures.prices, figures.template
    return {
        "checked": prices["checked"],
        "region": prices["region"],
        "store": STORE,
        "clients": CLIENTS,
        "machine": ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.service["machine"].items()),
        "file-mb": f"{model['file_mb']:g}",
        "instance": INSTANCE,
        "memory": template["MemorySize"],
        "smallest": model["memory_mb"][0],
        "utilisation": f"{model['utilisation']:.0%}",
        "throttle": template["ThrottleRate"],
        "throttle-burst": template["ThrottleBurst"],
        "event-concurrency": template["EventConcurrency"],
        "batch": template["BatchSize"],
        "puts": f"{prices['s3']['puts_per_partition']:,}",
        "gets": f"{prices['s3']['gets_per_partition']:,}",
        "mb-of-vcpu": f"{prices['lambda']['mb_of_one_vcpu']:,}",
        "concurrency": f"{prices['lambda']['concurrency']:,}",
        "scaling-step": f"{prices['lambda']['scaling_step']:,}",
        "scaling-seconds": prices["lambda"]["scaling_seconds"],
        "payload-mb": prices["lambda"]["payload_mb"],
    }


def about_functions(figures):
    by, whole = functions(figures), figures.prices["lambda"]["mb_of_one_vcpu"]
    warm = by["event"].work
    return {
        "python-peak": f"{figures.function['peak_mib']['python']:.0f}",
        "init-ours": f"{init_ms(figures, by['api']):.0f}",
        "init-python": f"{init_ms(figures, by['python']):.0f}",
        "wire-share": f"{1 - warm.cpu_ms / duration_ms(figures, warm, whole):.0%}",
        "as-fast": as_fast(figures),
        "event-share": event_share(figures),
        "storage": usd(figures.model["file_mb"] * 1000 * figures.prices["s3"]["gb_month"]),
    }


def about_limits(figures):
    found, events = limits(figures), "the template's event concurrency"
    holds = {way: {limit.name: limit.holds for limit in each} for way, each in found.items()}
    return {
        "events-made": number(holds["presigned"][events]),
        "events-there": number(holds["api"][events]),
        "network-first": network_first(figures),
        "then": "; ".join(limit.name for limit in found["api"] if not limit.name.startswith("the template's")),
    }


def event_share(figures):
    """The lab's Lambda bill over ours, on the same events."""
    by, memory = functions(figures), figures.template["MemorySize"]
    ours, theirs = (warm_usd(figures, by[name].work, memory) for name in ("event", "python"))
    return f"{theirs / ours:.1f}"


def in_all(figures):
    """Whole bills, by way in."""
    memory = figures.template["MemorySize"]
    return {f"all-{name}": usd(sum(bill(figures, way, memory).values())) for name, way in ways(figures).items()}


def network_first(figures):
    """Where our server meets the network before the CPU."""
    names = figures.prices["instances"]
    met = [name for name in names if capacity(figures, "thumbgate", name).first_limit == "network"]
    return " and ".join([", ".join(met[:-1]), met[-1]] if len(met) > 1 else met) or "none of these types"


def keys(figures):
    """UUIDv7 begins with milliseconds in hexadecimal: which of its digits stand still while S3 looks at a minute."""
    partitions = max(need(figures, rate).partitions for rate in figures.model["rates"])
    digits = ceil_power(60_000)
    return {
        "shards": partitions,
        "most-rate": f"{max(figures.model['rates']):,}",
        "still-digits": 12 - digits,
        "still-seconds": f"{16**digits / 1000:.0f}",
    }


def ceil_power(milliseconds):
    """How many hexadecimal digits change within that time."""
    digits = 0
    while 16**digits < milliseconds:
        digits += 1
    return digits


def break_even(figures):
    """From how many uploads a month on an instance that runs all day costs less than what it replaces."""
    memory, one = figures.template["MemorySize"], capacity(figures, "thumbgate", INSTANCE)
    lines = bill(figures, ways(figures)["api"], memory)
    replaced = lines["API Gateway"] + lines["Lambda"] + lines["SQS"]
    month = one.usd_an_hour * figures.prices["instance_extras"]["hours_a_month"]
    able = one.uploads * 3600 * figures.prices["instance_extras"]["hours_a_month"] / 1_000_000
    return {
        "month-usd": usd(month),
        "even-millions": f"{month / replaced:.1f}",
        "even-a-second": even_a_second(figures, month / replaced),
        "able-millions": f"{able:.0f}",
    }


def even_a_second(figures, millions):
    return f"{millions * 1_000_000 / (figures.prices['instance_extras']['hours_a_month'] * 3600):.1f}"


def about_bursts(figures, outcomes):
    """What came of the simulation."""
    default, raised = outcomes["campaign-default", "api"], outcomes["campaign", "api"]
    return {
        "burst-refused": percent(default.refused_share()),
        "burst-cold": percent(raised.cold_share()),
        "burst-p99": f"{raised.latency(0.99) * 1000:.0f}",
        "burst-python-p99": f"{outcomes['campaign', 'python'].latency(0.99) * 1000:.0f}",
        "rush-ours": rush_of_ours(figures, outcomes["rush", "api"]),
        "rush-python-p99": f"{outcomes['rush', 'python'].latency(0.99):.1f}",
    }


def rush_of_ours(figures, outcome):
    """Whether only the starts use up the concurrency, or warm instances do as well."""
    begun = next(burst["phases"][0][0] for burst in figures.model["bursts"] if burst["name"] == "rush")
    last = ceil((max(outcome.refused) - begun) * 10) / 10
    refused = f"{percent(outcome.refused_share())} are refused, the last of them {last:.1f} s after it began."
    if last >= 2:
        return f"Through the API the concurrency is used up too: {refused}"
    return (
        "Through the API nearly every upload of the first moment starts an instance, which takes longer than a warm "
        f"one. This uses the concurrency up: {refused}"
    )


def as_fast(figures):
    """The size that the lab's version needs to be as fast as ours at the template's."""
    by, memory = functions(figures), figures.template["MemorySize"]
    aim = duration_ms(figures, by["event"].work, memory)
    size = next(size for size in figures.model["memory_mb"] if duration_ms(figures, by["python"].work, size) <= aim)
    ours, theirs = (
        1_000_000 * warm_usd(figures, by[name].work, size_of) for name, size_of in (("event", memory), ("python", size))
    )
    return (
        f"To answer an event as fast as thumbgate does with {memory} MB ({aim:.0f} ms) the lab's version needs "
        f"{size:,} MB, and costs {usd(theirs)} USD a million instead of {usd(ours)} ({theirs / ours:.1f} times)."
    )
