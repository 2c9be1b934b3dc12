"""A client over plain sockets, for what no HTTP library would send, and for thousands of connections at once."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import struct
import time
import urllib.parse
from dataclasses import dataclass, field

from harness import Answer, Service, form

HOME = "127.0.0.1"
# Two for each connection: the client's end and, in the service, the other.
DESCRIPTORS = 16_384
PIECE = 256 * 1024


def port_of(service: Service) -> int:
    return urllib.parse.urlsplit(service.url).port


def raise_descriptor_limit() -> None:
    """For us and for the services that are started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    assert max(soft, wanted) >= 4096, f"the checks need 4096 file descriptors, `ulimit -Hn` says {hard}"


def address(number: int) -> str:
    """Clients of their own: all of 127.0.0.0/8 is this machine, and a service sees them as different ones."""
    return f"127.0.{number // 250}.{2 + number % 250}"


# What is sent. Of large files the parts are kept apart, so that hundreds of clients can share one content.

def put_head(key: str, length: int | str, *lines: str) -> bytes:
    head = [f"PUT /uploads/{key} HTTP/1.1", "Host: hostile.example", f"Content-Length: {length}", *lines]
    return "\r\n".join([*head, "", ""]).encode()


def put_parts(key: str, content: bytes) -> list[bytes]:
    return [put_head(key, len(content)), content]


def post_parts(name: str, content: bytes, *lines: str) -> list[bytes]:
    empty, content_type = form([(name, b"")])
    before, end = empty.split(b"\r\n\r\n")
    before += b"\r\n\r\n"
    head = [
        "POST /uploads HTTP/1.1", "Host: hostile.example", f"Content-Type: {content_type}",
        f"Content-Length: {len(before) + len(content) + len(end)}", *lines, "", "",
    ]
    return ["\r\n".join(head).encode() + before, content, end]


def put(key: str, content: bytes) -> bytes:
    return b"".join(put_parts(key, content))


def post(name: str, content: bytes, *lines: str) -> bytes:
    return b"".join(post_parts(name, content, *lines))


def get(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: hostile.example", *lines, "", ""]).encode()


# What is answered.

def split_answers(data: bytes) -> tuple[list[Answer], bytes]:
    """The whole answers at the beginning of what came, and the rest. `100 Continue` is passed over."""
    answers = []
    while b"\r\n\r\n" in data:
        head, rest = data.split(b"\r\n\r\n", 1)
        status_line, *lines = head.decode("latin-1").split("\r\n")
        status = int(status_line.split()[1])
        if status >= 200:
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
            body = split_body(headers, rest)
            if body is None:
                break
            answers.append(Answer(status, headers, body[0]))
            rest = body[1]
        data = rest
    return answers, data


def split_body(headers: dict[str, str], data: bytes) -> tuple[bytes, bytes] | None:
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", 0))
        return (data[:length], data[length:]) if len(data) >= length else None
    body = b""
    while b"\r\n" in data:
        size_line, data = data.split(b"\r\n", 1)
        size = int(size_line, 16)
        if len(data) < size + 2:
            return None
        body, data = body + data[:size], data[size + 2 :]
        if size == 0:
            return body, data
    return None


# One connection at a time, blocking.

@dataclass
class Talk:
    """What became of a connection that something was sent on."""

    answers: list[Answer] = field(default_factory=list)
    rest: bytes = b""
    closed: bool = False
    seconds: float = 0.0

    def told(self) -> str:
        statuses = " ".join(str(answer.status) for answer in self.answers) or "no answer"
        return f"{statuses}{', closed' if self.closed else ''}"


def talk(port: int, *pieces: bytes, first: float = 15, more: float = 0.5, source: str = HOME) -> Talk:
    """Sends it all, waits `first` seconds for an answer or the end, and `more` seconds for anything behind it."""
    begun, data, closed = time.monotonic(), b"", False
    with connected(port, source) as connection:
        connection.settimeout(first)
        with contextlib.suppress(OSError):  # who refuses at once need not read on
            for piece in pieces:
                connection.sendall(piece)
        try:
            while part := connection.recv(65536):
                data += part
                connection.settimeout(more if split_answers(data)[0] else first)
            closed = True
        except TimeoutError:
            pass
        except OSError:
            closed = True
    answers, rest = split_answers(data)
    return Talk(answers, rest, closed, time.monotonic() - begun)


@contextlib.contextmanager
def connected(port: int, source: str = HOME):
    with socket.create_connection((HOME, port), timeout=30, source_address=(source, 0)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def abort(connection: socket.socket) -> None:
    """Closes with a reset instead of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# Many at a time.

async def connect(port: int, source: str = HOME, slow_reader: bool = False) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if slow_reader:
        # Small segments and a small window: so the kernel takes over little of an answer that nobody reads.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    try:
        connection.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(connection, (HOME, port))
    except BaseException:
        connection.close()
        raise
    return connection


async def send(connection: socket.socket, *parts: bytes) -> None:
    """Ends without complaint where the other side reads no further: its answer may be there all the same."""
    with contextlib.suppress(OSError):
        for view in map(memoryview, parts):
            for at in range(0, len(view), PIECE):
                await asyncio.get_running_loop().sock_sendall(connection, view[at : at + PIECE])


async def receive(connection: socket.socket) -> bytes:
    """What comes next; nothing at the end, also at one by a reset."""
    try:
        return await asyncio.get_running_loop().sock_recv(connection, 65536)
    except OSError:
        return b""


async def read_answer(connection: socket.socket) -> Answer | None:
    """The next answer; none where the connection ends without one."""
    data = b""
    while part := await receive(connection):
        data += part
        answers, _ = split_answers(data)
        if answers:
            return answers[0]
    return None


async def exchange(port: int, *request: bytes, source: str = HOME, seconds: float = 60) -> Answer | None:
    """A request and its answer, also where that comes before all is sent."""
    connection = await connect(port, source)
    sending = asyncio.ensure_future(send(connection, *request))
    try:
        return await asyncio.wait_for(read_answer(connection), seconds)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        connection.close()
