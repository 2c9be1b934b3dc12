"""The largest pictures, made of a photograph by repeating it: `pictures.py TOOLS`."""

import sys
from pathlib import Path

from PIL import Image

tools = Path(sys.argv[1])
photo = Image.open(Path(__file__).resolve().parents[1] / "core/.tools/photos/Volna-baseline.jpg").convert("RGB")
for name, size, options in [
    ("24mp.jpg", (6000, 4000), {"quality": 85}),
    ("24mp.png", (6000, 4000), {}),
    ("100mp.jpg", (12000, 8333), {"quality": 80}),
]:
    # Enlarged, then few colours: a PNG of 24 megapixels has to fit into an event of 4.5 MB.
    picture = photo.resize(size)
    if name.endswith("png"):
        picture = picture.quantize(24, dither=Image.Dither.NONE)
    picture.save(tools / name, **options)
