#!/usr/bin/env python3
"""What becomes of uploads, and of the files that were there before, when the store fails.

A matrix: each fault once and for ever, on the put of the original, of the thumbnail, of both, and on the removal
that undoes one of them. The client gets a 201 with both objects, or an error of the contract; what stands without
its partner is in the log, and is gone once the store is back; the earlier file of the same name is what is shown,
or an earlier version. `faults_local.py` has the same for the local store, `breaker.py` what follows when a store is
known to be down.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import breaker
import faults_local
import seaweedfs
from botocore.exceptions import ClientError
from fault_proxy import FAULTS, FOR_EVER, FaultProxy
from harness import JPEG, Service, equal, sha256, until, with_comment
from s3 import Buckets

PLACES = ("first put", "second put", "both", "delete")
# Waiting for a store that hangs takes most of the time, and no core.
AT_ONCE = 12
# The background tries again after 1, 2, 4, 8, 15, 15 … seconds.
GONE_WITHIN = 60


@dataclass
class Row:
    """One cell of the matrix, and what was seen."""

    fault: str
    place: str
    times: int
    outcome: str = ""
    seconds: float = 0.0
    orphans: int = 0
    gone_after: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.fault}-{self.place}-{'once' if self.times == 1 else 'lasting'}.jpg".replace(" ", "-")

    def expected(self) -> str:
        """Whatever passes is tried again. A refusal (403) is meant, and a thumbnail that can't be put is fatal."""
        if self.times == 1 and self.place != "delete" and self.fault != "403":
            return "201"
        if self.fault == "hang" and self.place != "delete":
            return "504 storage-timeout"
        return "502 storage-unavailable"


def the_fault_matrix_on_s3() -> None:
    buckets = Buckets()
    rows = [Row(fault, place, times) for times in (FOR_EVER, 1) for fault in FAULTS for place in PLACES]
    rows.sort(key=lambda row: row.fault != "hang")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [failure for failure in pool.map(lambda row: failure_of(buckets, row), rows) if failure]
    print_table(rows)
    equal(buckets.client.list_object_versions(Bucket=buckets.uploads).get("DeleteMarkers", []), [], "delete markers")
    assert not failures, "\n".join(failures)


def failure_of(buckets: Buckets, row: Row) -> str | None:
    try:
        run(buckets, row)
    except AssertionError as error:
        return f"{row.name}: {error}"
    return None


def run(buckets: Buckets, row: Row) -> None:
    """An earlier file, an upload of the same name that meets the fault, and another one afterwards."""
    before, during, after = (with_comment(JPEG.read_bytes(), f"{row.name} {when}") for when in ("1", "2", "3"))
    with FaultProxy(buckets.endpoint) as proxy, Service.started(**buckets.settings(AWS_ENDPOINT_URL=proxy.endpoint)) as service:
        service.upload(row.name, before).expect(201)
        break_at(row, buckets, proxy)
        begun = time.monotonic()
        answer = service.upload(row.name, during)
        row.seconds = time.monotonic() - begun
        row.outcome = f"{answer.status} {answer.json().get('code', '')}".strip()
        alone = Key.of(buckets, row.name).alone()
        row.orphans = len(alone)
        equal(row.outcome, row.expected(), "the answer")
        named = lambda: alone <= {line.get("upload_id") for line in service.log() if line["level"] in ("WARN", "ERROR")}  # noqa: E731
        until(named, 5, f"what stands without its partner is in the log: {alone}")
        proxy.heal()
        healed = time.monotonic()
        until(lambda: not Key.of(buckets, row.name).alone(), GONE_WITHIN, "nothing stands without its partner")
        row.gone_after = time.monotonic() - healed
        shown = Key.of(buckets, row.name).shown()
        equal(shown, [sha256(during if answer.status == 201 else before)] * 2, "whose original and thumbnail are shown")
        service.upload(row.name, after).expect(201)
        key = Key.of(buckets, row.name)
        equal(key.shown(), [sha256(after)] * 2, "what is shown after the store is back")
        kept = [sha256(content) for content in (before, during, after) if content is not during or answer.status == 201]
        # Each attempt of a put that landed but was not answered may have left a version, all of one upload.
        equal([sorted(set(side)) for side in key.sources()], [sorted(kept)] * 2, "the files that are kept")


def break_at(row: Row, buckets: Buckets, proxy: FaultProxy) -> None:
    match row.place:
        case "first put":
            proxy.fail("PUT", buckets.uploads, row.fault, row.times)
        case "second put":
            proxy.fail("PUT", buckets.thumbnails, row.fault, row.times)
        case "both":
            proxy.fail("PUT", buckets.uploads, row.fault, row.times)
            proxy.fail("PUT", buckets.thumbnails, row.fault, row.times)
        case "delete":
            proxy.fail("PUT", buckets.thumbnails, "500")
            proxy.fail("DELETE", buckets.uploads, row.fault, row.times)


@dataclass
class Version:
    """One version of an object."""

    upload_id: str
    source_sha256: str
    is_latest: bool


@dataclass
class Key:
    """All versions of an original and of its thumbnail, read by an independent client."""

    originals: list[Version]
    thumbnails: list[Version]

    @classmethod
    def of(cls, buckets: Buckets, name: str) -> "Key":
        return cls(versions(buckets, buckets.uploads, name), versions(buckets, buckets.thumbnails, name.replace(".jpg", "-thumbnail.jpg")))

    def alone(self) -> set[str]:
        """The uploads of which only one of the two is there."""
        originals, thumbnails = ({version.upload_id for version in side} for side in (self.originals, self.thumbnails))
        return originals ^ thumbnails

    def shown(self) -> list[str]:
        return [version.source_sha256 for side in (self.originals, self.thumbnails) for version in side if version.is_latest]

    def sources(self) -> list[list[str]]:
        return [[version.source_sha256 for version in side] for side in (self.originals, self.thumbnails)]


def versions(buckets: Buckets, bucket: str, key: str) -> list[Version]:
    found = []
    for listed in buckets.client.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", []):
        try:
            head = buckets.client.head_object(Bucket=bucket, Key=key, VersionId=listed["VersionId"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                continue  # removed since it was listed
            raise
        metadata = head["Metadata"]
        found.append(Version(metadata["upload-id"], metadata["source-sha256"], listed["IsLatest"]))
    return found


def print_table(rows: list[Row]) -> None:
    print(f"   {'fault':13} {'on':11} {'once':40} {'until it is mended':40}")
    cells = {(row.fault, row.place, row.times): cell_of(row) for row in rows}
    for fault in FAULTS:
        for place in PLACES:
            print(f"   {fault:13} {place:11} {cells[fault, place, 1]:40} {cells[fault, place, FOR_EVER]:40}")
    print(f"   {len(rows)} cells; (n alone) is what stood without its partner as the answer came, and how long after", end="")
    print(" the store was mended it was gone", flush=True)


def cell_of(row: Row) -> str:
    alone = f", {row.orphans} alone, {row.gone_after:.1f} s" if row.orphans else ""
    return f"{row.outcome or 'FAILED'} in {row.seconds:.1f} s{alone}"


CHECKS = [the_fault_matrix_on_s3, *breaker.CHECKS, *faults_local.CHECKS]


if __name__ == "__main__":
    sys.exit(seaweedfs.run_checks_on_store("faults", CHECKS))
