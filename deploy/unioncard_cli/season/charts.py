"""Small charts as inline SVG: no script, no fonts and no files beside them."""

from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 220, 48, 44, 12
_INK, _FAINT, _COLOUR = "#333", "#ddd", "#b3261e"
_LABELS = 12


def bars(title: str, points: Sequence[tuple[str, float]]) -> str:
    """A bar for each label."""
    if not points:
        return _empty(title)
    highest = max(value for _, value in points) or 1
    step = (_WIDTH - _LEFT) / len(points)
    parts = []
    for place, (label, value) in enumerate(points):
        height = (_HEIGHT - _BOTTOM - _TOP) * value / highest
        x, y = _LEFT + place * step, _HEIGHT - _BOTTOM - height
        parts.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" '
            f'fill="{_COLOUR}"><title>{escape(label)}：{value:g}</title></rect>'
        )
    centres = [(_LEFT + (place + 0.5) * step, label) for place, (label, _) in enumerate(points)]
    return _framed(title, "".join(parts), _axis(highest) + _labels(centres))


def line(title: str, points: Sequence[tuple[float, float]], unit: str) -> str:
    """A line over real seconds."""
    if len(points) < 2:
        return _empty(title)
    first, last = points[0][0], points[-1][0]
    highest = max(value for _, value in points) or 1
    across, up = (_WIDTH - _LEFT) / ((last - first) or 1), (_HEIGHT - _BOTTOM - _TOP) / highest
    path = " ".join(f"{_LEFT + (x - first) * across:.1f},{_HEIGHT - _BOTTOM - y * up:.1f}" for x, y in points)
    drawn = f'<polyline points="{path}" fill="none" stroke="{_COLOUR}" stroke-width="1.5"/>'
    ticks = [first + (last - first) * n / 6 for n in range(7)]
    labels = _labels([(min(_LEFT + (x - first) * across, _WIDTH - 16), f"{x:.0f} 秒") for x in ticks])
    return _framed(f"{title}（{unit}）", drawn, _axis(highest) + labels)


def _axis(highest: float) -> str:
    lines = []
    for part in (0.0, 0.5, 1.0):
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * part
        lines.append(
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}" stroke="{_FAINT}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{highest * part:.3g}</text>'
        )
    return "".join(lines)


def _labels(centres: Sequence[tuple[float, str]]) -> str:
    """Not more than fit."""
    every = -(-len(centres) // _LABELS)
    return "".join(
        f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{escape(label)}</text>'
        for x, label in centres[::every]
    )


def _framed(title: str, drawn: str, frame: str) -> str:
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-size="11" fill="{_INK}">{frame}{drawn}</svg></figure>'
    )


def _empty(title: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption><p>没有数据</p></figure>"
