"""More uploads of 24 megapixels than memory has room for: taken or told to come back, and the rest goes on."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import time
from dataclasses import dataclass, field

from harness import JPEG, Service, picture_size
from pictures import HEIGHT, WIDTH, large_jpeg, large_png
from report import Report, in_mb, in_time, percentile, spread
from watched import BUDGET, MOST_MEMORY, Probe, Process, expect_alive, expect_good_uploads, expect_no_fault
from wire import abort, address, connect, exchange, port_of, post_parts, put_head, put_parts, send

HEALTH_SECONDS = 0.1
# As many from one address as one client may have, and some.
PER_ADDRESS = 100
STALLED, STALLED_CLAIM, STALLED_SENT = 20, 32 * 1024 * 1024, 1024 * 1024


@dataclass
class Round:
    """So many uploads at once, each sent again when the service says so, until all are taken."""

    number: int
    patience: float
    first: collections.Counter = field(default_factory=collections.Counter)
    all: collections.Counter = field(default_factory=collections.Counter)
    taken: int = 0
    seconds: list[float] = field(default_factory=list)


def check(report: Report, _long: bool) -> None:
    with Service.started(MEMORY_BUDGET=str(BUDGET)) as service:
        process = Process(service)
        expect_alive(report, service, JPEG.read_bytes(), "the start")
        for number, patience in ((64, 90), (400, 180)):
            with Probe.running("health", service) as probe:
                flood = asyncio.run(all_at_once(Round(number, patience), port_of(service)))
                expect_health(report, probe.results(), f"beside {number} uploads")
            expect_round(report, flood)
            memory = f"{in_mb(process.resident())}, {in_mb(process.peak())} at most"
            report.figure(f"memory after {number} uploads", memory)
        stalled_giants(report, service)
        report.expect(process.peak() < MOST_MEMORY, f"memory stays under budget + 40 MB: {in_mb(process.peak())}")
        right = service.request("GET", "/thumbnails/flood-1-thumbnail.jpg")
        report.expect(
            right.status == 200 and picture_size(right.body) == ("image/jpeg", 150, 100),
            f"the thumbnails are right: {right.status}",
        )
        expect_no_fault(report, service)


async def all_at_once(flood: Round, port: int) -> Round:
    assert (WIDTH, HEIGHT) == (6000, 4000), "24 megapixels"
    begun = time.monotonic()
    await asyncio.gather(*(client(flood, port, number, begun) for number in range(flood.number)))
    return flood


async def client(flood: Round, port: int, number: int, begun: float) -> None:
    """Half of them JPEGs, half PNGs, half in forms, half bare."""
    extension, content = (("jpg", large_jpeg()), ("png", large_png()))[number // 2 % 2]
    request = (post_parts if number % 2 else put_parts)(f"flood-{number}.{extension}", content)
    is_first = True
    while time.monotonic() - begun < flood.patience:
        outcome, wait = await one_try(port, request, number)
        flood.all[outcome] += 1
        flood.first[outcome] += is_first
        is_first = False
        if outcome == "201":
            flood.taken += 1
            return flood.seconds.append(time.monotonic() - begun)
        await asyncio.sleep(wait)


async def one_try(port: int, request: list[bytes], number: int) -> tuple[str, float]:
    """What was answered, and how many seconds later to come back."""
    try:
        answer = await exchange(port, *request, source=address(number // PER_ADDRESS))
    except (OSError, asyncio.TimeoutError) as error:
        return type(error).__name__, 1
    if answer is None:
        return "closed without an answer", 1
    after = answer.headers.get("retry-after", "")
    if answer.status == 503 and after.isdigit():
        return "503", int(after)
    return f"{answer.status} without Retry-After" if answer.status == 503 else str(answer.status), 1


def told(counter: collections.Counter) -> str:
    return ", ".join(f"{counter[outcome]} {outcome}" for outcome in sorted(counter))


def expect_round(report: Report, flood: Round) -> None:
    number, answers = flood.number, f"first {told(flood.first)}; with retries {told(flood.all)}"
    report.figure(f"{number} uploads at once", f"{answers}; {flood.taken} taken: {spread(flood.seconds)}")
    report.expect(set(flood.all) <= {"201", "503"}, f"{number} uploads are answered 201 or 503: {told(flood.all)}")
    report.expect(flood.taken == number, f"of {number} uploads {flood.taken} are taken in {flood.patience} s")


def expect_health(report: Report, results: list[tuple[int, float]], meanwhile: str) -> None:
    seconds = [took for _, took in results]
    wrong = {status for status, _ in results} - {200}
    report.figure(f"/health {meanwhile}", spread(seconds))
    report.expect(not wrong, f"/health {meanwhile} is answered 200, not {wrong}")
    p99 = percentile(seconds, 99)
    is_quick = p99 < HEALTH_SECONDS
    report.expect(is_quick, f"/health {meanwhile} has a p99 under {in_time(HEALTH_SECONDS)}: {in_time(p99)}")


def stalled_giants(report: Report, service: Service) -> None:
    """Clients that declare the largest upload, send a part of it, and then nothing more."""
    with Probe.running("uploads", service) as probe:
        large = asyncio.run(beside_stalled_giants(port_of(service)))
        expect_good_uploads(report, probe.results(), f"beside {STALLED} stalled ones of 32 MiB")
    report.figure("24 megapixels beside them", large)
    report.expect(large.startswith("201"), f"a good upload of 24 megapixels is taken beside stalled ones: {large}")
    expect_alive(report, service, JPEG.read_bytes(), "stalled uploads")


async def beside_stalled_giants(port: int) -> str:
    connections = [await connect(port) for _ in range(STALLED)]
    try:
        for number, connection in enumerate(connections):
            beginning = JPEG.read_bytes()[:600] + bytes(STALLED_SENT - 600)
            await asyncio.wait_for(send(connection, put_head(f"giant-{number}.jpg", STALLED_CLAIM)), 5)
            with contextlib.suppress(asyncio.TimeoutError):  # who is not read at once waits in the kernel
                await asyncio.wait_for(send(connection, beginning), 0.2)
        await asyncio.sleep(7)
        begun = time.monotonic()
        outcome, _ = await one_try(port, put_parts("beside.png", large_png()), 0)
        await asyncio.sleep(1)
        return f"{outcome} in {in_time(time.monotonic() - begun - 1)}"
    finally:
        for connection in connections:
            abort(connection)
