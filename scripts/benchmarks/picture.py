"""How does a pass's time grow with the number of positions, as a picture for the documentation?"""

from __future__ import annotations

import math
from collections.abc import Mapping

WIDTH, HEIGHT, MARGIN = 640, 360, 80


def svg(times: Mapping[int, float]) -> str:
    """Pass time against size, both logarithmic: a straight line of slope 1 is linear growth."""
    sizes = sorted(times)
    x_low, x_high = math.log10(sizes[0]), math.log10(sizes[-1])
    y_low = math.floor(math.log10(min(times.values()) * 1e3))
    y_high = math.ceil(math.log10(max(times.values()) * 1e3))

    def x(size: int) -> float:
        return MARGIN + (math.log10(size) - x_low) / (x_high - x_low) * (WIDTH - 2 * MARGIN)

    def y(milliseconds: float) -> float:
        share = (math.log10(milliseconds) - y_low) / (y_high - y_low)
        return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{MARGIN}" y="28" font-size="15">A steady pass: decoded, compared, recorded durably</text>',
    ]
    for power in range(y_low, y_high + 1):
        at = y(10.0**power)
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g} ms</text>')
    points = " ".join(f"{x(size):.1f},{y(times[size] * 1e3):.1f}" for size in sizes)
    parts.append(f'<polyline points="{points}" fill="none" stroke="#0b6" stroke-width="2.5"/>')
    for size in sizes:
        at_x, at_y = x(size), y(times[size] * 1e3)
        parts.append(f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="4" fill="#0b6"/>')
        parts.append(f'<text x="{at_x:.1f}" y="{at_y - 10:.1f}" text-anchor="middle">{_said(times[size] * 1e3)}</text>')
        parts.append(f'<text x="{at_x:.1f}" y="{HEIGHT - MARGIN + 22}" text-anchor="middle">{size:,}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">positions</text>')
    return "\n".join([*parts, "</svg>", ""])


def _said(milliseconds: float) -> str:
    return f"{milliseconds:.2f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
