"""How far one picture is from another."""

import math

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None


def load(path, size):
    """As floats, on white where it is transparent; resampled if it is of another size by a pixel."""
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


def lab(rgb):
    """CIELAB (D65, 2 degrees) of sRGB."""
    rgb = rgb / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = linear @ np.transpose(matrix) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (xyz * 24389 / 27 + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def ciede2000(one, other):
    """The mean CIEDE2000 difference of two sRGB pictures (Sharma, Wu, Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(lab(one), -1, 0), np.moveaxis(lab(other), -1, 0)
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = (1 - np.sqrt(mean_c7 / (mean_c7 + 25**7))) / 2
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    colourless = c1 * c2 == 0
    turn = np.where(colourless, 0, (h2 - h1 + 180) % 360 - 180)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = np.where(colourless, h1 + h2, h1 + turn / 2)
    t = 1 - 0.17 * cos(mean_h - 30) + 0.24 * cos(2 * mean_h) + 0.32 * cos(3 * mean_h + 6) - 0.2 * cos(4 * mean_h - 63)
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rotation = 60 * np.exp(-(((mean_h % 360 - 275) / 25) ** 2))
    r_t = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25**7)) * np.sin(np.radians(rotation))
    d_l, d_c = (l2 - l1) / s_l, (c2 - c1) / s_c
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / s_h
    return np.sqrt(d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h).mean()


def cos(degrees):
    return np.cos(np.radians(degrees))
