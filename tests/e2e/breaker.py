"""A store that is known to be down: what clients see of it, how it is noticed, and how it ends."""

from __future__ import annotations

import json
import socket
import statistics
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import seaweedfs
from fault_proxy import FaultProxy
from harness import JPEG, Answer, Service, equal, until, with_comment
from s3 import Buckets

AT_ONCE_SECONDS = 0.05
# The longest pause between two probes, with its jitter, and a probe.
CLOSED_WITHIN = 25


def a_store_that_is_killed_is_known_to_be_down_until_it_is_back() -> None:
    with seaweedfs.SeaweedFS.started() as store:
        names = [seaweedfs.create_bucket(store.client(), name) for name in ("breaker-uploads", "breaker-thumbnails")]
        settings = {
            "STORE": "s3", "UPLOAD_BUCKET": names[0], "THUMBNAIL_BUCKET": names[1], "S3_FORCE_PATH_STYLE": "true",
            "AWS_ENDPOINT_URL": store.endpoint, "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": seaweedfs.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": seaweedfs.SECRET_KEY,
        }
        with Service.started(**settings) as service:
            service.upload("before.jpg", JPEG.read_bytes()).expect(201)
            equal(service.request("GET", "/ready").status, 200, "/ready of a store that works")
            store.kill()
            failures = until_known_to_be_down(service)
            print(f"   known to be down after {failures} uploads that failed", flush=True)
            everything_that_needs_the_store_is_refused_at_once(service)
            a_body_that_waits_to_be_sent_for_is_not_sent_for(service)
            store.start()
            it_closes_by_itself(service)


def until_known_to_be_down(service: Service) -> int:
    """Uploads until one is refused; a single failure is a failure of its own."""
    for failures in range(20):
        answer = service.upload(f"down-{failures}.jpg", JPEG.read_bytes())
        if answer.status == 503:
            assert 1 <= failures <= 8, f"it took {failures} failures"
            return failures
        answer.expect_problem(502, "storage-unavailable")
    raise AssertionError("20 uploads in a row failed and the store is not known to be down")


def everything_that_needs_the_store_is_refused_at_once(service: Service) -> None:
    wanted = json.dumps({"filename": "a.jpg", "content_type": "image/jpeg", "bytes": 9}).encode()
    requests = [
        ("POST", "/uploads/presigned", wanted), ("PUT", "/uploads/a.jpg", JPEG.read_bytes()),
        ("GET", "/thumbnails/before-thumbnail.jpg", None), ("GET", "/uploads/before.jpg", None), ("GET", "/ready", None),
    ]
    seconds = []
    for method, path, body in requests * 4:
        begun = time.monotonic()
        answer = service.request(method, path, body)
        seconds.append(time.monotonic() - begun)
        is_refused(answer)
    print(f"   {len(seconds)} requests refused, in {statistics.median(seconds) * 1000:.1f} ms at the median and", end="")
    print(f" {max(seconds) * 1000:.1f} ms at most", flush=True)
    assert statistics.median(seconds) < AT_ONCE_SECONDS, f"that is not at once: {seconds}"
    for path in ("/health", "/limits", "/", "/openapi.yaml"):
        equal(service.request("GET", path).status, 200, path)


def is_refused(answer: Answer) -> None:
    answer.expect_problem(503, "not-ready")
    assert 1 <= int(answer.headers["retry-after"]) <= 20, f"a 503 says when to ask again: {answer.headers}"


def a_body_that_waits_to_be_sent_for_is_not_sent_for(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(service.url).port), timeout=10) as client:
        client.sendall(b"PUT /uploads/a.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\nExpect: 100-continue\r\n\r\n")
        equal(client.recv(12), b"HTTP/1.1 503", "the first answer to a client that waits for 100 Continue")


def it_closes_by_itself(service: Service) -> None:
    back = time.monotonic()
    until(lambda: service.request("GET", "/ready").status == 200, CLOSED_WITHIN, "/ready turns green by itself")
    print(f"   /ready is green {time.monotonic() - back:.1f} s after the store was back", flush=True)
    # SeaweedFS answers for its buckets before it takes files: the breaker may open once or twice more.
    until(lambda: service.upload("after.jpg", JPEG.read_bytes()).status == 201, 30, "uploads end well again")
    for number in range(10):
        service.upload(f"after-{number}.jpg", JPEG.read_bytes()).expect(201)
    lines = lambda start: [line for line in service.log() if line["message"].startswith(start)]  # noqa: E731
    until(lambda: len(lines("the store answers again")) == len(lines("the store is down")), 5, "each opening has its end in the log")
    opened, closed = lines("the store is down"), lines("the store answers again")
    equal({line["level"] for line in opened}, {"WARN"}, "the level it opens at")
    assert all(line["cause"] for line in opened), f"it says why: {opened}"
    equal((len(closed), {line["level"] for line in closed}), (len(opened), {"INFO"}), "the lines about its closing")


def a_store_that_hangs_is_known_to_be_down_before_the_first_upload_is_answered() -> None:
    """Forty uploads of 2 MB at once: none of them may hold its bytes for long, and none comes in on top."""
    buckets = Buckets()
    with FaultProxy(buckets.endpoint) as proxy, Service.started(**buckets.settings(AWS_ENDPOINT_URL=proxy.endpoint)) as service:
        service.upload("before.jpg", JPEG.read_bytes()).expect(201)
        before = memory(service, "VmRSS")
        proxy.fail("*", "*", "hang")
        large, begun = large_picture(2_000_000), time.monotonic()
        with ThreadPoolExecutor(40) as pool:
            sent = [pool.submit(service.upload, f"{number}.jpg", large) for number in range(40)]
            until(lambda: service.request("GET", "/ready").status == 503, 15, "/ready turns red")
            red = time.monotonic() - begun
            late = service.upload("late.jpg", large)
            is_refused(late)
            answers = [one.result(timeout=60) for one in sent]
        seconds = time.monotonic() - begun
        equal({answer.status for answer in answers} - {503, 504}, set(), "answers of a store that hangs")
        until(lambda: memory(service, "VmRSS") < before + 48, 20, "the memory is given back")
        print(
            f"   /ready is red after {red:.1f} s, all 40 answered after {seconds:.1f} s; memory {before} MB before, "
            f"{memory(service, 'VmHWM')} MB at most, {memory(service, 'VmRSS')} MB afterwards", flush=True,
        )
        assert red < 9 and seconds < 32, "that is too long"
        proxy.heal()
        until(lambda: service.upload("after.jpg", JPEG.read_bytes()).status == 201, CLOSED_WITHIN, "uploads end well again")


def large_picture(size: int) -> bytes:
    picture = JPEG.read_bytes()
    while len(picture) < size:
        picture = with_comment(picture, "large " * 10_000)
    return picture


def memory(service: Service, what: str) -> int:
    """In MB, by the kernel."""
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(what))


def an_attempt_takes_five_seconds_and_there_are_three() -> None:
    buckets = Buckets()
    with FaultProxy(buckets.endpoint) as proxy, Service.started(**buckets.settings(AWS_ENDPOINT_URL=proxy.endpoint)) as service:
        service.upload("before.jpg", JPEG.read_bytes()).expect(201)
        with ThreadPoolExecutor(2) as pool:
            patient = pool.submit(slow, service, proxy, buckets, "patient.jpg", 3)
            late = pool.submit(slow, service, proxy, buckets, "late.jpg", 7)
            answer, puts = patient.result()
            answer.expect(201)
            equal(len(puts), 1, "attempts at a store that takes 3 s")
            answer, puts = late.result()
            answer.expect_problem(504, "storage-timeout")
            equal(len(puts), 3, "attempts at a store that takes 7 s")
            pauses = [later.at - earlier.at for earlier, later in zip(puts, puts[1:])]
            assert all(4.9 < pause < 8 for pause in pauses), f"they are 5 s and a pause with jitter apart: {pauses}"
            print(f"   three attempts, {pauses[0]:.2f} and {pauses[1]:.2f} s apart", flush=True)
        proxy.heal()
        # What was given up lands all the same, after the answer and after the first removal.
        time.sleep(8)  # not a wait for something: by then whatever was under way has landed
        until(lambda: [key for key, *_ in buckets.versions(buckets.uploads) if key == "late.jpg"] == [], 60, "what landed late is gone")


def slow(service: Service, proxy: FaultProxy, buckets: Buckets, name: str, seconds: int) -> tuple[Answer, list]:
    proxy.fail("PUT", f"{buckets.uploads}/{name}", f"slow {seconds}")
    return service.upload(name, JPEG.read_bytes()), proxy.seen("PUT", f"{buckets.uploads}/{name}")


def the_janitor_waits_while_the_store_is_down_and_then_does_its_work() -> None:
    buckets = Buckets()
    with FaultProxy(buckets.endpoint) as proxy, Service.started(**buckets.settings(AWS_ENDPOINT_URL=proxy.endpoint)) as service:
        service.upload("a.jpg", JPEG.read_bytes()).expect(201)
        before = buckets.everything()
        proxy.fail("PUT", buckets.thumbnails, "500")
        proxy.fail("DELETE", buckets.uploads, "500")
        service.upload("a.jpg", with_comment(JPEG.read_bytes(), "2")).expect_problem(502, "storage-unavailable")
        proxy.fail("*", "*", "503")
        until(lambda: service.upload("b.jpg", JPEG.read_bytes()).status == 503, 20, "the store is known to be down")
        quiet_from = time.monotonic() + 1
        time.sleep(6)  # not a wait for something: in this time next to nothing may be asked of the store
        asked = [request for method in ("GET", "HEAD", "PUT", "DELETE") for request in proxy.seen(method) if request.at > quiet_from]
        print(f"   {len(asked)} requests in 5 s to a store that is known to be down", flush=True)
        assert len(asked) <= 18, f"two buckets, three attempts each, at two or three probes: {asked}"
        equal([request for request in asked if ".jpg" in request.path], [], "requests for objects among them")
        assert buckets.everything() != before, "the orphan is still there"
        proxy.heal()
        until(lambda: buckets.everything() == before, 45, "nothing stands without its partner any more")


CHECKS = [
    a_store_that_is_killed_is_known_to_be_down_until_it_is_back,
    a_store_that_hangs_is_known_to_be_down_before_the_first_upload_is_answered,
    an_attempt_takes_five_seconds_and_there_are_three,
    the_janitor_waits_while_the_store_is_down_and_then_does_its_work,
]
