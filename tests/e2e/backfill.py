#!/usr/bin/env python3
"""`thumbgate backfill` on a real S3 (SeaweedFS) and on a folder: killed on the way, beside live uploads, and with a
store that goes away."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import seaweedfs
from botocore.exceptions import ClientError
from harness import (
    JPEG, PNG, PROGRAM, Service, bare_environment, contains, equal, files_under, sha256, until, with_comment,
)
from s3 import Buckets

OBJECTS, DONE_EVERY, BROKEN_EVERY, NOTES = 5_000, 10, 50, 20
MOST_KILOBYTES = 100 * 1000
AT_ONCE = 16


# The program.

class Backfill:
    """A run under way, watched: its log, and the most memory that it had."""

    def __init__(self, settings: dict[str, str], *arguments: str, folder: Path = Path("/")) -> None:
        command = [PROGRAM, "backfill", "--report-every", "100ms", *arguments]
        self.process = subprocess.Popen(
            command, env=bare_environment(Path("/")) | settings, cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.lines: list[dict] = []
        self.kilobytes = 0
        self.said = ""
        self.threads = [threading.Thread(target=target) for target in (self._read_log, self._read_output, self._watch)]
        for thread in self.threads:
            thread.start()

    def done(self) -> int:
        """How many originals it has looked at, by its own word."""
        return max((line.get("done", 0) for line in self.lines if line["message"] == "the backfill goes on"), default=0)

    def kill_at(self, done: int) -> None:
        until(lambda: self.done() >= done or self.process.poll() is not None, 120, f"{done} originals are looked at")
        assert self.process.poll() is None, f"it ended before it could be killed: {self.said}"
        self.process.kill()
        equal(self.end(), -signal.SIGKILL, "the exit status of a killed run")

    def end(self) -> int:
        try:
            status = self.process.wait(timeout=240)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for thread in self.threads:
            thread.join(timeout=5)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
        return status

    def numbers(self) -> dict[str, int]:
        """The summary, by the first words of each line."""
        found = re.findall(r"^ +(\d+)  (.+)$", self.said, re.MULTILINE)
        assert found, f"no summary: {self.said}\n{self.lines[-10:]}"
        return {" ".join(re.split("[:;,(]", what)[0].split()): int(number) for number, what in found}

    def expect(self, status: int, **numbers: int) -> "Backfill":
        equal(self.end(), status, f"the exit status ({self.said} {self.lines[-5:]})")
        summary = self.numbers()
        for words, number in numbers.items():
            equal(summary[words.replace("_", " ")], number, f"{words} in the summary ({summary})")
        return self

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self.lines.append(json.loads(line))

    def _read_output(self) -> None:
        self.said = self.process.stdout.read()

    def _watch(self) -> None:
        while self.process.poll() is None:
            with contextlib.suppress(OSError, ProcessLookupError):
                status = Path(f"/proc/{self.process.pid}/status").read_text()
                found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
                self.kilobytes = max(self.kilobytes, int(found[1]) if found else 0)
            time.sleep(0.02)


# What lies in the bucket.

def small_pictures() -> tuple[bytes, bytes]:
    """A small JPEG and a small PNG: thumbnails are pictures, too."""
    with tempfile.TemporaryDirectory() as folder:
        command = [PROGRAM, "thumbnail", str(JPEG), str(PNG), "--out", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return (Path(folder) / "image1-thumbnail.jpg").read_bytes(), (Path(folder) / "image2-thumbnail.png").read_bytes()


def with_text(png: bytes, text: str) -> bytes:
    """The same PNG in other bytes: a tEXt chunk behind the header."""
    chunk = b"tEXt" + b"Comment\0" + text.encode()
    return png[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]


def originals(count: int) -> dict[str, bytes]:
    """Keys and distinct contents; every BROKEN_EVERYth is cut in half."""
    jpeg, png = small_pictures()
    made = {}
    for number in range(count):
        key = f"photo-{number:05}" if number % 3 else f"2026/{number % 12:02}/photo-{number:05}"
        key, content = (
            (f"{key}.PNG", with_text(png, str(number))) if number % 7 == 0 else (f"{key}.jpg", with_comment(jpeg, str(number)))
        )
        made[key] = content[: len(content) // 2] if is_broken(number) else content
    return made


def is_broken(number: int) -> bool:
    return number % BROKEN_EVERY == 1


def is_done_before(number: int) -> bool:
    return number % DONE_EVERY == 0


def thumbnail_of(key: str) -> str:
    stem, extension = key.rsplit(".", 1)
    return f"{stem}-thumbnail.{extension}"


def put_all(buckets: Buckets, contents: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        putting = [
            pool.submit(buckets.client.put_object, Bucket=buckets.uploads, Key=key, Body=content)
            for key, content in contents.items()
        ]
        for put in putting:
            put.result()


def all_versions(buckets: Buckets, bucket: str) -> tuple[dict[str, list[str]], int]:
    """Version ids by key, and how many marks of deletion there are."""
    found: dict[str, list[str]] = {}
    markers = 0
    for page in buckets.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            found.setdefault(version["Key"], []).append(version["VersionId"])
        markers += len(page.get("DeleteMarkers", []))
    return found, markers


def state(buckets: Buckets) -> list:
    return [all_versions(buckets, bucket) for bucket in (buckets.uploads, buckets.thumbnails)]


# The checks.

def five_thousand_objects_and_two_kills_come_to_the_exact_state() -> None:
    buckets, contents = Buckets(), originals(OBJECTS)
    numbers = {key: number for number, key in enumerate(contents)}
    broken = [key for key, number in numbers.items() if is_broken(number)]
    done = {key: content for key, content in contents.items() if is_done_before(numbers[key])}
    equal((len(broken), len(done)), (OBJECTS // BROKEN_EVERY, OBJECTS // DONE_EVERY), "how many are broken and done")
    with Service.started(**buckets.settings()) as service, ThreadPoolExecutor(AT_ONCE) as pool:
        for answer in pool.map(lambda item: service.request("PUT", f"/uploads/{item[0]}", item[1]), done.items()):
            answer.expect(201)
    put_all(buckets, {key: content for key, content in contents.items() if key not in done})
    put_all(buckets, {f"notes-{number}.txt": b"no picture" for number in range(NOTES)})
    before = all_versions(buckets, buckets.uploads)

    look = Backfill(buckets.settings(), "--dry-run").expect(
        0, originals_looked_at=OBJECTS, thumbnails_missing=OBJECTS - len(done), already_right=len(done), stale=0,
        not_pictures_by_their_names=NOTES,
        bytes_to_read=sum(len(content) for key, content in contents.items() if key not in done),
    )
    contains(look.said, f"{OBJECTS - len(done)} GET", "the estimate")

    runs = [Backfill(buckets.settings())]
    runs[0].kill_at(OBJECTS * 3 // 10)
    runs.append(Backfill(buckets.settings()))
    runs[1].kill_at(OBJECTS * 6 // 10)
    there = len(all_versions(buckets, buckets.thumbnails)[0])
    begun = time.monotonic()
    runs.append(Backfill(buckets.settings()).expect(
        0, originals_looked_at=OBJECTS, thumbnails_created=OBJECTS - len(broken) - there, already_right=there,
        rejected=len(broken), failed=0, not_pictures_by_their_names=NOTES, gone_meanwhile=0,
    ))
    seconds = time.monotonic() - begun
    equal(all_versions(buckets, buckets.uploads), before, "the originals")
    is_exact(buckets, contents, broken, set(done), before[0])

    after = state(buckets)
    again = Backfill(buckets.settings()).expect(
        0, thumbnails_created=0, already_right=OBJECTS - len(broken), rejected=len(broken), failed=0,
    )
    equal(state(buckets), after, "what a second run changes")
    peak = max(run.kilobytes for run in [look, *runs, again])
    assert 0 < peak < MOST_KILOBYTES, f"the most memory was {peak} kB"
    print(f"   killed at {runs[0].done()} and {runs[1].done()}, {there} thumbnails then; the rest in {seconds:.1f} s; "
          f"at most {peak / 1000:.1f} MB", flush=True)


def is_exact(buckets: Buckets, contents: dict, broken: list, by_upload: set, versions: dict) -> None:
    """Each good original has one thumbnail, made of it; each broken one is marked."""
    good = [key for key in contents if key not in set(broken)]
    thumbnails, markers = all_versions(buckets, buckets.thumbnails)
    equal(sorted(thumbnails), sorted(thumbnail_of(key) for key in good), "the thumbnails' keys")
    equal(([key for key, ids in thumbnails.items() if len(ids) > 1], markers), ([], 0), "versions and deletions too many")

    def is_of_its_original(key: str) -> None:
        metadata = buckets.client.head_object(Bucket=buckets.thumbnails, Key=thumbnail_of(key))["Metadata"]
        equal(metadata["source-sha256"], sha256(contents[key]), f"source-sha256 of {key}")
        if key not in by_upload:
            equal(metadata["source-version-id"], versions[key][0], f"source-version-id of {key}")

    def is_marked(key: str) -> None:
        tags = buckets.client.get_object_tagging(Bucket=buckets.uploads, Key=key)["TagSet"]
        expected = {"thumbnail": "rejected", "thumbnail-code": "corrupt-image"}
        equal({tag["Key"]: tag["Value"] for tag in tags}, expected, f"the tags of {key}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(is_of_its_original, good))
        list(pool.map(is_marked, broken))


def repair_removes_what_is_ours_and_alone_and_hides_nothing() -> None:
    buckets, content = Buckets(), JPEG.read_bytes()
    with Service.started(**buckets.settings()) as service:
        for key in ("kept.jpg", "lost.jpg", "twice.jpg", "twice.jpg"):
            service.upload(key, content).expect(201)
    for key in ("lost.jpg", "twice.jpg"):
        buckets.client.delete_object(Bucket=buckets.uploads, Key=key)
    for key in ("foreign-thumbnail.jpg", "logo.jpg"):
        buckets.client.put_object(Bucket=buckets.thumbnails, Key=key, Body=content)
    before = state(buckets)
    Backfill(buckets.settings(), "--repair").expect(0, removed=0, too_young_to_be_removed=2)
    equal(state(buckets), before, "what is changed while uploads may be under way")
    time.sleep(1.1)  # not a wait for something: so old they have to be
    Backfill(buckets.settings(), "--repair", "--dry-run", "--min-age", "1s").expect(0, to_be_removed=2)
    equal(state(buckets), before, "what a dry run changes")
    Backfill(buckets.settings(), "--repair", "--min-age", "1s").expect(0, removed=2, not_made_by_thumbgate=2)
    thumbnails, markers = all_versions(buckets, buckets.thumbnails)
    equal(sorted(thumbnails), ["foreign-thumbnail.jpg", "kept-thumbnail.jpg", "logo.jpg"], "what is left")
    equal(markers, 0, "marks of deletion")
    equal(all_versions(buckets, buckets.uploads), before[0], "the originals")


def repair_works_without_versions_and_on_what_is_older_than_they_are() -> None:
    buckets, content = Buckets(versioned=False), JPEG.read_bytes()
    with Service.started(**buckets.settings()) as service:
        for key in ("kept.jpg", "first.jpg", "second.jpg"):
            service.upload(key, content).expect(201)
    repair = ("--repair", "--min-age", "1s")
    buckets.client.delete_object(Bucket=buckets.uploads, Key="first.jpg")
    time.sleep(1.1)  # not a wait for something: so old they have to be
    Backfill(buckets.settings(), *repair).expect(0, removed=1, already_right=2)
    buckets.client.delete_object(Bucket=buckets.uploads, Key="second.jpg")
    for bucket in (buckets.uploads, buckets.thumbnails):
        buckets.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    Backfill(buckets.settings(), *repair).expect(0, removed=1, already_right=1)
    thumbnails, markers = all_versions(buckets, buckets.thumbnails)
    equal((sorted(thumbnails), markers), (["kept-thumbnail.jpg"], 0), "what is left, and marks of deletion")


def a_bucket_that_is_missing_is_named_at_once() -> None:
    buckets = Buckets()
    begun = time.monotonic()
    run = Backfill(buckets.settings(THUMBNAIL_BUCKET="not-there"))
    equal(run.end(), 1, "the exit status")
    contains(run.said, "not begun: the bucket not-there can't be used", "what is said")
    assert time.monotonic() - begun < 20, "it is not waited for"


def repair_mends_what_kill_9_leaves_between_the_two_puts() -> None:
    buckets, small = Buckets(), small_pictures()[0]
    names = itertools.count()
    for _ in range(3):
        with Service.started(**buckets.settings()) as service, ThreadPoolExecutor(AT_ONCE) as pool:
            stop = threading.Event()
            sending = [pool.submit(send_until, service, stop, names, small) for _ in range(AT_ONCE)]
            until(lambda: len(service.logged(message="thumbnail created")) > 60, 30, "uploads are stored")
            service.process.kill()
            stop.set()
            for sender in sending:
                sender.result(timeout=60)
    # What half a pair looks like, whichever way the kills went.
    pair = sorted(all_versions(buckets, buckets.uploads)[0])[:2]
    remove_newest(buckets, buckets.uploads, pair[0])
    remove_newest(buckets, buckets.thumbnails, thumbnail_of(pair[1]))
    time.sleep(1.1)  # not a wait for something: so old they have to be
    run = Backfill(buckets.settings(), "--repair", "--min-age", "1s").expect(0, failed=0)
    equal(pairs_apart(buckets), [], f"keys that do not match after {run.numbers()}")
    assert run.numbers()["removed"] >= 1 and run.numbers()["thumbnails created"] >= 1, f"both were mended: {run.said}"


def send_until(service: Service, stop: threading.Event, names: itertools.count, content: bytes) -> None:
    while not stop.is_set():
        number = next(names)
        # Some names come again and again.
        name = f"again-{number % 5}.jpg" if number % 4 == 0 else f"new-{number}.jpg"
        try:
            service.upload(name, with_comment(content, str(number)))
        except OSError:
            return


def remove_newest(buckets: Buckets, bucket: str, key: str) -> None:
    """As if this put had not landed: with all that lies under it, so that nothing else comes up."""
    for version in all_versions(buckets, bucket)[0][key]:
        buckets.client.delete_object(Bucket=bucket, Key=key, VersionId=version)


def pairs_apart(buckets: Buckets) -> list[str]:
    """Originals whose thumbnails are not theirs, and thumbnails without any."""
    keys = {bucket: current_keys(buckets, bucket) for bucket in (buckets.uploads, buckets.thumbnails)}

    def is_apart(key: str) -> bool:
        try:
            metadata = buckets.client.head_object(Bucket=buckets.thumbnails, Key=thumbnail_of(key))["Metadata"]
        except ClientError:
            return True
        return metadata["source-sha256"] != sha256(buckets.object(buckets.uploads, key)["Body"])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        uploads = sorted(keys[buckets.uploads])
        apart = [key for key, is_one in zip(uploads, pool.map(is_apart, uploads)) if is_one]
    return apart + sorted(keys[buckets.thumbnails] - {thumbnail_of(key) for key in uploads})


def current_keys(buckets: Buckets, bucket: str) -> set[str]:
    pages = buckets.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def beside_live_uploads_pairs_stay_pairs() -> None:
    buckets, small = Buckets(), small_pictures()[0]
    put_all(buckets, {f"old-{number:03}.jpg": with_comment(small, f"old {number}") for number in range(300)})
    names = itertools.count()
    with Service.started(**buckets.settings()) as service, ThreadPoolExecutor(AT_ONCE) as pool:
        stop = threading.Event()
        sending = [pool.submit(send_until, service, stop, names, small) for _ in range(3)]
        runs = [Backfill(buckets.settings(), "--repair", "--min-age", "3s").expect(0, failed=0) for _ in range(2)]
        stop.set()
        for sender in sending:
            sender.result(timeout=60)
        equal(service.logged(level="ERROR"), [], "errors of the service")
    equal(pairs_apart(buckets), [], "keys that do not match")
    print(f"   {next(names)} uploads beside {[run.numbers()['originals looked at'] for run in runs]} originals", flush=True)


def a_store_that_goes_away_is_waited_for() -> None:
    with seaweedfs.SeaweedFS.started() as store:
        buckets = Buckets.__new__(Buckets)
        buckets.endpoint, buckets.client = store.endpoint, store.client()
        buckets.access_key, buckets.secret_key = seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY
        buckets.uploads = seaweedfs.create_bucket(buckets.client, "away-uploads")
        buckets.thumbnails = seaweedfs.create_bucket(buckets.client, "away-thumbnails")
        contents = {key: content for number, (key, content) in enumerate(originals(500).items()) if not is_broken(number)}
        put_all(buckets, contents)
        run = Backfill(buckets.settings())
        until(lambda: run.done() > 100, 60, "it is under way")
        store.kill()
        killed = time.time()
        time.sleep(4)  # not a wait for something: so long the store is to be away
        store.start()
        run.expect(0, originals_looked_at=len(contents), failed=0, rejected=0)
        take_away_torn_versions(buckets, killed)
        is_exact(buckets, contents, [], set(), all_versions(buckets, buckets.uploads)[0])


def take_away_torn_versions(buckets: Buckets, killed: float) -> None:
    """SeaweedFS writes a version first and then makes it the newest. Killed in between, it has a version that it counts
    as none where a put has to be the first, and that is listed once there is another.

    Such a one was written before the kill, by another attempt than the one that is shown: an attempt that had looked
    for the thumbnail after the store came back, and was told that there is none.
    """
    thumbnails, _ = all_versions(buckets, buckets.thumbnails)
    torn = [(key, ids) for key, ids in thumbnails.items() if len(ids) > 1]
    assert len(torn) <= AT_ONCE, f"more than can have been under way: {torn}"
    for key, ids in torn:
        heads = [buckets.client.head_object(Bucket=buckets.thumbnails, Key=key, VersionId=version) for version in ids]
        times = [head["LastModified"].timestamp() for head in heads]
        assert len(ids) == 2 and times[1] <= killed < times[0], f"the times of {key}, killed at {killed}: {times}"
        assert len({head["Metadata"]["upload-id"] for head in heads}) == 2, f"one attempt wrote {key} twice"
        buckets.client.delete_object(Bucket=buckets.thumbnails, Key=key, VersionId=ids[1])
    print(f"   SeaweedFS was killed within {len(torn)} puts", flush=True)


def sigterm_names_the_key_to_go_on_with() -> None:
    buckets, jpeg = Buckets(), small_pictures()[0]
    # In one folder: SeaweedFS lists folders in an order of its own.
    contents = {f"photo-{number:04}.jpg": with_comment(jpeg, str(number)) for number in range(800)}
    put_all(buckets, contents)
    run = Backfill(buckets.settings())
    until(lambda: run.done() > 200, 60, "it is under way")
    run.process.send_signal(signal.SIGTERM)
    equal(run.end(), 1, "the exit status of a run that was stopped")
    key = re.search(r"^go on with --after '(.+)'$", run.said, re.MULTILINE)[1]
    done = [before for before in contents if before <= key]
    made = current_keys(buckets, buckets.thumbnails)
    equal([before for before in done if thumbnail_of(before) not in made], [], f"what is missing up to {key}")
    Backfill(buckets.settings(), "--after", key).expect(0, originals_looked_at=len(contents) - len(done), failed=0)
    is_exact(buckets, contents, [], set(), all_versions(buckets, buckets.uploads)[0])


def on_a_folder_it_comes_to_the_same() -> None:
    folder = Path(tempfile.mkdtemp(prefix="thumbgate-e2e-"))
    try:
        contents = originals(600)
        for key, content in contents.items():
            path = folder / "data" / "marketing-uploads-bucket" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        broken = [key for number, key in enumerate(contents) if is_broken(number)]
        for done in (100, 300):
            Backfill({}, folder=folder).kill_at(done)
        Backfill({}, folder=folder).expect(0, originals_looked_at=600, rejected=len(broken), failed=0)
        again = Backfill({}, "--repair", "--min-age", "1ms", folder=folder).expect(0, thumbnails_created=0, removed=0)
        equal(again.numbers()["already right"], 600 - len(broken), "already right")
        made = files_under(folder / "data" / "marketing-thumbnails-bucket")
        visible = sorted(key for key in made if not key.startswith("."))
        equal(visible, sorted(thumbnail_of(key) for key in contents if key not in broken), "the thumbnails")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def a_terminal_gets_a_bar() -> None:
    folder = Path(tempfile.mkdtemp(prefix="thumbgate-e2e-"))
    primary, secondary = pty.openpty()
    try:
        bucket = folder / "data" / "marketing-uploads-bucket"
        bucket.mkdir(parents=True)
        for key, content in originals(200).items():
            (bucket / key.rsplit("/", 1)[-1]).write_bytes(content)
        process = subprocess.Popen(
            [PROGRAM, "backfill", "--concurrency", "1"], cwd=folder, env=bare_environment(folder) | {"TERM": "xterm"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=secondary,
        )
        os.close(secondary)
        shown = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while part := os.read(primary, 65536):
                shown += part
        equal((process.wait(timeout=10), b"done after" in process.stdout.read()), (0, True), "how it ended")
        process.stdout.close()
        text = shown.decode(errors="replace")
        assert re.search(r"\d+/200 originals, [\d.]+/s, .+ left: \d+ created", text), f"a bar with rate and time left: {text}"
        contains(text, "no thumbnail can be made of this file", "warnings beside the bar")
        assert "thumbnail created" not in text and not text.lstrip().startswith("{"), f"text, and no line for each: {text}"
    finally:
        os.close(primary)
        shutil.rmtree(folder, ignore_errors=True)


CHECKS = [
    five_thousand_objects_and_two_kills_come_to_the_exact_state,
    repair_removes_what_is_ours_and_alone_and_hides_nothing,
    repair_works_without_versions_and_on_what_is_older_than_they_are,
    a_bucket_that_is_missing_is_named_at_once,
    repair_mends_what_kill_9_leaves_between_the_two_puts,
    beside_live_uploads_pairs_stay_pairs,
    a_store_that_goes_away_is_waited_for,
    sigterm_names_the_key_to_go_on_with,
    on_a_folder_it_comes_to_the_same,
    a_terminal_gets_a_bar,
]

if __name__ == "__main__":
    sys.exit(seaweedfs.run_checks_on_store("backfill", CHECKS))
