"""Which examples are drawn? `profiles` registers them; importing it here makes their names known to pytest."""

from __future__ import annotations

from laws.profiles import NAME, tried

__all__ = ["NAME", "tried"]
