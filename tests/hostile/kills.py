"""kill -9 at random moments under load, and a new start on the same folder each time.

Every 201 has both files whole for ever after, no temporary file survives the next start, no file is half-written.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import tempfile
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from harness import JPEG, Service, form, picture_size, sha256, with_comment
from report import Report, in_time, percentile
from stored import THUMBNAILS, UPLOADS, Folder
from watched import expect_alive

SEED = 6
KILLS = {False: 200, True: 1000}
# In the short run it ends here, with as many kills as there were; there have to be some.
SECONDS, LEAST_KILLS = 100, 20
CLIENTS = 4
# Every third upload takes one of a few names again and again, so that versions are moved as well.
SHARED_NAMES = 5
MOMENTS = (0.002, 0.15)


@dataclass
class Taken:
    """What a 201 said."""

    key: str
    sha256: str
    version: str
    thumbnail_key: str
    thumbnail_version: str
    thumbnail_bytes: int


@dataclass
class Run:
    folder: Folder
    thumbnail: bytes = b""
    taken: list[Taken] = field(default_factory=list)
    # The SHA-256 of all that was sent, whether it was answered or not.
    sent: set[str] = field(default_factory=set)
    other: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    kills: int = 0
    left_over: int = 0
    number: int = 0


def check(report: Report, long: bool) -> None:
    moments, begun = random.Random(SEED), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="thumbgate-kills-") as data:
        run = Run(Folder(Path(data)))
        while run.kills < KILLS[long] and (long or time.monotonic() - begun < SECONDS):
            one_life(report, run, moments.uniform(*MOMENTS))
        with started(report, run) as service:
            expect_alive(report, service, JPEG.read_bytes(), f"{run.kills} kills")
            run.sent.add(sha256(JPEG.read_bytes()))
        expect_whole(report, run)
        figures(report, run, time.monotonic() - begun)


def started(report: Report, run: Run):
    """A service on the folder; what the one before left half-written is gone once it is ready."""
    begun = time.monotonic()
    life = Service.started(DATA_DIR=str(run.folder.path), RUST_LOG="warn,thumbgate=info")
    service = life.__enter__()
    run.starts.append(time.monotonic() - begun)
    left = run.folder.temporary()
    report.expect(not left, f"no temporary file survives the start after kill {run.kills}: {left[:3]}")
    return Ended(service, life)


class Ended:
    """A service that is removed at the end, also where it was killed."""

    def __init__(self, service: Service, life) -> None:
        self.service, self.life = service, life

    def __enter__(self) -> Service:
        return self.service

    def __exit__(self, *exception) -> None:
        self.life.__exit__(*exception)


def one_life(report: Report, run: Run, moment: float) -> None:
    with started(report, run) as service, ThreadPoolExecutor(CLIENTS) as pool:
        over = threading.Event()
        if not run.thumbnail:
            first = service.upload("first.jpg", JPEG.read_bytes()).expect(201).json()
            run.sent.add(sha256(JPEG.read_bytes()))
            run.thumbnail = service.request("GET", f"/thumbnails/{first['thumbnail']['key']}").expect(200).body
        clients = [pool.submit(upload_until_killed, run, service, over, which) for which in range(CLIENTS)]
        time.sleep(moment)  # the kill is to come at any moment of an upload's life
        service.signal(signal.SIGKILL)
        over.set()
        for client in clients:
            client.result(timeout=30)
    run.kills += 1
    run.left_over += len(run.folder.temporary())


def upload_until_killed(run: Run, service: Service, over: threading.Event, which: int) -> None:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.url).netloc, timeout=20)
    try:
        while not over.is_set():
            number = run.number = run.number + 1
            is_shared = number % 3 == 0
            name = f"shared-{number % SHARED_NAMES}.jpg" if is_shared else f"kill-{run.kills}-{which}-{number}.jpg"
            content = with_comment(JPEG.read_bytes(), f"{run.kills} {which} {number}")
            run.sent.add(sha256(content))
            body, content_type = form([(name, content)])
            connection.request("POST", "/uploads", body, {"Content-Type": content_type})
            response = connection.getresponse()
            answer = response.read()
            remember(run, response.status, answer, sha256(content))
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def remember(run: Run, status: int, answer: bytes, digest: str) -> None:
    if status != 201:
        run.other.append(f"{status} {answer[:200]!r}")
        return
    record = taken_of(answer)
    assert record.sha256 == digest, f"the record has another SHA-256: {answer!r}"
    run.taken.append(record)


def taken_of(answer: bytes) -> Taken:
    record = json.loads(answer)
    upload, thumbnail = record["upload"], record["thumbnail"]
    return Taken(
        upload["key"], upload["sha256"], upload["version_id"],
        thumbnail["key"], thumbnail["version_id"], thumbnail["bytes"],
    )


# What is in the folder at the end. Nothing that was whole once may have been lost to a later kill.

def expect_whole(report: Report, run: Run) -> None:
    folder, thumbnail = run.folder, sha256(run.thumbnail)
    assert picture_size(run.thumbnail) == ("image/jpeg", 150, 113), "the thumbnail that all others are to be like"
    lost = [
        taken for taken in run.taken
        if not folder.has(UPLOADS, taken.key, taken.version, taken.sha256)
        or not folder.has(THUMBNAILS, taken.thumbnail_key, taken.thumbnail_version, thumbnail)
        or taken.thumbnail_bytes != len(run.thumbnail)
    ]
    originals = folder.visible(UPLOADS) + folder.versions(UPLOADS)
    thumbnails = folder.visible(THUMBNAILS) + folder.versions(THUMBNAILS)
    half = [file for file in originals if folder.digest(file) not in run.sent]
    half += [file for file in thumbnails if folder.digest(file) != thumbnail]
    report.figure("201 with both files whole", f"{len(run.taken) - len(lost)} of {len(run.taken)}")
    report.figure("files", f"{len(originals)} originals, {len(thumbnails)} thumbnails, {len(half)} of them not whole")
    report.expect(not lost, f"every 201 has both files whole: {len(lost)} have not, such as {lost[:2]}")
    report.expect(not half, f"no file is half-written: {half[:3]}")
    broken = folder.broken_records()
    report.expect(not broken, f"records stay whole: {broken[:3]}")
    report.expect(len(run.taken) > run.kills, f"kills come under load: {len(run.taken)} uploads were taken")
    report.expect(not run.other, f"uploads are taken until the kill: {run.other[:2]}")


def figures(report: Report, run: Run, seconds: float) -> None:
    report.figure("kills", f"{run.kills} in {in_time(seconds)}, {run.left_over} temporary files left to the next start")
    starts = f"p50 {in_time(percentile(run.starts, 50))}, most {in_time(percentile(run.starts, 100))}"
    report.figure("starts", f"{len(run.starts)}, {starts}")
    report.expect(run.kills >= LEAST_KILLS, f"at least {LEAST_KILLS} kills: {run.kills}")
