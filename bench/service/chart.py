"""The picture: three figures of the run with the S3 that keeps nothing, as bars."""

from html import escape

from contenders import CONTENDERS

SETS = ["phone", "web", "png"]
PANELS = [
    ("cpu_ms_per_upload", "CPU per upload, ms", "less is better"),
    ("uploads_per_second", "Uploads a second", "more is better"),
    ("peak_pss_mb", "Peak memory, MB", "less is better"),
]
COLOURS = {"thumbgate": "#d9622b", "node": "#4c8f4a", "python": "#4a7fb5"}
# Legible on white and on black.
TEXT = "#7a7d82"
PANEL_WIDTH, LABEL_WIDTH, BAR_WIDTH, BAR, GAP, TOP = 300, 52, 180, 15, 14, 92


def svg(results):
    clients = max(row["clients"] for row in results["rows"])
    rows = {
        (row["set"], row["contender"]): row
        for row in results["rows"] if row["store"] == "null" and row["clients"] == clients
    }
    height = TOP + len(SETS) * (len(CONTENDERS) * BAR + GAP) + 8
    width = PANEL_WIDTH * len(PANELS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}">',
        f"<title>Uploads with thumbnails: {clients} clients, an S3 that keeps nothing</title>",
        *legend(clients),
    ]
    for number, (figure, title, note) in enumerate(PANELS):
        parts += panel(rows, figure, title, note, number * PANEL_WIDTH)
    return "\n".join([*parts, "</svg>"]) + "\n"


def legend(clients):
    yield text(8, 20, f"{clients} clients, an S3 that keeps nothing", size=13)
    for number, contender in enumerate(CONTENDERS):
        left = 8 + number * 190
        yield f'<rect x="{left}" y="32" width="12" height="12" fill="{COLOURS[contender.name]}"/>'
        yield text(left + 18, 42, contender.title)


def panel(rows, figure, title, note, left):
    yield text(left + 8, 72, title, weight="bold")
    yield text(left + 8, 86, note, size=11)
    most = max(row[figure] for row in rows.values())
    for place, name in enumerate(SETS):
        top = TOP + GAP / 2 + place * (len(CONTENDERS) * BAR + GAP)
        yield text(left + 8, top + len(CONTENDERS) * BAR / 2 + 4, name)
        for line, contender in enumerate(CONTENDERS):
            value = rows[name, contender.name][figure]
            width = max(1, value / most * BAR_WIDTH)
            y = top + line * BAR
            yield (
                f'<rect x="{left + LABEL_WIDTH}" y="{y:.1f}" width="{width:.1f}" height="{BAR - 2}" '
                f'fill="{COLOURS[contender.name]}"/>'
            )
            yield text(left + LABEL_WIDTH + width + 4, y + 11, f"{value:.1f}" if value < 100 else f"{value:.0f}", size=11)


def text(x, y, content, size=12, weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}">{escape(content)}</text>'
