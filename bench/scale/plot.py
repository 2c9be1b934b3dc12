"""SVG by hand: panels of lines, and bars. Legible on light and dark pages: it has a ground of its own for both."""

from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

LIGHT = {"ground": "#ffffff", "text": "#24292f", "faint": "#57606a", "grid": "#d0d7de"}
DARK = {"ground": "#0d1117", "text": "#e6edf3", "faint": "#9198a1", "grid": "#30363d"}
LIGHT_COLOURS = ["#0969da", "#1a7f37", "#bc4c00", "#8250df"]
DARK_COLOURS = ["#58a6ff", "#3fb950", "#f0883e", "#bc8cff"]
WIDTH, HEIGHT = 860, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 58, 46


@dataclass(frozen=True)
class Series:
    """A name for the legend, which colour, and points; those of one colour are one contender."""

    name: str
    colour: int
    points: list


@dataclass(frozen=True)
class Panel:
    title: str
    x_title: str
    series: list
    is_log: bool = False
    # Where x has names instead of a scale; else how far the scale goes.
    names: tuple = ()
    last: float = 0


def lines(panels, title):
    """Panels side by side under one legend."""
    width = WIDTH / len(panels)
    parts = [panel_of_lines(panel, index * width, width) for index, panel in enumerate(panels)]
    return document(title, HEIGHT, legend(panels[0].series) + "".join(parts))


def bars(rows, marks, title, x_title):
    """Horizontal bars on a logarithmic scale, (name, colour, value) each, and vertical marks, (name, value) each."""
    left, top, step = 316, 44, 22
    height = top + step * len(rows) + BOTTOM
    values = [value for _, _, value in rows] + [value for _, value in marks]
    low, high = floor(log10(min(values))) - 0.3, ceil(log10(max(values)))

    def place(value):
        return left + (log10(value) - low) / (high - low) * (WIDTH - left - 60)

    parts = []
    for name, value in marks:
        parts.append(line(place(value), top - 8, place(value), height - BOTTOM + 6, "mark", dash="4 4"))
        parts.append(text(place(value), top - 14, name, "text", "middle"))
    for index, (name, colour, value) in enumerate(rows):
        y = top + index * step
        parts.append(text(left - 8, y + 13, name, "text", "end"))
        parts.append(f'<rect class="f{colour}" x="{left}" y="{y + 3}" width="{place(value) - left:.1f}" height="14"/>')
        parts.append(text(place(value) + 6, y + 14, f"{value:,.0f}", "text", halo=True))
    parts.append(text((left + WIDTH) / 2, height - 14, x_title, "faint", "middle"))
    return document(title, height, "".join(parts))


def style():
    """Plain rules for both themes: what draws SVG outside of browsers often knows no variables."""
    fixed = (
        '.line { fill: none; stroke-width: 2 } text { font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif }'
        " text.title { font-size: 13px; font-weight: 600 }"
    )
    dark = theme(DARK, DARK_COLOURS)
    return f"{fixed}\n{theme(LIGHT, LIGHT_COLOURS)}\n@media (prefers-color-scheme: dark) {{ {dark} }}"


def theme(grounds, colours):
    rules = [" ".join(f".{name} {{ fill: {grounds[name]} }}" for name in ("ground", "text", "faint"))]
    rules.append(f".grid {{ stroke: {grounds['grid']} }} .mark {{ stroke: {grounds['faint']} }}")
    rules += [f".f{index} {{ fill: {one} }} .l{index} {{ stroke: {one} }}" for index, one in enumerate(colours)]
    return " ".join(rules)


def document(title, height, inside):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f"<title>{escape(title)}</title><style>{style()}</style>"
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>\n{inside}</svg>\n'
    )


def legend(series):
    parts, x = [], LEFT
    for one in series:
        parts.append(f'<rect class="f{one.colour}" x="{x}" y="12" width="14" height="10"/>')
        parts.append(text(x + 20, 21, one.name, "text"))
        x += 44 + 7 * len(one.name)
    return "".join(parts) + "\n"


def panel_of_lines(panel, offset, width):
    x_of, y_of, x_ticks, y_ticks = scales(panel, offset, width)
    right, bottom = offset + width - RIGHT, HEIGHT - BOTTOM
    parts = [text(offset + LEFT, TOP - 14, panel.title, "text title")]
    for value, name in y_ticks:
        parts.append(line(offset + LEFT, y_of(value), right, y_of(value), "grid"))
        parts.append(text(offset + LEFT - 8, y_of(value) + 4, name, "faint", "end"))
    for value, name in x_ticks:
        parts.append(text(x_of(value), bottom + 18, name, "faint", "middle"))
    parts.append(text((offset + LEFT + right) / 2, HEIGHT - 8, panel.x_title, "faint", "middle"))
    for series in panel.series:
        points = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in series.points)
        parts.append(f'<polyline class="line l{series.colour}" points="{points}"/>')
        if panel.names:
            dots = (
                f'<circle class="f{series.colour}" cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3.5"/>'
                for x, y in series.points
            )
            parts.extend(dots)
    return "".join(parts) + "\n"


def scales(panel, offset, width):
    """From values to places, and the ticks of both axes."""
    ys = [y for series in panel.series for _, y in series.points]
    y_ticks = ticks_of_log(min(ys), max(ys)) if panel.is_log else ticks(max(ys))
    low, high = y_ticks[0][0], y_ticks[-1][0]
    if panel.names:
        first, last, x_ticks = -0.3, len(panel.names) - 0.7, list(enumerate(panel.names))
    else:
        first, last = 0, panel.last
        x_ticks = [(value, name) for value, name in ticks(last) if first <= value <= last]

    def x_of(x):
        return offset + LEFT + (x - first) / (last - first) * (width - LEFT - RIGHT)

    def y_of(y):
        part = (
            (log10(max(y, low)) - log10(low)) / (log10(high) - log10(low)) if panel.is_log else (y - low) / (high - low)
        )
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    return x_of, y_of, x_ticks, y_ticks


def ticks(highest):
    """Round steps from nothing up to the first that is not lower than the highest."""
    power = 10 ** floor(log10(highest))
    step = next(power * part for part in (0.2, 0.25, 0.5, 1, 2) if highest <= power * part * 6)
    return [(step * number, f"{step * number:,g}") for number in range(ceil(highest / step - 1e-9) + 1)]


def ticks_of_log(lowest, highest):
    """Of 1, 2, 5, 10 and so on, those that hold everything."""
    steps = [part * 10.0**power for power in range(-6, 9) for part in (1, 2, 5)]
    low = max(step for step in steps if step <= lowest)
    high = min(step for step in steps if step >= highest)
    return [(step, f"{step:,g}") for step in steps if low <= step <= high]


def line(x1, y1, x2, y2, kind, dash=""):
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{dashed}/>'


def text(x, y, words, kind, anchor="start", halo=False):
    """With a halo it can be read over a mark."""
    shown = f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
    if not halo:
        return shown
    ground = f'<rect class="ground" x="{x - 2:.1f}" y="{y - 11:.1f}" width="{7.5 * len(words) + 4:.1f}" height="14"/>'
    return ground + shown
