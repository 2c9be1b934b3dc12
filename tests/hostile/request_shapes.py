"""Requests out of shape, as bytes: what must be refused, what hides a second request, what is odd but right."""

from __future__ import annotations

from typing import NamedTuple

from harness import JPEG
from wire import get, post

# What a request hides in its body. If it is answered, whoever sits in front has been told apart from the service.
HIDDEN_REQUEST = b"GET /limits HTTP/1.1\r\nHost: hostile.example\r\n\r\n"
PICTURE = JPEG.read_bytes()
LENGTH, HIDDEN_LENGTH = len(PICTURE), len(HIDDEN_REQUEST)
BINARY = bytes(range(256)) * 4


class Shape(NamedTuple):
    name: str
    request: bytes
    status: int = 0


def upload(*lines: str, body: bytes, end: str = "\r\n") -> bytes:
    head = ["PUT /uploads/shape.jpg HTTP/1.1", "Host: hostile.example", *lines, "", ""]
    return end.join(head).encode("latin-1") + body


def in_chunks(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)


def coded(*lines: str) -> bytes:
    """Were it read by its chunks, it would be a good upload and a request behind it."""
    return upload(*lines, body=in_chunks(PICTURE) + HIDDEN_REQUEST)


def sized(*lines: str) -> bytes:
    """Were it read by the length that is meant, it would be the same."""
    return upload(*lines, body=PICTURE + HIDDEN_REQUEST)


def chunked(body: bytes) -> bytes:
    return upload("Transfer-Encoding: chunked", body=body)


def line(target: str | bytes, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    return method.encode() + b" " + raw + f" {version}\r\nHost: hostile.example\r\n\r\n".encode()


# Chunks and a length. RFC 9112, section 6.3, lets a server go by the chunks, but what follows must never be read.
CLOSED = [
    Shape("Content-Length before Transfer-Encoding", coded(f"Content-Length: {LENGTH}", "Transfer-Encoding: chunked")),
    Shape("Transfer-Encoding before Content-Length", coded("Transfer-Encoding: chunked", f"Content-Length: {LENGTH}")),
    Shape("Content-Length: 0 and chunks", coded("Content-Length: 0", "Transfer-Encoding: chunked")),
    Shape("a length that reaches beyond the chunks", coded("Content-Length: 99999", "Transfer-Encoding: chunked")),
    Shape("a length beyond the limit and chunks", coded(f"Content-Length: {1 << 40}", "Transfer-Encoding: chunked")),
    Shape("two codings of chunks and a length", coded("Content-Length: 5", *["Transfer-Encoding: chunked"] * 2)),
]

# Two lengths, or one that can't be told.
LENGTHS = [
    Shape("two lengths that differ", sized(f"Content-Length: {LENGTH}", f"Content-Length: {LENGTH + 1}")),
    Shape("two lengths that differ, the right one last", sized("Content-Length: 0", f"Content-Length: {LENGTH}")),
    Shape("two lengths in one header", sized(f"Content-Length: {LENGTH}, {LENGTH + 1}")),
    Shape("a length with a plus", sized(f"Content-Length: +{LENGTH}")),
    Shape("a length below nothing", sized(f"Content-Length: -{LENGTH}")),
    Shape("a length with a space in it", sized(f"Content-Length: {LENGTH} 0")),
    Shape("a length in hexadecimal", sized(f"Content-Length: {LENGTH:#x}")),
    Shape("a length with a point", sized(f"Content-Length: {LENGTH}.0")),
    Shape("an empty length", sized("Content-Length:")),
    Shape("a length of 2^64", sized("Content-Length: 18446744073709551616")),
    Shape("a length of 2^64 and more", sized(f"Content-Length: {2**64 + LENGTH}")),
    Shape("a length of 2^63", sized("Content-Length: 9223372036854775808")),
    Shape("chunked, then identity", coded("Transfer-Encoding: chunked, identity")),
    Shape("chunked and identity in two headers", coded("Transfer-Encoding: chunked", "Transfer-Encoding: identity")),
    Shape("an unknown coding", coded("Transfer-Encoding: xchunked")),
    Shape("identity with a length", sized("Transfer-Encoding: identity", f"Content-Length: {LENGTH}")),
    Shape("a coding in quotes", coded('Transfer-Encoding: "chunked"')),
    Shape("an empty coding with a length", sized("Transfer-Encoding:", f"Content-Length: {LENGTH}")),
    Shape("chunks in HTTP/1.0", coded("Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    Shape("a space before the colon", coded("Transfer-Encoding : chunked")),
    Shape("a space before the colon of the length", sized(f"Content-Length : {LENGTH}")),
    Shape("a folded header", coded("X-Folded: a", " Transfer-Encoding: chunked")),
    Shape("a folded coding", coded("Transfer-Encoding:", " chunked")),
    Shape("a header that begins with a space", coded(" Transfer-Encoding: chunked")),
    Shape("a vertical tab before the coding", coded("Transfer-Encoding: \x0bchunked")),
    Shape("a carriage return in the coding", coded("Transfer-Encoding: chunked\rX: y")),
]

# Chunks that can't be told. What they hold would be a good upload.
CHUNKS = [
    Shape(f"the chunk size {size!r}", chunked(size + b"\r\n" + PICTURE + b"\r\n0\r\n\r\n" + HIDDEN_REQUEST))
    for size in [
        b"FFFFFFFFFFFFFFFFF", b"1000000000000%04x" % LENGTH, b"-%x" % LENGTH, b"+%x" % LENGTH, b"0x%x" % LENGTH,
        b"zz", b"", b" ", b"%x 5" % LENGTH, b"%x\n" % LENGTH,
    ]
] + [
    Shape("a chunk longer than its size", chunked(b"5\r\n" + PICTURE + b"\r\n0\r\n\r\n" + HIDDEN_REQUEST)),
    Shape("a bare line feed behind a chunk size", chunked(in_chunks(PICTURE).replace(b"\r\n", b"\n", 1))),
    Shape("a bare line feed behind a chunk", chunked(in_chunks(PICTURE)[:-7] + b"\n0\r\n\r\n" + HIDDEN_REQUEST)),
    Shape("a line feed in a chunk extension", chunked(in_chunks(PICTURE).replace(b"\r\n", b";a\nb\r\n", 1))),
    Shape("a chunk extension without end", chunked(b"5;" + b"a" * 200_000)),
    Shape("trailers without end", chunked(in_chunks(PICTURE)[:-2] + b"X-Trailer: a\r\n" * 20_000)),
]

# Heads that are none.
HEADS = [
    Shape("the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
    Shape("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + BINARY),
    Shape("an SSH greeting", b"SSH-2.0-OpenSSH_9.6\r\n"),
    Shape("HTTP/0.9", b"GET /limits\r\n\r\n"),
    Shape("HTTP/2.0 in words", line("/limits", version="HTTP/2.0")),
    Shape("HTTP/1.10", line("/limits", version="HTTP/1.10")),
    Shape("bytes of all kinds", BINARY),
    Shape("zeros", bytes(70_000)),
    Shape("a NUL in a header", get("/limits", "X: a\0b")),
    Shape("a control character in a header's name", get("/limits", "X\x01: a")),
    Shape("a header without a colon", get("/limits", "Transfer-Encoding chunked")),
    Shape("a header without a name", get("/limits", ": a")),
    Shape("101 headers", get("/limits", *[f"X-{number}: a" for number in range(100)])),
    Shape("10,000 headers", get("/limits", *[f"X-{number}: a" for number in range(10_000)])),
    Shape("64 KiB of headers", get("/limits", *[f"X-{number}: {'a' * 1000}" for number in range(66)])),
    Shape("a header of 64 KiB", get("/limits", f"X: {'a' * 65536}")),
    Shape("a header of 1 MB", get("/limits", f"X: {'a' * 1_000_000}")),
    Shape("a name of 64 KiB", get("/limits", f"{'X' * 65536}: a")),
    Shape("a target of 70,000 bytes", line("/" + "a" * 70_000)),
]

# Targets that lead nowhere.
TARGETS = [
    Shape(f"the target {target!r}", line(target))
    for target in [
        "*", "evil.example:443", "//evil.example/limits", "/limits/../../etc/passwd", "/uploads/../limits",
        "/uploads/..%2f..%2f..%2fetc%2fpasswd", "/uploads/%2e%2e/%2e%2e/etc/passwd", "/thumbnails/..\\..\\x.jpg",
        "/static/..%2f..%2fetc%2fpasswd", "/uploads/%00.jpg", "/uploads/%ff%fe.jpg", "/uploads/%.jpg",
        "/uploads/.thumbgate/counter", "/uploads/.thumbgate%2fcounter.jpg", "/result/%2e%2e%2f%2e%2e.jpg",
        b"/\xff\xfe\x00", "/lim its", " /limits", "", "limits", "http://", "?", "/limits\x7f", "file:///etc/passwd",
    ]
] + [
    Shape("CONNECT", line("evil.example:443", "CONNECT")),
    Shape("TRACE", line("/limits", "TRACE")),
    Shape("a method in lower case", line("/limits", "get")),
    Shape("an unknown method", line("/uploads", "PROPFIND")),
    Shape("a method of 10,000 letters", line("/limits", "G" * 10_000)),
]

REFUSED = {"lengths": LENGTHS, "chunks": CHUNKS, "heads": HEADS, "targets": TARGETS}

UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")

# A reading is allowed, but one only: the hidden request is part of the body.
HIDDEN = [
    Shape("the coding in capitals", upload("Transfer-Encoding: CHUNKED", body=in_chunks(HIDDEN_REQUEST))),
    Shape("spaces around the coding", upload("Transfer-Encoding: \t chunked \t", body=in_chunks(HIDDEN_REQUEST))),
    Shape("the coding twice", upload("Transfer-Encoding: chunked, chunked", body=in_chunks(HIDDEN_REQUEST))),
    Shape("in a bare file", upload(f"Content-Length: {HIDDEN_LENGTH}", body=HIDDEN_REQUEST)),
    Shape("in a form", post("hidden.txt", HIDDEN_REQUEST)),
    Shape("in a GET's body", get("/health", f"Content-Length: {HIDDEN_LENGTH}") + HIDDEN_REQUEST),
    Shape("in a HEAD's body", b"HEAD" + get("/health", f"Content-Length: {HIDDEN_LENGTH}")[3:] + HIDDEN_REQUEST),
    Shape("in a body of an unknown path", get("/nowhere", f"Content-Length: {HIDDEN_LENGTH}") + HIDDEN_REQUEST),
    Shape("in a body that is too long", upload("Content-Length: 99999999999", body=HIDDEN_REQUEST)),
    Shape("behind Expect", upload(f"Content-Length: {HIDDEN_LENGTH}", "Expect: 100-continue", body=HIDDEN_REQUEST)),
    Shape("behind a refused Expect", post("hidden.txt", HIDDEN_REQUEST, "Expect: 100-continue")),
    Shape("in an upgrade", get("/health", *UPGRADE, f"Content-Length: {HIDDEN_LENGTH}") + HIDDEN_REQUEST),
    Shape("behind a bare line feed", upload(f"X: a\nContent-Length: {HIDDEN_LENGTH}", body=HIDDEN_REQUEST)),
    Shape("behind bare line feeds", upload(f"Content-Length: {HIDDEN_LENGTH}", body=HIDDEN_REQUEST, end="\n")),
]

HARMLESS = [
    Shape("100 headers", get("/health", *[f"X-{number}: a" for number in range(99)]), 200),
    Shape("30 KiB of headers", get("/health", f"X: {'a' * 30_000}"), 200),
    Shape("an absolute target", line("http://hostile.example/health"), 200),
    Shape("HTTP/1.0", line("/health", version="HTTP/1.0"), 200),
    Shape("two requests in one piece", get("/health") * 2, 200),
    Shape("an empty line before the request", b"\r\n" + get("/health"), 200),
    Shape("the same length twice", upload(*[f"Content-Length: {LENGTH}"] * 2, body=PICTURE), 201),
    Shape("chunks with extensions", chunked(in_chunks(PICTURE).replace(b"\r\n", b";a=b\r\n", 1)), 201),
    Shape("chunks with a trailer", chunked(in_chunks(PICTURE)[:-2] + b"X-Trailer: a\r\n\r\n"), 201),
]
