"""Files that are no good pictures, made at run time: name, content, and the codes that they may be refused with."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Iterator, NamedTuple

from harness import JPEG, PNG
from pictures import make

SEED = 20260
CONTENT, EXTENSION = {"unsupported-content"}, {"unsupported-extension"}
CORRUPT = {"corrupt-image", "unsupported-content"}
TOO_LARGE = {"image-too-large"}
BAD = CORRUPT | TOO_LARGE | {"decode-timeout"}

JPEG_BYTES, PNG_BYTES = JPEG.read_bytes(), PNG.read_bytes()
SIGNATURE = PNG_BYTES[:8]


class Bad(NamedTuple):
    name: str
    content: bytes
    codes: set[str]
    what: str


def all_bad() -> Iterator[Bad]:
    yield from wrong_types()
    yield from cut_short()
    yield from bad_pngs()
    yield from bad_jpegs()
    yield from vast_claims()


# What is no picture at all, whatever it is called.

def wrong_types() -> Iterator[Bad]:
    others = {
        "text": b"hello world, this is text", "HTML": b"<!doctype html><script>alert(1)</script>",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "PHP": b"<?php system($_GET['c']); ?>",
        "GIF": b"GIF89a\x01\0\x01\0\0\0\0;", "WebP": b"RIFF\x24\0\0\0WEBPVP8 " + bytes(24),
        "PDF": b"%PDF-1.7\n" + bytes(99), "ZIP": b"PK\3\4" + bytes(99), "BMP": b"BM" + bytes(99),
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
        "TIFF": b"II*\0" + bytes(99), "ELF": b"\x7fELF\2\1\1" + bytes(99), "nothing": b"", "one byte": b"\xff",
        "zeros": bytes(1_000_000), "noise": random.Random(SEED).randbytes(1_000_000),
        "a PDF with a JPEG in it": b"%PDF-1.7\n" + JPEG_BYTES, "HTML with a PNG behind it": b"<html>" + PNG_BYTES,
        "a JPEG behind a space": b" " + JPEG_BYTES,
        "a PNG as text transfer spoils it": PNG_BYTES.replace(b"\r\n", b"\n"),
    }
    for what, content in others.items():
        yield Bad("photo.jpg", content, CORRUPT, f"{what} as .jpg")
        yield Bad("photo.png", content, CORRUPT, f"{what} as .png")
    for name in ["photo", "photo.gif", "photo.svg", "photo.jpg.exe", "photo.php", "photo.jpg.", "photo.jp", "jpg"]:
        yield Bad(name, JPEG_BYTES, EXTENSION, f"a good picture called {name}")


def cut_short() -> Iterator[Bad]:
    for percent in [1, 2, 5, *range(10, 100, 10), 95, 99]:
        yield Bad("photo.jpg", JPEG_BYTES[: len(JPEG_BYTES) * percent // 100], CORRUPT, f"a JPEG cut at {percent} %")
        yield Bad("photo.png", PNG_BYTES[: len(PNG_BYTES) * percent // 100], CORRUPT, f"a PNG cut at {percent} %")
    for count in (2, 3, 4, 8, 11, 20, 33):
        yield Bad("photo.jpg", JPEG_BYTES[:count], CORRUPT, f"the first {count} bytes of a JPEG")
        yield Bad("photo.png", PNG_BYTES[:count], CORRUPT, f"the first {count} bytes of a PNG")
    whole = len(JPEG_BYTES)
    yield Bad("photo.jpg", JPEG_BYTES[: whole // 2] + bytes(whole // 2), CORRUPT, "a JPEG whose second half is zeros")


# PNGs.

def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return SIGNATURE + b"".join(make.chunk(kind, content) for kind, content in chunks)


def header(width: int, height: int, depth=8, colour=2, packing=0, filters=0, lacing=0) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, packing, filters, lacing)


def bad_pngs() -> Iterator[Bad]:
    rows = zlib.compress((b"\0" + bytes(30)) * 10)
    data, end = (b"IDAT", rows), (b"IEND", b"")
    files = {
        "without pixels": png(header(0, 10), data, end), "without a header": png(data, end),
        "with two headers": png(header(10, 10), header(20, 20), data, end), "without data": png(header(10, 10), end),
        "with too little data": png(header(10, 10), (b"IDAT", zlib.compress(bytes(31))), end),
        "with data that is not compressed": png(header(10, 10), (b"IDAT", bytes(310)), end),
        "of an unknown colour type": png(header(10, 10, colour=5), data, end),
        "of a depth of 3 bits": png(header(10, 10, depth=3), data, end),
        "of an unknown packing": png(header(10, 10, packing=1), data, end),
        "of an unknown filter method": png(header(10, 10, filters=1), data, end),
        "of an unknown lacing": png(header(10, 10, lacing=2), data, end),
        "of an unknown row filter": png(header(10, 10), (b"IDAT", zlib.compress((b"\x09" + bytes(30)) * 10)), end),
        "with a palette missing": png(header(10, 10, colour=3), (b"IDAT", zlib.compress(bytes(110))), end),
        "with an unknown critical chunk": png(header(10, 10), (b"ABCD", b""), data, end),
        "with a chunk of 4 GB": png(header(10, 10)) + b"\xff\xff\xff\xffIDAT" + rows,
        "with a chunk of 2 GB": png(header(10, 10)) + b"\x7f\xff\xff\xffIDAT" + rows,
    }
    for what, content in files.items():
        yield Bad("photo.png", content, BAD, f"a PNG {what}")
    for at in [10, 17, 25, 29, 32, 40, len(PNG_BYTES) // 3, len(PNG_BYTES) // 2, len(PNG_BYTES) - 16]:
        flipped = bytearray(PNG_BYTES)
        flipped[at] ^= 1
        yield Bad("photo.png", bytes(flipped), BAD, f"a PNG with a wrong bit at {at}")


# JPEGs.

def bad_jpegs() -> Iterator[Bad]:
    frame, scan = JPEG_BYTES.index(b"\xff\xc0"), JPEG_BYTES.index(b"\xff\xda")
    tables, crowded = JPEG_BYTES.index(b"\xff\xc4"), make.segment(0xC4, b"\0" + bytes([3] * 16) + bytes(48))

    def with_frame(at: int, value: bytes) -> bytes:
        return JPEG_BYTES[: frame + at] + value + JPEG_BYTES[frame + at + len(value) :]

    files = {
        "without a frame": JPEG_BYTES[:frame] + JPEG_BYTES[frame + 19 :],
        "without a scan": JPEG_BYTES[:scan] + b"\xff\xd9",
        "with Huffman tables of too many codes": JPEG_BYTES[:tables] + crowded + JPEG_BYTES[scan:],
        "with nothing but its ends": b"\xff\xd8\xff\xd9",
        "of no components": with_frame(9, b"\0"), "of no height": with_frame(5, b"\0\0"),
        "of no width": with_frame(7, b"\0\0"), "of 12 bits": with_frame(4, b"\x0c"),
        "in arithmetic coding": with_frame(1, b"\xc9"), "lossless": with_frame(1, b"\xc3"),
        "of a sampling of 0": with_frame(11, b"\0"), "of a sampling of 15": with_frame(11, b"\xff"),
        "with a table that is not there": with_frame(12, b"\7"),
        "with a segment of no length": JPEG_BYTES[:2] + b"\xff\xfe\0\0" + JPEG_BYTES[2:],
        "with segments alone": b"\xff\xd8" + b"\xff\xfe\0\2" * 500_000,
        "of fill bytes": b"\xff\xd8" + b"\xff" * 2_000_000,
        "of a million starts": b"\xff\xd8" * 1_000_000,
    }
    for what, content in files.items():
        yield Bad("photo.jpg", content, BAD, f"a JPEG {what}")
    yield Bad("photo.jpg", many_scans(2000), BAD, "a progressive JPEG of 2000 scans")


def many_scans(count: int) -> bytes:
    """4096 by 4096 pixels, and scan after scan that says nothing new."""
    frame = make.segment(0xC2, struct.pack(">BHHB", 8, 4096, 4096, 1) + bytes([1, 0x11, 0]))
    quantisation = make.segment(0xDB, bytes(1) + bytes([1] * 64))
    table = make.segment(0xC4, bytes([0x10]) + bytes([1] + [0] * 15) + bytes([0x00]))
    scan = make.segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0x10])) + bytes(4096 * 4096 // 64 // 8)
    return b"\xff\xd8" + quantisation + frame + table + scan[: 10_000] * count + b"\xff\xd9"


def vast_claims() -> Iterator[Bad]:
    frame = JPEG_BYTES.index(b"\xff\xc0")
    for width, height in [(65535, 65535), (65535, 2000), (10_001, 10_000)]:
        claim = JPEG_BYTES[: frame + 5] + struct.pack(">HH", height, width) + JPEG_BYTES[frame + 9 :]
        yield Bad("photo.jpg", claim, TOO_LARGE, f"a small JPEG that claims {width}x{height}")
    most = 2**31 - 1
    for width, height in [(65535, 65535), (20_000, 20_000), (1, most), (most, most), (most + 1, 1), (2**32 - 1, 9)]:
        claim = png(header(width, height, 16, 6), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
        codes = BAD if max(width, height) >= 2**31 else TOO_LARGE
        yield Bad("photo.png", claim, codes, f"a small PNG that claims {width}x{height}")
    almost = png(header(10_000, 10_000, 16, 6), (b"IDAT", zlib.compress(bytes(80_010))), (b"IEND", b""))
    yield Bad("photo.png", almost, BAD, "a PNG of 100 megapixels with one row")


def bombs() -> Iterator[Bad]:
    """These may be taken or refused; what counts is that neither time nor memory goes with them."""
    gigabyte = bomb(1 << 30)
    row, end = zlib.compress((b"\0" + bytes(30)) * 10), (b"IEND", b"")
    profile = b"icc\0\0" + gigabyte
    yield Bad("bomb.png", png(header(1, 1), (b"IDAT", gigabyte), end), BAD, "a pixel with a gigabyte of data")
    yield Bad("bomb.png", png(header(10, 10), (b"iCCP", profile), (b"IDAT", row), end), BAD, "a gigabyte of profile")
    yield Bad("bomb.png", png(header(10, 10), (b"zTXt", profile), (b"IDAT", row), end), BAD, "a gigabyte of text")
    texts = [(b"tEXt", b"a\0b")] * 500_000
    yield Bad("bomb.png", png(header(10, 10), *texts, (b"IDAT", row), end), BAD, "500,000 chunks")
    yield Bad("bomb.jpg", JPEG_BYTES + bytes(20_000_000), BAD, "20 MB of zeros behind a picture")
    polyglot = JPEG_BYTES + b"PK\3\4<script>alert(1)</script>" + PNG_BYTES
    yield Bad("bomb.jpg", polyglot, BAD, "a picture with others behind it")


def bomb(size: int) -> bytes:
    packer, zeros = zlib.compressobj(9), bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(size >> 20)) + packer.flush()
