"""Who has too many connections is cut off at once, and nobody else is."""

from __future__ import annotations

import contextlib
import select
import socket
import time

from harness import JPEG, Service
from report import Report
from watched import expect_alive
from wire import HOME, address, get, port_of, post, talk

PER_CLIENT = 256
SOON = 3
GREEDY, OTHER = address(0), address(1)


def check(report: Report, _long: bool) -> None:
    one_client_has_no_more_than_its_share(report)
    all_together_have_no_more_than_the_cap(report)


def one_client_has_no_more_than_its_share(report: Report) -> None:
    """By default."""
    with Service.started() as service, contextlib.ExitStack() as stack:
        port = port_of(service)
        greedy = [opened(stack, port, GREEDY) for _ in range(PER_CLIENT + 100)]
        _, closed = told_soon(greedy)
        kept = len(greedy) - len(closed)
        report.figure("connections of one address", f"{kept} of {len(greedy)} are kept")
        report.expect(kept == PER_CLIENT, f"{PER_CLIENT} connections of one address are kept: {kept}")
        uploads = [post(f"other-{number}.jpg", JPEG.read_bytes()) for number in range(10)]
        others = {talk(port, upload, source=OTHER, more=0.1).told() for upload in uploads}
        report.expect(
            all(told.startswith("201") for told in others), f"another address uploads meanwhile: {sorted(others)}"
        )
        expect_alive(report, service, JPEG.read_bytes(), "too many connections")
        for connection in greedy:
            connection.close()
        time.sleep(1)
        again = talk(port, get("/health"), source=GREEDY, more=0.1)
        is_served = again.told().startswith("200")
        report.expect(is_served, f"who has closed its connections is served again: {again.told()}")


def all_together_have_no_more_than_the_cap(report: Report) -> None:
    """Four addresses with fifteen connections each, where forty are allowed: the rest waits, or is closed."""
    settings = {"MAX_CONNECTIONS": "40", "MAX_CONNECTIONS_PER_CLIENT": "20"}
    with Service.started(**settings) as service, contextlib.ExitStack() as stack:
        crowd = [opened(stack, port_of(service), address(number % 4)) for number in range(60)]
        for connection in crowd:
            with contextlib.suppress(OSError):  # it may be closed already
                connection.sendall(get("/health"))
        served, closed = told_soon(crowd)
        report.figure("connections of all addresses", f"{len(served)} of {len(crowd)} are served, 40 allowed")
        report.expect(len(served) == 40, f"40 connections are served: {len(served)}")
        for connection in served:
            connection.close()
        waiting = [connection for connection in crowd if connection not in served + closed]
        late, closed = told_soon(waiting)
        is_over = len(late) + len(closed) == len(waiting)
        report.expect(is_over, f"those that wait are served once others have gone: {len(late)} of {len(waiting)}")
        for connection in crowd:
            connection.close()
        expect_alive(report, service, JPEG.read_bytes(), "a crowd that has gone")


def opened(stack: contextlib.ExitStack, port: int, source: str) -> socket.socket:
    connection = socket.create_connection((HOME, port), timeout=10, source_address=(source, 0))
    stack.callback(connection.close)
    return connection


def told_soon(connections: list[socket.socket]) -> tuple[list[socket.socket], list[socket.socket]]:
    """Those on which an answer comes within a few seconds, and those that the service closes."""
    waiting = {connection.fileno(): connection for connection in connections}
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLIN)
    served, closed, deadline = [], [], time.monotonic() + SOON
    while waiting and (left := deadline - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            poll.unregister(number)
            connection = waiting.pop(number)
            (served if is_answered(connection) else closed).append(connection)
    return served, closed


def is_answered(connection: socket.socket) -> bool:
    try:
        return connection.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
