"""Where the arithmetic and the simulation can be wrong: against closed forms, and cases reckoned by hand."""

import json
import subprocess
import sys
import unittest
from dataclasses import replace

import figures
import limits
import model
import plot
import simulate
import template

CPU = {"thumbgate": 15, "node": 78, "python": 58}
ROWS = [
    {
        "contender": who,
        "store": figures.STORE,
        "set": kind,
        "clients": figures.CLIENTS,
        "cpu_ms_per_upload": ms,
        "peak_pss_mb": 60,
    }
    for who, ms in CPU.items()
    for kind in figures.SETS
]
# Prices, assumptions and defaults are fixed here, so that who changes one need not mend the tests.
FIGURES = figures.Figures(
    service={"machine": {}, "rows": ROWS},
    function={
        "start_ms": {"thumbgate": 6, "python": 186},
        "first_event_ms": {"thumbgate": 26, "python": 60},
        "first_event_picture": "a-baseline.jpg",
        "warm_cpu_ms": {
            "a-baseline.jpg": {"thumbgate": 10, "python": 40},
            "a-progressive.jpg": {"thumbgate": 6, "python": 140},
        },
        "peak_mib": {"thumbgate": 24, "python": 144},
    },
    prices={
        "lambda": {
            "gb_second_arm": 0.0000133334,
            "gb_second_x86": 0.0000166667,
            "million_requests": 0.2,
            "mb_of_one_vcpu": 1769,
            "concurrency": 1000,
            "requests_per_concurrency": 10,
            "scaling_step": 1000,
            "scaling_seconds": 10,
            "sqs_batches": 1000,
            "async_hours": 6,
        },
        "api_gateway": {"million_requests": 1, "metered_kib": 512, "rate": 10000, "burst": 5000},
        "s3": {"thousand_puts": 0.005, "thousand_gets": 0.0004, "puts_per_partition": 3500, "gets_per_partition": 5500},
        "sqs": {"million_requests": 0.4},
        "logs": {"gb": 0.5},
        "data": {"gb_out": 0.09},
        "instances": {
            "t4g.small": {
                "vcpus": 2,
                "arch": "arm",
                "gbps": 8,
                "baseline": 0.2,
                "hour": 0.0168,
                "surplus_vcpu_hour": 0.04,
            },
            "c7g.medium": {
                "vcpus": 1,
                "arch": "arm",
                "gbps": 0.48,
                "baseline": 1,
                "hour": 0.0363,
                "surplus_vcpu_hour": 0,
            },
        },
        "instance_extras": {"ipv4_hour": 0.005, "disk_gb": 8, "disk_gb_month": 0.08, "hours_a_month": 730},
    },
    model={
        "file_mb": 3,
        "progressive_share": 0,
        "arm_cpu_factor": 1,
        "usable_vcpus": 1,
        "init_vcpus": 1,
        "platform_cold_ms": 150,
        "connect_ms": 10,
        "put_first_byte_ms": 60,
        "get_first_byte_ms": 40,
        "head_ms": 20,
        "mb_per_second": 60,
        "wire_sigma": 0,
        "gateway_cpu_ms_per_mb": 2,
        "small_invocation_cpu_ms": 2,
        "record_kb": 1.5,
        "log_kb": {"thumbgate": 2, "python": 0.5},
        "idle_seconds": 600,
        "utilisation": 0.6,
        "fits_in": 0.9,
        "memory_mb": [128, 256, 1769],
        "rates": [10, 1000, 100000],
        "seed": 1,
    },
    template={"MemorySize": 256, "ThrottleRate": 50, "ThrottleBurst": 100, "EventConcurrency": 5, "BatchSize": 5},
    reasons={},
)


def with_quotas(**changed):
    return replace(FIGURES, prices=FIGURES.prices | {"lambda": FIGURES.prices["lambda"] | changed})


def without_cold_starts(found):
    """Instances that start in no time, as many as are wanted."""
    free = {"platform_cold_ms": 0, "connect_ms": 0}
    started = found.function | {
        "start_ms": {"thumbgate": 0, "python": 0},
        "first_event_ms": {"thumbgate": 0, "python": 0},
    }
    return replace(found, model=found.model | free, function=started)


def run(found, name, phases, throttle=None, **changed):
    function = replace(model.functions(found)[name], **changed)
    return simulate.Simulation(found, function, phases, throttle).run()


class Durations(unittest.TestCase):
    def test_a_share_of_a_vcpu_and_never_more_than_one(self):
        self.assertAlmostEqual(model.share(FIGURES, 1769 / 2), 0.5)
        self.assertEqual(model.share(FIGURES, 3008), 1)

    def test_steps_follow_each_other_and_what_is_side_by_side_takes_as_long_as_the_longest(self):
        by = model.functions(FIGURES)
        # 3 MB at 60 MB/s are 50 ms.
        self.assertAlmostEqual(model.wire_ms(FIGURES.model, by["api"].work.steps), 60 + 50)
        self.assertAlmostEqual(model.wire_ms(FIGURES.model, by["event"].work.steps), 20 + 40 + 50 + 60)
        self.assertAlmostEqual(model.wire_ms(FIGURES.model, by["python"].work.steps), 40 + 50 + 60)
        # 15 ms and 2 for each MB, at half a vCPU.
        self.assertAlmostEqual(model.duration_ms(FIGURES, by["api"].work, 1769 / 2), 21 * 2 + 110)

    def test_the_cpu_time_that_counts_is_the_mean_of_the_mix(self):
        self.assertEqual(FIGURES.event_cpu_ms("python"), 40)
        mixed = replace(FIGURES, model=FIGURES.model | {"progressive_share": 0.25})
        self.assertAlmostEqual(mixed.event_cpu_ms("python"), 40 * 0.75 + 140 * 0.25)
        self.assertEqual(FIGURES.first_event_extra_ms("python"), 20)


class Costs(unittest.TestCase):
    def test_an_invocation_by_hand(self):
        # 255.1 ms are billed as 256; 256 MB are a quarter of a GB: 0.064 GB-seconds.
        by_hand = 0.064 * 0.0000133334 + 0.2 / 1_000_000
        self.assertAlmostEqual(model.invocation_usd(FIGURES, 255.1, 256), by_hand, places=15)
        self.assertEqual(model.invocation_usd(FIGURES, 256, 256), model.invocation_usd(FIGURES, 255.1, 256))
        self.assertAlmostEqual(model.invocation_usd(FIGURES, 1000, 1024, "x86"), 0.0000166667 + 0.0000002, places=15)

    def test_a_bill_by_hand(self):
        ways = model.ways(FIGURES)
        bill = model.bill(FIGURES, ways["api"], 256)
        # 3,000,000 bytes are six times 512 KiB, begun; two PUTs, the event's two HEADs; three requests of the queue.
        self.assertAlmostEqual(bill["API Gateway"], 6)
        self.assertAlmostEqual(bill["S3 requests"], 2 * 5 + 2 * 0.4)
        self.assertAlmostEqual(bill["SQS"], 1.2)
        self.assertAlmostEqual(bill["logs"], 1)
        lab = model.bill(FIGURES, ways["python"], 256)
        self.assertEqual((lab["API Gateway"], lab["SQS"]), (0, 0))
        self.assertAlmostEqual(lab["S3 requests"], 5 + 0.4 + 5)
        self.assertAlmostEqual(model.bill(FIGURES, ways["presigned"], 256)["S3 requests"], 5 + 2 * 0.4 + 5)

    def test_the_cheapest_size_is_one_that_fits(self):
        by = model.functions(FIGURES)
        self.assertEqual(model.cheapest(FIGURES, by["event"]), 128)
        self.assertEqual(model.cheapest(FIGURES, by["python"]), 256)


class Instances(unittest.TestCase):
    def test_by_cpu_and_by_network(self):
        one = model.capacity(FIGURES, "thumbgate", "c7g.medium")
        # 0.6 of a second at 15 ms; 0.48 Gbit/s are 60 MB/s, at 3 MB.
        self.assertAlmostEqual(one.by_cpu, 40)
        self.assertAlmostEqual(one.by_network, 20)
        self.assertEqual((one.uploads, one.first_limit), (one.by_network, "network"))
        self.assertAlmostEqual(one.usd_an_hour, 0.0363 + 0.005 + 0.64 / 730)
        self.assertAlmostEqual(one.usd_a_million(one.uploads), one.usd_an_hour / 72_000 * 1_000_000)

    def test_surplus_credits_are_paid_for_what_the_cpu_does(self):
        # 0.4 of each of two vCPUs over the baseline.
        base = 0.0168 + 0.005 + 0.64 / 730
        self.assertAlmostEqual(model.capacity(FIGURES, "node", "t4g.small").usd_an_hour, base + 0.4 * 2 * 0.04)
        slow = {"t4g.small": FIGURES.prices["instances"]["t4g.small"] | {"gbps": 0.048}}
        idle = replace(FIGURES, prices=FIGURES.prices | {"instances": slow})
        self.assertAlmostEqual(model.capacity(idle, "thumbgate", "t4g.small").usd_an_hour, base)


class Limits(unittest.TestCase):
    def test_the_lowest_comes_first(self):
        for found in limits.limits(FIGURES).values():
            self.assertEqual([limit.holds for limit in found], sorted(limit.holds for limit in found))
        api = limits.limits(FIGURES)["api"]
        self.assertEqual(limits.first_over(api, 10), (None, []))
        self.assertEqual(limits.first_over(api, 100)[0].name, "the template's throttle")

    def test_concurrency_is_rate_times_duration(self):
        found = {limit.name: limit.holds for limit in limits.limits(FIGURES)["python"]}
        seconds = (40 / (256 / 1769) + 150) / 1000
        self.assertAlmostEqual(found["Lambda, concurrency"] * seconds, 1000)
        self.assertAlmostEqual(limits.need(FIGURES, 1000).concurrency, 21 / (256 / 1769) + 110)
        self.assertEqual(limits.need(FIGURES, 100_000).partitions, 29)

    def test_a_batch_shares_the_vcpu_and_the_wire(self):
        work = model.functions(FIGURES)["event"].work
        took = model.batch_ms(FIGURES, work, 1769, 5)
        self.assertAlmostEqual(took, 5 * 10 + 20 + (40 + 5 * 50) + 60)


class Simulated(unittest.TestCase):
    def test_busy_instances_are_rate_times_duration(self):
        """M/D/inf: the mean number busy is the rate times the duration."""
        found = without_cold_starts(with_quotas(concurrency=10**6, scaling_step=10**6))
        outcome = run(found, "event", [[400, 100]])
        seconds = model.duration_ms(found, model.functions(found)["event"].work, 256) / 1000
        self.assertAlmostEqual(busy_on_average(outcome, 10, 400) / (100 * seconds), 1, delta=0.02)
        self.assertAlmostEqual(outcome.offered() / 40_000, 1, delta=0.02)

    def test_where_starting_costs_nothing_all_take_the_warm_duration(self):
        found = without_cold_starts(with_quotas(concurrency=10**6, scaling_step=10**6))
        outcome = run(found, "python", [[50, 20]])
        seconds = model.duration_ms(found, model.functions(found)["python"].work, 256) / 1000
        for quantile in (0.01, 0.5, 1):
            self.assertAlmostEqual(outcome.latency(quantile), seconds)
        per_million = 1_000_000 * model.warm_usd(found, model.functions(found)["python"].work, 256)
        self.assertAlmostEqual(outcome.usd_a_million(), per_million)

    def test_an_instance_is_started_only_where_none_is_free(self):
        outcome = run(FIGURES, "event", [[60, 50]])
        self.assertEqual(sum(one.was_cold for one in outcome.served), outcome.most_busy())

    def test_a_cold_start_is_made_of_its_parts(self):
        alone = run(FIGURES, "python", [[10_000, 0.001]]).served[0]
        share = 256 / 1769
        # The platform, the start, what the first event takes more, a new connection, and a warm event.
        self.assertTrue(alone.was_cold)
        self.assertAlmostEqual((alone.ended - alone.arrived) * 1000, 150 + 186 + 20 / share + 10 + 40 / share + 150)

    def test_instances_go_when_they_are_idle_for_long(self):
        found = replace(FIGURES, model=FIGURES.model | {"idle_seconds": 1})
        outcome = run(found, "event", [[100_000, 0.001]])
        gaps = sum(later.arrived - one.ended > 1 for one, later in zip(outcome.served, outcome.served[1:]))
        self.assertEqual(sum(one.was_cold for one in outcome.served), gaps + 1)

    def test_the_throttle_lets_its_burst_and_its_rate_through(self):
        outcome = run(FIGURES, "api", [[40, 500]], throttle=(100, 50))
        self.assertAlmostEqual(len(outcome.served), 100 + 50 * 40, delta=2)
        self.assertAlmostEqual(outcome.refused_share(), 1 - 2100 / outcome.offered(), delta=0.001)

    def test_instances_are_started_no_faster_than_they_may(self):
        # Everything takes longer than the run, so that each upload needs an instance of its own.
        found = with_quotas(scaling_step=20, scaling_seconds=10)
        work = model.Work(3600_000)
        outcome = run(found, "api", [[30, 50]], work=work)
        self.assertAlmostEqual(len(outcome.served), 20 + 2 * 30, delta=1)

    def test_what_waits_is_served_in_turn_as_fast_as_the_concurrency_allows(self):
        found = without_cold_starts(with_quotas(concurrency=10))
        outcome = run(found, "event", [[20, 100]])
        seconds = model.duration_ms(found, model.functions(found)["event"].work, 256) / 1000
        arrived = [one.arrived for one in outcome.served]
        self.assertEqual(arrived, sorted(arrived))
        self.assertEqual(outcome.refused, [])
        last = max(one.ended for one in outcome.served)
        self.assertAlmostEqual(last / (len(arrived) * seconds / 10), 1, delta=0.02)

    def test_what_waits_for_a_start_alone_is_served_at_that_pace(self):
        found = with_quotas(scaling_step=10, scaling_seconds=10)
        outcome = run(found, "event", [[1, 100]], work=model.Work(3600_000))
        begun = [at for at, _ in outcome.busy[: len(outcome.served)]]
        self.assertAlmostEqual(begun[-1], len(begun) - 10, delta=1.1)

    def test_twice_is_the_same(self):
        spread = replace(FIGURES, model=FIGURES.model | {"wire_sigma": 0.4})
        self.assertEqual(run(spread, "event", [[20, 50]]).served, run(spread, "event", [[20, 50]]).served)

    def test_waits_spread_about_their_median(self):
        spread = replace(FIGURES, model=FIGURES.model | {"wire_sigma": 0.4})
        function = replace(model.functions(spread)["python"], work=model.Work(0, (("put thumbnail",),)))
        times = simulate.Times(simulate.Random(1), spread, function, 256)
        drawn = sorted(times.wire() for _ in range(20_000))
        self.assertAlmostEqual(simulate.nearest_rank(drawn, 0.5) / 60, 1, delta=0.02)
        self.assertAlmostEqual(simulate.nearest_rank(drawn, 0.99) / (60 * 2.536), 1, delta=0.04)


def busy_on_average(outcome, begin, end):
    """Weighted by how long each number lasted."""
    steps = [(begin, 0), *((at, number) for at, number in outcome.busy if begin <= at < end), (end, 0)]
    return sum(number * (after - at) for (at, number), (after, _) in zip(steps, steps[1:])) / (end - begin)


class Documents(unittest.TestCase):
    def test_no_figure_is_typed_by_hand(self):
        self.assertEqual(template.typed_figures("S3's p99 on x86 [a](b/2025.md) `503` {{n-1}}"), [])
        self.assertEqual(template.typed_figures("about 30 ms, 3.5 times"), ["30", "3.5"])
        for source, filled in [("20 ms {{a}}", {"a": 1}), ("{{a}} {{b}}", {"a": 1}), ("{{a}}", {"a": 1, "b": 2})]:
            self.assertRaises(SystemExit, template.render, source, filled)
        self.assertEqual(template.render("it is {{a}}", {"a": 7}), "it is 7")

    def test_the_templates_defaults_are_found(self):
        found = figures.template_defaults((figures.ROOT / "infra" / "template.yaml").read_text())
        self.assertEqual(found.keys() >= FIGURES.template.keys(), True)
        self.assertIn(str(found["MemorySize"]), ["256", "512", "1024", "1769", "3008"])

    def test_the_functions_figures_are_those_of_its_table(self):
        folder = figures.ROOT / "bench" / "lambda"
        command = [sys.executable, folder / "results.py", folder / "RESULTS.md"]
        read = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self.assertEqual(read, json.loads((folder / "results.json").read_text()))
        self.assertEqual(len(read["warm_cpu_ms"]), 10)

    def test_axes_hold_what_is_drawn(self):
        for highest in (0.3, 1, 7, 99, 100, 101, 1234):
            steps = [value for value, _ in plot.ticks(highest)]
            self.assertTrue(steps[-1] >= highest > steps[-2], (highest, steps))
            self.assertLessEqual(len(steps), 8)
        steps = [value for value, _ in plot.ticks_of_log(0.3, 5.3)]
        self.assertEqual(steps, [0.2, 0.5, 1, 2, 5, 10])

    def test_nearest_rank(self):
        self.assertEqual([simulate.nearest_rank([1, 2, 3, 4], part) for part in (0, 0.5, 0.51, 1)], [1, 2, 3, 4])


if __name__ == "__main__":
    unittest.main()
