"""Makes the three sets of bench/core's photographs: `pictures.py PHOTOS FOLDER`. Half of the JPEGs are progressive."""

import shutil
import sys
from pathlib import Path

from PIL import Image

Image.MAX_IMAGE_PIXELS = None

# What phones take: 15 MP of 4 to 5 MB.
PHONE = [f"{name}-{kind}.jpg" for name in ["Flow", "SafeLanding", "Volna"] for kind in ["baseline", "progressive"]]
# What is made for pages: 1 to 4 MP, at the quality that programs for it take.
WEB = [
    ("Autumn", 2400, "baseline"), ("BytheWater", 1600, "baseline"), ("Garden", 2000, "baseline"),
    ("FallenLeaf", 2000, "progressive"), ("Flow", 2400, "progressive"), ("Shell", 1400, "progressive"),
]
# 1 to 3 MP, with alpha and without.
PNG = [("Altai", 2400), ("Altai", 1600), ("IceCold", 2000), ("Kay", 2400), ("MilkyWay", 2000), ("Patak", 1400)]


def main(photos, folder):
    for name in ["phone", "web", "png"]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in PHONE:
        shutil.copyfile(photos / name, folder / "phone" / name)
    for name, width, kind in WEB:
        picture = scaled(photos / f"{name}-baseline.jpg", width)
        picture.save(folder / "web" / f"{name}-{kind}.jpg", quality=88, progressive=kind == "progressive")
    for name, width in PNG:
        scaled(photos / f"{name}.png", width).save(folder / "png" / f"{name}{width}.png")


def scaled(file, width):
    picture = Image.open(file)
    return picture.resize((width, round(picture.height * width / picture.width)), Image.LANCZOS)


main(*map(Path, sys.argv[1:]))
