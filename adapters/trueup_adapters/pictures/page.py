"""What does the page look like that is attached to a report: the picture, and every event in a table beneath it?

One file, no script, nothing from elsewhere: it reads the same in ten years and in a mail that blocks everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from trueup.report import iso
from trueup.telling import Timeline
from trueup_adapters.pictures.scene import WORDS, Scene, said_of, scene_of, title_of
from trueup_adapters.pictures.svg import svg

STYLE: Final = """
:root{color-scheme:light dark}
body{margin:24px auto;max-width:1040px;padding:0 16px;background:#fff;color:#1a1d21;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:22px;margin:0 0 4px}svg{width:100%;height:auto;display:block;margin:12px 0}
table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:650;padding:6px 0}
th,td{text-align:left;vertical-align:top;padding:5px 10px 5px 0;border-bottom:1px solid #d5dae1}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}td.t{overflow-wrap:anywhere}
.dim{color:#5b6470}
@media (prefers-color-scheme:dark){body{background:#14171a;color:#e8ebee}th,td{border-color:#333b44}.dim{color:#9ba6b2}}
@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}
"""


def page(timeline: Timeline) -> str:
    """The timeline as one HTML document: picture, words, table."""
    return "\n".join(_document(scene_of(timeline))) + "\n"


def _document(scene: Scene) -> Iterator[str]:
    timeline = scene.timeline
    title = _text(title_of(timeline))
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>"
    yield f"<h1>{title}</h1>"
    yield (
        f'<p class="dim">Events {timeline.first} to {timeline.last} of the journal, '
        f"{iso(timeline.from_ns)} to {iso(timeline.to_ns)}, times in UTC.</p>"
    )
    yield f"<figure>{svg(timeline)}</figure>"
    if scene.legs:
        items = "".join(f"<li>{_text(said_of(scene, leg, stretches))}</li>" for leg, stretches in scene.legs)
        yield f"<ul>{items}</ul>"
    yield from _table(scene)
    yield "</main>\n</body>\n</html>"


def _table(scene: Scene) -> Iterator[str]:
    if not scene.marks:
        yield '<p class="dim">No break, no correction and no failed answer in this time.</p>'
        return
    yield "<table><caption>What happened</caption><thead><tr>"
    yield "".join(f'<th scope="col">{name}</th>' for name in ("n", "position", "at", "what", "id", "in words"))
    yield "</tr></thead><tbody>"
    for number, mark in scene.marks:
        cells = (str(number), str(mark.position), iso(mark.at_ns), WORDS[mark.kind], mark.id)
        row = "".join(f'<td class="n">{_text(cell)}</td>' for cell in cells)
        yield f'<tr>{row}<td class="t">{_text(mark.text)}</td></tr>'
    yield "</tbody></table>"
    if scene.marks_more:
        yield f'<p class="dim">{scene.marks_more} more events are not listed: choose a shorter time.</p>'


def _text(text: str) -> str:
    """Text from outside, harmless in markup."""
    return escape("".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text), quote=True)
