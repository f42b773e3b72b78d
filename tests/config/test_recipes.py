"""Do the whole recipes look before they write: doctor, a rehearsal, and only then a pass that corrects?"""

from __future__ import annotations

import pytest

from demo.pages import blocks
from house.source import ROOT

HOW_TO = ROOT / "docs" / "how-to"
RECIPES = ("my-bot-is-on-mt5.md", "my-bot-uses-alpaca-and-firestore.md")


@pytest.mark.parametrize("page", RECIPES)
def test_a_recipe_rehearses_before_it_writes(page: str) -> None:
    consoles = [block.body for block in blocks(HOW_TO / page) if block.info == "console"]
    said = [line.removeprefix("$ ").split() for body in consoles for line in body.splitlines()]
    ours = [words[1:] for words in said if words[0] == "trueup"]
    assert said[0][:2] == ["pip", "install"]
    assert [words[0] for words in ours[:2]] == ["doctor", "run"]
    assert "--dry-run" in ours[1]
    assert all("--dry-run" not in words for words in ours[2:])
    assert ours[2:]
    assert all(words[1:3] == ["--config", "trueup.toml"] for words in ours)
