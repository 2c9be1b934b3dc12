"""Requests that no client should send: each is refused or closed, hides no second request, and harms nobody else."""

from __future__ import annotations

import asyncio
import time

import request_shapes as shapes
from harness import JPEG, Service
from report import Report, in_mb, in_time, spread
from watched import (
    Probe, Process, established, expect_alive, expect_good_uploads, expect_no_fault, fewest_descriptors,
)
from wire import abort, address, connect, get, port_of, put, receive, send, split_answers, talk

SILENT = 500
# The first byte has 10 s; twice as long where the machine is busy.
SILENT_SECONDS = 20
PIPELINED = 10_000
# What a connection may cost that sends and sends, and reads nothing.
PIPELINE_MEMORY = 16_000_000


def check(report: Report, _long: bool) -> None:
    with Service.started() as service:
        expect_alive(report, service, JPEG.read_bytes(), "the start")
        silent_connections_are_closed(report, service)
        for title, rows in shapes.REFUSED.items():
            refused(report, service, title, rows)
        closed(report, service)
        hidden_requests_stay_hidden(report, service)
        odd_but_harmless(report, service)
        foreign_hosts_are_not_believed(report, service)
        pipelining_is_bounded(report, service)
        expect_no_fault(report, service)


def refused(report: Report, service: Service, title: str, rows: list[shapes.Shape]) -> None:
    """At most one answer, of 4xx or 5xx for what HTTP itself says so of, and no success."""
    good, slowest = 0, 0.0
    for shape in rows:
        told = talk(port_of(service), shape.request)
        slowest = max(slowest, told.seconds)
        statuses = [answer.status for answer in told.answers]
        is_refused = all(400 <= status < 500 or status in (501, 505) for status in statuses) and len(statuses) <= 1
        is_ended = told.closed or bool(statuses)
        good += is_refused and is_ended
        report.expect(is_refused and is_ended, f"{shape.name} is refused: {told.told()}")
        expect_nothing_hidden(report, shape, told)
        expect_alive(report, service, JPEG.read_bytes(), shape.name)
    report.figure(f"{title}, refused or closed", f"{good} of {len(rows)}, the slowest in {in_time(slowest)}")


def closed(report: Report, service: Service) -> None:
    """One answer at most, whatever it is, and the end."""
    good = 0
    for shape in shapes.CLOSED:
        told = talk(port_of(service), shape.request, more=5)
        is_closed = told.closed and len(told.answers) <= 1
        good += is_closed
        report.expect(is_closed, f"{shape.name} is refused, or closed behind one answer: {told.told()}")
        expect_nothing_hidden(report, shape, told)
        expect_alive(report, service, JPEG.read_bytes(), shape.name)
    report.figure("lengths beside chunks, closed", f"{good} of {len(shapes.CLOSED)}")


def hidden_requests_stay_hidden(report: Report, service: Service) -> None:
    """These may be understood, but in one way only: what looks like a second request belongs to the body."""
    good = 0
    for shape in shapes.HIDDEN:
        told = talk(port_of(service), shape.request)
        good += expect_nothing_hidden(report, shape, told)
        expect_alive(report, service, JPEG.read_bytes(), shape.name)
    report.figure("hidden requests, not answered", f"{good} of {len(shapes.HIDDEN)}")


def expect_nothing_hidden(report: Report, shape: shapes.Shape, told) -> bool:
    answered = b"max_file_bytes" in told.rest or any(b"max_file_bytes" in answer.body for answer in told.answers)
    report.expect(not answered, f"{shape.name}: the hidden request is not answered: {told.told()}")
    return not answered


def odd_but_harmless(report: Report, service: Service) -> None:
    good = 0
    for shape in shapes.HARMLESS:
        told = talk(port_of(service), shape.request)
        statuses = [answer.status for answer in told.answers]
        holds = bool(statuses) and all(status == shape.status for status in statuses)
        good += holds
        report.expect(holds, f"{shape.name} is answered {shape.status}: {told.told()}")
    report.figure("odd but right", f"{good} of {len(shapes.HARMLESS)}")


def foreign_hosts_are_not_believed(report: Report, service: Service) -> None:
    """Links are built from PUBLIC_URL, whatever a request says where it went to."""
    request = put("foreign.jpg", JPEG.read_bytes())
    for name, changed in [
        ("Host", request.replace(b"hostile.example", b"evil.example")),
        ("an absolute target", request.replace(b"PUT /", b"PUT http://evil.example/", 1)),
        ("X-Forwarded-Host", request.replace(b"Content-Length", b"X-Forwarded-Host: evil.example\r\nContent-Length")),
    ]:
        told = talk(port_of(service), changed)
        is_named = any(b"evil.example" in str(answer.headers).encode() + answer.body for answer in told.answers)
        holds = bool(told.answers) and not is_named
        report.expect(holds, f"a foreign name in {name} is not in the answer: {told.told()}")


# Connections that say nothing.

def silent_connections_are_closed(report: Report, service: Service) -> None:
    process = Process(service)
    before = process.descriptors()
    with Probe.running("uploads", service) as probe:
        seconds = asyncio.run(closing_times(service))
        expect_good_uploads(report, probe.results(), f"beside {SILENT} silent connections")
    in_time = sum(second <= SILENT_SECONDS for second in seconds)
    report.figure("silent connections, closed", f"{len(seconds)} of {SILENT}: {spread(seconds)}")
    report.expect(in_time == SILENT, f"silent connections are closed within {SILENT_SECONDS} s: {in_time} of {SILENT}")
    left = fewest_descriptors(process, before, 5)
    report.expect(left <= before, f"descriptors return to {before}: {left}")


async def closing_times(service: Service) -> list[float]:
    port = port_of(service)
    connections = [await connect(port, address(number // 100)) for number in range(SILENT)]
    clients = {connection.getsockname() for connection in connections}
    begun, closed = time.monotonic(), {}
    while len(closed) < SILENT and time.monotonic() - begun < SILENT_SECONDS:
        await asyncio.sleep(0.25)
        for gone in clients - established(service) - closed.keys():
            closed[gone] = time.monotonic() - begun
    for connection in connections:
        abort(connection)
    return list(closed.values())


# Pipelining.

def pipelining_is_bounded(report: Report, service: Service) -> None:
    process = Process(service)
    before = process.resident()
    answers, most, took = asyncio.run(pipeline(port_of(service), process))
    wrong = sorted({answer.status for answer in answers} - {200})
    report.figure(
        f"{PIPELINED} requests at once",
        f"{len(answers)} answered in {in_time(took)}, memory {in_mb(before)} before, {in_mb(most)} at most",
    )
    report.expect(not wrong, f"pipelined requests are answered 200, as long as they are: {wrong}")
    report.expect(bool(answers), "a pipeline is answered, if only its beginning")
    grown = most - before
    report.expect(grown < PIPELINE_MEMORY, f"a pipeline takes under {in_mb(PIPELINE_MEMORY)}: {in_mb(grown)}")
    expect_alive(report, service, JPEG.read_bytes(), "a pipeline")


async def pipeline(port: int, process: Process) -> tuple[list, int, float]:
    """Sends for two seconds without reading, then reads; says what memory the service took at most."""
    connection = await connect(port)
    requests = get("/health") * (PIPELINED - 1) + get("/health", "Connection: close")
    sending = asyncio.ensure_future(send(connection, requests))
    begun, most, data = time.monotonic(), 0, b""
    try:
        for _ in range(20):
            await asyncio.sleep(0.1)
            most = max(most, process.resident())
        parts = []
        while part := await asyncio.wait_for(receive(connection), 30):
            parts.append(part)
            most = max(most, process.resident()) if len(parts) % 20 == 0 else most
        data = b"".join(parts)
    finally:
        sending.cancel()
        connection.close()
    return answers_of_pipeline(data), most, time.monotonic() - begun


def answers_of_pipeline(data: bytes) -> list:
    """Bit by bit: splitting megabytes anew for each answer would take minutes."""
    answers, rest, at, step = [], b"", 0, 65536
    while at < len(data):
        whole, rest = split_answers(rest + data[at : at + step])
        answers, at = answers + whole, at + step
    return answers
