"""Picks the photographs out of the unpacked packages; each JPEG also in the other of baseline and progressive."""

import subprocess
import sys
from pathlib import Path

unpacked, photos = map(Path, sys.argv[1:])
wallpapers = unpacked / "usr/share/wallpapers"
nature = unpacked / "usr/share/backgrounds/mate/nature"
jpegtran = next(unpacked.glob("usr/bin/jpegtran"))

for name in ["Elarun", "Flow", "Honeywave", "SafeLanding", "Shell", "Volna", "Autumn", "BytheWater", "FallenLeaf"]:
    pictures = (wallpapers / name / "contents/images").glob("*.jpg")
    largest = max(pictures, key=lambda path: path.stat().st_size, default=None)
    if largest is None:
        continue
    for kind, option in [("baseline", []), ("progressive", ["-progressive"])]:
        target = photos / f"{name}-{kind}.jpg"
        with open(target, "wb") as out:
            subprocess.run([jpegtran, "-copy", "all", *option, largest], stdout=out, check=True)
for name in ["Aqua", "Garden", "Wood"]:
    for kind, option in [("baseline", []), ("progressive", ["-progressive"])]:
        with open(photos / f"{name}-{kind}.jpg", "wb") as out:
            subprocess.run([jpegtran, "-copy", "all", *option, nature / f"{name}.jpg"], stdout=out, check=True)
for name in ["Altai", "Patak", "Kay", "IceCold", "MilkyWay"]:
    (photos / f"{name}.png").write_bytes((wallpapers / name / "contents/images/5120x2880.png").read_bytes())
