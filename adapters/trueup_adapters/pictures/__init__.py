"""How is a timeline drawn: in a terminal, as SVG, or as a page that can be attached to a report?

Reading order: `axis` where a moment lies across the picture · `scene` what both drawings show · `svg` · `page` the
SVG with its table, self-contained · `terminal` · `campaign` what a simulation campaign came to. Nothing here reads
anything; the same timeline gives the same picture.
"""

from trueup_adapters.pictures.page import page
from trueup_adapters.pictures.svg import svg
from trueup_adapters.pictures.terminal import drawn

__all__ = ["drawn", "page", "svg"]
