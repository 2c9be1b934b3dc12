"""Every bad file over HTTP, by both ways in: refused with a problem of the contract, quickly, and without a trace."""

from __future__ import annotations

import csv
import time

import bad_pictures
from bad_pictures import Bad
from harness import JPEG, REPOSITORY, Answer, Service, files_under, sha256
from report import Report, in_mb, percentile, spread
from watched import MOST_MEMORY, Process, expect_alive, expect_no_fault

CORPUS = REPOSITORY.parent / "shared" / "corpus"
SECONDS = 2.0
# The contract's table, as far as it is about a file.
STATUSES = {
    "unsupported-extension": 415, "unsupported-content": 415, "corrupt-image": 422, "image-too-large": 422,
    "decode-timeout": 422, "payload-too-large": 413, "invalid-filename": 400,
}


def check(report: Report, _long: bool) -> None:
    with Service.started() as service:
        service.upload("photo.jpg", JPEG.read_bytes()).expect(201)
        service.upload("photo.png", bad_pictures.PNG_BYTES).expect(201)
        before = digests(service)
        refused(report, service, "made here", list(bad_pictures.all_bad()))
        refused(report, service, "of the corpus", corpus(report))
        after = digests(service)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        report.figure("files in the data folder", f"{len(before)} before, {len(after)} after, {len(changed)} changed")
        report.expect(not changed, f"both stores are unchanged: {changed[:5]}")
        bombs(report, service)
        expect_alive(report, service, JPEG.read_bytes(), "bad files")
        expect_no_fault(report, service)


def digests(service: Service) -> dict[str, str]:
    return {name: sha256(content) for name, content in files_under(service.data).items()}


def corpus(report: Report) -> list[Bad]:
    index = CORPUS / "index.csv"
    if not index.exists():
        report.leave_unchecked("bad files: there is no ../shared/corpus, so that only those made here are sent")
        return []
    with open(index, newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["class"] == "bad"]
    return [
        Bad(f"corpus.{row['format'].lower()}", (CORPUS / row["path"]).read_bytes(), bad_pictures.BAD, row["path"])
        for row in rows
    ]


def refused(report: Report, service: Service, origin: str, files: list[Bad]) -> None:
    seconds, codes = [], {}
    for bad in files:
        for way, send in (("POST", service.upload), ("PUT", by_put(service))):
            begun = time.monotonic()
            outcome = code_of(send, bad)
            seconds.append(time.monotonic() - begun)
            codes[outcome] = codes.get(outcome, 0) + 1
            report.expect(outcome in bad.codes, f"{bad.what}, by {way}, is refused as {sorted(bad.codes)}: {outcome}")
            report.expect(seconds[-1] < SECONDS, f"{bad.what}, by {way}, takes {seconds[-1]:.1f} s")
    if files:
        counts = ", ".join(f"{codes[code]} {code}" for code in sorted(codes))
        report.figure(f"{len(files)} bad files {origin}", f"{spread(seconds)}; {counts}")


def by_put(service: Service):
    return lambda name, content: service.request("PUT", f"/uploads/{name}", content)


def code_of(send, bad: Bad) -> str:
    """The problem's code, when everything about the answer is as the contract says; else what is wrong with it."""
    try:
        answer: Answer = send(bad.name, bad.content)
    except OSError as error:
        return f"no answer, {type(error).__name__}"
    if answer.headers.get("content-type") != "application/problem+json":
        return f"{answer.status} without a problem"
    code = answer.json()["code"]
    return code if STATUSES.get(code) == answer.status else f"{answer.status} {code}"


def bombs(report: Report, service: Service) -> None:
    process, seconds, outcomes = Process(service), [], []
    for bomb in bad_pictures.bombs():
        begun = time.monotonic()
        outcome = code_of(by_put(service), bomb)
        seconds.append(time.monotonic() - begun)
        outcomes.append(outcome)
        report.expect(outcome in bomb.codes | {"201 without a problem"}, f"{bomb.what} is refused or taken: {outcome}")
    peak = process.peak()
    report.figure("bombs", f"{spread(seconds)}; memory {in_mb(peak)} at most; {', '.join(outcomes)}")
    report.expect(percentile(seconds, 100) < SECONDS, f"bombs take under {SECONDS} s")
    report.expect(peak < MOST_MEMORY, f"memory stays under budget + 40 MB: {in_mb(peak)}")
