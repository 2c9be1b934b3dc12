#!/usr/bin/env python3
"""Uploads at 32 at once while the S3 server is killed (kill -9) and comes back in the middle.

What has to hold: the process lives; every 201 has both objects with matching upload-id and source-sha256;
an object that stands without its partner is in the log, and is gone five minutes after the store is back.

    kill_store.py [--uploads 1000] [--kills 1]
"""

from __future__ import annotations

import argparse
import collections
import http.client
import json
import queue
import signal
import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import seaweedfs
from botocore.exceptions import ClientError
from harness import JPEG, Service, equal, form, run_checks, sha256, until, with_comment

AT_ONCE = 32
DOWN_SECONDS = 4
# A client whose upload failed waits before its next file; one that is refused, as long as Retry-After asks of it.
FAILED_SECONDS = 0.4
PATIENCE_SECONDS = 300
# Every seventh upload takes one of a few names again and again.
SHARED_NAMES = 10


@dataclass
class Sent:
    """One upload and what was answered."""

    name: str
    sha256: str
    begun: float
    status: int
    answer: dict


@dataclass
class Run:
    """A run's parts, and what it has come to so far."""

    store: seaweedfs.SeaweedFS
    service: Service
    uploads: int
    kills: int
    sent: list[Sent] = field(default_factory=list)
    back_at: float = 0.0
    # Objects without their partner as the store came back; some are of uploads under way.
    seen_alone: list[Version] = field(default_factory=list)

    @property
    def client(self):
        return self.store.client()

    def accepted(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.status == 201]

    def refused(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.status != 201]


BUCKETS = ("kill-uploads", "kill-thumbnails")


def settings(store: seaweedfs.SeaweedFS) -> dict[str, str]:
    return {
        "STORE": "s3", "UPLOAD_BUCKET": BUCKETS[0], "THUMBNAIL_BUCKET": BUCKETS[1], "S3_FORCE_PATH_STYLE": "true",
        "AWS_ENDPOINT_URL": store.endpoint, "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": seaweedfs.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": seaweedfs.SECRET_KEY,
    }


# Sending.

def name_of(number: int) -> str:
    return f"shared-{number % SHARED_NAMES}.jpg" if number % 7 == 0 else f"photo-{number:05}.jpg"


def send_all(run: Run) -> None:
    """All uploads, AT_ONCE at a time; the store is killed whenever so many more are answered."""
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(run.uploads):
        numbers.put(number)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        senders = [pool.submit(send_from, run, numbers) for _ in range(AT_ONCE)]
        for kill in range(1, run.kills + 1):
            enough = run.uploads * kill // (run.kills + 1) * 2 // 3
            until(lambda least=enough: len(run.sent) >= least, 120, f"{enough} uploads are answered")
            kill_and_restart(run)
        for sender in senders:
            sender.result(timeout=300)


def send(run: Run, numbers: range) -> None:
    """So many uploads, AT_ONCE at a time."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        waiting.put(number)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for sender in [pool.submit(send_from, run, waiting) for _ in range(AT_ONCE)]:
            sender.result(timeout=300)


def kill_and_restart(run: Run) -> None:
    answered = len(run.sent)
    run.store.kill()
    time.sleep(DOWN_SECONDS)  # not a wait for something: this long the store is to be away
    run.store.start()
    run.back_at = time.monotonic()
    print(f"   killed after {answered} answers, away for {DOWN_SECONDS} s, back after {len(run.sent)}", flush=True)
    run.seen_alone += Picture.of(run).alone()


def send_from(run: Run, numbers: queue.SimpleQueue) -> None:
    """One client with a connection that it keeps."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(run.service.url).netloc, timeout=120)
    while True:
        try:
            number = numbers.get_nowait()
        except queue.Empty:
            return connection.close()
        content = picture_of(number)
        body, content_type = form([(name_of(number), content)])
        begun = time.monotonic()
        connection.request("POST", "/uploads", body, {"Content-Type": content_type})
        response = connection.getresponse()
        run.sent.append(Sent(name_of(number), sha256(content), begun, response.status, json.loads(response.read())))
        if response.status != 201:
            time.sleep(float(response.getheader("Retry-After", FAILED_SECONDS)))


def picture_of(number: int) -> bytes:
    """Bytes of its own; half of them large, so that the thumbnail lands well before its original."""
    picture = with_comment(JPEG.read_bytes(), f"upload {number}")
    for _ in range(5 if number % 2 else 0):
        picture = with_comment(picture, "large " * 10_000)
    return picture


# Looking at the store.

@dataclass
class Version:
    """One version of an object."""

    key: str
    version_id: str
    is_latest: bool
    upload_id: str
    source_sha256: str


def all_versions(run: Run, bucket: str) -> list[Version]:
    client, found = run.client, []
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        equal(page.get("DeleteMarkers", []), [], f"delete markers in {bucket}: they would hide earlier good files")
        found += page.get("Versions", [])

    def look(listed: dict) -> Version | None:
        try:
            head = client.head_object(Bucket=bucket, Key=listed["Key"], VersionId=listed["VersionId"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None  # removed since it was listed
            raise
        metadata = head["Metadata"]
        return Version(
            listed["Key"], listed["VersionId"], listed["IsLatest"], metadata["upload-id"], metadata["source-sha256"]
        )

    with ThreadPoolExecutor(8) as pool:
        return [version for version in pool.map(look, found) if version is not None]


@dataclass
class Picture:
    """Everything in both buckets; thumbnails under the key of their original."""

    originals: list[Version]
    thumbnails: list[Version]

    @classmethod
    def of(cls, run: Run) -> "Picture":
        thumbnails = all_versions(run, BUCKETS[1])
        for thumbnail in thumbnails:
            thumbnail.key = thumbnail.key.replace("-thumbnail.", ".")
        return cls(all_versions(run, BUCKETS[0]), thumbnails)

    def mismatched(self) -> list[Version]:
        """Newest versions whose partner is missing or of another upload."""
        newest = [{v.key: v for v in side if v.is_latest} for side in (self.originals, self.thumbnails)]
        alone = []
        for mine, theirs in (newest, newest[::-1]):
            alone += [v for key, v in mine.items() if key not in theirs or theirs[key].upload_id != v.upload_id]
        return alone

    def alone(self) -> list[Version]:
        """Versions of whose upload the other bucket has none; earlier ones nobody is shown."""
        ids = [{v.upload_id for v in side} for side in (self.originals, self.thumbnails)]
        sides = ((self.originals, ids[1]), (self.thumbnails, ids[0]))
        return [v for side, partners in sides for v in side if v.upload_id not in partners]


# The checks, in the order of one run.

def the_process_lives(run: Run) -> None:
    equal(run.service.process.poll(), None, "the exit status of the process")
    run.service.request("GET", "/health").expect(200)
    until(lambda: run.service.request("GET", "/ready").status == 200, 30, "it is ready once the store is back")


def every_upload_is_answered_201_or_by_the_stores_failure(run: Run) -> None:
    codes = collections.Counter((sent.status, sent.answer.get("code", "")) for sent in run.sent)
    print("   " + ", ".join(f"{count} times {status} {code}".rstrip() for (status, code), count in sorted(codes.items())))
    equal(len(run.sent), run.uploads, "answers")
    expected = {(201, ""), (502, "storage-unavailable"), (504, "storage-timeout"), (503, "busy"), (503, "not-ready")}
    equal(sorted(set(codes) - expected), [], "answers that a store's failure does not explain")
    assert len(run.accepted()) >= run.uploads // 4, "too few 201s for the rest to mean anything"
    assert run.refused(), "no upload met the outage: it was too short to mean anything"


def uploads_after_the_outage_are_accepted(run: Run) -> None:
    """Those begun while the store still gathers itself may be refused; once all is answered, none may be."""
    answered = len(run.sent)
    send(run, range(run.uploads, run.uploads + 2 * AT_ONCE))
    late = run.sent[answered:]
    print(f"   {len(late)} uploads more", flush=True)
    equal([sent for sent in late if sent.status != 201], [], "of them refused")


def orphans_stand_in_the_log_and_are_gone_in_time(run: Run) -> None:
    refused = {sent.sha256 for sent in run.refused()}
    seen = [version for version in run.seen_alone if version.source_sha256 in refused]
    now = Picture.of(run).mismatched()
    print(f"   {len(seen)} objects without their partner as the store came back, {len(now)} once all was answered")
    equal(not_in_the_log(run, seen + now), [], "of them not in the log")
    while alone := Picture.of(run).mismatched():
        assert time.monotonic() - run.back_at < PATIENCE_SECONDS, f"still without their partner: {alone}"
        time.sleep(0.5)
    print(f"   none {time.monotonic() - run.back_at:.1f} s after the store was back", flush=True)
    warned = [line for line in run.service.log() if "may stand without its partner" in line["message"]]
    print(f"   the log names {len(warned)} objects that may stand without their partner", flush=True)
    for line in warned:
        assert line["key"] and line["partner_key"] and line["upload_id"], f"the line has to name both keys: {line}"


def not_in_the_log(run: Run, alone: list[Version]) -> list[Version]:
    named = {line.get("upload_id") for line in run.service.log() if line["level"] in ("WARN", "ERROR")}
    return [version for version in alone if version.upload_id not in named]


def every_201_has_both_objects_of_its_own_upload(run: Run) -> None:
    client = run.client

    def look(sent: Sent) -> None:
        found = []
        for member, bucket in (("upload", BUCKETS[0]), ("thumbnail", BUCKETS[1])):
            record = sent.answer[member]
            got = client.get_object(Bucket=bucket, Key=record["key"], VersionId=record["version_id"])
            body = got["Body"].read()
            equal(got["Metadata"]["sha256"], sha256(body), f"sha256 of {record}")
            equal(got["Metadata"]["source-sha256"], sent.sha256, f"source-sha256 of {record}")
            equal(len(body), record["bytes"], f"the size of {record}")
            found.append((got["Metadata"]["upload-id"], sha256(body)))
        equal(found[0][0], found[1][0], f"upload-id of the thumbnail of {sent.name}")
        equal(found[0][1], sent.sha256, f"the bytes of {sent.name}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, run.accepted()))


def nothing_is_shown_of_an_upload_that_was_refused(run: Run) -> None:
    refused = {sent.sha256 for sent in run.refused()}

    def shown() -> list[Version]:
        picture = Picture.of(run)
        return [v for side in (picture.originals, picture.thumbnails) for v in side if v.is_latest and v.source_sha256 in refused]

    left = run.back_at + PATIENCE_SECONDS - time.monotonic()
    until(lambda: not shown(), max(left, 1), "no newest object is of an upload that was answered `nothing was stored`")
    picture = Picture.of(run)
    print(
        f"   at the end: {len(picture.originals)} originals, {len(picture.thumbnails)} thumbnails, "
        f"{len(picture.mismatched())} newest and {len(picture.alone())} of all versions without their partner",
        flush=True,
    )
    equal(not_in_the_log(run, picture.alone()), [], "versions without their partner that the log does not name")


def the_service_still_takes_uploads_and_ends_well(run: Run) -> None:
    run.service.upload("afterwards.jpg", JPEG.read_bytes()).expect(201)
    run.service.signal(signal.SIGTERM)
    equal(run.service.exit_status(26), 0, "the exit status")
    equal([line for line in run.service.lines if "panicked" in line], [], "panics")


CHECKS = [
    the_process_lives,
    every_upload_is_answered_201_or_by_the_stores_failure,
    uploads_after_the_outage_are_accepted,
    orphans_stand_in_the_log_and_are_gone_in_time,
    every_201_has_both_objects_of_its_own_upload,
    nothing_is_shown_of_an_upload_that_was_refused,
    the_service_still_takes_uploads_and_ends_well,
]


def bound(check, run: Run):
    def checked() -> None:
        check(run)

    checked.__name__ = check.__name__
    return checked


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--uploads", type=int, default=1000)
    arguments.add_argument("--kills", type=int, default=1)
    given = arguments.parse_args()
    with seaweedfs.SeaweedFS.started() as store:
        for bucket in BUCKETS:
            seaweedfs.create_bucket(store.client(), bucket)
        with Service.started(**settings(store)) as service:
            run, begun = Run(store, service, given.uploads, given.kills), time.monotonic()
            print(f"   {given.uploads} uploads, {AT_ONCE} at once", flush=True)
            send_all(run)
            print(f"   all answered after {time.monotonic() - begun:.1f} s", flush=True)
            status = run_checks("kill-store", [bound(check, run) for check in CHECKS])
            print("the service's log ends:\n" + "\n".join(service.lines[-20:]) if status else "", end="", flush=True)
            return status


if __name__ == "__main__":
    sys.exit(main())
