"""Colours beside Pillow's: `colour.py TOOLS CORPUS`. Pictures with profiles, with four inks and with 16 bits, from the
corpus and made here of two photographs; ours against the whole picture converted by Pillow and then resampled. What
compressing thumbnails does is kept apart: it is no matter of colour management."""

import csv
import io
import math
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from quality import ciede2000, load

BAR, UNLISTED = 3.0, 0.1
PHOTOS = ["Garden", "Autumn"]
PROFILES = ["sRGB", "a98", "rommrgb", "LStar-RGB", "CineonLog_M", "sgray", "Gray-CIE_L", "default_cmyk"]

tools, corpus = map(Path, sys.argv[1:])
pictures, thumbnails = tools / "colour", {q: tools / "out" / f"colour-{q}" for q in [100, 80]}
srgb = ImageCms.createProfile("sRGB")


def converted(picture, profile, other, mode):
    return ImageCms.profileToProfile(picture, profile, other, ImageCms.Intent.PERCEPTUAL, mode)


def deep_png(samples, profile=None):
    """A PNG of 16 bits a sample, gray or RGB, whose low bytes are noise."""
    height, width, channels = samples.shape
    low = np.random.default_rng(1).integers(0, 256, samples.shape)
    rows = (samples.astype(int) * 256 + low).astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.pad(rows, ((0, 0), (1, 0)))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0 if channels == 1 else 2, 0, 0, 0))]
    if profile:
        chunks.append((b"iCCP", b"name\0\0" + zlib.compress(profile)))
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes(), 1)), (b"IEND", b"")]
    parts = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def ycck(inks, profile):
    """Pillow writes CMYK; what it writes is made the YCbCr of the inks, and called so in the Adobe segment."""
    cyan, magenta, yellow, black = inks.split()
    transformed = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr")
    stored = Image.merge("CMYK", (*map(ImageOps.invert, transformed.split()), black))
    file = saved(stored, "JPEG", quality=95, icc_profile=profile)
    adobe = file.index(b"Adobe\0")
    return file[: adobe + 11] + b"\x02" + file[adobe + 12 :]


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def made_of(photo, name, path):
    """Files of a photograph in the colours of one profile."""
    profile = path.read_bytes()
    space = ImageCms.ImageCmsProfile(str(path)).profile.xcolor_space.strip()
    mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[space]
    if mode == "L":
        picture = photo.convert("L")
    else:
        picture = converted(photo, srgb, str(path), mode)
    yield f"{name}.jpg", saved(picture, "JPEG", quality=95, icc_profile=profile)
    yield f"{name}-progressive.jpg", saved(picture, "JPEG", quality=85, progressive=True, icc_profile=profile)
    if mode == "CMYK":
        yield f"{name}-ycck.jpg", ycck(picture, profile)
        yield f"{name}-without.jpg", saved(picture, "JPEG", quality=95)
        yield f"{name}-ycck-without.jpg", ycck(picture, b"")
        return
    yield f"{name}.png", saved(picture, "PNG", icc_profile=profile)
    samples = np.asarray(picture).reshape(picture.height, picture.width, -1)
    yield f"{name}-16.png", deep_png(samples, profile)
    if mode == "RGB":
        alpha = Image.linear_gradient("L").resize(picture.size)
        yield f"{name}-alpha.png", saved(Image.merge("RGBA", (*picture.split(), alpha)), "PNG", icc_profile=profile)
        yield f"{name}-palette.png", saved(picture.quantize(200), "PNG", icc_profile=profile)


def make_pictures():
    profiles = {path.stem: path for path in (tools / "unpacked").glob("usr/share/color/icc/**/*.icc")}
    for photo_name in PHOTOS:
        photo = Image.open(tools / "photos" / f"{photo_name}-baseline.jpg").convert("RGB")
        photo.thumbnail((1200, 1200))
        for name in PROFILES:
            for file, content in made_of(photo, f"{photo_name}-{name}", profiles[name]):
                (pictures / file).write_bytes(content)
        (pictures / f"{photo_name}-16.png").write_bytes(deep_png(np.asarray(photo)))
        (pictures / f"{photo_name}-gray-16.png").write_bytes(deep_png(np.asarray(photo.convert("L"))[..., None]))


def take_from_corpus():
    """Where there is a corpus, all good pictures with a usable profile, four inks or 16 bits, under names that hold their folders."""
    index = corpus / "index.csv"
    for row in csv.DictReader(index.open()) if index.exists() else []:
        tags = row["tags"].split()
        if row["class"] == "good" and (row["icc"] not in ("", "bad", "short") or {"CMYK", "YCCK", "16bit"} & {*tags}):
            (pictures / row["path"].replace("/", "-")).write_bytes((corpus / row["path"]).read_bytes())


def by_profile(picture, profile):
    """In sRGB, or as it is where Pillow can't use the profile either."""
    try:
        of_file = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        gray_by_colours = picture.mode == "L" and of_file.profile.xcolor_space.strip() == "RGB"
        return converted(picture.convert("RGB") if gray_by_colours else picture, of_file, srgb, "RGB")
    except ImageCms.PyCMSError:
        return picture


def reference_of(file, size):
    """By Pillow: the whole picture in sRGB, then resampled."""
    picture = Image.open(file)
    profile = picture.info.get("icc_profile")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        # Pillow would cut off at 255 what has 16 bits; and it does not look at tRNS there.
        clear = picture.info.get("transparency")
        deep = np.asarray(picture)
        alpha = Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8))
        picture = Image.merge("LA", (Image.fromarray((deep >> 8).astype(np.uint8)), alpha))
    if picture.mode == "P" or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    alpha = picture.getchannel("A") if "A" in picture.mode else None
    if alpha:
        picture = picture.convert({"LA": "L", "RGBA": "RGB"}[picture.mode])
    picture = by_profile(picture, profile) if profile else picture
    picture = picture.convert("RGB")
    if alpha:
        picture = Image.merge("RGBA", (*picture.split(), alpha)).convert("RGBa")
    return on_white(picture.resize(size, Image.LANCZOS).convert("RGBA"))


def on_white(picture):
    backdrop = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(backdrop, picture).convert("RGB")


def as_floats(picture):
    return np.asarray(picture).astype(float)


def kind_of(picture):
    deep = ["16-bit"] if picture.format == "PNG" and "16" in picture.mode + str(picture.tile) else []
    profile = picture.info.get("icc_profile")
    named = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip() if profile else "none"
    return " ".join([picture.format, *deep, picture.mode]), named


def make_thumbnails(files, quality):
    """Why there is none, for each file."""
    job = [os.environ["OURS"], "0", thumbnails[quality], *files]
    environment = {**os.environ, "JPEG_QUALITY": str(quality)}
    run = subprocess.run(job, check=True, capture_output=True, text=True, env=environment)
    return [" ".join(line.split(" ")[4:]) for line in run.stdout.splitlines()]


def compare(file, refusal):
    """Prints a picture's row; says how far off its colours are."""
    if refusal:
        print(f"| {file.name} | {refusal} | | | | |")
        return math.inf
    size = Image.open(thumbnails[80] / file.name).size
    reference = reference_of(file, size)
    far = {q: ciede2000(load(folder / file.name, size), as_floats(reference)) for q, folder in thumbnails.items()}
    kind, profile = kind_of(Image.open(file))
    if far[100] < UNLISTED:
        return far[100]
    print(f"| {file.name} | {kind} | {profile} | {far[100]:.2f} |", end="")
    if kind.startswith("JPEG"):
        of_pillow = Image.open(io.BytesIO(saved(reference, "JPEG", quality=80)))
        print(f" {far[80]:.2f} | {ciede2000(as_floats(of_pillow.convert('RGB')), as_floats(reference)):.2f} |")
    else:
        print(" | |")
    return far[100]


for folder in [pictures, *thumbnails.values()]:
    folder.mkdir(parents=True, exist_ok=True)
make_pictures()
take_from_corpus()
files = sorted(pictures.iterdir())
refusals = make_thumbnails(files, 100)
make_thumbnails(files, 80)
print(f"""
# Colours, beside Pillow's

Mean CIEDE2000 to the whole picture converted to sRGB by Pillow (perceptual intent) and then resampled. PNG thumbnails are
as delivered; JPEG thumbnails at quality 100, which shows the colours alone, as delivered (quality 80), and beside it what
quality 80 does to Pillow's own. Colours of less than {UNLISTED} are left out.

| picture | kind | profile | colours | delivered | Pillow's own |
|---|---|---|---|---|---|""")
differences = {file.name: compare(file, refusal) for file, refusal in zip(files, refusals, strict=True)}
over = [name for name, difference in differences.items() if difference > BAR]
print(f"\n{len(files)} pictures, colours at most {max(differences.values()):.2f}; above {BAR:.0f}: {', '.join(over) or 'none'}.")
