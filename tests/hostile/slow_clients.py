"""Clients that take their time: half a head, bodies that stall or trickle, answers that nobody reads.

All of them are closed by their deadlines, good uploads go on meanwhile, and nothing is left of it afterwards.
"""

from __future__ import annotations

import asyncio
import collections
import time
from dataclasses import dataclass, field

from harness import JPEG, Service, sha256
from pictures import large_jpeg
from report import Report, in_mb, spread
from watched import (
    MOST_MEMORY, Probe, Process, established, expect_alive, expect_good_uploads, expect_no_fault, fewest_descriptors,
)
from wire import abort, connect, exchange, get, port_of, post, put, put_head, receive, send, split_answers

# All of it comes from one address here; `connection_caps` looks at the caps themselves.
SETTINGS = {"MAX_CONNECTIONS": "8000", "MAX_CONNECTIONS_PER_CLIENT": "8000"}
# What an allocator keeps settles after a few crowds, in one arena or another.
WARM_UPS = 3
NUMBERS = {"half a head": 1000, "stalled body": 200, "trickling body": 200, "slow reader": 200}
# Head 10 s; body 30 s, then at most 5 s in which the rest of it is read off; answers 30 s and what the kernel
# took over of them at 50 KB/s. On top of it what a busy machine may need.
NOISE = 10
DEADLINES = {
    "half a head": 10 + NOISE, "stalled body": 35 + NOISE, "trickling body": 35 + NOISE, "slow reader": 40 + NOISE,
}
# Heads need no answer; a body that stalls is told so, or that there is no room for it.
STATUSES = {"half a head": {0, 408}, "stalled body": {0, 408, 503}, "trickling body": {0, 408, 503}}
STALLED_CLAIM = 1_000_000
# Slow, but within what is allowed: a head over 6 s, a body at 100 KB/s, an answer read at 80 KB/s for 40 s.
PATIENT_BYTES = 3_200_000
MEMORY_SETTLES = 10


@dataclass
class Slow:
    """The slow clients' connections: when each was seen to be closed, and what was answered."""

    port: int
    begun: float = 0.0
    kinds: dict[tuple[str, int], str] = field(default_factory=dict)
    closed: dict[tuple[str, int], float] = field(default_factory=dict)
    statuses: dict[str, collections.Counter] = field(
        default_factory=lambda: {kind: collections.Counter() for kind in NUMBERS}
    )


def check(report: Report, _long: bool) -> None:
    with Service.started(**SETTINGS) as service:
        process = Process(service)
        service.upload("good.jpg", JPEG.read_bytes()).expect(201)
        service.request("PUT", "/uploads/large.jpg", large_jpeg()).expect(201)
        report.figure("memory after two uploads", in_mb(process.resident()))
        for _ in range(WARM_UPS):
            asyncio.run(warm_up(port_of(service)))
            time.sleep(3)
        descriptors, memory = process.descriptors(), process.resident()
        slow = Slow(port_of(service))
        with Probe.running("uploads", service) as probe:
            asyncio.run(run(report, service, slow))
            expect_good_uploads(report, probe.results(), "beside 1600 slow clients")
        expect_closed(report, slow)
        expect_nothing_left(report, process, descriptors, memory)
        expect_alive(report, service, JPEG.read_bytes(), "slow clients")
        expect_no_fault(report, service)


async def warm_up(port: int) -> None:
    """The same crowd, but gone after seven seconds: what the allocator keeps of it is in the start value."""
    slow = Slow(port)
    tasks = [asyncio.ensure_future(client(slow, kind, number)) for kind in NUMBERS for number in range(NUMBERS[kind])]
    await asyncio.sleep(7)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for number in range(10):
        uploads = [exchange(port, post(f"warm-{number}-{each}.jpg", JPEG.read_bytes())) for each in range(10)]
        await asyncio.gather(*uploads)


async def run(report: Report, service: Service, slow: Slow) -> None:
    slow.begun = time.monotonic()
    tasks = [asyncio.ensure_future(client(slow, kind, number)) for kind in NUMBERS for number in range(NUMBERS[kind])]
    patient = asyncio.ensure_future(expect_patience(report, slow.port))
    await asyncio.sleep(1)
    while time.monotonic() - slow.begun < max(DEADLINES.values()) and len(slow.closed) < sum(NUMBERS.values()):
        held = established(service)
        seconds = time.monotonic() - slow.begun
        for client_address in slow.kinds.keys() - held - slow.closed.keys():
            slow.closed[client_address] = seconds
        await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            report.expect(False, f"a slow client met {outcome!r}")
            break
    await patient


# The slow clients.

async def client(slow: Slow, kind: str, number: int) -> None:
    await asyncio.sleep(number % 100 / 100)
    connection = await connect(slow.port, slow_reader=kind == "slow reader")
    try:
        slow.kinds[connection.getsockname()] = kind
        await send(connection, first_bytes(kind, number))
        if kind == "slow reader":
            return await read_slowly(connection, number)
        sending = asyncio.ensure_future(trickle(connection, kind))
        try:
            slow.statuses[kind][await status_at_the_end(connection)] += 1
            await asyncio.sleep(3600)
        finally:
            sending.cancel()
    finally:
        abort(connection)


def first_bytes(kind: str, number: int) -> bytes:
    """Several shapes of each: a head cut anywhere, a bare file, a form, chunks; a large file, many small answers."""
    if kind == "half a head":
        head = get("/limits", "X-Header: half of it never comes")
        return head[: 1 + number % (len(head) - 2)]
    if kind == "slow reader":
        return get("/limits") * 5000 if number % 10 == 0 else get("/uploads/large.jpg")
    key = f"{kind.split()[0]}-{number}.jpg"
    beginning = JPEG.read_bytes()[:1000]
    if number % 3 == 0:
        return put_head(key, STALLED_CLAIM) + beginning
    if number % 3 == 1:
        return post(key, beginning + bytes(STALLED_CLAIM))[:1300]
    chunked = put_head(key, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return chunked + b"%x\r\n" % STALLED_CLAIM + beginning


async def trickle(connection, kind: str) -> None:
    while kind == "trickling body":
        await asyncio.sleep(1)
        await send(connection, b"\0")


async def status_at_the_end(connection) -> int:
    data = b""
    while part := await receive(connection):
        data += part
    answers, _ = split_answers(data)
    return answers[0].status if answers else 0


async def read_slowly(connection, number: int) -> None:
    """Every other one reads nothing at all, the rest 1 KB/s."""
    while True:
        await asyncio.sleep(1)
        if number % 2:
            await asyncio.get_running_loop().sock_recv(connection, 1000)


# Who is slow within what is allowed is served.

async def expect_patience(report: Report, port: int) -> None:
    sent, read = await asyncio.gather(send_patiently(port), read_patiently(port), return_exceptions=True)
    report.figure("slow but within the limits", f"upload {sent!r}, answer {read!r}")
    report.expect(sent == 201, f"a head over 6 s and a body at 100 KB/s are taken: {sent!r}")
    report.expect(read == "whole", f"an answer that is read at 80 KB/s comes whole: {read!r}")


async def send_patiently(port: int) -> int:
    connection = await connect(port)
    try:
        request = put("patient.jpg", JPEG.read_bytes() + bytes(1_000_000))
        end = request.index(b"\r\n\r\n")
        for part in (request[: end // 2], request[end // 2 : end + 4]):
            await asyncio.sleep(3)
            await send(connection, part)
        for at in range(end + 4, len(request), 50_000):
            await asyncio.sleep(0.5)
            await send(connection, request[at : at + 50_000])
        return await status_of_next(connection)
    finally:
        connection.close()


async def status_of_next(connection) -> int:
    data = b""
    while part := await asyncio.wait_for(receive(connection), 30):
        data += part
        if answers := split_answers(data)[0]:
            return answers[0].status
    return 0


async def read_patiently(port: int) -> str:
    connection = await connect(port, slow_reader=True)
    try:
        expected = sha256(large_jpeg()[:PATIENT_BYTES])
        await send(connection, get("/uploads/large.jpg", f"Range: bytes=0-{PATIENT_BYTES - 1}"))
        data, begun = b"", time.monotonic()
        while not (answers := split_answers(data)[0]):
            await asyncio.sleep(max(0, begun + len(data) / 80_000 - time.monotonic()))
            part = await asyncio.wait_for(receive(connection), 30)
            if not part:
                return f"cut after {len(data)} bytes in {time.monotonic() - begun:.0f} s"
            data += part
        return "whole" if sha256(answers[0].body) == expected else f"{answers[0].status} with other bytes"
    finally:
        connection.close()


# What is expected.

def expect_closed(report: Report, slow: Slow) -> None:
    for kind, number in NUMBERS.items():
        seconds = [at for client_address, at in slow.closed.items() if slow.kinds[client_address] == kind]
        statuses = dict(sorted(slow.statuses[kind].items()))
        in_time = sum(at <= DEADLINES[kind] for at in seconds)
        report.figure(f"{kind}, closed", f"{len(seconds)} of {number}: {spread(seconds)}; answered {statuses}")
        report.expect(in_time == number, f"{kind}: {in_time} of {number} are closed within {DEADLINES[kind]} s")
        wrong = statuses.keys() - STATUSES.get(kind, statuses.keys())
        report.expect(not wrong, f"{kind}: nothing else is answered: {sorted(wrong)}")


def expect_nothing_left(report: Report, process: Process, descriptors: int, memory: int) -> None:
    most = int(descriptors * 1.05)
    left = fewest_descriptors(process, most, 15)
    report.figure("descriptors", f"{descriptors} at the start, {left} afterwards")
    report.expect(abs(left - descriptors) <= descriptors * 0.05, f"descriptors return to {descriptors} ±5 %: {left}")
    time.sleep(MEMORY_SETTLES)
    now = process.resident()
    figures = (f"{in_mb(memory)} at the start", f"{in_mb(now)} afterwards", f"{in_mb(process.peak())} at most")
    report.figure("memory once a crowd has been there", ", ".join(figures))
    report.expect(process.peak() < MOST_MEMORY, f"memory stays under budget + 40 MB: {in_mb(process.peak())}")
    # Less than at the start is no fault: the allocator has given back some more.
    report.expect(now <= memory * 1.05, f"memory returns to {in_mb(memory)} +5 %: {in_mb(now)}")
