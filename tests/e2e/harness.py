"""What the end-to-end suites share: the program under test as a process, a small client, and a runner."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import uuid
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "tests" / "fixtures"
PROGRAM = os.environ.get("THUMBGATE", str(REPOSITORY / "target" / "release" / "thumbgate"))
JPEG, PNG, TEXT = (FIXTURES / name for name in ("image1.jpg", "image2.png", "file.txt"))


# Whoever stops a suite stops what it started: SystemExit goes through every `finally`.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def run_checks(title: str, checks: list) -> int:
    """Runs each check, prints what became of it, ends with a count, and gives back the exit status."""
    failed = 0
    for check in checks:
        name, begun = check.__name__.replace("_", " "), time.monotonic()
        try:
            check()
        except Exception:  # noqa: BLE001: whatever goes wrong in a check is its failure
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
        else:
            print(f"ok {name} ({time.monotonic() - begun:.1f} s)", flush=True)
    print(f"{title}: {len(checks) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def equal(actual, expected, what: str) -> None:
    assert actual == expected, f"{what} should be {expected!r} but is {actual!r}"


def contains(text: str, part: str, what: str) -> None:
    assert part in text, f"{what} should contain {part!r} but is: {text}"


def until(condition, seconds: float, what: str):
    """Asks again and again; the first answer that is not empty is given back."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class Service:
    """`thumbgate serve` in an empty folder, with an empty home and nothing else in its environment."""

    def __init__(self, **settings: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="thumbgate-e2e-"))
        self.folder = self.home / "work"
        self.folder.mkdir()
        self.data = self.folder / "data"
        self.lines: list[str] = []
        self.output = b""
        self.environment = bare_environment(self.home) | {"LISTEN": "127.0.0.1:0"} | settings
        self.process = subprocess.Popen(
            [PROGRAM], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self._follow()

    @classmethod
    @contextlib.contextmanager
    def started(cls, **settings: str):
        service = None
        try:
            service = cls(**settings)
            yield service
        except Exception:
            if service is not None:
                print("the service's log:\n" + "\n".join(service.lines[-40:]), flush=True)
            raise
        finally:
            if service is not None:
                service.remove()

    def log(self) -> list[dict]:
        return [json.loads(line) for line in self.lines]

    def logged(self, **fields) -> list[dict]:
        return [line for line in self.log() if all(line.get(name) == value for name, value in fields.items())]

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def exit_status(self, seconds: float) -> int:
        status = self.process.wait(timeout=seconds)
        for reader in self.readers:
            reader.join(timeout=5)
        return status

    def until_all_is_read(self) -> None:
        """By the kernel's table: nothing that was sent waits in a receive queue of the service's connections."""
        port = f":{urllib.parse.urlsplit(self.url).port:04X}"

        def is_read() -> bool:
            rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
            queues = [row[4].split(":")[1] for row in rows if row[1].endswith(port) and row[3] == "01"]
            return bool(queues) and all(int(queue, 16) == 0 for queue in queues)

        until(is_read, 5, "the service has read what was sent")

    def remove(self) -> None:
        self.process.kill()
        self.exit_status(10)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> "Answer":
        return request(self.url, method, path, body, headers)

    def upload(self, name: str, content: bytes) -> "Answer":
        body, content_type = form([(name, content)])
        return self.request("POST", "/uploads", body, {"Content-Type": content_type})

    def curl(self, *arguments: str) -> "Answer":
        return curl(self.home, *arguments)

    def _follow(self) -> None:
        """Reads what the process says, from its start on, until it is ready."""
        self.readers = [threading.Thread(target=self._read_log), threading.Thread(target=self._read_output)]
        for reader in self.readers:
            reader.start()
        try:
            self.url = until(self._announced_url, 30, "the service says that it is ready")
        except BaseException:
            self.remove()
            raise

    def _announced_url(self) -> str | None:
        if self.process.poll() is not None:
            for reader in self.readers:
                reader.join(timeout=5)
            raise AssertionError(f"the service ended with {self.process.returncode}: " + "\n".join(self.lines))
        ready = [line for line in self.lines if "thumbgate is ready" in line]
        return json.loads(ready[0])["url"] if ready else None

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def _read_output(self) -> None:
        self.output = self.process.stdout.read()


class Answer:
    """An HTTP answer: status, headers in lower case, body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> dict:
        return json.loads(self.body)

    def expect(self, status: int) -> "Answer":
        assert self.status == status, f"should be answered {status} but is {self.status}: {self.body[:2000]!r}"
        return self

    def expect_problem(self, status: int, code: str) -> dict:
        self.expect(status)
        equal(self.headers.get("content-type"), "application/problem+json", "the problem's type")
        problem = self.json()
        equal((problem["code"], problem["status"]), (code, status), "the problem")
        equal(problem["request_id"], self.headers.get("x-request-id"), "request_id")
        return problem


def request(url: str, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
    """One request on a connection of its own; redirects are not followed."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def request_absolute(method: str, url: str, headers: dict | None = None) -> Answer:
    parts = urllib.parse.urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return request(f"{parts.scheme}://{parts.netloc}", method, path, None, headers)


def form(files: list[tuple[str, bytes]]) -> tuple[bytes, str]:
    """A multipart/form-data body and its content type."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, content in files:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def curl(home: Path, *arguments: str) -> Answer:
    """curl as a person would call it, without settings of its own."""
    command = ["curl", "--silent", "--show-error", "--include", "--max-time", "60", *arguments]
    done = subprocess.run(command, env=bare_environment(home), capture_output=True, check=False, timeout=70)
    assert done.returncode == 0, f"curl failed: {done.stderr.decode()}"
    output = done.stdout
    while re.match(rb"HTTP/1\.1 1\d\d ", output):
        output = output.split(b"\r\n\r\n", 1)[1]
    head, body = output.split(b"\r\n\r\n", 1)
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    return Answer(int(status_line.split()[1]), headers, body)


def bare_environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


def files_under(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def with_comment(jpeg: bytes, comment: str) -> bytes:
    """The same picture in other bytes: a COM segment behind the first marker."""
    text = comment.encode()
    return jpeg[:2] + struct.pack(">BBH", 0xFF, 0xFE, len(text) + 2) + text + jpeg[2:]


def picture_size(content: bytes) -> tuple[str, int, int]:
    """Type, width and height by the header, read independently of the service."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return ("image/png", *struct.unpack(">II", content[16:24]))
    assert content.startswith(b"\xff\xd8"), f"neither JPEG nor PNG: {content[:16]!r}"
    at = 2
    while True:
        marker, length = struct.unpack(">HH", content[at : at + 4])
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return "image/jpeg", width, height
        at += 2 + length


def main(command: list[str]) -> int:
    """Runs a command with BASE_URL set to a service that lives as long as the command does."""
    with Service.started() as service:
        status = subprocess.run(command, env=os.environ | {"BASE_URL": service.url}, check=False).returncode
        panics = [line for line in service.lines if "panicked" in line]
        print("\n".join(["the service panicked:", *panics]) if panics else "", end="", flush=True)
        return status or len(panics)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
