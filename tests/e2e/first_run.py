#!/usr/bin/env python3
"""What README promises to somebody who has just built the program: an empty folder, an empty home, no settings."""

from __future__ import annotations

import contextlib
import http.client
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

from harness import (
    JPEG, PNG, PROGRAM, TEXT, Service, bare_environment, contains, curl, equal, files_under, form, picture_size,
    run_checks, sha256, until,
)

UPLOADS, THUMBNAILS = "marketing-uploads-bucket", "marketing-thumbnails-bucket"

# Every variable, with its default; what has none is only named. A new one is added here too.
VARIABLES = {
    "UPLOAD_BUCKET": UPLOADS, "THUMBNAIL_BUCKET": THUMBNAILS, "STORE": None, "DATA_DIR": "./data",
    "LISTEN": "127.0.0.1:8080", "PUBLIC_URL": None, "ALLOW_ANONYMOUS": "false",
    "THUMBNAIL_SIZE": "150x150", "THUMBNAIL_FIT": "inside", "JPEG_QUALITY": "80",
    "MAX_UPLOAD_BYTES": "33554432", "MAX_DIRECT_BYTES": None, "MAX_PIXELS": "100000000", "MAX_FILES": "20",
    "MEMORY_BUDGET": "134217728", "QUEUE_TIMEOUT": "5s", "PUBLIC_ORIGINALS": "false", "CORS_ORIGINS": None,
    "KEY_LAYOUT": "name", "PRESIGN_EXPIRES": "15m", "LOG_FORMAT": None, "RUST_LOG": "info",
    "S3_FORCE_PATH_STYLE": "false", "LINK_SECRET": None, "S3_EVENTS_TOKEN": None,
    "API_KEYS": None, "RATE_LIMIT": None, "TRUSTED_PROXIES": None,
    "MAX_CONNECTIONS": "4096", "MAX_CONNECTIONS_PER_CLIENT": "256",
}

# Settings that must stop the start, and what has to be said: the variable, the value, what is allowed.
WRONG_SETTINGS = [
    ({"STORE": "ftp"}, ["STORE", "ftp", "local", "s3"]),
    ({"LISTEN": "8080"}, ["LISTEN", "8080"]),
    ({"LISTEN": "0.0.0.0:0"}, ["LISTEN", "0.0.0.0:0", "127.0.0.1", "ALLOW_ANONYMOUS=true"]),
    ({"PUBLIC_URL": "example.com"}, ["PUBLIC_URL", "example.com", "https://"]),
    ({"ALLOW_ANONYMOUS": "perhaps"}, ["ALLOW_ANONYMOUS", "perhaps", "true", "false"]),
    ({"PUBLIC_ORIGINALS": "perhaps"}, ["PUBLIC_ORIGINALS", "perhaps", "true", "false"]),
    ({"S3_FORCE_PATH_STYLE": "perhaps"}, ["S3_FORCE_PATH_STYLE", "perhaps", "true", "false"]),
    ({"UPLOAD_BUCKET": "A_B"}, ["UPLOAD_BUCKET", "A_B", "3 to 63"]),
    ({"THUMBNAIL_BUCKET": "../x"}, ["THUMBNAIL_BUCKET", "../x", "3 to 63"]),
    ({"UPLOAD_BUCKET": "same", "THUMBNAIL_BUCKET": "same"}, ["UPLOAD_BUCKET", "THUMBNAIL_BUCKET", "same", "differ"]),
    ({"THUMBNAIL_SIZE": "150"}, ["THUMBNAIL_SIZE", "150", "1 to 4096"]),
    ({"THUMBNAIL_FIT": "fill"}, ["THUMBNAIL_FIT", "fill", "inside", "cover"]),
    ({"JPEG_QUALITY": "101"}, ["JPEG_QUALITY", "101", "1..=100"]),
    ({"MAX_PIXELS": "0"}, ["MAX_PIXELS", "0", "1..="]),
    ({"MAX_UPLOAD_BYTES": "0"}, ["MAX_UPLOAD_BYTES", "0", "1..="]),
    ({"MAX_DIRECT_BYTES": "33554433"}, ["MAX_DIRECT_BYTES=33554433", "MAX_UPLOAD_BYTES=33554432"]),
    ({"MAX_FILES": "1001"}, ["MAX_FILES", "1001", "1..=1000"]),
    ({"MEMORY_BUDGET": "1048576"}, ["MEMORY_BUDGET=1048576", "67108864"]),
    ({"QUEUE_TIMEOUT": "5"}, ["QUEUE_TIMEOUT", "5", "ms, s, m or h"]),
    ({"MAX_CONNECTIONS": "0"}, ["MAX_CONNECTIONS", "0", "1..="]),
    ({"MAX_CONNECTIONS_PER_CLIENT": "many"}, ["MAX_CONNECTIONS_PER_CLIENT", "many"]),
    ({"API_KEYS": "shop"}, ["API_KEYS", "NAME:SHA256", "thumbgate key new"]),
    ({"RATE_LIMIT": "10"}, ["RATE_LIMIT", "10", "60/m"]),
    ({"TRUSTED_PROXIES": "proxy"}, ["TRUSTED_PROXIES", "proxy"]),
    ({"CORS_ORIGINS": "https://a.example/path"}, ["CORS_ORIGINS", "https://a.example/path", "https://www.example.com"]),
    ({"LINK_SECRET": "too short"}, ["LINK_SECRET", "16 characters"]),
    ({"S3_EVENTS_TOKEN": "0123456789abcdef"}, ["S3_EVENTS_TOKEN", "STORE=s3"]),
    ({"KEY_LAYOUT": "date"}, ["KEY_LAYOUT", "date", "name", "unique"]),
    ({"PRESIGN_EXPIRES": "169h"}, ["PRESIGN_EXPIRES", "169h", "168h"]),
    ({"LOG_FORMAT": "xml"}, ["LOG_FORMAT", "xml", "text", "json"]),
    ({"RUST_LOG": "thumbgate=loud"}, ["RUST_LOG", "thumbgate=loud", "thumbgate=debug,warn"]),
    ({"DATA_DIR": "/dev/null/data"}, ["DATA_DIR", "/dev/null/data"]),
]


def the_three_uploads_of_the_lab() -> None:
    with Service.started() as service:
        accepts_by_curl(service, JPEG, "image1-thumbnail.jpg", ("image/jpeg", 640, 480), (150, 113))
        accepts_by_curl(service, PNG, "image2-thumbnail.png", ("image/png", 300, 400), (113, 150))
        refuses_by_curl(service, TEXT)


def accepts_by_curl(service: Service, file: Path, thumbnail_key: str, picture: tuple, size: tuple) -> None:
    answer = service.curl("--form", f"file=@{file}", f"{service.url}/uploads").expect(201)
    record, content = answer.json(), file.read_bytes()
    upload, thumbnail = record["upload"], record["thumbnail"]
    equal(answer.headers["location"], f"/uploads/{file.name}", "Location")
    equal((upload["bucket"], upload["key"]), (UPLOADS, file.name), "upload.bucket and upload.key")
    equal((thumbnail["bucket"], thumbnail["key"]), (THUMBNAILS, thumbnail_key), "thumbnail.bucket and thumbnail.key")
    equal((upload["content_type"], upload["width"], upload["height"]), picture, "the original's facts")
    equal((upload["bytes"], upload["sha256"]), (len(content), sha256(content)), "the original's bytes and sha256")
    equal((thumbnail["width"], thumbnail["height"]), size, "the thumbnail's size")
    equal(record["url"], upload["url"], "url")

    equal((service.data / UPLOADS / file.name).read_bytes(), content, "the original under ./data")
    stored = (service.data / THUMBNAILS / thumbnail_key).read_bytes()
    equal(picture_size(stored), (picture[0], *size), "the thumbnail under ./data")
    equal(len(stored), thumbnail["bytes"], "thumbnail.bytes")
    for url, expected in ((upload["url"], content), (thumbnail["url"], stored)):
        fetched = service.curl(url).expect(200)
        equal(fetched.body, expected, url)
        equal(fetched.headers["etag"], f'"{sha256(expected)}"', f"ETag of {url}")


def refuses_by_curl(service: Service, file: Path) -> None:
    before = files_under(service.data)
    answer = service.curl("--form", f"file=@{file}", f"{service.url}/uploads")
    problem = answer.expect_problem(415, "unsupported-extension")
    contains(problem["detail"], file.name, "the detail")
    assert files_under(service.data) == before, "a refused file must leave nothing behind"
    wanted = {"level": "WARN", "message": "invalid file type uploaded", "file_name": file.name}
    lines = until(lambda: service.logged(**wanted), 5, "a WARN line naming the refused file")
    equal([line["request_id"] for line in lines], [problem["request_id"]], "the WARN lines' request ids")


def log_lines_are_json_and_tell_all_of_an_upload() -> None:
    with Service.started() as service:
        answer = service.upload("image1.jpg", JPEG.read_bytes()).expect(201)
        thumbnail = answer.json()["thumbnail"]
        (line,) = until(lambda: service.logged(message="thumbnail created"), 5, "a line about the upload")
        expected = {
            "level": "INFO", "key": "image1.jpg", "bytes": JPEG.stat().st_size, "content_type": "image/jpeg",
            "width": 640, "height": 480, "thumbnail_key": thumbnail["key"], "thumbnail_bytes": thumbnail["bytes"],
            "request_id": answer.headers["x-request-id"],
        }
        equal({name: line.get(name) for name in expected}, expected, "the upload's line")
        for phase in ("receive_ms", "decode_ms", "store_ms"):
            assert isinstance(line[phase], (int, float)), f"{phase} should be a number: {line}"
        equal([name for name in ("timestamp", "level", "message") if name not in line], [], "missing fields")
        (ready,) = service.logged(message="thumbgate is ready for uploads")
        equal((ready["url"], ready["files_go_to"]), (service.url, "./data"), "what the start says")
        service.signal()
        equal(service.exit_status(10), 0, "the exit status")
        service.log()  # every line is JSON
        equal(service.output, b"", "standard output")


def log_lines_are_text_on_a_terminal() -> None:
    with tempfile.TemporaryDirectory() as home, terminal() as (primary, secondary):
        environment = bare_environment(Path(home)) | {"LISTEN": "127.0.0.1:0"}
        process = subprocess.Popen(
            [PROGRAM], cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=secondary,
        )
        try:
            shown = until(lambda: text_from(primary, "thumbgate is ready for uploads"), 20, "a line on the terminal")
        finally:
            process.kill()
            process.wait()
        assert not shown.lstrip().startswith("{"), f"a terminal gets text, not JSON: {shown}"
        contains(shown, "INFO", "the line on the terminal")


@contextlib.contextmanager
def terminal():
    primary, secondary = pty.openpty()
    try:
        yield primary, secondary
    finally:
        os.close(primary)
        os.close(secondary)


def text_from(descriptor: int, part: str) -> str:
    shown = getattr(text_from, "shown", "")
    if select.select([descriptor], [], [], 0.1)[0]:
        shown += os.read(descriptor, 65536).decode(errors="replace")
    text_from.shown = shown
    return shown if part in shown else ""


def program(*arguments: str, folder: str, **settings: str) -> subprocess.CompletedProcess:
    environment = bare_environment(Path(folder)) | settings
    return subprocess.run(
        [PROGRAM, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=20,
    )


def thumbgate_thumbnail_works_without_a_server() -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = program("thumbnail", str(JPEG), str(PNG), "--out", "small/er", folder=folder)
        equal((done.returncode, done.stderr), (0, ""), "exit status and standard error")
        equal(len(done.stdout.splitlines()), 2, "lines, one per file")
        contains(done.stdout, "150x113", "what is said")
        small = Path(folder) / "small" / "er"
        equal(picture_size((small / "image1-thumbnail.jpg").read_bytes()), ("image/jpeg", 150, 113), "image1")
        equal(picture_size((small / "image2-thumbnail.png").read_bytes()), ("image/png", 113, 150), "image2")

        done = program("thumbnail", str(TEXT), str(JPEG), "--out", "again", folder=folder)
        assert done.returncode != 0, "a file that fails makes the whole fail"
        contains(done.stdout.splitlines()[0], str(TEXT), "the line about the file that failed")
        equal(sorted(files_under(Path(folder) / "again")), ["image1-thumbnail.jpg"], "what is written")


def thumbgate_health_tells_whether_the_server_lives() -> None:
    with Service.started() as service:
        equal(program("health", service.url, folder=str(service.home)).returncode, 0, "health of a live server")
        service.signal()
        service.exit_status(10)
        dead = program("health", service.url, folder=str(service.home))
        assert dead.returncode != 0, "health of a dead server must fail"
        contains(dead.stderr, service.url, "what health says")
    usage = program("health", "--help", folder="/")
    contains(usage.stdout, "http://127.0.0.1:8080", "health's default")


def help_lists_every_variable_with_its_default() -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = program("--help", folder=folder)
        equal(done.returncode, 0, "the exit status")
        entries = {}
        for entry in done.stdout.split("\n      --")[1:]:
            if "[env: " in entry:
                entries[re.split("[]=]", entry.split("[env: ", 1)[1])[0]] = entry
        equal(sorted(entries), sorted(VARIABLES), "the variables in --help")
        for variable, default in VARIABLES.items():
            if default is not None:
                contains(entries[variable], f"[default: {default}]", variable)


def wrong_settings_stop_the_start_and_say_what_is_allowed() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for settings, expected in WRONG_SETTINGS:
            done = program(folder=folder, **({"LISTEN": "127.0.0.1:0"} | settings))
            # A folder that can't be made may be one later on, and is no wrong setting.
            equal(done.returncode, 1 if "DATA_DIR" in settings else 2, f"{settings}: exit status")
            for part in expected:
                contains(done.stderr, part, f"{settings}: what is said")
        equal(files_under(Path(folder)), {}, "what wrong settings leave behind")


def sigterm_and_sigint_end_an_idle_server_at_once() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with Service.started() as service:
            idle = http.client.HTTPConnection(urllib.parse.urlsplit(service.url).netloc, timeout=10)
            idle.request("GET", "/health")
            equal(idle.getresponse().read() != b"", True, "an answer on a connection that is kept")
            service.signal(number)
            equal(service.exit_status(3), 0, f"the exit status after signal {number}")
            idle.close()


class HalfSent:
    """An upload of which only the first half is sent."""

    def __init__(self, service: Service, name: str) -> None:
        body, content_type = form([(name, JPEG.read_bytes())])
        self.rest = body[len(body) // 2 :]
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.url).netloc, timeout=60)
        self.connection.putrequest("POST", "/uploads")
        self.connection.putheader("Content-Type", content_type)
        self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body[: len(body) // 2])

    def finish(self) -> tuple[int, bytes]:
        self.connection.send(self.rest)
        response = self.connection.getresponse()
        return response.status, response.read()


def is_refusing(service: Service) -> bool:
    address = urllib.parse.urlsplit(service.url)
    try:
        http.client.HTTPConnection(address.netloc, timeout=5).connect()
    except ConnectionError:  # reset, where it still stood in the queue as the listener was closed
        return True
    return False


def sigterm_lets_an_upload_under_way_end() -> None:
    with Service.started() as service:
        upload = HalfSent(service, "late.jpg")
        service.until_all_is_read()
        service.signal()
        until(lambda: is_refusing(service), 5, "new connections are refused")
        status, body = upload.finish()
        equal(status, 201, f"the answer to the upload under way ({body!r})")
        equal(service.exit_status(5), 0, "the exit status")
        equal((service.data / UPLOADS / "late.jpg").read_bytes(), JPEG.read_bytes(), "the original")
        assert (service.data / THUMBNAILS / "late-thumbnail.jpg").exists(), "the thumbnail is missing"


def sigterm_waits_at_most_25_seconds_for_a_stalled_client() -> None:
    with Service.started() as service:
        stalled = HalfSent(service, "stalled.jpg")
        service.until_all_is_read()
        begun = time.monotonic()
        service.signal()
        equal(service.exit_status(26), 0, "the exit status")
        print(f"   with a stalled client it ended after {time.monotonic() - begun:.1f} s", flush=True)
        stalled.connection.close()
        left = [name for name in files_under(service.data) if "stalled" in name]
        equal(left, [], "what is left of the upload that never ended")


CHECKS = [
    the_three_uploads_of_the_lab,
    log_lines_are_json_and_tell_all_of_an_upload,
    log_lines_are_text_on_a_terminal,
    thumbgate_thumbnail_works_without_a_server,
    thumbgate_health_tells_whether_the_server_lives,
    help_lists_every_variable_with_its_default,
    wrong_settings_stop_the_start_and_say_what_is_allowed,
    sigterm_and_sigint_end_an_idle_server_at_once,
    sigterm_lets_an_upload_under_way_end,
    sigterm_waits_at_most_25_seconds_for_a_stalled_client,
]

if __name__ == "__main__":
    sys.exit(run_checks("first-run", CHECKS))
