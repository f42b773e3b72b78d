"""Which options do several commands share, and how is each called and explained, once?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Store: TypeAlias = Annotated[
    str,
    typer.Option("--store", metavar="URL", help="Where the journal is: sqlite:///relative.db, sqlite:////absolute.db."),
]
Account: TypeAlias = Annotated[
    str | None,
    typer.Option("--account", metavar="BROKER:ID", help="Which account; needed where the store holds several."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
PolicyFile: TypeAlias = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="The policy, a TOML file. Without one: adopt.")
]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="As it was then: ISO 8601 in UTC, like 2026-01-15T09:30:00Z."),
]
Position: TypeAlias = Annotated[
    int | None, typer.Option("--position", metavar="N", help="As it was at this journal position, exactly.")
]
