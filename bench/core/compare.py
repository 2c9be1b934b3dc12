"""Runs the contenders in turns and writes the table: `compare.py TOOLS [NAME_PART...]`."""

import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from statistics import mean, median

import deflate
from PIL import Image

from clock import cpu_milliseconds
from quality import load, psnr, ssim

LEAST = 300  # milliseconds of CPU a measurement takes at least
PSNR_OFF, SSIM_OFF = -0.3, -0.002

tools, parts = Path(sys.argv[1]), sys.argv[2:]
passes = int(os.environ["PASSES"])
here = Path(__file__).parent
out = {name: tools / "out" / name for name in ["ours", "Pillow", "libvips", "sharp"]}
commands = {
    "ours": [os.environ["OURS"], str(LEAST), out["ours"]],
    "Pillow": [sys.executable, here / "peers.py", "pillow", str(LEAST), out["Pillow"]],
    "libvips": [sys.executable, here / "peers.py", "libvips", str(LEAST), out["libvips"]],
    "sharp": ["node", here / "sharp.mjs", tools, str(LEAST), out["sharp"]],
}
peers = [name for name in commands if name != "ours"]

INTRODUCTION = f"""# Thumbnails, 150 x 150, whole job from bytes to bytes, one thread

CPU milliseconds (median of {passes} turns of at least {LEAST} ms and three rounds each), peak memory over baseline in
MiB, bytes, PSNR in dB and SSIM of the file to a full-resolution Lanczos reference. `times` is the best peer's CPU time
over ours. Beside it, of ours: for baseline JPEGs milliseconds per MB of the file, which is nearly all entropy-coded data;
for PNGs the time over that of inflate alone, by libdeflate in one call. Written by `bench/core/run`.

| file | MP | contender | ms | MiB | bytes | PSNR | SSIM | times | beside |
|---|---|---|---|---|---|---|---|---|---|"""


def measure(name, file):
    line = subprocess.run([*commands[name], file], check=True, capture_output=True, text=True).stdout.split()
    return float(line[1]), int(line[2]), int(line[3])


def inflate_alone(file):
    """Milliseconds to unpack a PNG's data, which is not interlaced."""
    source, position, data = file.read_bytes(), 8, []
    while position < len(source):
        (length,) = struct.unpack_from(">I", source, position)
        if source[position + 4 : position + 8] == b"IDAT":
            data.append(source[position + 8 : position + 8 + length])
        position += length + 12
    width, height, depth, kind = struct.unpack_from(">IIBB", source, 16)
    raw = height * (1 + -(-width * depth * [1, 0, 3, 1, 2, 0, 4][kind] // 8))
    data = b"".join(data)
    return cpu_milliseconds(lambda: deflate.zlib_decompress(data, raw), LEAST)


def beside(file, milliseconds):
    """What the time is over, and how to say it."""
    if file.suffix == ".png":
        return milliseconds / inflate_alone(file), "x inflate"
    if "baseline" in file.name:
        return milliseconds / (file.stat().st_size / 1e6), "ms/MB"
    return None


def group_of(file, megapixels):
    kind = "PNG" if file.suffix == ".png" else file.stem.rsplit("-", 1)[1]
    return f"{kind}, {'4 MP and more' if megapixels >= 4 else 'less than 4 MP'}"


def reference_of(source, size):
    whole = source.convert("RGBA") if "A" in source.mode or source.mode == "P" else source.convert("RGB")
    premultiplied = whole.convert("RGBa" if whole.mode == "RGBA" else "RGB")
    premultiplied.resize(size, Image.LANCZOS).convert(whole.mode).save(tools / "reference.png")
    return load(tools / "reference.png", size)


def compare(file):
    """Prints a file's rows; gives what the summaries are made of."""
    runs = {name: [] for name in commands}
    for _ in range(passes):
        for name in commands:
            runs[name].append(measure(name, file))
    milliseconds = {name: median(run[0] for run in found) for name, found in runs.items()}
    source = Image.open(file)
    megapixels = source.width * source.height / 1e6
    size = Image.open(out["ours"] / file.name).size
    reference = reference_of(source, size)
    made = {name: load(out[name] / file.name, size) for name in commands}
    near = {name: (psnr(made[name], reference), ssim(made[name], reference)) for name in commands}
    times = min(milliseconds[name] for name in peers) / milliseconds["ours"]
    over = beside(file, milliseconds["ours"])
    for name, found in runs.items():
        last = f"**{times:.2f}** | {f'{over[0]:.2f} {over[1]}' if over else ''}" if name == "ours" else "|"
        print(
            f"| {file.name} | {megapixels:.1f} | {name} | {milliseconds[name]:.2f} "
            f"| {median(run[1] for run in found) / 1024:.1f} | {found[0][2]} | {near[name][0]:.2f} | {near[name][1]:.4f} "
            f"| {last} |",
            flush=True,
        )
    return {
        "name": file.name,
        "group": group_of(file, megapixels),
        "times": times,
        "beside": over,
        "bytes": runs["ours"][0][2] / runs["sharp"][0][2],
        "psnr": near["ours"][0] - max(near[name][0] for name in peers),
        "ssim": near["ours"][1] - max(near[name][1] for name in peers),
    }


def geometric(values):
    return math.exp(mean(map(math.log, values)))


def print_times(groups):
    print("\n| group | files | geometric mean of `times` | least | beside, geometric mean |\n|---|---|---|---|---|")
    for group, files in groups:
        least = min(files, key=lambda file: file["times"])
        overs = [file["beside"] for file in files if file["beside"]]
        over = f"{geometric(over[0] for over in overs):.2f} {overs[0][1]}" if overs else ""
        mean_of_times = geometric(file["times"] for file in files)
        print(f"| {group} | {len(files)} | {mean_of_times:.2f} | {least['times']:.2f} ({least['name']}) | {over} |")


def print_quality(groups):
    print("\nQuality: ours less the best of the three peers, and our bytes over sharp's.\n")
    print("| group | PSNR, mean | least | SSIM, mean | least | bytes, mean | most |\n|---|---|---|---|---|---|---|")
    for group, files in groups:
        psnrs, ssims, sizes = ([file[what] for file in files] for what in ["psnr", "ssim", "bytes"])
        print(
            f"| {group} | {mean(psnrs):+.2f} | {min(psnrs):+.2f} | {mean(ssims):+.4f} | {min(ssims):+.4f} "
            f"| {mean(sizes):.3f} | {max(sizes):.3f} |"
        )
    off = [file for _, files in groups for file in files if is_off(file)]
    print(f"\nOff (PSNR more than {-PSNR_OFF} dB or SSIM more than {-SSIM_OFF} worse, or more bytes than sharp): ", end="")
    print("none." if not off else f"{len(off)} files.\n")
    for file in off:
        print(f"- {file['name']}: {file['psnr']:+.2f} dB, SSIM {file['ssim']:+.4f}, {file['bytes']:.3f} of the bytes")


def is_off(file):
    return file["psnr"] < PSNR_OFF or file["ssim"] < SSIM_OFF or file["bytes"] > 1


for folder in out.values():
    folder.mkdir(parents=True, exist_ok=True)
photos = sorted(path for path in (tools / "photos").iterdir() if path.suffix in (".jpg", ".png"))
print(INTRODUCTION)
results = [compare(file) for file in photos if not parts or any(part in file.name for part in parts)]
by_group = [(group, [r for r in results if r["group"] == group]) for group in sorted({r["group"] for r in results})]
print_times(by_group)
print_quality(by_group)
