"""Does a policy file mean what it says, and does an error name the very line?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from trueup.errors import PolicyError
from trueup.policy import ClosedHours, Policy
from trueup.policy_file import FILE_BYTES_MAX, read_policy, read_settings, settings_of
from trueup.toml_lines import line_of


def said(text: str) -> Policy:
    return settings_of(text, name="p.toml").policy


def test_nothing_said_is_the_default() -> None:
    assert said("") == Policy.adopt()
    assert said("[policy]") == Policy.adopt()


@pytest.mark.parametrize("preset", ["observe", "adopt", "guarded"])
def test_presets_and_what_overrides_them(preset: str) -> None:
    plain = {"observe": Policy.observe, "adopt": Policy.adopt, "guarded": Policy.guarded}[preset]
    assert said(f'preset = "{preset}"') == plain()
    assert said(f'[policy]\non_ghost = "alert"\npreset = "{preset}"') == plain(on_ghost="alert")


def test_knobs_stand_at_the_top_or_under_policy() -> None:
    for text in ("confirmations = 3\nsettle_ms = 7", "[policy]\nconfirmations = 3\nsettle_ms = 7"):
        assert (said(text).confirmations, said(text).settle_ms) == (3, 7)


def test_l35_numbers_are_exact() -> None:
    policy = said('quantity_tolerance = 0.1\n[price_tolerance]\nEURUSD = "0.00001"\n"*" = 1\n')
    assert policy.quantity_tolerance == {"*": Decimal("0.1")}
    assert policy.price_tolerance == {"EURUSD": Decimal("0.00001"), "*": Decimal(1)}
    assert said("mass_absence_fraction_max = 0.3").mass_absence_fraction_max == Decimal("0.3")


def test_instruments_strategies_and_lags() -> None:
    policy = said(
        '[instruments."EURUSD"]\naliases = ["EURUSD.m"]\nlot_step = 0.01\n'
        '[strategies]\n12345 = "mean"\n[lag_ms_max]\npositions = 20\n'
    )
    assert policy.canonical("EURUSD.m") == "EURUSD"
    assert policy.instruments["EURUSD"].lot_step == Decimal("0.01")
    assert policy.strategies == {"12345": "mean"}
    assert policy.lag_ms_max == {"positions": 20}


def test_sessions_are_told_in_days_and_hours() -> None:
    assert said('sessions = [{from = "Fri 22:00", to = "Sun 22:00"}]').sessions == (ClosedHours(7080, 9960),)
    over_the_weeks_end = said('[[sessions]]\nfrom = "Sunday 23:00"\nto = "mon 01:00"\n').sessions
    assert over_the_weeks_end == (ClosedHours(10020, 10080), ClosedHours(0, 60))
    assert said('sessions = [{from = "Sat 00:00", to = "Mon 00:00"}]').sessions == (ClosedHours(7200, 10080),)


def test_one_file_serves_run_and_check(tmp_path: Path) -> None:
    path = tmp_path / "trueup.toml"
    path.write_text('account = "mt5:1"\nbroker = "tcp://x:1"\nstore = "sqlite:///s.db"\n[policy]\nconfirmations = 4\n')
    found = read_settings(path)
    assert (found.account, found.broker, found.store) == ("mt5:1", "tcp://x:1", "sqlite:///s.db")
    assert read_policy(path).confirmations == 4


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("\nconfirmations = 1", ["p.toml, line 2: confirmations is 1; it must be at least 2"]),
        ('[policy]\nconfirmations = "two"', ["p.toml, line 2: confirmations is 'two'; it must be a whole number"]),
        ("confirmations = 2.5", ["p.toml, line 1: confirmations is 2.5; it must be a whole number"]),
        ("confirmations = true", ["p.toml, line 1: confirmations is true; it must be a whole number"]),
        ("confirmatons = 3", ["p.toml, line 1: there is no knob 'confirmatons'; did you mean 'confirmations'?"]),
        ("[polisy]\nx = 1", ["p.toml, line 1: there is no knob 'polisy'; did you mean 'policy'?"]),
        (
            "[policy]\nsettle = 3\nretries_max = -1",
            [
                "p.toml, line 2: there is no knob 'policy.settle'",
                "p.toml, line 3: retries_max is -1; it must be at least 0",
            ],
        ),
        ('on_ghost = "shut"', ["p.toml, line 1: on_ghost is 'shut'; it must be one of close, quarantine, alert"]),
        ('preset = "gard"', ["p.toml, line 1: preset is 'gard'; it must be one of observe, adopt, guarded"]),
        (
            "quantity_tolerance = nan",
            ["p.toml, line 1: quantity_tolerance.* is NaN; it must be a number of at least 0"],
        ),
        ("[dust]\nA = 1\nB = 'x'", ["p.toml, line 3: dust.B is 'x'; it must be a number"]),
        ("mass_absence_fraction_max = 2", ["line 1: mass_absence_fraction_max is 2; it must lie between 0 and 1"]),
        ("lag_ms_max = 20", ["p.toml, line 1: lag_ms_max is 20; it must be a table of surface = milliseconds"]),
        ("[lag_ms_max]\nprices = 3", ["p.toml, line 1: lag_ms_max is {'prices': 3}", "positions, open_orders"]),
        ("policy = 3", ["p.toml, line 1: policy is 3; it must be a table, [policy]"]),
        ("store = 3", ["p.toml, line 1: store is 3; it must be text"]),
        ("[policy]\naccount = 'a:b'", ["p.toml, line 2: account belongs above the first table"]),
        ("settle_ms = 1\n[policy]\nsettle_ms = 2", ["p.toml, line 3: settle_ms is given twice"]),
        ("settle_ms = 10_000_000_000_000", ["p.toml, line 1: settle_ms is 10000000000000, which is beyond"]),
        ("[instruments.EURUSD]\ntick = 0", ["p.toml, line 2: instruments.EURUSD.tick is 0; it must be greater than 0"]),
        ("[instruments]\nE = {unit = 'kg'}", ["p.toml, line 2: instruments.E.unit is 'kg'; it must be one of lots"]),
        ("[instruments.E]\nalias = []", ["line 2: there is no cell 'instruments.E.alias'; did you mean 'aliases'?"]),
        ("instruments = 3", ["p.toml, line 1: instruments is 3; it must be a table for each symbol"]),
        ("[strategies]\n1 = 2", ["p.toml, line 2: strategies.1 is 2; it must be a strategy's name"]),
        (
            "[instruments]\nA.aliases = ['X']\nB.aliases = ['X']",
            ["p.toml, line 1: instruments: 'X' is an alias of both A and B"],
        ),
        ("sessions = [{from = 'Fri 25:00', to = 'Sun 22:00'}]", ["line 1: a session begins or ends at 'Fri 25:00'"]),
        ("sessions = [{from = 'Fri 22:00'}]", ["p.toml, line 1: a session is {'from': 'Fri 22:00'}"]),
        ("sessions = 'never'", ["p.toml, line 1: sessions is 'never'; it must be a list"]),
        ("settle_ms = -1", ["p.toml, line 1: settle_ms is -1; it must be at least 0"]),
        ("verified_age_s_max = 0", ["p.toml, line 1: verified_age_s_max is 0; it must be at least 1"]),
        ("backoff_s = [1, -2]", ["p.toml, line 1: backoff_s has -2; every pause must be at least 0"]),
        ("a = ", ["p.toml: is not TOML: Invalid value"]),
        ("x = 1e99999999999999999999999", ["p.toml: holds a number whose exponent is beyond"]),
    ],
)
def test_an_error_names_file_line_key_and_what_to_do(text: str, sentences: list[str]) -> None:
    with pytest.raises(PolicyError) as error:
        said(text)
    for sentence in sentences:
        assert sentence in str(error.value)
    assert len(str(error.value).splitlines()) <= len(sentences)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.toml: cannot be read \(No such file"):
        read_policy(tmp_path / "gone.toml")
    (tmp_path / "p.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(PolicyError, match="is not UTF-8"):
        read_policy(tmp_path / "p.toml")
    (tmp_path / "p.toml").write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    with pytest.raises(PolicyError, match="is longer than"):
        read_policy(tmp_path / "p.toml")


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (6, 5), (0, 10081)])
def test_a_span_of_closed_hours_lies_within_the_week(start: int, end: int) -> None:
    with pytest.raises(PolicyError, match="no span of the week"):
        Policy.adopt(sessions=[{"from_minute": start, "to_minute": end}])
    assert Policy.adopt(sessions=[{"from_minute": 0, "to_minute": 10080}]).is_closed_hours(0)


def test_the_rest_of_a_sidecars_configuration_is_passed_over() -> None:
    text = 'environment = "paper"\nconfirmations = 3\n[alerts]\nnonsense = 1\n[[accounts]]\naccount = "a:1"\n'
    assert said(text).confirmations == 3
    with pytest.raises(PolicyError, match=r"line 2: there is no knob 'policy\.alerts'"):
        said("[policy]\nalerts = 3")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("list", 0, "x"), 3),
        (("list", 1, "x"), 8),
        (("list", 1, "y"), 7),
        (("list", 0, "inner", "z"), 5),
        (("list", 1, "inner", "z"), 10),
        (("list", 1, "deep", 1), 12),
        (("list", 2), 2),
        (("other",), None),
    ],
)
def test_lines_are_found_in_lists_of_tables_too(path: tuple[str | int, ...], line: int | None) -> None:
    text = (
        "a = 1\n[[list]]\nx = 1\n[list.inner]\nz = 1\n\n[[list]]\nx = 2\n[list.inner]\nz = 2\n"
        "[[list.deep]]\n[[list.deep]]\n"
    )
    assert line_of(text, path) == line
