"""How does an incident come in from elsewhere, and how is what happened here handed over as evidence?

Read in this order: `cells`, `rows`, `lines` what a recorded line says · `recording` lines and their marks ·
`importing` deciding them as if live · `exporting` every event with its digest ·
`secrets`, `report`, `bundling` one file that stands by itself.
"""

from trueup.incident.bundling import Bundled, around, write_bundle
from trueup.incident.exporting import ExportedEvent, exported, whole_file, write_jsonl, write_parquet
from trueup.incident.importing import Imported, RecordedClock, Refused, import_incident
from trueup.incident.lines import Line, LineRefused, Seen, line_of
from trueup.incident.rows import Rules

__all__ = [
    "Bundled",
    "ExportedEvent",
    "Imported",
    "Line",
    "LineRefused",
    "RecordedClock",
    "Refused",
    "Rules",
    "Seen",
    "around",
    "exported",
    "import_incident",
    "line_of",
    "whole_file",
    "write_bundle",
    "write_jsonl",
    "write_parquet",
]
