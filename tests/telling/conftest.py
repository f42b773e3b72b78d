"""Which fixtures do the tests of telling share? The worlds of the lessons."""

from __future__ import annotations

from lessons.conftest import world

__all__ = ["world"]
