# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A plot as SVG, with both axes logarithmic: pcall's lines thick, its peers' thin, the limits of
the bare system dashed. What a line is stands at its right end."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 500
LEFT, RIGHT, TOP, BOTTOM = 82, 250, 58, 62
LABEL_HEIGHT = 17  # the least distance of two labels
CHARACTER_WIDTH = 7.2
ORDER = ("peer", "pcall", "bare")  # what is drawn first may be covered

# Colours that are told apart by all eyes (Okabe and Ito), darkened where they are to be read
COLOURS = {
    "pcall": ("#0072b2", "#d55e00", "#007a5a"),
    "peer": ("#a0529a", "#b07c00", "#4a90c2", "#8a6d4f", "#6f7d2f"),
    "bare": ("#222222", "#777777"),
}
STROKES = {
    "pcall": 'stroke-width="3.2"',
    "peer": 'stroke-width="1.4"',
    "bare": 'stroke-width="1.8" stroke-dasharray="7 5"',
}


class Scale:
    """Maps values to places on an axis, from its low end to its high end."""

    def __init__(self, values, low_end, high_end):
        self.low, self.high = math.log10(min(values)), math.log10(max(values))
        if self.high - self.low < 0.5:
            self.low, self.high = self.low - 0.25, self.high + 0.25
        self.low_end, self.high_end = low_end, high_end

    def place(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.low_end + share * (self.high_end - self.low_end)

    def choose_ticks(self):
        """The powers of ten on it; where these are few, also twice and five times as much."""
        steps = (1, 2, 5) if self.high - self.low < 3 else (1,)
        return list_round(self.low, self.high, steps)


def list_round(low, high, steps=(1, 2, 5)):
    """The round numbers between two powers of ten, by steps within a power."""
    powers = range(math.floor(low) - 1, math.ceil(high) + 1)
    numbers = [step * 10.0**power for power in powers for step in steps]
    return [number for number in numbers if low - 1e-9 <= math.log10(number) <= high + 1e-9]


def round_out(values):
    """The round numbers around values."""
    low, high = math.log10(min(values)), math.log10(max(values))
    return list_round(low - 1, low)[-1], list_round(high, high + 1)[0]


def format_seconds(value):
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 0.9995:
            return f"{value * factor:g} {unit}"
    return f"{value * 1e9:g} ns"


def format_bytes(value):
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} B"


def format_x(value, unit):
    if unit == "B":
        return format_bytes(value)
    if value >= 1_000_000:
        text = f"{value / 1_000_000:g} million"
    else:
        text = f"{value:,.0f}"
    return f"{text} {unit}".strip()


def choose_x_ticks(xs, unit, scale):
    """What is marked below the plot: what was measured, from the right, as far as its words fit."""
    ticks, limit = [], math.inf
    for x in reversed(xs):
        width = CHARACTER_WIDTH * len(format_x(x, unit)) + 10
        if scale.place(x) + width / 2 <= limit:
            ticks.append(x)
            limit = scale.place(x) - width / 2
    return ticks


class Picture:
    """The elements of an SVG."""

    def __init__(self, curve):
        self.curve = curve
        self.elements = []

    def add(self, element):
        self.elements.append(element)

    def text(self, x, y, words, attributes=""):
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, attributes):
        self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {attributes}/>')

    def to_svg(self):
        title = escape(self.curve["title"])
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
                f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
                'font-family="system-ui, Cantarell, \'DejaVu Sans\', sans-serif" font-size="13">',
                "<!-- SPDX-FileCopyrightText: 2026 The pcall authors -->",
                "<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->",
                f"<title>{title}</title>",
                f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
                *self.elements,
                "</svg>\n",
            ]
        )


def draw_axes(picture, x_scale, y_scale, xs):
    curve, right, bottom = picture.curve, WIDTH - RIGHT, HEIGHT - BOTTOM
    for y in y_scale.choose_ticks():
        place = y_scale.place(y)
        picture.line(LEFT, place, right, place, 'stroke="#e2e2e2"')
        picture.text(LEFT - 9, place + 4.5, format_seconds(y), 'text-anchor="end" fill="#444444"')
    for x in choose_x_ticks(xs, curve["x_unit"], x_scale):
        place = x_scale.place(x)
        picture.line(place, TOP, place, bottom, 'stroke="#f0f0f0"')
        picture.line(place, bottom, place, bottom + 5, 'stroke="#444444"')
        words = format_x(x, curve["x_unit"])
        picture.text(place, bottom + 21, words, 'text-anchor="middle" fill="#444444"')
    picture.line(LEFT, bottom, right, bottom, 'stroke="#444444"')
    picture.text(
        (LEFT + right) / 2, HEIGHT - 14, curve["x_label"], 'text-anchor="middle" fill="#222222"'
    )
    picture.text(LEFT - 66, 24, curve["title"], 'font-size="17" font-weight="600" fill="#111111"')
    picture.text(LEFT - 66, 44, curve["y_label"], 'fill="#555555"')


def choose_colours(all_series):
    used = dict.fromkeys(COLOURS, 0)
    colours = []
    for series in all_series:
        kind = series["kind"]
        colours.append(COLOURS[kind][used[kind] % len(COLOURS[kind])])
        used[kind] += 1
    return colours


def draw_series(picture, series, colour, x_scale, y_scale):
    places = [(x_scale.place(x), y_scale.place(y)) for x, y in series["points"]]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    stroke = STROKES[series["kind"]]
    picture.add(
        f'<polyline points="{path}" fill="none" stroke="{colour}" {stroke} '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )
    radius = 3.6 if series["kind"] == "pcall" else 2.2
    for x, y in places:
        picture.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>')
    return places[-1]


def spread(places, least, low, high):
    """Moves heights apart by at least that, as little as possible, between low and high."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for before, after in zip(order, order[1:]):
        moved[after] = max(moved[after], moved[before] + least)
    excess = max(0.0, moved[order[-1]] - high)
    ceiling = moved[order[-1]] - excess
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - least
    floor = low
    for index in order:
        moved[index] = max(moved[index], floor)
        floor = moved[index] + least
    return moved


def draw_labels(picture, all_series, colours, ends):
    """Beside the right end of each line, with a thin one to it where the label had to move."""
    heights = spread([y for _, y in ends], LABEL_HEIGHT, TOP + 6, HEIGHT - BOTTOM - 4)
    for series, colour, (x, y), height in zip(all_series, colours, ends, heights):
        left = WIDTH - RIGHT + 22
        picture.add(
            f'<polyline points="{x + 6:.1f},{y:.1f} {WIDTH - RIGHT + 5:.1f},{y:.1f} '
            f'{left - 4:.1f},{height:.1f}" fill="none" stroke="{colour}" stroke-width="0.7" '
            'stroke-dasharray="1 3"/>'
        )
        weight = "700" if series["kind"] == "pcall" else "400"
        picture.text(left, height + 4.5, series["label"], f'fill="{colour}" font-weight="{weight}"')


def draw(curve):
    """The text of the SVG of a plot."""
    all_series = sorted(curve["series"], key=lambda series: ORDER.index(series["kind"]))
    points = [point for series in all_series for point in series["points"]]
    xs = sorted({x for x, _ in points})
    picture = Picture(curve)
    x_scale = Scale(xs, LEFT, WIDTH - RIGHT)
    y_scale = Scale(round_out([y for _, y in points]), HEIGHT - BOTTOM, TOP)
    draw_axes(picture, x_scale, y_scale, xs)
    colours = choose_colours(all_series)
    ends = [
        draw_series(picture, series, colour, x_scale, y_scale)
        for series, colour in zip(all_series, colours)
    ]
    draw_labels(picture, all_series, colours, ends)
    return picture.to_svg()
