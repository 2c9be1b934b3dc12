"""Good, bad, hostile and aborted requests at full load: memory and descriptors stay flat, good uploads are right."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import random
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import bad_pictures
import request_shapes as shapes
from harness import JPEG, PNG, Service, sha256
from pictures import busy_png, large_jpeg, late_png
from report import Report, in_mb, spread
from watched import MOST_MEMORY, Process, expect_alive, expect_no_fault, fewest_descriptors
from wire import abort, address, connect, exchange, get, port_of, post, post_parts, put_head, put_parts, send

SEED = 7
SECONDS = {False: 120, True: 1800}
# Memory is looked at once the first fifth, or five minutes, are over.
SETTLED = {False: 24, True: 300}
# Requests under way only ever add to it: what grows for good shows in the least of each span of so many seconds.
SPAN = {False: 8, True: 30}
# In MB per 10 minutes. In so short a run a few pages of the allocator's look steep.
STEEPEST = {False: 30.0, True: 1.0}
# So many clients of each kind, and how long each rests between two requests: good ones leave files behind.
CLIENTS = {"good": 4, "bad": 3, "hostile": 3, "aborted": 3, "stalled": 6}
RESTS = {"good": 0.1, "bad": 0.0, "hostile": 0.02, "aborted": 0.01, "stalled": 0.0}
NAMES = 50
MEMORY_FOLDER = Path("/dev/shm")
# Half an hour of lines for each upload and refusal would be our memory, not the service's.
QUIET = "error,thumbgate=info,thumbgate::app=error,thumbgate::http=error"


@dataclass
class Load:
    port: int
    data: Path
    pictures: dict[str, bytes]
    # SHA-256 of each picture's first thumbnail.
    thumbnails: dict[str, str]
    ends: float
    counts: collections.Counter = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))


def check(report: Report, long: bool) -> None:
    with data_folder() as data, Service.started(DATA_DIR=str(data), RUST_LOG=QUIET) as service:
        process = Process(service)
        load = Load(port_of(service), data, *pictures(service), time.monotonic() + SECONDS[long])
        descriptors, begun = process.descriptors(), time.monotonic()
        processor = process.processor_seconds()
        asyncio.run(run(load, process))
        passed = time.monotonic() - begun
        busy = (process.processor_seconds() - processor) / passed
        kinds = ", ".join(f"{load.counts[kind]} {kind}" for kind in CLIENTS)
        report.figure(f"requests in {passed:.0f} s", f"{kinds}; the service took {busy:.2f} cores")
        report.figure("good uploads", f"{spread(load.seconds)}; {len(load.wrong)} not right")
        report.expect(not load.wrong, f"every good upload is right: {load.wrong[:3]}")
        report.expect(load.counts["good"] > passed / 5, f"good uploads go on: {load.counts['good']}")
        expect_flat(report, load, long)
        left = fewest_descriptors(process, int(descriptors * 1.05), 15)
        report.figure("descriptors", f"{descriptors} at the start, {left} afterwards")
        report.expect(left <= descriptors * 1.05, f"descriptors return to {descriptors} +5 %: {left}")
        report.expect(process.peak() < MOST_MEMORY, f"memory stays under budget + 40 MB: {in_mb(process.peak())}")
        expect_alive(report, service, JPEG.read_bytes(), "mixed load")
        expect_no_fault(report, service)


@contextlib.contextmanager
def data_folder():
    """In memory where that can be: this is about the processor, and removing thousands of files takes minutes."""
    folder = Path(tempfile.mkdtemp(prefix="thumbgate-mixed-", dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pictures(service: Service) -> tuple[dict[str, bytes], dict[str, str]]:
    service.upload("aborted.jpg", large_jpeg()).expect(201)
    contents = {"small.jpg": JPEG.read_bytes(), "small.png": PNG.read_bytes(), "large.png": busy_png()}
    digests = {}
    for name, content in contents.items():
        record = service.upload(name, content).expect(201).json()
        digests[name] = sha256(service.request("GET", f"/thumbnails/{record['thumbnail']['key']}").expect(200).body)
    return contents, digests


async def run(load: Load, process: Process) -> None:
    clients = {"good": good, "bad": bad, "hostile": hostile, "aborted": aborted, "stalled": stalled}
    tasks = [
        asyncio.ensure_future(again_and_again(load, kind, clients[kind], number))
        for kind in CLIENTS for number in range(CLIENTS[kind])
    ]
    begun = time.monotonic()
    while time.monotonic() < load.ends:
        await asyncio.sleep(1)
        load.memory.append((time.monotonic() - begun, process.resident()))
        if len(load.memory) % 10 == 0:
            sweep(load.data)
    await asyncio.wait_for(asyncio.gather(*tasks), 60)


def sweep(data: Path) -> None:
    """Earlier versions of what is uploaded again and again would fill the folder in half an hour."""
    for key in data.glob("*/.thumbgate/versions/*"):
        for file in sorted(key.iterdir(), key=lambda file: int(file.stem))[:-5]:
            file.unlink()


async def again_and_again(load: Load, kind: str, client, number: int) -> None:
    while time.monotonic() < load.ends:
        try:
            await client(load, number)
        except (OSError, asyncio.TimeoutError) as error:
            if kind == "good":
                load.wrong.append(repr(error))
        load.counts[kind] += 1
        await asyncio.sleep(RESTS[kind])


# The clients, each kind from an address of its own.

async def good(load: Load, number: int) -> None:
    """Busy is no wrong answer, and who hears it comes back later."""
    # A name always has the same picture, so that its thumbnail is always the same too.
    which, begun = load.chance.choice([*load.pictures]), time.monotonic()
    name = f"{load.chance.randrange(NAMES)}-{which}"
    make = load.chance.choice((put_parts, post_parts))
    answer = await exchange(load.port, *make(name, load.pictures[which]), source=address(number))
    if answer is not None and answer.status == 503 and "retry-after" in answer.headers:
        load.counts["busy"] += 1
        return await asyncio.sleep(int(answer.headers["retry-after"]))
    load.seconds.append(time.monotonic() - begun)
    if answer is None or answer.status != 201:
        return load.wrong.append(f"{name}: {answer and (answer.status, answer.body[:200])}")
    key = answer.json()["thumbnail"]["key"]
    thumbnail = await exchange(load.port, get(f"/thumbnails/{key}"), source=address(number))
    if thumbnail is None or thumbnail.status != 200 or sha256(thumbnail.body) != load.thumbnails[which]:
        load.wrong.append(f"{key}: {thumbnail and (thumbnail.status, len(thumbnail.body))}")


# Large bodies under way would hide what memory does in the long run.
SMALL = 100_000
BAD = [(bad.name, bad.content) for bad in bad_pictures.all_bad() if len(bad.content) <= SMALL]


async def bad(load: Load, number: int) -> None:
    """Most are decoded almost to their end before anything is wrong with them: that keeps the cores busy."""
    broken_at_the_end = "late.png", late_png()
    name, content = broken_at_the_end if load.chance.random() < 0.7 else load.chance.choice(BAD)
    answer = await exchange(load.port, *post_parts(name, content), source=address(10 + number))
    if answer is not None and answer.status in (200, 201, 500):
        load.wrong.append(f"a bad file is answered {answer.status}")


SHAPES = [shape.request for rows in (*shapes.REFUSED.values(), shapes.CLOSED, shapes.HIDDEN) for shape in rows]


async def hostile(load: Load, number: int) -> None:
    """Does not wait long for an answer."""
    with contextlib.suppress(asyncio.TimeoutError):
        await exchange(load.port, load.chance.choice(SHAPES), source=address(20 + number), seconds=0.2)


async def aborted(load: Load, number: int) -> None:
    """Breaks off in the middle of a request or of the answer, in order or by a reset."""
    connection = await connect(load.port, address(30 + number), slow_reader=load.chance.random() < 0.2)
    try:
        request = load.chance.choice((
            post("aborted.jpg", large_jpeg()[: 10 * SMALL]), put_head("aborted.jpg", 32 << 20),
            get("/uploads/aborted.jpg"), get("/limits") * 200,
        ))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(send(connection, request[: load.chance.randrange(1, len(request))]), 0.1)
        await asyncio.sleep(load.chance.random() * 0.05)
    finally:
        abort(connection) if load.chance.random() < 0.5 else connection.close()


async def stalled(load: Load, number: int) -> None:
    """Sends a part and then nothing for a while."""
    connection = await connect(load.port, address(40 + number))
    try:
        request = load.chance.choice((get("/limits")[:20], put_head("stalled.jpg", 32 << 20) + JPEG.read_bytes(), b""))
        await asyncio.wait_for(send(connection, request), 5)
        await asyncio.sleep(min(load.chance.random() * 15, max(0, load.ends - time.monotonic())))
    finally:
        connection.close()


# What is expected.

def expect_flat(report: Report, load: Load, long: bool) -> None:
    settled = [(second, count) for second, count in load.memory if second > SETTLED[long]]
    spans = itertools.groupby(settled, lambda point: point[0] // SPAN[long])
    steep = slope([min(span, key=lambda point: point[1]) for _, span in spans]) * 600 / 1e6
    counts = [count for _, count in settled]
    report.figure("memory once settled", f"{in_mb(min(counts))} to {in_mb(max(counts))}")
    report.figure(
        "its slope by least squares",
        f"{steep:+.2f} MB in 10 minutes without requests under way, {slope(settled) * 600 / 1e6:+.2f} MB with them",
    )
    report.expect(steep < STEEPEST[long], f"memory grows by less than {STEEPEST[long]} MB in 10 minutes: {steep:.2f}")


def slope(points: list[tuple[float, float]]) -> float:
    """Of the line of least squares."""
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points))
    above = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return above / sum((x - mean_x) ** 2 for x, _ in points)
