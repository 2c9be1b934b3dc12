"""Closed forms: how long a function takes, what it costs, how much an instance does."""

from dataclasses import dataclass, replace
from math import ceil, inf

MILLION = 1_000_000
# What one operation on S3 is: which median it waits for, and whether the original's bytes are moved.
OPERATIONS = {
    "put original": ("put_first_byte_ms", True),
    "put thumbnail": ("put_first_byte_ms", False),
    "get original": ("get_first_byte_ms", True),
    "head": ("head_ms", False),
}


@dataclass(frozen=True)
class Work:
    """One invocation: its CPU time, and its steps on the wire, each of operations that run side by side."""

    cpu_ms: float
    steps: tuple = ()

    def count(self, *operations):
        return sum(operation in operations for step in self.steps for operation in step)


@dataclass(frozen=True)
class Function:
    """A program as a Lambda function: what it does, and what a new instance does on top of it."""

    title: str
    who: str
    work: Work
    start_ms: float
    start_steps: tuple
    start_connects: bool
    first_extra_ms: float
    is_api: bool = False


@dataclass(frozen=True)
class Way:
    """All that an upload causes by one way in, for its bill. `alone` are invocations beside the main one."""

    title: str
    function: Function
    alone: tuple = ()
    client_puts: int = 0
    api_units: int = 0
    sqs_requests: int = 0
    answer_kb: float = 0


def functions(figures):
    """Through the API, on S3's events, and the lab's version, which is on S3's events too."""
    model = figures.model
    undoing = model["gateway_cpu_ms_per_mb"] * model["file_mb"]
    ours = Function(
        "thumbgate, through the API",
        "thumbgate",
        Work(figures.server_cpu_ms("thumbgate") + undoing, (("put original", "put thumbnail"),)),
        figures.function["start_ms"]["thumbgate"],
        (("head",),),
        True,
        figures.first_event_extra_ms("thumbgate"),
        True,
    )
    events = (("head",), ("get original",), ("put thumbnail",))
    return {
        "api": ours,
        "event": replace(
            ours, title="thumbgate, on S3's events", work=Work(figures.event_cpu_ms("thumbgate"), events), is_api=False
        ),
        "python": Function(
            "Python lab, on S3's events",
            "python",
            Work(figures.event_cpu_ms("python"), events[1:]),
            figures.function["start_ms"]["python"],
            (),
            False,
            figures.first_event_extra_ms("python"),
        ),
    }


def ways(figures):
    """The ways in, with all that each causes."""
    model, by = figures.model, functions(figures)
    bytes_in = model["file_mb"] * MILLION
    units = ceil(bytes_in / (figures.prices["api_gateway"]["metered_kib"] * 1024))
    small, answer = model["small_invocation_cpu_ms"], model["record_kb"]
    is_there = Work(small, (("head",), ("head",)))
    url = Way("thumbgate, Function URL", by["api"], (is_there,), sqs_requests=3, answer_kb=answer)
    return {
        "api": replace(url, title="thumbgate, HTTP API", api_units=units),
        "url": url,
        "presigned": Way("thumbgate, presigned", by["event"], (Work(small),), 1, 1, 3, answer),
        "event": Way("thumbgate, S3's events alone", by["event"], client_puts=1),
        "python": Way("Python lab", by["python"], client_puts=1),
    }


def share(figures, memory):
    """Of a vCPU."""
    return min(figures.model["usable_vcpus"], memory / figures.prices["lambda"]["mb_of_one_vcpu"])


def operation_ms(model, operation):
    """Median wait and transfer of one operation."""
    median, moves = OPERATIONS[operation]
    return model[median], model["file_mb"] / model["mb_per_second"] * 1000 if moves else 0


def wire_ms(model, steps, scale=1, files=1):
    """With every wait at its median, or that many times as long; several files share the bandwidth."""
    waits = [[operation_ms(model, name) for name in step] for step in steps]
    return sum(max(wait * scale + moving * files for wait, moving in step) for step in waits)


def cpu_wall_ms(figures, cpu_ms, memory, arch):
    factor = figures.model["arm_cpu_factor"] if arch == "arm" else 1
    return cpu_ms * factor / share(figures, memory)


def duration_ms(figures, work, memory, arch="arm", scale=1):
    """Of a warm invocation."""
    return cpu_wall_ms(figures, work.cpu_ms, memory, arch) + wire_ms(figures.model, work.steps, scale)


def batch_ms(figures, work, memory, files, arch="arm"):
    """Of one invocation with that many messages of a queue, which are dealt with side by side."""
    return cpu_wall_ms(figures, work.cpu_ms * files, memory, arch) + wire_ms(figures.model, work.steps, files=files)


def init_ms(figures, function, arch="arm"):
    """From the program's exec until it asks for an event: on a vCPU of its own, whatever the memory."""
    factor = figures.model["arm_cpu_factor"] if arch == "arm" else 1
    connect = figures.model["connect_ms"] if function.start_connects else 0
    start = function.start_ms * factor / figures.model["init_vcpus"]
    return start + connect + wire_ms(figures.model, function.start_steps)


def first_ms(figures, function, memory, arch="arm"):
    """What the first event takes over a warm one."""
    connect = 0 if function.start_connects else figures.model["connect_ms"]
    return cpu_wall_ms(figures, function.first_extra_ms, memory, arch) + connect


def invocation_usd(figures, billed_ms, memory, arch="arm"):
    """Whole milliseconds are billed."""
    prices = figures.prices["lambda"]
    gb_seconds = ceil(round(billed_ms, 6)) / 1000 * memory / 1024
    return gb_seconds * prices[f"gb_second_{arch}"] + prices["million_requests"] / MILLION


def warm_usd(figures, work, memory, arch="arm", scale=1):
    return invocation_usd(figures, duration_ms(figures, work, memory, arch, scale), memory, arch)


def fits(figures, function, memory):
    return figures.function["peak_mib"][function.who] <= memory * figures.model["fits_in"]


def cheapest(figures, function, arch="arm"):
    sizes = [memory for memory in figures.model["memory_mb"] if fits(figures, function, memory)]
    return min(sizes, key=lambda memory: warm_usd(figures, function.work, memory, arch))


def bill(figures, way, memory, arch="arm"):
    """USD for a million uploads, by what it is for."""
    prices, works = figures.prices, (way.function.work, *way.alone)
    puts = way.client_puts + sum(work.count("put original", "put thumbnail") for work in works)
    gets = sum(work.count("get original", "head") for work in works)
    gb = MILLION * 1000 / 1e9
    return {
        "API Gateway": way.api_units * prices["api_gateway"]["million_requests"],
        "Lambda": MILLION * sum(warm_usd(figures, work, memory, arch) for work in works),
        "S3 requests": 1000 * (puts * prices["s3"]["thousand_puts"] + gets * prices["s3"]["thousand_gets"]),
        "SQS": way.sqs_requests * prices["sqs"]["million_requests"],
        "logs": figures.model["log_kb"][way.function.who] * gb * prices["logs"]["gb"],
        "answers to the internet": way.answer_kb * gb * prices["data"]["gb_out"],
    }


@dataclass(frozen=True)
class Capacity:
    """What one instance does, each second, and what it costs an hour."""

    by_cpu: float
    by_network: float
    usd_an_hour: float

    @property
    def uploads(self):
        return min(self.by_cpu, self.by_network)

    @property
    def first_limit(self):
        return "CPU" if self.by_cpu <= self.by_network else "network"

    def usd_a_million(self, uploads):
        return self.usd_an_hour / (uploads * 3600) * MILLION


def capacity(figures, contender, instance, kind="phone", file_mb=None):
    """Bytes go in once and on to S3 once; each direction has the bandwidth for itself. Files of 0 MB leave it out."""
    model, extras = figures.model, figures.prices["instance_extras"]
    machine = figures.prices["instances"][instance]
    factor = model["arm_cpu_factor"] if machine["arch"] == "arm" else 1
    size = model["file_mb"] if file_mb is None else file_mb
    by_cpu = machine["vcpus"] * model["utilisation"] * 1000 / (figures.server_cpu_ms(contender, kind) * factor)
    by_network = machine["gbps"] * 1000 / 8 / size if size else inf
    # Surplus is what the CPU really does over its baseline: less, where the network is the limit.
    busy = model["utilisation"] * min(1, by_network / by_cpu)
    surplus = max(0, busy - machine["baseline"]) * machine["vcpus"] * machine["surplus_vcpu_hour"]
    disk = extras["disk_gb"] * extras["disk_gb_month"] / extras["hours_a_month"]
    return Capacity(by_cpu, by_network, machine["hour"] + surplus + extras["ipv4_hour"] + disk)
