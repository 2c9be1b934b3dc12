"""Where which limit is met, and what moves it."""

from dataclasses import dataclass
from math import ceil

from model import batch_ms, capacity, duration_ms, functions, ways

INSTANCE = "c7g.medium"
# What a full partition answers: where thumbgate puts the file, and where the client does.
RETRIED, BARE = "S3's `503 SlowDown`: retries, then `502`", "S3's `503 SlowDown`, which the client has to retry"


@dataclass(frozen=True)
class Limit:
    """`holds` is in uploads a second; `met` says what is seen over it."""

    name: str
    holds: float
    met: str
    moved_by: str


def limits(figures):
    """By way in: every limit, the lowest first."""
    found = {
        "api": through_the_api(figures),
        "presigned": presigned(figures),
        "python": lab(figures),
        "server": server(figures),
    }
    return {way: sorted(all_of_it, key=lambda limit: limit.holds) for way, all_of_it in found.items()}


def first_over(found, rate):
    """The limit that is met first on the way to a rate, if any, and the others that are met before it is reached."""
    over = [limit for limit in found if limit.holds < rate]
    return (over[0], over[1:]) if over else (None, [])


def through_the_api(figures):
    memory, quotas = figures.template["MemorySize"], figures.prices["lambda"]
    work, is_there = functions(figures)["api"].work, ways(figures)["api"].alone[0]
    left = quotas["concurrency"] - figures.template["EventConcurrency"]
    return [
        throttle(figures),
        account(figures),
        events(figures, is_there, "events of finished uploads queue up; no upload fails"),
        Limit(
            "Lambda, concurrency",
            left * 1000 / duration_ms(figures, work, memory),
            "`503`, alarm",
            "the account's quota (on request), more `MemorySize`",
        ),
        requests(figures, 1),
        *partitions(figures, heads=1),
    ]


def presigned(figures):
    memory, quotas = figures.template["MemorySize"], figures.prices["lambda"]
    way, batch = ways(figures)["presigned"], figures.template["BatchSize"]
    busy = duration_ms(figures, way.alone[0], memory) + batch_ms(figures, way.function.work, memory, batch) / batch
    most = quotas["sqs_batches"] * batch * 1000 / batch_ms(figures, way.function.work, memory, batch)
    return [
        throttle(figures),
        account(figures),
        events(figures, way.function.work, "thumbnails come late (`404 thumbnail-pending`)"),
        Limit(
            "Lambda, batches of a queue", most, "thumbnails come late", "a second queue and mapping, more `MemorySize`"
        ),
        Limit(
            "Lambda, concurrency",
            quotas["concurrency"] * 1000 / busy,
            "`503`, thumbnails come late",
            "the account's quota (on request), more `MemorySize`",
        ),
        requests(figures, 1 + 1 / batch),
        *partitions(figures, BARE, heads=1),
    ]


def lab(figures):
    work = functions(figures)["python"].work
    concurrency, hours = figures.prices["lambda"]["concurrency"], figures.prices["lambda"]["async_hours"]
    return [
        Limit(
            "Lambda, concurrency",
            concurrency * 1000 / duration_ms(figures, work, figures.template["MemorySize"]),
            f"thumbnails come late; after {hours} hours never",
            "the account's quota (on request), more memory",
        ),
        requests(figures, 1),
        *partitions(figures, BARE, heads=1),
    ]


def server(figures):
    one = capacity(figures, "thumbgate", INSTANCE)
    return [
        Limit("CPU", one.by_cpu, "uploads wait, then `503 busy`", "more instances, larger ones"),
        Limit(
            "network, what lasts",
            one.by_network,
            "uploads slow down",
            "more instances; presigned uploads, past the server",
        ),
        *partitions(figures),
    ]


def throttle(figures):
    return Limit(
        "the template's throttle", figures.template["ThrottleRate"], "`429`", "`ThrottleRate`, `ThrottleBurst`"
    )


def account(figures):
    return Limit(
        "API Gateway, requests of an account",
        figures.prices["api_gateway"]["rate"],
        "`429`",
        "the account's quota (on request), more regions or accounts; a Function URL, which has none",
    )


def events(figures, work, met):
    at_once, batch = figures.template["EventConcurrency"], figures.template["BatchSize"]
    holds = at_once * batch * 1000 / batch_ms(figures, work, figures.template["MemorySize"], batch)
    return Limit("the template's event concurrency", holds, met, "`EventConcurrency`")


def requests(figures, invocations):
    quotas = figures.prices["lambda"]
    return Limit(
        "Lambda, requests",
        quotas["concurrency"] * quotas["requests_per_concurrency"] / invocations,
        "`503`",
        "the account's concurrency quota, which it hangs on",
    )


def partitions(figures, met=RETRIED, heads=0):
    """One PUT goes to each bucket; a HEAD or GET of each by the events."""
    s3 = figures.prices["s3"]
    moved_by = "folders in front of the keys, see below; S3's own splitting, in its own time"
    found = [Limit("S3, PUTs of one partition", s3["puts_per_partition"], met, moved_by)]
    if heads:
        found.append(
            Limit(
                "S3, GETs and HEADs of one partition",
                s3["gets_per_partition"] / heads,
                "retries, then thumbnails come late",
                moved_by,
            )
        )
    return found


@dataclass(frozen=True)
class Need:
    """What a rate takes, whatever the limits are now."""

    rate: int
    concurrency: float
    partitions: int
    megabytes: float
    instances: int


def need(figures, rate):
    busy = duration_ms(figures, functions(figures)["api"].work, figures.template["MemorySize"]) / 1000
    return Need(
        rate,
        rate * busy,
        ceil(rate / figures.prices["s3"]["puts_per_partition"]),
        rate * figures.model["file_mb"],
        ceil(rate / capacity(figures, "thumbgate", INSTANCE).uploads),
    )
