"""Pillow or libvips on some files: `peers.py pillow|libvips MILLISECONDS OUT_FOLDER FILES...`; prints as bench_job."""

import io
import os
import sys

from clock import cpu_milliseconds

os.environ["VIPS_CONCURRENCY"] = "1"
which, least, folder, *files = sys.argv[1:]


def pillow(source, is_png):
    picture = Image.open(io.BytesIO(source))
    picture.thumbnail((150, 150))
    out = io.BytesIO()
    if is_png:
        picture.save(out, "PNG")
    else:
        picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def libvips(source, is_png):
    picture = pyvips.Image.thumbnail_buffer(source, 150, height=150, size="down")
    return picture.write_to_buffer(".png" if is_png else ".jpg[Q=80,keep=none]")


def kib(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


if which == "pillow":
    from PIL import Image

    Image.init()
    job = pillow
else:
    import pyvips

    pyvips.cache_set_max(0)
    job = libvips

for file in files:
    with open(file, "rb") as opened:
        source = opened.read()
    is_png = file.endswith(".png")
    before = kib("VmRSS")
    out = job(source, is_png)
    peak = kib("VmHWM") - before
    milliseconds = cpu_milliseconds(lambda: job(source, is_png), float(least))
    name = os.path.basename(file)
    print(name, f"{milliseconds:.3f}", max(peak, 0), len(out))
    with open(os.path.join(folder, name), "wb") as opened:
        opened.write(out)
