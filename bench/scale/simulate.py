"""Bursts, event by event: arrivals, the throttle, instances that start, are busy and go, and what it costs."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from math import ceil, exp, log
from random import Random
from statistics import NormalDist, mean

from model import cpu_wall_ms, first_ms, init_ms, invocation_usd, operation_ms

UNIT_NORMAL = NormalDist()


@dataclass(frozen=True)
class Served:
    arrived: float
    ended: float
    was_cold: bool


@dataclass
class Outcome:
    """What became of all that arrived; times in seconds."""

    served: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    busy: list = field(default_factory=list)
    usd: float = 0

    def offered(self):
        return len(self.served) + len(self.refused)

    def refused_share(self):
        return len(self.refused) / self.offered()

    def cold_share(self):
        return mean(one.was_cold for one in self.served)

    def latency(self, quantile):
        return nearest_rank(sorted(one.ended - one.arrived for one in self.served), quantile)

    def most_busy(self):
        return max(number for _, number in self.busy)

    def usd_a_million(self):
        return self.usd / len(self.served) * 1_000_000


def nearest_rank(ordered, quantile):
    return ordered[max(0, ceil(quantile * len(ordered)) - 1)]


class Bucket:
    """Tokens come back evenly and are not saved up beyond its size."""

    def __init__(self, size, rate):
        self.size, self.rate, self.tokens, self.at = size, rate, size, 0.0

    def take(self, now):
        self.tokens, self.at = min(self.size, self.tokens + (now - self.at) * self.rate), now
        # What is lost to rounding must not keep a token back for ever.
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens = max(0.0, self.tokens - 1)
        return True

    def next_token(self, now):
        """When there will be one again, if nobody takes any until then."""
        return now + max(0.0, 1 - self.tokens) / self.rate


class Source:
    """Arrivals: Poisson, at the rate of each phase."""

    def __init__(self, rng, phases):
        self.rng, self.phases = rng, phases

    def __iter__(self):
        begin = 0.0
        for seconds, rate in self.phases:
            now, end = begin, begin + seconds
            # Without memory: what is left of a gap at a phase's end may be forgotten.
            while (now := now - log(1 - self.rng.random()) / rate) < end:
                yield now
            begin = end


class Times:
    """How long one invocation takes, drawn anew for each: the picture, and how long S3 takes to answer."""

    def __init__(self, rng, figures, function, memory, arch="arm"):
        self.rng, self.sigma = rng, figures.model["wire_sigma"]
        self.steps = [[operation_ms(figures.model, name) for name in step] for step in function.work.steps]
        self.progressive = figures.model["progressive_share"]
        average = figures.event_cpu_ms(function.who)
        # Only the function on events was measured picture by picture; through the API they spread alike.
        self.cpu = [
            [
                cpu_wall_ms(figures, function.work.cpu_ms * ms[function.who] / average, memory, arch)
                for ms in pictures.values()
            ]
            for pictures in (figures.photographs(False), figures.photographs(True))
        ]
        self.platform = figures.model["platform_cold_ms"]
        self.init = init_ms(figures, function, arch)
        self.first = first_ms(figures, function, memory, arch)

    def draw(self, is_cold):
        """Milliseconds until the answer, and those that are billed."""
        pictures = self.cpu[self.rng.random() < self.progressive]
        billed = pictures[int(self.rng.random() * len(pictures))] + self.wire()
        if not is_cold:
            return billed, billed
        billed += self.init + self.first
        return self.platform + billed, billed

    def wire(self):
        """Each wait log-normal about its median; with no spread the closed form's."""
        return sum([max([wait * self.spread() + moving for wait, moving in step]) for step in self.steps])

    def spread(self):
        return exp(self.sigma * UNIT_NORMAL.inv_cdf(1 - self.rng.random())) if self.sigma else 1


class Simulation:
    """One function under one stream of arrivals. What finds no instance is refused; events wait."""

    def __init__(self, figures, function, phases, throttle=None, memory=None, seed=None):
        rng = Random(figures.model["seed"] if seed is None else seed)
        quotas = figures.prices["lambda"]
        self.figures, self.memory = figures, memory or figures.template["MemorySize"]
        self.times = Times(rng, figures, function, self.memory)
        self.arrivals = iter(Source(Random(rng.random()), phases))
        self.throttle = Bucket(*throttle) if throttle and function.is_api else None
        self.starts = Bucket(quotas["scaling_step"], quotas["scaling_step"] / quotas["scaling_seconds"])
        self.most, self.idle_seconds = quotas["concurrency"], figures.model["idle_seconds"]
        self.waits = not function.is_api
        self.idle, self.queue, self.busy = deque(), deque(), 0
        self.events, self.order, self.outcome = [], count(), Outcome()
        self.wakes = False

    def run(self):
        self.schedule_arrival()
        while self.events:
            now, _, happen, what = heapq.heappop(self.events)
            happen(now, what)
        return self.outcome

    def schedule(self, at, happen, what=None):
        heapq.heappush(self.events, (at, next(self.order), happen, what))

    def schedule_arrival(self):
        if (at := next(self.arrivals, None)) is not None:
            self.schedule(at, self.arrive)

    def arrive(self, now, _):
        self.schedule_arrival()
        if self.throttle and not self.throttle.take(now):
            self.outcome.refused.append(now)
        elif self.queue or not self.begin(now, now):
            self.turn_away(now)

    def turn_away(self, now):
        if self.waits:
            self.queue.append(now)
            self.wake_later(now)
        else:
            self.outcome.refused.append(now)

    def begin(self, now, arrived):
        """Takes an instance, the one that was used last, or a new one; says whether there was one."""
        while self.idle and self.idle[0] < now - self.idle_seconds:
            self.idle.popleft()
        if self.busy >= self.most or not (self.idle or self.starts.take(now)):
            return False
        is_cold = not self.idle
        if not is_cold:
            self.idle.pop()
        takes, billed = self.times.draw(is_cold)
        self.busy += 1
        self.outcome.busy.append((now, self.busy))
        self.outcome.usd += invocation_usd(self.figures, billed, self.memory)
        self.schedule(now + takes / 1000, self.end, (arrived, is_cold))
        return True

    def end(self, now, what):
        arrived, was_cold = what
        self.busy -= 1
        self.idle.append(now)
        self.outcome.busy.append((now, self.busy))
        self.outcome.served.append(Served(arrived, now, was_cold))
        self.serve_queue(now)

    def serve_queue(self, now):
        while self.queue and self.begin(now, self.queue[0]):
            self.queue.popleft()
        if self.queue:
            self.wake_later(now)

    def wake_later(self, now):
        """Where only the pace of starting holds things up, nothing else would happen until somebody ends."""
        if self.busy < self.most and not self.wakes:
            self.wakes = True
            self.schedule(self.starts.next_token(now), self.wake)

    def wake(self, now, _):
        self.wakes = False
        self.serve_queue(now)


def bursts(figures, chosen):
    """Every scenario of the model for the functions that it is one for: {(scenario, function): outcome}."""
    throttles = {
        "template": (figures.template["ThrottleBurst"], figures.template["ThrottleRate"]),
        "account": (figures.prices["api_gateway"]["burst"], figures.prices["api_gateway"]["rate"]),
    }
    return {
        (burst["name"], name): Simulation(figures, function, burst["phases"], throttles[burst["throttle"]]).run()
        for burst in figures.model["bursts"]
        for name, function in chosen.items()
        # Events don't come through the API, so that its throttle makes no difference to them.
        if function.is_api or burst["throttle"] == "account"
    }
