"""What the largest pictures and the worst files cost: `limits.py TOOLS`. Each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pyvips
from PIL import Image

FLOOD = 32 << 20  # bytes: the largest upload by default
LARGE_PHOTO = "Volna-baseline.jpg"
MOST_MILLISECONDS, MOST_MIB = 100, 30

tools = Path(sys.argv[1])
folder, thumbnails = tools / "limits", tools / "out" / "limits"
Image.MAX_IMAGE_PIXELS = None


def make_large():
    """Photographs of 100 and 49 megapixels, and the most MiB over baseline that each may take."""
    wanted = {
        "baseline.jpg": ("baseline JPEG, 100 MP", 16),
        "progressive.jpg": ("progressive JPEG, 100 MP", 32),
        "rows.png": ("PNG, RGB, 100 MP", 16),
        "interlaced.png": ("interlaced PNG, RGB, 16 bits, 49 MP", 512),
    }
    if all((folder / name).exists() for name in wanted):
        return wanted
    tile, photo = Image.open(tools / "photos" / LARGE_PHOTO), Image.new("RGB", (10_000, 10_000))
    for left in range(0, photo.width, tile.width):
        for top in range(0, photo.height, tile.height):
            photo.paste(tile, (left, top))
    photo.save(folder / "baseline.jpg", quality=90)
    photo.save(folder / "progressive.jpg", quality=90, progressive=True)
    photo.save(folder / "rows.png", compress_level=1)
    deep = pyvips.Image.new_from_array(photo.crop((0, 0, 7000, 7000))).cast("ushort") * 257
    deep.cast("ushort").copy(interpretation="rgb16").pngsave(
        str(folder / "interlaced.png"), interlace=True, bitdepth=16, compression=1
    )
    return wanted


def cost(file, least=0):
    """CPU milliseconds, MiB over baseline, and why there is no thumbnail."""
    job = [os.environ["OURS"], str(least), thumbnails, file]
    line = subprocess.run(job, check=True, capture_output=True, text=True).stdout.strip().split(" ", 4)
    return float(line[1]), int(line[2]) / 1024, line[4] if len(line) > 4 else "a thumbnail"


def print_large():
    print("# The largest pictures\n\nPeak memory over baseline, and CPU time.\n")
    print("| picture | MB | ms | MiB | at most |\n|---|---|---|---|---|")
    for name, (what, most) in make_large().items():
        milliseconds, mib, outcome = cost(folder / name, 300)
        assert outcome == "a thumbnail", outcome
        size = (folder / name).stat().st_size / 1e6
        print(f"| {what} | {size:.1f} | {milliseconds:.0f} | {mib:.1f} | {most} |", flush=True)


def print_bombs():
    subprocess.run([os.environ["BOMBS"], folder / "bombs", str(FLOOD)], check=True)
    print("\n# The worst files\n\nCPU time, peak memory over baseline, and the answer. Floods are of 32 MiB.")
    print("`tests/core/fixtures/bombs.rs` makes them.\n")
    print("| file | MB | ms | MiB | answer |\n|---|---|---|---|---|")
    over = []
    for file in sorted((folder / "bombs").iterdir()):
        kind, _, what = file.name.replace("_", " ").split("-", 2)
        milliseconds, mib, outcome = cost(file, 100)
        size = file.stat().st_size / 1e6
        print(f"| {what} | {size:.2f} | {milliseconds:.2f} | {mib:.1f} | {outcome} |", flush=True)
        if kind == "bomb" and (milliseconds > MOST_MILLISECONDS or mib > MOST_MIB):
            over.append(what)
    print(f"\nOver {MOST_MILLISECONDS} ms or {MOST_MIB} MiB, but for pictures that are just large (the last of the table): ", end="")
    print("; ".join(over) or "none", end=".\n")


for needed in [thumbnails, folder / "bombs"]:
    needed.mkdir(parents=True, exist_ok=True)
print_large()
print_bombs()
