"""Runs the contenders in turns and writes the table: `compare.py TOOLS`."""

import math
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

tools = Path(sys.argv[1])
passes = int(os.environ["PASSES"])
files = sorted(str(path) for path in (tools / "photos").iterdir() if path.suffix in (".jpg", ".png"))
out = {name: tools / "out" / name for name in ["ours", "Pillow", "libvips", "sharp"]}
here = Path(__file__).parent
python = sys.executable
commands = {
    "ours": [os.environ["OURS"], "5", out["ours"]],
    "Pillow": [python, here / "peers.py", "pillow", "2", out["Pillow"]],
    "libvips": [python, here / "peers.py", "libvips", "2", out["libvips"]],
    "sharp": ["node", here / "sharp.mjs", tools, "2", out["sharp"]],
}


def measure(name, file):
    line = subprocess.run([*commands[name], file], check=True, capture_output=True, text=True).stdout.split()
    return float(line[1]), int(line[2]), int(line[3])


def planes(path, size):
    picture = Image.open(path).convert("RGBA")
    if picture.size != size:
        picture = picture.resize(size, Image.LANCZOS)
    backdrop = Image.new("RGBA", size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(backdrop, picture).convert("RGB")).astype(float)


def psnr(one, other):
    error = ((one - other) ** 2).mean()
    return 99.0 if error == 0 else 10 * math.log10(255**2 / error)


def box(values, side=8):
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2


def ssim(one, other):
    one, other = one @ [0.299, 0.587, 0.114], other @ [0.299, 0.587, 0.114]
    mean_one, mean_other = box(one), box(other)
    variance_one, variance_other = box(one * one) - mean_one**2, box(other * other) - mean_other**2
    covariance = box(one * other) - mean_one * mean_other
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean_one * mean_other + c1) * (2 * covariance + c2)
    return (above / ((mean_one**2 + mean_other**2 + c1) * (variance_one + variance_other + c2))).mean()


for folder in out.values():
    folder.mkdir(parents=True, exist_ok=True)
Image.MAX_IMAGE_PIXELS = None
print("# Thumbnails, 150 x 150, whole job from bytes to bytes, one thread\n")
print("CPU milliseconds (median of turns), peak memory over baseline in MiB, bytes, PSNR in dB and SSIM of the file to a")
print("full-resolution Lanczos reference. `times` is the best peer's CPU time over ours. Written by `bench/core/run`.\n")
print("| file | MP | contender | ms | MiB | bytes | PSNR | SSIM | times |")
print("|---|---|---|---|---|---|---|---|---|")
ratios = {}
for file in files:
    runs = {name: [] for name in commands}
    for _ in range(passes):
        for name in commands:
            runs[name].append(measure(name, file))
    milliseconds = {name: median(run[0] for run in found) for name, found in runs.items()}
    ratio = min(milliseconds[name] for name in commands if name != "ours") / milliseconds["ours"]
    base = os.path.basename(file)
    kind = "PNG" if base.endswith(".png") else base.rsplit("-", 1)[1][:-4]
    source = Image.open(file)
    megapixels = source.width * source.height / 1e6
    group = f"{kind}, {'4 MP and more' if megapixels >= 4 else 'less than 4 MP'}"
    ratios.setdefault(group, []).append(ratio)
    size = Image.open(out["ours"] / base).size
    whole = source.convert("RGBA") if "A" in source.mode or source.mode == "P" else source.convert("RGB")
    whole.convert("RGBa" if whole.mode == "RGBA" else "RGB").resize(size, Image.LANCZOS).convert(whole.mode).save(
        tools / "reference.png"
    )
    reference = planes(tools / "reference.png", size)
    for name, found in runs.items():
        made = planes(out[name] / base, size)
        times = f"**{ratio:.1f}**" if name == "ours" else ""
        print(
            f"| {base} | {megapixels:.0f} | {name} | {milliseconds[name]:.1f} | {median(r[1] for r in found) / 1024:.1f} "
            f"| {found[0][2]} | {psnr(made, reference):.2f} | {ssim(made, reference):.4f} | {times} |"
        )
    sys.stdout.flush()
print("\n| group | files | geometric mean of `times` | least |")
print("|---|---|---|---|")
for group, found in sorted(ratios.items()):
    mean = math.exp(sum(map(math.log, found)) / len(found))
    print(f"| {group} | {len(found)} | {mean:.2f} | {min(found):.2f} |")
