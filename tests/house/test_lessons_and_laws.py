"""Do docs and tests speak of the same lessons and laws, and is every one of them tried by its number?"""

from __future__ import annotations

import re

from house.source import ROOT, all_tests, table

LESSONS = range(1, 61)
LAWS = range(1, 14)
DOCS = ROOT / "docs"


def lessons_tried() -> set[str]:
    """Every lesson named by a test: `test_l07_...`, `test_l01_l06_...`."""
    named = (re.match(r"test((?:_l\d\d)+)_", name) for _, name in all_tests())
    return {f"L{number}" for found in named if found for number in re.findall(r"_l(\d\d)", found[1])}


def laws_tried() -> set[str]:
    """Every law named by a test: `test_law_2_...`."""
    named = (re.match(r"test_law_(\d+)_", name) for _, name in all_tests())
    return {f"law {int(found[1])}" for found in named if found}


def test_the_lessons_page_lists_every_lesson_once_and_in_order() -> None:
    rows = [row for row in table(DOCS / "lessons.md") if re.fullmatch(r"L\d+", row[0])]
    assert [row[0] for row in rows] == [f"L{number:02}" for number in LESSONS]
    for row in rows:
        assert len(row) >= 3, row
        assert all(row[:3]), row


def test_the_laws_page_lists_every_law_once_and_in_order() -> None:
    text = (DOCS / "laws.md").read_text("utf-8")
    assert [int(number) for number in re.findall(r"(?m)^## (\d+)\. ", text)] == list(LAWS)
    rows = [row[0] for row in table(DOCS / "laws.md") if row[0].isdigit()]
    assert [int(number) for number in rows] == list(LAWS)


def test_tests_name_only_lessons_and_laws_that_exist() -> None:
    known = {f"L{number:02}" for number in LESSONS} | {f"law {number}" for number in LAWS}
    assert lessons_tried() | laws_tried() <= known


def test_every_lesson_and_law_is_tried() -> None:
    known = [f"law {number}" for number in LAWS] + [f"L{number:02}" for number in LESSONS]
    missing = [name for name in known if name not in lessons_tried() | laws_tried()]
    assert not missing, f"these have no test by their number: {missing}"


def test_pages_link_only_to_what_exists() -> None:
    pages = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert not broken


def test_decisions_are_numbered_and_say_what_was_given_up() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages if re.match(r"\d{4}-", page.name)]
    assert len(numbers) == len(set(numbers)), "two decisions share a number"
    for page in pages:
        if re.match(r"\d{4}-", page.name):
            text = page.read_text("utf-8").lower()
            missing = [part for part in ("context", "decision", "gave up") if part not in text]
            assert not missing, f"{page.name} does not say: {missing}"
