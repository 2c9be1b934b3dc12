"""Pictures of 24 megapixels, made once and kept in the temporary folder: 6000 by 4000, with grain, as cameras give;
and one without, which is small on its way and much work where it arrives."""

from __future__ import annotations

import functools
import importlib.util
import os
import random
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Iterable

from harness import FIXTURES

WIDTH, HEIGHT = 6000, 4000
# So many different rows, over and over again: further apart than what a compressor remembers.
ROWS = 16
# Part of the files' names: another one where what is made here changes.
EDITION = 1
# How PNG filters rows.
SUB, PAETH, UNKNOWN_FILTER = 1, 4, 9

specification = importlib.util.spec_from_file_location("make", FIXTURES / "make.py")
make = importlib.util.module_from_spec(specification)
specification.loader.exec_module(make)


@functools.cache
def large_jpeg() -> bytes:
    return kept("jpg", made_jpeg)


@functools.cache
def large_png() -> bytes:
    return kept("png", made_png)


@functools.cache
def busy_png() -> bytes:
    return made_busy_png(PAETH)


@functools.cache
def late_png() -> bytes:
    """Nothing is wrong with it before its last row."""
    return made_busy_png(UNKNOWN_FILTER)


def kept(extension: str, made) -> bytes:
    folder = Path(tempfile.gettempdir()) / f"thumbgate-hostile-pictures-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{EDITION}-{WIDTH}x{HEIGHT}.{extension}"
    if not file.exists():
        # Several checks may make it at once; each one's is whole before it gets the name.
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as aside:
            aside.write(made())
        os.replace(aside.name, file)
    return file.read_bytes()


def made_jpeg() -> bytes:
    """Baseline, 4:2:0. A restart marker ends each row of 16 lines, so that rows can be made once and repeated."""
    header = b"\xff\xd8" + make.segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
    for number, table in enumerate(make.QUANTISATION):
        header += make.segment(0xDB, bytes([number]) + bytes(table[i] for i in make.ZIGZAG))
    frame = struct.pack(">BHHB", 8, HEIGHT, WIDTH, 3) + bytes([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
    header += make.segment(0xC0, frame)
    tables = (make.DC_LUMA, make.AC_LUMA, make.DC_CHROMA, make.AC_CHROMA)
    for number, (counts, symbols) in zip((0x00, 0x10, 0x01, 0x11), tables):
        header += make.segment(0xC4, bytes([number]) + counts + symbols)
    header += make.segment(0xDD, struct.pack(">H", WIDTH // 16))
    header += make.segment(0xDA, bytes([3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]))
    rows = [jpeg_row(random.Random(number)) for number in range(ROWS)]
    count = HEIGHT // 16
    scan = b"".join(rows[i % ROWS] + (bytes([0xFF, 0xD0 + i % 8]) if i < count - 1 else b"") for i in range(count))
    return header + scan + b"\xff\xd9"


def jpeg_row(noise: random.Random) -> bytes:
    codes = [make.codes(*table) for table in (make.DC_LUMA, make.AC_LUMA, make.DC_CHROMA, make.AC_CHROMA)]
    bits, before = [], [0, 0, 0]
    for _ in range(WIDTH // 16):
        for which in (0, 0, 0, 0, 1, 2):
            grain = [noise.choice((-2, -1, 0, 1, 2)) for _ in range(24 if which == 0 else 6)]
            mean = max(-120, min(120, before[which] + noise.randrange(-9, 10)))
            dc, ac = codes[:2] if which == 0 else codes[2:]
            make.encode(bits, [mean, *grain, *([0] * (63 - len(grain)))], before[which], dc, ac)
            before[which] = mean
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def made_png() -> bytes:
    """8 bits of red, green and blue, filter Sub: what differs from pixel to pixel is grain."""
    rows = [png_row(random.Random(number)) for number in range(ROWS)]
    return png(rows[i % ROWS] for i in range(HEIGHT))


def png(rows: Iterable[bytes], depth: int = 8, colour: int = 2, level: int = 1) -> bytes:
    packer = zlib.compressobj(level)
    data = b"".join(map(packer.compress, rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(make.chunk(kind, content) for kind, content in chunks)


def made_busy_png(last_filter: int) -> bytes:
    """16 bits of red, green, blue and alpha; the first row's colours go on down to the last one."""
    width, noise = 8 * WIDTH, random.Random(0)
    first = bytes([SUB]) + bytes(noise.choice((0,) * 60 + (1, 255)) for _ in range(width))
    return png([first, *[bytes([PAETH]) + bytes(width)] * (HEIGHT - 2), bytes([last_filter]) + bytes(width)], 16, 6, 9)


def png_row(noise: random.Random) -> bytes:
    return bytes([SUB]) + bytes(noise.choice((0,) * 13 + (1, 255)) for _ in range(WIDTH * 3))
