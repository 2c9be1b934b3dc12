"""What the document says in words about its figures: a sentence that they don't bear out any more must not stay."""

from figures import SETS
from limits import limits
from model import bill, cheapest, fits, functions, warm_usd, ways


def broken(figures, outcomes):
    """The claims that no longer hold."""
    held = about_functions(figures) | about_servers_and_limits(figures) | about_bursts(figures, outcomes)
    return [claim for claim, holds in held.items() if not holds]


def about_functions(figures):
    by, memory, sizes = functions(figures), figures.template["MemorySize"], figures.model["memory_mb"]
    ours, theirs = (warm_usd(figures, by[name].work, memory) for name in ("event", "python"))
    lines = [bill(figures, ways(figures)[way], memory) for way in ("event", "python")]
    return {
        "the lab's function does not fit in the smallest size, ours does": fits(figures, by["event"], sizes[0])
        and fits(figures, by["api"], sizes[0])
        and not fits(figures, by["python"], sizes[0]),
        "an event costs less than the lab's": ours < theirs,
        "Lambda's bill is small beside S3's requests": all(line["Lambda"] < line["S3 requests"] / 2 for line in lines),
        "the smallest size that fits is the cheapest": all(
            cheapest(figures, function) == min(size for size in sizes if fits(figures, function, size))
            for function in by.values()
        ),
    }


def about_servers_and_limits(figures):
    cpu = {who: [figures.server_cpu_ms(who, kind) for kind in SETS] for who in ("thumbgate", "node", "python")}
    found = limits(figures)
    return {
        "for small files a faster program saves much": all(
            2 * cpu["thumbgate"][1] < cpu[who][1] for who in ("node", "python")
        ),
        "the template's own limits come first": all(
            limit.name.startswith("the template's") for way in ("api", "presigned") for limit in found[way][:2]
        ),
    }


def about_bursts(figures, outcomes):
    most = figures.prices["lambda"]["concurrency"]
    raised, rush = outcomes["campaign", "api"], outcomes["rush", "api"]
    return {
        "raised, the throttle refuses nothing": not raised.refused,
        "the lab's p99 of a campaign is longer": outcomes["campaign", "python"].latency(0.99) > raised.latency(0.99),
        "a rush takes all instances": rush.most_busy() == most and rush.refused,
        "the lab's events wait in a rush": outcomes["rush", "python"].latency(0.5) > rush.latency(0.99),
    }
