"""A proxy between the service and its S3 that fails as it is told to: one request a connection, plain TCP.

What it passes on it does not change, so that signatures hold: they cover the address that the service talks to,
which is the proxy's, and S3 takes it from the Host header.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
import urllib.parse
from dataclasses import dataclass

# What becomes of a request. Those with `after` in their name reach the store.
FAULTS = ("500", "503", "403", "hang", "reset before", "reset after", "cut", "damaged")
FOR_EVER = 1_000_000


@dataclass
class Rule:
    """So many requests with this method for this bucket meet the fault; `*` is any."""

    method: str
    bucket: str
    fault: str
    times: int


@dataclass
class Request:
    """A request that came, and what was done to it."""

    method: str
    path: str
    fault: str | None
    at: float


class FaultProxy:
    """Ends with its `with` block."""

    def __init__(self, endpoint: str) -> None:
        self.upstream = ("127.0.0.1", urllib.parse.urlsplit(endpoint).port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self.over = threading.Event()

    def __enter__(self) -> "FaultProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def fail(self, method: str, bucket: str, fault: str, times: int = FOR_EVER) -> None:
        with self.lock:
            self.rules.append(Rule(method, bucket, fault, times))

    def heal(self) -> None:
        with self.lock:
            self.rules.clear()

    def seen(self, method: str, bucket: str = "") -> list[Request]:
        with self.lock:
            return [one for one in self.requests if one.method == method and one.path.startswith(f"/{bucket}")]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A connection that breaks is no failure of the proxy.
        with client, contextlib.suppress(OSError, ValueError):
            client.settimeout(60)
            head, body = read_request(client)
            self._do(client, head, body, self._fault_for(head))

    def _fault_for(self, head: bytes) -> str | None:
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        with self.lock:
            fits = [
                rule for rule in self.rules
                if rule.times > 0 and rule.method in (method, "*") and (rule.bucket == "*" or path.startswith(f"/{rule.bucket}"))
            ]
            fault = fits[0].fault if fits else None
            if fits:
                fits[0].times -= 1
            self.requests.append(Request(method, path, fault, time.monotonic()))
        return fault

    def _do(self, client: socket.socket, head: bytes, body: bytes, fault: str | None) -> None:
        if fault in ("500", "503", "403"):
            client.sendall(f"HTTP/1.1 {fault} Injected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        elif fault == "hang":
            self._hang(client)
        elif fault == "reset before":
            reset(client)
        elif fault == "cut":
            self._cut(client, head, body)
        elif fault == "damaged":
            client.sendall(self._ask(*damaged(head, body)))
        elif fault is not None and fault.startswith("slow "):
            self.over.wait(float(fault.removeprefix("slow ")))
            client.sendall(self._ask(head, body))
        else:
            answer = self._ask(head, body)
            reset(client) if fault == "reset after" else client.sendall(answer)

    def _hang(self, client: socket.socket) -> None:
        """Until the client has had enough."""
        client.settimeout(0.2)
        while not self.over.is_set():
            try:
                if not client.recv(1024):
                    return
            except TimeoutError:
                continue

    def _cut(self, client: socket.socket, head: bytes, body: bytes) -> None:
        """The store gets half of the body; where there is none, the client gets half of the answer."""
        if not body:
            answer = self._ask(head, body)
            return client.sendall(answer[: len(answer) // 2])
        with self._store() as store:
            store.sendall(closing(head) + body[: len(body) // 2])
        return reset(client)

    def _ask(self, head: bytes, body: bytes) -> bytes:
        with self._store() as store:
            store.sendall(closing(head) + body)
            answer = b""
            while part := store.recv(65536):
                answer += part
            return answer

    def _store(self) -> socket.socket:
        return socket.create_connection(self.upstream, timeout=60)


def read_request(client: socket.socket) -> tuple[bytes, bytes]:
    """The head with its empty line, and the body by Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += more(client)
    head, body = received.split(b"\r\n\r\n", 1)
    lines = [line.split(b":", 1) for line in head.split(b"\r\n")[1:]]
    headers = {name.lower(): value.strip() for name, value in lines}
    if headers.get(b"expect", b"").lower() == b"100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length, parts = int(headers.get(b"content-length", 0)), [body]
    missing = length - len(body)
    while missing > 0:
        parts.append(more(client))
        missing -= len(parts[-1])
    return head + b"\r\n\r\n", b"".join(parts)


def more(client: socket.socket) -> bytes:
    part = client.recv(65536)
    if not part:
        raise ValueError("the connection ended in the middle of a request")
    return part


def closing(head: bytes) -> bytes:
    """The store closes behind its answer; and it is not asked whether it wants the body."""
    lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith((b"expect:", b"connection:"))]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def damaged(head: bytes, body: bytes) -> tuple[bytes, bytes]:
    """One bit is another on the way: of the body, or of the hash that stands for no body."""
    if body:
        at = len(body) // 2
        return head, body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    return head.replace(b"e3b0c44298fc1c14", b"e3b0c44298fc1c15"), body


def reset(client: socket.socket) -> None:
    """As if the machine had gone: what waits to be sent is lost, and the client gets a RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
