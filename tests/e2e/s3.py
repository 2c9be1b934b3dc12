#!/usr/bin/env python3
"""The service on a real S3 (SeaweedFS), read back with boto3 as an independent client."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
import urllib.parse
import uuid

from botocore.exceptions import ClientError

import seaweedfs
from harness import (
    JPEG, PNG, TEXT, Answer, Service, contains, equal, picture_size, request_absolute, sha256, until,
    with_comment,
)


class Buckets:
    """Two new buckets, and the settings of a service that stores into them."""

    def __init__(self, versioned: bool = True) -> None:
        self.endpoint = os.environ["TEST_S3_ENDPOINT"]
        self.access_key, self.secret_key = os.environ["TEST_S3_ACCESS_KEY"], os.environ["TEST_S3_SECRET_KEY"]
        self.client = seaweedfs.s3_client(self.endpoint, self.access_key, self.secret_key)
        name = uuid.uuid4().hex[:12]
        self.uploads = seaweedfs.create_bucket(self.client, f"e2e-{name}-uploads", versioned)
        self.thumbnails = seaweedfs.create_bucket(self.client, f"e2e-{name}-thumbnails", versioned)

    def settings(self, **more: str) -> dict[str, str]:
        return {
            "STORE": "s3", "UPLOAD_BUCKET": self.uploads, "THUMBNAIL_BUCKET": self.thumbnails,
            "AWS_ENDPOINT_URL": self.endpoint, "S3_FORCE_PATH_STYLE": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
        } | more

    def object(self, bucket: str, key: str, version_id: str | None = None) -> dict:
        version = {"VersionId": version_id} if version_id else {}
        found = self.client.get_object(Bucket=bucket, Key=key, **version)
        return found | {"Body": found["Body"].read()}

    def versions(self, bucket: str) -> list[tuple[str, str, bool]]:
        listed = self.client.list_object_versions(Bucket=bucket).get("Versions", [])
        return [(version["Key"], version["VersionId"], version["IsLatest"]) for version in listed]

    def everything(self) -> list:
        return [self.versions(self.uploads), self.versions(self.thumbnails)]


def the_three_uploads_of_the_lab_read_back() -> None:
    buckets = Buckets()
    with Service.started(**buckets.settings()) as service:
        for file, thumbnail_key, size in ((JPEG, "image1-thumbnail.jpg", (150, 113)), (PNG, "image2-thumbnail.png", (113, 150))):
            answer = service.curl("--form", f"file=@{file}", f"{service.url}/uploads").expect(201)
            equal(answer.headers["location"], f"/uploads/{file.name}", "Location")
            record = answer.json()
            equal((record["upload"]["key"], record["thumbnail"]["key"]), (file.name, thumbnail_key), "the keys")
            is_stored_as_answered(buckets, record, file.read_bytes(), size)
        before = buckets.everything()
        problem = service.curl("--form", f"file=@{TEXT}", f"{service.url}/uploads").expect_problem(415, "unsupported-extension")
        contains(problem["detail"], "file.txt", "the detail")
        equal(buckets.everything(), before, "what is stored after a refusal")
        until(lambda: service.logged(level="WARN", file_name="file.txt"), 5, "a WARN line naming the refused file")
        equal(service.logged(level="ERROR"), [], "errors in the log")


def is_stored_as_answered(buckets: Buckets, record: dict, content: bytes, size: tuple[int, int]) -> None:
    upload, thumbnail = record["upload"], record["thumbnail"]
    equal((upload["bucket"], thumbnail["bucket"]), (buckets.uploads, buckets.thumbnails), "the buckets")
    original = buckets.object(buckets.uploads, upload["key"], upload["version_id"])
    small = buckets.object(buckets.thumbnails, thumbnail["key"], thumbnail["version_id"])
    for stored, answered in ((original, upload), (small, thumbnail)):
        assert answered["version_id"], f"a bucket with versions names them: {answered}"
        equal(stored["VersionId"], answered["version_id"], "the version id")
        equal(stored["ContentType"], answered["content_type"], "the content type")
        equal(len(stored["Body"]), answered["bytes"], "the size in bytes")
        equal(stored["CacheControl"], "no-cache", "Cache-Control under a file's own name")
        equal(stored["Metadata"]["source-sha256"], sha256(content), "source-sha256")
        equal(stored["Metadata"]["sha256"], sha256(stored["Body"]), "sha256")
    equal(original["Body"], content, "the original's bytes")
    equal(upload["sha256"], sha256(content), "upload.sha256")
    equal(picture_size(small["Body"]), (thumbnail["content_type"], *size), "the thumbnail")
    upload_ids = {original["Metadata"]["upload-id"], small["Metadata"]["upload-id"]}
    assert len(upload_ids) == 1 and uuid.UUID(upload_ids.pop()).version == 7, "one upload-id on both, a UUIDv7"


def a_second_upload_of_a_name_keeps_the_first_as_a_version() -> None:
    buckets = Buckets()
    contents = [JPEG.read_bytes(), with_comment(JPEG.read_bytes(), "the second")]
    with Service.started(**buckets.settings()) as service:
        records = [service.upload("image1.jpg", content).expect(201).json() for content in contents]
        for record, content in zip(records, contents):
            is_stored_as_answered(buckets, record, content, (150, 113))
        for bucket, member in ((buckets.uploads, "upload"), (buckets.thumbnails, "thumbnail")):
            ids = [record[member]["version_id"] for record in records]
            assert ids[0] != ids[1], f"each upload has a version of its own: {ids}"
            newest = {version for _, version, is_latest in buckets.versions(bucket) if is_latest}
            equal(({version for _, version, _ in buckets.versions(bucket)}, newest), (set(ids), {ids[1]}), "versions")


def put_stores_under_its_path_and_if_none_match_refuses_to_replace() -> None:
    buckets, content = Buckets(), JPEG.read_bytes()
    only_new = {"If-None-Match": "*"}
    with Service.started(**buckets.settings()) as service:
        answer = service.request("PUT", "/uploads/2026/new%20york/Photo.JPG", content, only_new).expect(201)
        record = answer.json()
        equal(answer.headers["location"], "/uploads/2026/new-york/Photo.JPG", "Location")
        equal(record["thumbnail"]["key"], "2026/new-york/Photo-thumbnail.JPG", "the thumbnail's key")
        is_stored_as_answered(buckets, record, content, (150, 113))

        before = buckets.everything()
        other = with_comment(content, "another picture")
        service.request("PUT", answer.headers["location"], other, only_new).expect_problem(412, "already-exists")
        equal(buckets.everything(), before, "what is stored after a 412")

        record = service.request("PUT", answer.headers["location"], other).expect(201).json()
        is_stored_as_answered(buckets, record, other, (150, 113))
        equal([len(versions) for versions in buckets.everything()], [2, 2], "versions of each")


def originals_are_private_but_for_the_signed_link() -> None:
    buckets, content = Buckets(), JPEG.read_bytes()
    with Service.started(**buckets.settings()) as service:
        record = service.upload("image1.jpg", content).expect(201).json()
        for method in ("GET", "HEAD"):
            answer = service.request(method, "/uploads/image1.jpg").expect(403)
            equal(answer.headers.get("location"), None, "Location")
        service.request("GET", "/uploads/image1.jpg").expect_problem(403, "forbidden")
        equal(record["url"], record["upload"]["url"], "url")
        gives(record["url"], content)
        equal(signed_for(record["url"]), 900, "the seconds that a link is good for by default")


def public_originals_are_redirected_to_a_signed_link() -> None:
    buckets, content = Buckets(), JPEG.read_bytes()
    with Service.started(**buckets.settings(PUBLIC_ORIGINALS="true", PRESIGN_EXPIRES="90s")) as service:
        record = service.upload("image1.jpg", content).expect(201).json()
        equal(record["url"], f"{service.url}/uploads/image1.jpg", "url")
        answer = service.request("GET", "/uploads/image1.jpg").expect(307)
        gives(answer.headers["location"], content)
        equal(signed_for(answer.headers["location"]), 90, "the seconds that the link is good for")
        equal(answer.headers.get("cache-control"), "no-store", "Cache-Control of the redirect")
        head = service.request("HEAD", "/uploads/image1.jpg").expect(307)
        answered = request_absolute("HEAD", head.headers["location"]).expect(200)
        equal(answered.headers["content-length"], str(len(content)), "Content-Length")
        request_absolute("GET", head.headers["location"]).expect(403)
        service.request("GET", "/uploads/no-such.jpg").expect_problem(404, "not-found")


def gives(url: str, content: bytes) -> None:
    answer = request_absolute("GET", url).expect(200)
    equal((answer.body == content, answer.headers["content-type"]), (True, "image/jpeg"), "what a signed link gives")


def signed_for(url: str) -> int:
    return int(urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["X-Amz-Expires"][0])


def thumbnails_are_served_with_an_etag() -> None:
    buckets = Buckets()
    with Service.started(**buckets.settings()) as service:
        record = service.upload("image1.jpg", JPEG.read_bytes()).expect(201).json()
        path = urllib.parse.urlsplit(record["thumbnail"]["url"]).path
        equal(path, "/thumbnails/image1-thumbnail.jpg", "the thumbnail's path")
        stored = buckets.object(buckets.thumbnails, "image1-thumbnail.jpg")["Body"]
        answer = service.request("GET", path).expect(200)
        etag = f'"{sha256(stored)}"'
        equal((answer.body == stored, answer.headers["etag"]), (True, etag), "the bytes and their ETag")
        equal(answer.headers["content-type"], "image/jpeg", "Content-Type")
        equal(answer.headers["cache-control"], "no-cache", "Cache-Control")
        head = service.request("HEAD", path).expect(200)
        equal((head.headers["content-length"], head.headers["etag"]), (str(len(stored)), etag), "HEAD")
        unchanged = service.request("GET", path, headers={"If-None-Match": etag}).expect(304)
        equal((unchanged.body, unchanged.headers["etag"]), (b"", etag), "304")
        part = service.request("GET", path, headers={"Range": "bytes=0-9"}).expect(206)
        equal((part.body, part.headers["content-range"]), (stored[:10], f"bytes 0-9/{len(stored)}"), "a range")
        service.request("GET", "/thumbnails/no-such-thumbnail.jpg").expect_problem(404, "not-found")
        buckets.client.delete_object(Bucket=buckets.thumbnails, Key="image1-thumbnail.jpg")
        pending = service.request("GET", path)
        pending.expect_problem(404, "thumbnail-pending")
        assert pending.headers.get("retry-after") and pending.headers["cache-control"] == "no-store", pending.headers


def buckets_without_versions_work_and_are_warned_of() -> None:
    buckets = Buckets(versioned=False)
    with Service.started(**buckets.settings()) as service:
        for bucket in (buckets.uploads, buckets.thumbnails):
            until(lambda name=bucket: service.logged(level="WARN", bucket=name), 10, f"a warning about {bucket}")
        record = service.upload("image1.jpg", JPEG.read_bytes()).expect(201).json()
        equal((record["upload"]["version_id"], record["thumbnail"]["version_id"]), (None, None), "version ids")
        equal(buckets.object(buckets.uploads, "image1.jpg")["Body"], JPEG.read_bytes(), "the original")
        only_new = {"If-None-Match": "*"}
        service.request("PUT", "/uploads/image1.jpg", JPEG.read_bytes(), only_new).expect_problem(412, "already-exists")


def unique_keys_need_no_versions() -> None:
    buckets = Buckets(versioned=False)
    with Service.started(**buckets.settings(KEY_LAYOUT="unique")) as service:
        records = [service.upload("image1.jpg", JPEG.read_bytes()).expect(201).json() for _ in range(2)]
        for record in records:
            folder, name = record["upload"]["key"].split("/")
            equal((uuid.UUID(folder).version, name), (7, "image1.jpg"), "the key")
            equal(record["thumbnail"]["key"], f"{folder}/image1-thumbnail.jpg", "the thumbnail's key")
            stored = buckets.object(buckets.uploads, record["upload"]["key"])
            contains(stored["CacheControl"], "immutable", "Cache-Control under a key of its own")
        assert records[0]["upload"]["key"] != records[1]["upload"]["key"], "each upload has a key of its own"
        service.request("GET", "/ready").expect(200)
        equal(service.logged(level="WARN"), [], "warnings: keys that never repeat need no versions")


def a_wrong_secret_is_502_and_leaks_nothing() -> None:
    buckets = Buckets()
    with Service.started(**buckets.settings(AWS_SECRET_ACCESS_KEY="not-the-secret")) as service:
        refused_by_the_store(buckets, service, "SignatureDoesNotMatch")


def a_missing_bucket_is_502_and_not_ready() -> None:
    buckets = Buckets()
    with Service.started(**buckets.settings(THUMBNAIL_BUCKET="no-such-bucket-anywhere")) as service:
        refused_by_the_store(buckets, service, "NoSuchBucket")
        with contextlib.suppress(ClientError):
            buckets.client.head_bucket(Bucket="no-such-bucket-anywhere")
            raise AssertionError("the missing bucket appeared")


def refused_by_the_store(buckets: Buckets, service: Service, cause: str) -> None:
    answer = service.upload("image1.jpg", JPEG.read_bytes())
    problem = answer.expect_problem(502, "storage-unavailable")
    leaks_nothing(buckets, answer)
    lines = until(lambda: service.logged(level="ERROR", request_id=problem["request_id"]), 5, "an ERROR line")
    equal(len(lines), 1, "ERROR lines for one failed request")
    contains(str(lines[0]), cause, "the cause in the log")
    equal([line for line in service.lines if buckets.secret_key in line or "not-the-secret" in line], [], "secrets in the log")
    not_ready = service.request("GET", "/ready")
    not_ready.expect_problem(503, "not-ready")
    assert not_ready.headers.get("retry-after"), f"a 503 says when to ask again: {not_ready.headers}"
    leaks_nothing(buckets, not_ready)
    service.request("GET", "/health").expect(200)
    nothing_is_stored = lambda: buckets.everything() == [[], []]  # noqa: E731
    until(nothing_is_stored, 60, "nothing is left of the upload that failed")


def leaks_nothing(buckets: Buckets, answer: Answer) -> None:
    text = answer.body.decode() + str(answer.headers)
    internal = [
        buckets.endpoint, buckets.endpoint.split("//")[1], buckets.access_key, buckets.secret_key, "not-the-secret",
        buckets.uploads, buckets.thumbnails, "no-such-bucket-anywhere", "SignatureDoesNotMatch", "NoSuchBucket", "aws", "Seaweed",
    ]
    equal([name for name in internal if name.lower() in text.lower()], [], "internals in the answer")


def sigterm_waits_at_most_25_seconds_for_a_store_that_hangs() -> None:
    buckets = Buckets()
    with HangingServer() as store, Service.started(**buckets.settings(AWS_ENDPOINT_URL=store.endpoint)) as service:
        client = socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(service.url).port))
        content, asked_before = JPEG.read_bytes(), store.asked
        head = f"PUT /uploads/image1.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
        client.sendall(head.encode() + content)
        service.until_all_is_read()
        until(lambda: store.asked > asked_before, 10, "the service asks the store")
        begun = time.monotonic()
        service.signal()
        equal(service.exit_status(90), 0, "the exit status")
        client.close()
        took = time.monotonic() - begun
        print(f"   with a store that hangs it ended after {took:.1f} s", flush=True)
        assert took < 26, f"it took {took:.1f} s to end, 25 are allowed"


class HangingServer:
    """Takes connections and never answers."""

    def __enter__(self) -> "HangingServer":
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.asked, self.connections = 0, []
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(timeout=5)
        for connection in [self.listener, *self.connections]:
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.connections.append(self.listener.accept()[0])
                self.asked += 1


CHECKS = [
    the_three_uploads_of_the_lab_read_back,
    a_second_upload_of_a_name_keeps_the_first_as_a_version,
    put_stores_under_its_path_and_if_none_match_refuses_to_replace,
    originals_are_private_but_for_the_signed_link,
    public_originals_are_redirected_to_a_signed_link,
    thumbnails_are_served_with_an_etag,
    buckets_without_versions_work_and_are_warned_of,
    unique_keys_need_no_versions,
    a_wrong_secret_is_502_and_leaks_nothing,
    a_missing_bucket_is_502_and_not_ready,
    sigterm_waits_at_most_25_seconds_for_a_store_that_hangs,
]


if __name__ == "__main__":
    sys.exit(seaweedfs.run_checks_on_store("s3", CHECKS))
