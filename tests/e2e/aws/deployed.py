#!/usr/bin/env python3
"""The stack of infra/template.yaml, deployed by README's commands into an AWS on this machine (ministack), and
uploads by all three ways: through the API, by a presigned link, and by whoever can write into the bucket."""

from __future__ import annotations

import json
import sys
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cloud import CODE_BUCKET, Cloud, Stack, commands_of_readme
from harness import JPEG, PNG, TEXT, contains, equal, picture_size, request, run_checks, sha256, until, with_comment

STACK: Stack


def an_upload_through_the_api_is_answered_with_both_keys() -> None:
    answer = STACK.curl("-F", f"file=@{JPEG}", "-F", f"file=@{PNG};filename=Frühling 2.png", f"{STACK.url}/uploads")
    results = answer.expect(207).json()["results"]
    equal([result["status"] for result in results], [201, 201], "both files")
    equal(results[1]["upload"]["key"], "Frühling-2.png", "the second key")
    for result, path in zip(results, [JPEG, PNG]):
        for part, bucket in [("upload", STACK.uploads), ("thumbnail", STACK.thumbnails)]:
            record = result[part]
            equal(record["bucket"], bucket, "the bucket")
            there = STACK.object(bucket, record["key"], record["version_id"])
            equal(there["ContentType"], record["content_type"], "the type")
            equal(len(there["Body"]), record["bytes"], "the size")
            equal(there["Metadata"]["source-sha256"], sha256(path.read_bytes()), "the original's hash")
            if part == "upload":
                equal(there["Body"], path.read_bytes(), "the original, byte by byte")
        thumbnail = STACK.request("GET", "/thumbnails/" + urllib.parse.quote(result["thumbnail"]["key"])).expect(200)
        equal(max(picture_size(thumbnail.body)[1:]), 150, "the thumbnail's longer side")


def a_refusal_through_the_api_is_a_problem_document() -> None:
    answer = STACK.curl("-F", f"file=@{TEXT}", f"{STACK.url}/uploads")
    equal((answer.status, answer.json()["code"]), (415, "unsupported-extension"), "the refusal")
    answer = STACK.request("GET", "/thumbnails/none-thumbnail.jpg")
    equal((answer.status, answer.json()["code"]), (404, "not-found"), "what is not there")
    limits = STACK.request("GET", "/limits").expect(200).json()
    equal((limits["max_file_bytes"], limits["presigned_max_bytes"]), (4_500_000, 33_554_432), "the limits")


def files_put_into_the_bucket_get_their_thumbnails() -> None:
    STACK.put("lab/image1.jpg", JPEG.read_bytes())
    STACK.put("lab/image2.png", PNG.read_bytes())
    STACK.put("lab/file.txt", TEXT.read_bytes())
    for key, path in [("lab/image1-thumbnail.jpg", JPEG), ("lab/image2-thumbnail.png", PNG)]:
        there = STACK.thumbnail(key)
        equal(max(picture_size(there["Body"])[1:]), 150, f"{key}'s longer side")
        equal(there["Metadata"]["source-sha256"], sha256(path.read_bytes()), f"{key}'s original")
    STACK.until_no_event_is_left()
    (made,) = STACK.logged(message="thumbnail created", key="lab/image1.jpg")
    equal(made["bytes"], JPEG.stat().st_size, "the size in the log")
    (warning,) = STACK.logged(message="invalid file type uploaded", file_name="lab/file.txt")
    equal(warning["level"], "WARN", "its level")
    equal([key for key in STACK.keys(STACK.thumbnails) if "file" in key], [], "thumbnails of the text file")


def a_newer_version_gets_the_newer_thumbnail() -> None:
    STACK.put("again.jpg", JPEG.read_bytes())
    newer = with_comment(JPEG.read_bytes(), "newer")
    version = STACK.put("again.jpg", newer)

    def is_of_the_newer() -> bool:
        return STACK.thumbnail("again-thumbnail.jpg")["Metadata"].get("source-version-id") == version

    until(is_of_the_newer, 60, "the thumbnail of the newer version")
    equal(STACK.thumbnail("again-thumbnail.jpg")["Metadata"]["source-sha256"], sha256(newer), "its original")


def keys_are_taken_as_they_are() -> None:
    keys = ["a b.jpg", "a+b.jpg", "100%.jpg", "a%20b.jpg", "Größe/ü.JPG"]
    for key in keys:
        STACK.put(key, JPEG.read_bytes())
    for key in keys:
        stem, extension = key.rsplit(".", 1)
        STACK.thumbnail(f"{stem}-thumbnail.{extension}")


def a_broken_picture_is_marked_and_told() -> None:
    STACK.put("broken.jpg", JPEG.read_bytes()[:5000])
    tags = until(lambda: STACK.tags("broken.jpg"), 30, "the tags of a broken picture")
    equal(tags, {"thumbnail": "rejected", "thumbnail-code": "corrupt-image"}, "the tags")
    answer = STACK.request("GET", "/thumbnails/broken-thumbnail.jpg")
    equal((answer.status, answer.json()["code"]), (404, "thumbnail-rejected"), "what is said of its thumbnail")
    contains(answer.json()["detail"], "corrupt-image", "the reason")


def a_presigned_link_takes_a_file_that_is_too_large_for_the_api() -> None:
    picture = JPEG.read_bytes() + bytes(5_000_000)
    wanted = {"filename": "large one.jpg", "content_type": "image/jpeg", "bytes": len(picture)}
    answer = STACK.request(
        "POST", "/uploads/presigned", json.dumps(wanted).encode(), {"Content-Type": "application/json"}
    )
    link = answer.expect(201).json()
    equal((link["method"], link["key"]), ("PUT", "large-one.jpg"), "the link")
    equal(list(link["headers"]), ["Content-Type"], "the headers to send")
    parts = urllib.parse.urlsplit(link["url"])
    thumbnail = f"/thumbnails/{link['thumbnail_key']}"
    equal(STACK.request("GET", thumbnail).status, 404, "before the file is there")
    headers = {"Host": parts.netloc} | link["headers"]
    request(STACK.cloud.endpoint, "PUT", f"{parts.path}?{parts.query}", picture, headers).expect(200)
    until(lambda: STACK.request("GET", thumbnail).status == 200, 60, "the thumbnail of what came by the link")


def the_function_did_only_what_its_role_allows() -> None:
    """ministack lets a function do everything: so what it did is held against the template's actions."""
    allowed = {"GET", "HEAD", "PUT", "DELETE"}
    buckets = (f"/{STACK.uploads}", f"/{STACK.thumbnails}")
    requests = STACK.cloud.function_requests()
    assert requests, "the function asked S3 for something"
    for line in requests:
        assert line["method"] in allowed and line["path"].startswith(buckets), line
        assert line["method"] != "DELETE" or "versionId" in line["query"], f"a plain DELETE: {line}"


CHECKS = [
    an_upload_through_the_api_is_answered_with_both_keys,
    a_refusal_through_the_api_is_a_problem_document,
    files_put_into_the_bucket_get_their_thumbnails,
    a_newer_version_gets_the_newer_thumbnail,
    keys_are_taken_as_they_are,
    a_broken_picture_is_marked_and_told,
    a_presigned_link_takes_a_file_that_is_too_large_for_the_api,
    the_function_did_only_what_its_role_allows,
]


def main() -> int:
    global STACK
    with Cloud.started() as cloud:
        _, package, deploy = commands_of_readme("Deploy")
        cloud.sh(package)
        cloud.sh(deploy.replace("Access=gateway", "Access=anonymous Architecture=x86_64"))
        STACK = Stack(cloud, "thumbgate")
        print(f"deployed at {STACK.url}; code in the bucket {CODE_BUCKET}", flush=True)
        return run_checks("aws", CHECKS)


if __name__ == "__main__":
    sys.exit(main())
