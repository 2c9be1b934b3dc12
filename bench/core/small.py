"""Pictures of less than 4 megapixels, made of the photographs: `small.py PHOTOS`. Both kinds of JPEG, and PNG."""

import sys
from pathlib import Path

from PIL import Image

photos = Path(sys.argv[1])
Image.MAX_IMAGE_PIXELS = None


def scaled(name, width):
    picture = Image.open(photos / name)
    return picture.resize((width, round(picture.height * width / picture.width)), Image.LANCZOS)


for name in ["Flow", "Shell", "Garden"]:
    for width in [800, 1200, 1600, 2000]:
        picture = scaled(f"{name}-baseline.jpg", width)
        for kind in ["baseline", "progressive"]:
            picture.save(photos / f"{name}{width}-{kind}.jpg", quality=88, progressive=kind == "progressive")
for name in ["Altai", "Kay"]:
    for width in [1000, 2000]:
        scaled(f"{name}.png", width).save(photos / f"{name}{width}.png")
