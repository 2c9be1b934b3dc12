"""SIGTERM under load: what was accepted ends well, what is new is refused, a stalled client delays nothing for long."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from harness import JPEG, Service, files_under, sha256, with_comment
from report import Report, in_time
from wire import abort, connected, get, port_of, post, put_head, split_answers, talk

EXIT_SECONDS = 25
LOADERS, ACCEPTED = 8, 20
LOAD_SECONDS = 1.5
# Accepted uploads send their second half so long after the signal, one after the other.
SPREAD_SECONDS = 3.0
UPLOADS, THUMBNAILS = "marketing-uploads-bucket", "marketing-thumbnails-bucket"


@dataclass
class Load:
    """What became of the uploads that were begun one after the other until nobody took them."""

    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)
    stopped_at: float = float("inf")


def check(report: Report, _long: bool) -> None:
    with Service.started() as service, ThreadPoolExecutor(LOADERS + ACCEPTED) as pool, contextlib.ExitStack() as stack:
        port, load, go = port_of(service), Load(), threading.Event()
        stalled = stack.enter_context(connected(port))
        stalled.sendall(put_head("stalled.jpg", 1_000_000) + JPEG.read_bytes())
        silent = stack.enter_context(connected(port))
        idle = stack.enter_context(connected(port))
        idle.sendall(get("/health"))
        accepted = [pool.submit(accepted_upload, port, number, go) for number in range(ACCEPTED)]
        loaders = [pool.submit(upload_until_refused, port, load, number) for number in range(LOADERS)]
        time.sleep(LOAD_SECONDS)
        service.signal()
        load.stopped_at = time.monotonic()
        go.set()
        refused_after = seconds_until_refused(port, load.stopped_at)
        status, seconds = exit_status(service, load.stopped_at)
        outcomes = [upload.result(timeout=30) for upload in accepted]
        for loader in loaders:
            loader.result(timeout=30)
        expect_outcomes(report, load, outcomes)
        expect_stored(report, service, load, outcomes)
        end = f"exit status {status} after {in_time(seconds)}"
        report.figure("the end", f"{end}, refuses after {in_time(refused_after)}")
        report.expect(status == 0 and seconds < EXIT_SECONDS, f"exit 0 within {EXIT_SECONDS} s: {end}")
        report.expect(refused_after < 2, f"new connections are refused at once: after {refused_after:.1f} s")
        abort(silent)


def exit_status(service: Service, since: float) -> tuple[int | None, float]:
    try:
        return service.exit_status(EXIT_SECONDS + 10), time.monotonic() - since
    except subprocess.TimeoutExpired:
        return None, time.monotonic() - since


def seconds_until_refused(port: int, since: float) -> float:
    """Until a connection can't be made, or is closed without an answer."""
    while (passed := time.monotonic() - since) < EXIT_SECONDS:
        try:
            if not talk(port, get("/health"), first=2, more=0).answers:
                return passed
        except OSError:
            return passed
        time.sleep(0.05)
    return passed


def picture(name: str) -> bytes:
    return with_comment(JPEG.read_bytes(), name)


def accepted_upload(port: int, number: int, go: threading.Event) -> tuple[str, str]:
    """`100 Continue` says that it is accepted; half of it comes only when the service is to stop."""
    name = f"accepted-{number}.jpg"
    content, data = picture(name), b""
    with connected(port) as connection:
        connection.sendall(put_head(name, len(content), "Expect: 100-continue"))
        if not connection.recv(1000).startswith(b"HTTP/1.1 100"):
            return name, "not accepted"
        connection.sendall(content[:5000])
        go.wait(30)
        time.sleep(SPREAD_SECONDS * number / ACCEPTED)
        try:
            connection.sendall(content[5000:])
            while part := connection.recv(65536):
                data += part
        except OSError as error:
            return name, type(error).__name__
    answers, _ = split_answers(data)
    return name, str(answers[0].status) if answers else "no answer"


def upload_until_refused(port: int, load: Load, loader: int) -> None:
    number = 0
    while time.monotonic() < load.stopped_at + 2:
        name, number = f"load-{loader}-{number}.jpg", number + 1
        content = picture(name)
        begun = time.monotonic()
        try:
            outcome = talk(port, post(name, content, "Connection: close"), more=5).told().split(",")[0]
        except OSError:
            outcome = "refused"
        if outcome.startswith("201"):
            load.sent[name] = sha256(content)
        # Half a second: what was begun earlier than that is surely accepted by the time of the signal.
        (load.before if begun < load.stopped_at - 0.5 else load.after).append(outcome)
        if outcome == "refused":
            time.sleep(0.05)


def counted(outcomes: list[str]) -> str:
    return ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in sorted(set(outcomes))) or "none"


def expect_outcomes(report: Report, load: Load, accepted: list[tuple[str, str]]) -> None:
    ends = [outcome for _, outcome in accepted]
    report.figure("accepted before the signal, sent to the end after it", counted(ends))
    report.figure("load before the signal", counted(load.before))
    report.figure("load around and after it", counted(load.after))
    report.expect(set(ends) == {"201"}, f"accepted uploads end well: {counted(ends)}")
    report.expect(set(load.before) == {"201"}, f"uploads before the signal end well: {counted(load.before)}")
    report.expect(
        set(load.after) <= {"201", "refused", "no answer"}, f"later ones are taken or refused: {counted(load.after)}"
    )
    report.expect("refused" in load.after, "uploads after the signal are refused")


def expect_stored(report: Report, service: Service, load: Load, accepted: list[tuple[str, str]]) -> None:
    """Every 201 has its original and its thumbnail, though the process is gone."""
    originals = {name: sha256(content) for name, content in files_under(service.data / UPLOADS).items()}
    thumbnails = files_under(service.data / THUMBNAILS)
    sent = load.sent | {name: sha256(picture(name)) for name, outcome in accepted if outcome == "201"}
    lost = [
        name for name, digest in sent.items()
        if originals.get(name) != digest or f"{name[:-4]}-thumbnail.jpg" not in thumbnails
    ]
    report.figure("201 with both files", f"{len(sent) - len(lost)} of {len(sent)}")
    report.expect(not lost, f"every 201 has both files: {lost[:5]} have not")
