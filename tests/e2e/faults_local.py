"""The local store's faults: disks that are full, without room for names, read-only, gone, or that hang."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness import JPEG, PROGRAM, Service, bare_environment, contains, equal, files_under, sha256, until, with_comment
from volumes import PAGE, THUMBNAILS, UPLOADS, Volumes, can_mount, unchecked

FAULTS = ("full", "no names left", "read-only", "not mounted")
PLACES = {"first put": [UPLOADS], "second put": [THUMBNAILS], "both": [UPLOADS, THUMBNAILS]}
CAUSES = {
    "full": "No space left on device", "no names left": "No space left on device",
    "read-only": "Read-only file system", "not mounted": "bring the folder back",
}


@dataclass
class Row:
    """One cell of the matrix, and what was seen."""

    fault: str
    place: str
    outcome: str = "FAILED"
    ready: str = ""


def the_fault_matrix_on_the_local_store() -> None:
    if not can_mount():
        return unchecked("the local store on full, read-only and missing disks: file systems can't be mounted here")
    rows = [Row(fault, place) for fault in FAULTS for place in PLACES]
    failures = [failure for failure in map(failure_of, rows) if failure]
    print(f"   {'fault':14} {'on':11} {'upload':24} /ready meanwhile")
    for row in rows:
        print(f"   {row.fault:14} {row.place:11} {row.outcome:24} {row.ready}", flush=True)
    assert not failures, "\n".join(failures)
    return None


def failure_of(row: Row) -> str | None:
    try:
        with Volumes() as volumes, Service.started(DATA_DIR=str(volumes.data)) as service:
            run(row, volumes, service)
    except AssertionError as error:
        return f"{row.fault} on {row.place}: {error}"
    return None


def run(row: Row, volumes: Volumes, service: Service) -> None:
    before, during, after = (with_comment(JPEG.read_bytes(), when) for when in ("before", "during", "after"))
    service.upload("a.jpg", before).expect(201)
    stored = everything(volumes)
    for name in PLACES[row.place]:
        volumes.break_as(row.fault, name)
    for name in ("a.jpg", "new/b.jpg"):
        answer = service.request("PUT", f"/uploads/{name}", during)
        row.outcome = f"{answer.status} {answer.json().get('code', '')}".strip()
        equal(row.outcome, "502 storage-unavailable", "the answer")
    causes = until(lambda: [line["cause"] for line in service.logged(level="ERROR", message="request failed")], 5, "a cause in the log")
    contains(causes[-1], CAUSES[row.fault], "the cause in the log")
    row.ready = str(service.request("GET", "/ready").status)
    equal(row.ready, "503", "/ready")
    for name in PLACES[row.place]:
        volumes.mend(row.fault, name)
    # What could not be taken back at once is in the log, and taken back now.
    until(lambda: everything(volumes) == stored, 30, f"what is stored is what was stored: {everything(volumes).keys()}")
    equal(service.request("GET", "/uploads/a.jpg").body == before, True, "the earlier file is shown")
    equal(service.request("GET", "/ready").status, 200, "/ready once it is mended")
    record = service.upload("a.jpg", after).expect(201).json()
    equal(service.request("GET", "/uploads/a.jpg").body == after, True, "the next upload is shown")
    kept = [content for path, content in everything(volumes, hidden=True).items() if "/versions/a.jpg/" in path]
    assert before in kept and during not in kept, f"the earlier file is kept as a version of {record}"
    equal([path for path in everything(volumes, hidden=True) if "/tmp/" in path], [], "temporary files")


def everything(volumes: Volumes, hidden: bool = False) -> dict[str, bytes]:
    return shown(volumes.disks, hidden)


def shown(folder: Path, hidden: bool = False) -> dict[str, bytes]:
    """What a person sees, or else what lies in the hidden folders, while it may be changing."""
    found = {}
    for path in folder.rglob("*.*"):
        if (".thumbgate" in path.parts) == hidden and path.is_file():
            with contextlib.suppress(FileNotFoundError):
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def a_disk_that_hangs_is_given_up_and_what_it_does_late_is_nothing() -> None:
    """On each of the two disks and on both: locks that can't be had are as good as a network drive that hangs."""
    with ThreadPoolExecutor(3) as pool:
        for place, seconds, mended in pool.map(hang, PLACES):
            print(f"   {'hangs':14} {place:11} 504 storage-timeout in {seconds:.1f} s; all as before {mended:.1f} s after", end="")
            print(" it was mended", flush=True)


def hang(place: str) -> tuple[str, float, float]:
    """How long the answer took, and how long after the mending nothing of the upload was left."""
    before, during, after = (with_comment(JPEG.read_bytes(), when) for when in ("before", "during", "after"))
    with Service.started() as service:
        service.upload("a.jpg", before).expect(201)
        stored = shown(service.data)
        for name in PLACES[place]:
            for lock in locks(service.data / name):
                lock.unlink(missing_ok=True)
                os.mkfifo(lock)  # who opens it for writing waits until somebody opens it for reading
        begun = time.monotonic()
        service.upload("a.jpg", during).expect_problem(504, "storage-timeout")
        seconds = time.monotonic() - begun
        assert 15 < seconds < 25, f"three attempts of 5 s, and what can be undone at once: {seconds:.1f} s"
        held = [os.open(lock, os.O_RDONLY | os.O_NONBLOCK) for name in PLACES[place] for lock in locks(service.data / name)]
        for name in PLACES[place]:
            for lock in locks(service.data / name):
                lock.with_suffix(".new").touch()
                lock.with_suffix(".new").rename(lock)
        mended = time.monotonic()
        until(lambda: shown(service.data) == stored, 40, "nothing of the upload is left")
        mended = time.monotonic() - mended
        equal(service.request("GET", "/uploads/a.jpg").body == before, True, "the earlier file is shown")
        until(lambda: service.upload("a.jpg", after).status == 201, 20, "uploads end well again")
        equal(service.request("GET", "/uploads/a.jpg").body == after, True, "the next upload is shown")
        gone = lambda: during not in [*shown(service.data).values(), *shown(service.data, hidden=True).values()]  # noqa: E731
        until(gone, 5, "nothing is left of the upload that was given up")
        for descriptor in held:
            os.close(descriptor)
        return place, seconds, mended


def locks(bucket: Path) -> list[Path]:
    return [bucket / ".thumbgate" / "locks" / f"{number:02}" for number in range(64)]


def a_disk_that_fills_up_at_any_point_of_an_upload_stores_both_or_neither() -> None:
    """Page by page: first the bytes find no room, then the record of them, then a folder, at last all of it fits."""
    if not can_mount():
        return unchecked("the local store on a disk that fills up half-way: file systems can't be mounted here")
    before, seen = JPEG.read_bytes(), []
    pages = len(before) // PAGE + 6
    for bucket in (UPLOADS, THUMBNAILS):
        with Volumes() as volumes, Service.started(DATA_DIR=str(volumes.data)) as service:
            service.upload("a.jpg", before).expect(201)
            for free in range(pages):
                during = with_comment(before, f"{bucket} {free}")
                volumes.break_as("full", bucket)
                volumes.free_pages(bucket, free)
                answers = [service.request("PUT", f"/uploads/{key}", during) for key in ("a.jpg", f"{free}/new/b.jpg")]
                seen += [answer.status for answer in answers]
                volumes.mend("full", bucket)
                equal({answer.status for answer in answers} - {201, 502}, set(), "the answers")
                before = during if answers[0].status == 201 else before
                equal(service.request("GET", "/uploads/a.jpg").body == before, True, f"what is shown with {free} pages left")
                until(lambda: unpaired(volumes) == set(), 30, f"what stands without its partner: {unpaired(volumes)}")
                new = service.request("GET", f"/uploads/{free}/new/b.jpg")
                equal(new.status, 200 if answers[1].status == 201 else 404, "the new key")
    print(f"   {len(seen)} uploads with 0 to {pages - 1} pages left: {seen.count(201)} stored, {seen.count(502)} refused", flush=True)
    assert 0 < seen.count(201) < len(seen), "both must have been seen"
    return None


def unpaired(volumes: Volumes) -> set[str]:
    originals, thumbnails = (set(shown(volumes.disk(name))) for name in (UPLOADS, THUMBNAILS))
    return originals ^ {path.replace("-thumbnail.", ".") for path in thumbnails}


def a_file_that_cannot_be_taken_back_is_named_and_taken_back_later() -> None:
    """An append-only folder takes new files and gives none back."""
    if not can_mount():
        return unchecked("the local store's removals that fail: file systems can't be mounted here")
    with Volumes() as volumes, Service.started(DATA_DIR=str(volumes.data)) as service:
        service.upload("a.jpg", JPEG.read_bytes()).expect(201)
        stored = everything(volumes)
        volumes.break_as("full", THUMBNAILS)
        if subprocess.run(["chattr", "+a", volumes.disk(UPLOADS)], check=False, capture_output=True).returncode:
            return unchecked("the local store's removals that fail: no append-only folders here")
        service.upload("b.jpg", JPEG.read_bytes()).expect_problem(502, "storage-unavailable")
        equal([path for path in everything(volumes) if path.endswith("b.jpg")], [f"{UPLOADS}/b.jpg"], "the orphan")
        line = until(lambda: service.logged(level="WARN", key="b.jpg"), 5, "the orphan is in the log")[0]
        equal((line["bucket"], line["partner_key"]), (UPLOADS, "b-thumbnail.jpg"), "what the line names")
        assert line["upload_id"], line
        subprocess.run(["chattr", "-a", volumes.disk(UPLOADS)], check=True)
        volumes.mend("full", THUMBNAILS)
        until(lambda: everything(volumes) == stored, 30, "the orphan is gone")
    return None


def a_start_that_cannot_work_names_the_folder_and_what_to_do() -> None:
    if not can_mount():
        return unchecked("starts on full and read-only disks: file systems can't be mounted here")
    for fault in ("full", "read-only"):
        with Volumes() as volumes:
            volumes.break_as(fault, UPLOADS)
            environment = bare_environment(volumes.home) | {"LISTEN": "127.0.0.1:0", "DATA_DIR": str(volumes.data)}
            done = subprocess.run([PROGRAM], env=environment, capture_output=True, check=False, timeout=30)
            said = done.stderr.decode()
            equal(done.returncode, 1, f"the exit status on a disk that is {fault}: {said}")
            for part in (f"DATA_DIR={volumes.data}", UPLOADS, "the store needs one where", CAUSES[fault]):
                contains(said, part, f"what is said on a disk that is {fault}")
            volumes.mend(fault, UPLOADS)
            with Service.started(DATA_DIR=str(volumes.data)) as service:
                service.upload("a.jpg", JPEG.read_bytes()).expect(201)
    return None


def a_folder_that_is_taken_away_does_not_come_back_empty() -> None:
    with Service.started() as service:
        service.upload("a.jpg", JPEG.read_bytes()).expect(201)
        aside = service.folder / "aside"
        service.data.rename(aside)
        codes = {service.upload("a.jpg", JPEG.read_bytes()).json()["code"] for _ in range(12)}
        equal(codes, {"storage-unavailable", "not-ready"}, "a store without its folder fails, then is known to be down")
        equal(service.data.exists(), False, "whether a new folder appeared")
        aside.rename(service.data)
        until(lambda: service.request("GET", "/ready").status == 200, 25, "/ready turns green by itself")
        equal(service.request("GET", "/uploads/a.jpg").body == JPEG.read_bytes(), True, "what was there is there")
        service.upload("a.jpg", JPEG.read_bytes()).expect(201)


def two_processes_on_one_folder_lose_nothing_also_when_one_is_killed() -> None:
    home = Path(tempfile.mkdtemp(prefix="shared-"))
    accepted: list[tuple[str, str, str]] = []
    try:
        with Service.started(DATA_DIR=str(home)) as one, Service.started(DATA_DIR=str(home)) as other:
            with ThreadPoolExecutor(8) as pool:
                for number in range(200):
                    pool.submit(upload, (one, other)[number % 2], number, accepted)
                until(lambda: len(accepted) > 60, 60, "the uploads are under way")
                other.signal(signal.SIGKILL)
            with Service.started(DATA_DIR=str(home)) as third:
                third.upload("afterwards.jpg", JPEG.read_bytes()).expect(201)
            stored = {sha256(content) for path, content in files_under(home / UPLOADS).items() if path.endswith(".jpg")}
            lost = [name for name, digest, _ in accepted if digest not in stored]
            print(f"   {len(accepted)} of 200 accepted by two processes, one of them killed", flush=True)
            assert len(accepted) >= 100, "the one that lives takes all of its uploads"
            equal(lost, [], "accepted uploads that are lost")
            ids = [(name, version) for name, _, version in accepted]
            equal(len(set(ids)), len(ids), "different version ids")
            equal(list((home / UPLOADS / ".thumbgate" / "tmp").iterdir()), [], "temporary files after a start")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def upload(service: Service, number: int, accepted: list) -> None:
    name, content = f"shared-{number % 5}.jpg", with_comment(JPEG.read_bytes(), f"upload {number}")
    with contextlib.suppress(OSError, EOFError):
        answer = service.upload(name, content)
        accepted.append((name, sha256(content), answer.expect(201).json()["upload"]["version_id"]))


CHECKS = [
    the_fault_matrix_on_the_local_store,
    a_disk_that_hangs_is_given_up_and_what_it_does_late_is_nothing,
    a_disk_that_fills_up_at_any_point_of_an_upload_stores_both_or_neither,
    a_file_that_cannot_be_taken_back_is_named_and_taken_back_later,
    a_start_that_cannot_work_names_the_folder_and_what_to_do,
    a_folder_that_is_taken_away_does_not_come_back_empty,
    two_processes_on_one_folder_lose_nothing_also_when_one_is_killed,
]
