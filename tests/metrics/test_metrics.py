"""Does a scrape find every metric that is documented, right, bounded, and for every account of the process?"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from alerts.test_messenger import Desk
from house.source import ROOT
from lessons.world import LAG_MS, World, fill, held, row
from trueup import AsyncReconciler, Policy, Reconciler
from trueup.errors import InputError, TrueupError
from trueup.model import BrokerOrder, OrderStatus
from trueup.report import PassReport, failed_report
from trueup.testing.broker import SimulatedBroker
from trueup_adapters.alerts import Messenger, Rule
from trueup_adapters.metrics import METRICS, register, serve
from trueup_adapters.metrics.counting import EVENTS_PER_LOOK_MAX, Counts
from trueup_adapters.metrics.names import BUCKETS_MS, SYMBOLS_MAX


class Rec:
    """What is measured, around a world's ledger."""

    def __init__(self, w: World) -> None:
        self.account = w.account
        self._w = w
        self.journal = w._reader

    @property
    def ledger(self):
        return self._w.ledger

    @property
    def gate(self):
        return self._w.ledger.gate


class Scraped:
    """What a scrape finds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.text = generate_latest(registry).decode()
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def __call__(self, name: str, account: str = "mt5:5001", **labels: str) -> float | None:
        return self.samples.get((name, tuple(sorted({"account": account, **labels}.items()))))

    def names(self) -> set[str]:
        return {name for name, _ in self.samples}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_an_account_from_nothing_to_breaks_and_back(registry: CollectorRegistry) -> None:
    w = World(held("HELD", "2", stop="1"), held("BARE", "1"), policy=Policy.guarded())
    with register(Rec(w), registry=registry):
        scraped = Scraped(registry)
        assert scraped("trueup_verified_age_seconds") == float("inf")
        assert scraped("trueup_broker_answer_seconds") is None
        assert scraped("trueup_gate", status="closed") == 1
        assert (scraped("trueup_book_positions"), scraped("trueup_unprotected_positions")) == (2, 0)
        same = (row("HELD", "2", stop="1"), row("BARE", "1"))
        w.sees(*same, kind="startup")
        assert Scraped(registry)("trueup_unprotected_positions") == 1
        w.passes(s=5)
        scraped = Scraped(registry)
        assert scraped("trueup_verified_age_seconds") == pytest.approx(5.01, abs=0.02)
        assert [scraped("trueup_gate", status=one) for one in ("open", "reduce_only", "closed")] == [1, 0, 0]
        assert scraped("trueup_broker_answer_seconds") == pytest.approx(0.01, abs=0.01)
        w.sees(
            row("HELD", "3", stop="1"),
            row("BARE", "1"),
            row("NEW", "-2", price="1.5"),
            row("ODD", "1"),
            times=2,
            step_ms=LAG_MS,
        )
        scraped = Scraped(registry)
        assert scraped("reconciliation_mismatches_total", kind="recovery") == 2
        assert scraped("reconciliation_mismatches_total", kind="drift") == 1
        assert scraped("reconciliation_mismatches_total", kind="ghost") == 0
        assert scraped("trueup_open_breaks", of="position", kind="recovery") == 2
        assert scraped("trueup_open_breaks", of="order", kind="ghost") == 0
        assert scraped("trueup_quarantined_scopes") == 3
        assert scraped("trueup_limited_symbols") == 3
        assert scraped("trueup_gate", status="reduce_only") == 1
        assert scraped("trueup_orphan_exposure", symbol="NEW") == 3
        assert (scraped("trueup_orphan_exposure", symbol="other"), scraped("trueup_orphan_unpriced")) == (0, 1)
        assert scraped("trueup_alerts_total", severity="critical") == 1
        assert scraped("trueup_oldest_break_seconds") == pytest.approx(LAG_MS / 1000, abs=0.1)
        w.fails("no answer")
        assert Scraped(registry)("trueup_broker_failures") == 1
        assert Scraped(registry)("trueup_observations_total", surface="positions", completeness="failed") == 1
        w.sees(*same, times=2)
        scraped = Scraped(registry)
        assert scraped("trueup_open_breaks", of="position", kind="recovery") == 0
        assert scraped("reconciliation_mismatches_total", kind="recovery") == 2, "a counter does not go back"
    assert Scraped(registry).samples == {}, "measured no longer"
    w.close()


def working(name: str, symbol: str, side: str, kind: str = "limit", **more: Any) -> BrokerOrder:
    return BrokerOrder(symbol, side, kind, Decimal(1), OrderStatus.ACCEPTED, order_id=name, **more)  # type: ignore[arg-type]


def test_orders_that_only_the_broker_has_and_orders_that_guard(registry: CollectorRegistry) -> None:
    w = World(held("HELD", "1"), orders=True, policy=Policy.guarded())
    with register(Rec(w), registry=registry):
        w.sees(row("HELD", "1"))
        assert Scraped(registry)("trueup_unprotected_positions") == 1
        w.lists(working("o1", "HELD", "sell", "stop", stop=Decimal("0.5")), working("o2", "OTHER", "buy"), times=3)
        scraped = Scraped(registry)
        assert scraped("trueup_unprotected_positions") == 0, "a stop that is an order guards as well"
        assert scraped("trueup_orphan_orders") == scraped("trueup_open_breaks", of="order", kind="recovery")
        assert scraped("trueup_orphan_orders")
        assert scraped("reconciliation_mismatches_total", kind="recovery")
        assert scraped("trueup_actions_outstanding") == 0
    w.close()


def test_a_mass_absence_and_corrections(registry: CollectorRegistry) -> None:
    w = World(*(held(f"S{n}", "1") for n in range(4)))
    rows = [row(f"S{n}", "1") for n in range(4)]
    with register(Rec(w), registry=registry):
        w.sees(*rows)
        w.sees()
        assert Scraped(registry)("trueup_held_positions") == 4
        w.sees(*rows, row("NEW", "1"), times=2)
        w.record(fill("x1", "S1", "1"))
        scraped = Scraped(registry)
        assert scraped("trueup_held_positions") == 0
        assert scraped("trueup_corrections_total", kind="recovery") == 1
        assert scraped("trueup_journal_position") == w.state.position
        assert scraped("trueup_journal_failing") == 0
    w.close()


def test_symbols_are_bounded_and_the_rest_is_added_up(registry: CollectorRegistry) -> None:
    evil = 'E"\n@everyone' + "x" * 100
    w = World(held("HELD", "1"), policy=Policy.guarded())
    rows = [row(f"S{n:03}", str(n), price="1") for n in range(1, 41)]
    w.sees(row("HELD", "1"), *rows, row(evil, "1000", price="1"), times=2)
    with register(Rec(w), registry=registry):
        scraped = Scraped(registry)
        symbols = {dict(labels)["symbol"] for name, labels in scraped.samples if name == "trueup_orphan_exposure"}
        assert len(symbols) == SYMBOLS_MAX + 1
        assert all(len(one) <= 40 and "\n" not in one for one in symbols)
        total = sum(value for (name, _), value in scraped.samples.items() if name == "trueup_orphan_exposure")
        assert total == sum(range(1, 41)) + 1000
        assert scraped("trueup_orphan_exposure", symbol="S040") == 40
    w.close()


def test_passes_are_counted_once_each(registry: CollectorRegistry) -> None:
    w = World()

    def report(number: int, duration_ms: int, status: str = "SUCCESS") -> PassReport:
        return PassReport(
            account=w.account,
            pass_number=number,
            at=f"t{number}",
            kind="periodic",
            status=status,
            duration_ms=duration_ms,
        )  # type: ignore[arg-type]

    with register(Rec(w), registry=registry) as registered:
        registered.note(None)
        for one in (report(1, 5), report(1, 5), report(2, 6), report(3, 40_000, "PARTIAL")):
            registered.note(one)
        scraped = Scraped(registry)
        assert scraped("trueup_passes_total", kind="periodic", status="SUCCESS") == 2
        assert scraped("trueup_passes_total", kind="periodic", status="PARTIAL") == 1
        assert scraped("trueup_pass_duration_seconds_count") == 3
        assert scraped("trueup_pass_duration_seconds_sum") == 40.011
        assert scraped("trueup_pass_duration_seconds_bucket", le="0.005") == 1
        assert scraped("trueup_pass_duration_seconds_bucket", le="0.01") == 2
        assert scraped("trueup_pass_duration_seconds_bucket", le="30") in (2, None)
        assert scraped("trueup_pass_duration_seconds_bucket", le="+Inf") == 3
        registered.note(failed_report(w.account, "periodic", "no", 1, 4))
        assert Scraped(registry)("trueup_passes_total", kind="periodic", status="FAILED") == 1
    assert len(Counts(0).durations) == len(BUCKETS_MS) + 1
    w.close()


def test_a_long_journal_is_counted_over_several_scrapes(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert EVENTS_PER_LOOK_MAX >= 1_000
    monkeypatch.setattr("trueup_adapters.metrics.collector.EVENTS_PER_LOOK_MAX", 3)
    w = World(held("HELD", "1"))
    with register(Rec(w), registry=registry):
        w.sees(row("HELD", "1"), row("NEW", "1"), times=2)
        seen = [Scraped(registry)("trueup_corrections_total", kind="recovery") for _ in range(5)]
        assert seen[0] == 0
        assert seen[-1] == 1
    w.close()


def test_two_accounts_share_a_registry_and_one_is_measured_once(registry: CollectorRegistry) -> None:
    one, two = World(account="mt5:1"), World(account="mt5:2")
    with register(Rec(one), registry=registry) as first, register(Rec(two), registry=registry):
        scraped = Scraped(registry)
        assert scraped("trueup_book_positions", "mt5:1") == scraped("trueup_book_positions", "mt5:2") == 0
        with pytest.raises(InputError, match="mt5:1 is registered already"):
            register(Rec(one), registry=registry)
        first.close()
        first.close()
        with register(Rec(one), registry=registry):
            assert Scraped(registry)("trueup_book_positions", "mt5:1") == 0
    one.close()
    two.close()


def test_channels_of_alerts_are_measured(registry: CollectorRegistry) -> None:
    w = World(held("HELD", "1"))
    rec = Rec(w)
    messenger = Messenger(rec, [Rule(Desk("desk"))], command="c")
    with register(rec, registry=registry) as registered:
        registered.watch_alerts(messenger.standings)
        scraped = Scraped(registry)
        assert scraped("trueup_alerts_waiting", channel="desk") == 0
        assert scraped("trueup_alerts_failing", channel="desk") == 0
    w.close()


def test_a_journal_that_cannot_be_read_leaves_the_rest_of_the_scrape(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    w, well = World(), World(account="mt5:2")
    with register(Rec(w), registry=registry), register(Rec(well), registry=registry):
        w.sees(row("A", "1"))

        def broken(**_: Any) -> Any:
            raise TrueupError("no")

        with monkeypatch.context() as patch:
            patch.setattr(w._reader, "read", broken)
            scraped = Scraped(registry)
        assert scraped("trueup_book_positions") == 1
        assert scraped("trueup_book_positions", "mt5:2") == 0
    w.close()
    well.close()


# -- what is promised on paper -----------------------------------------------------------------------------------


def exposed() -> set[str]:
    """Every name that a scrape of a busy account holds."""
    found: set[str] = set()
    for one in METRICS:
        found |= {f"{one.name}_{end}" for end in ("bucket", "count", "sum")} if one.kind == "histogram" else {one.name}
    return found


def test_a_scrape_holds_every_metric_with_its_labels_and_no_other(registry: CollectorRegistry) -> None:
    w = World(held("HELD", "1"), policy=Policy.guarded())
    rec = Rec(w)
    messenger = Messenger(rec, [Rule(Desk("desk"))], command="c")
    with register(rec, registry=registry) as registered:
        registered.watch_alerts(messenger.standings)
        registered.note(failed_report(w.account, "periodic", "no", 1))
        w.sees(row("HELD", "1"), row("NEW", "1", price="1"), times=2)
        scraped = Scraped(registry)
        assert scraped.names() == exposed()
        labels = {one.name: {*one.labels} for one in METRICS}
        for name, given in scraped.samples:
            base = re.sub(r"_(bucket|count|sum)$", "", name) if name not in labels else name
            assert {key for key, _ in given} - {"le"} == labels[base], name
    w.close()


def test_the_page_lists_every_metric_with_its_kind_and_labels() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|([^|]*)\|", (ROOT / "docs/reference/metrics.md").read_text("utf-8"))
    told = {name: (kind, set(re.findall(r"`(\w+)`", labels)) | {"account"}) for name, kind, labels in rows}
    assert told == {one.name: (one.kind, set(one.labels)) for one in METRICS}


def expressions() -> dict[str, list[str]]:
    rules = (ROOT / "docs/grafana/trueup-alerts.yml").read_text("utf-8")
    dashboard = json.loads((ROOT / "docs/grafana/dashboard.json").read_text("utf-8"))
    return {
        "rules": re.findall(r"(?m)^ +expr: (.+)$", rules),
        "dashboard": [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]],
    }


@pytest.mark.parametrize("where", ["rules", "dashboard"])
def test_rules_and_dashboard_speak_only_of_metrics_and_labels_that_exist(where: str) -> None:
    found = expressions()[where]
    assert len(found) >= 10
    labels = {"le", *(label for one in METRICS for label in one.labels)}
    for expression in found:
        names = re.findall(r"\b((?:trueup|reconciliation)_\w+)", expression)
        assert names, expression
        assert set(names) <= exposed(), expression
        assert set(re.findall(r"[{,](\w+)(?:=~|!=|=)", expression)) <= labels, expression
        for inside in re.findall(r"(?:by|on) ?\(([^)]*)\)", expression):
            assert {one.strip() for one in inside.split(",")} <= labels, expression
        assert expression.count("(") == expression.count(")")
        assert expression.count("{") == expression.count("}")


def test_the_dashboard_shows_every_metric() -> None:
    shown = " ".join(expressions()["dashboard"])
    missing = [one.name for one in METRICS if one.name not in shown]
    assert missing == []


def test_every_rule_has_what_prometheus_needs() -> None:
    yaml = pytest.importorskip("yaml", reason="apprise brings it")
    rules = yaml.safe_load((ROOT / "docs/grafana/trueup-alerts.yml").read_text("utf-8"))
    (group,) = rules["groups"]
    assert len(group["rules"]) >= 12
    names = [rule["alert"] for rule in group["rules"]]
    assert len(names) == len(set(names))
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        told = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        assert set(told) <= {label for one in METRICS for label in one.labels}
        assert re.search(r"\w", rule["expr"])


RULES_TESTED = ROOT / "tests" / "metrics" / "trueup-alerts.test.yml"
"""For Prometheus' own `promtool test rules`: what each rule does and says, by its own word."""


def test_every_rule_is_tried_firing_and_keeping_quiet() -> None:
    yaml = pytest.importorskip("yaml", reason="apprise brings it")
    rules = yaml.safe_load((ROOT / "docs/grafana/trueup-alerts.yml").read_text("utf-8"))
    names = {rule["alert"] for rule in rules["groups"][0]["rules"]}
    cases = [
        case for test in yaml.safe_load(RULES_TESTED.read_text("utf-8"))["tests"] for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus' promtool is not installed here")
def test_the_rules_do_and_say_what_they_should() -> None:
    ran = subprocess.run(["promtool", "test", "rules", RULES_TESTED], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# -- served ------------------------------------------------------------------------------------------------------


def test_it_is_served_on_loopback_and_the_port_is_let_go(registry: CollectorRegistry, tmp_path: Path) -> None:
    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "buy", "1")
    with (
        Reconciler.open(f"sqlite:///{tmp_path}/s.db", account="sim:1", broker=broker) as rec,
        register(rec, registry=registry) as registered,
        serve(0, registry=registry) as served,
    ):
        registered.note(rec.startup_recovery())
        assert served.url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(served.url, timeout=10) as reply:
            text = reply.read().decode()
        assert 'trueup_book_positions{account="sim:1"} 1.0' in text
        with pytest.raises(InputError, match=f"127.0.0.1:{served.port}"):
            serve(served.port, registry=registry)
        port = served.port
    with serve(port, registry=registry):
        pass


def test_the_asyncio_face_is_measured_and_told_of_as_well(registry: CollectorRegistry, tmp_path: Path) -> None:
    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "buy", "1")
    policy = Policy.guarded(lag_ms_max={"positions": 1}, confirm_interval_ms=1)
    desk = Desk("desk")

    async def work() -> Scraped:
        url = f"sqlite:///{tmp_path}/s.db"
        async with AsyncReconciler.open(url, account="sim:1", broker=broker, policy=policy, baseline=False) as rec:
            with register(rec, registry=registry) as registered, Messenger(rec, [Rule(desk)], command="c"):
                registered.note(await rec.startup_recovery())
            with register(rec, registry=registry) as registered:
                registered.note(await rec.sync_positions())
                return Scraped(registry)

    scraped = asyncio.run(work())
    assert scraped("trueup_open_breaks", "sim:1", of="position", kind="recovery") == 1
    assert [one.title for one in desk.messages] == ["trueup sim:1: 1 alert, 1 critical"]


@pytest.mark.parametrize("use", [lambda: register(Rec(World())), lambda: serve(0)])
def test_without_the_library_one_sentence_names_the_extra(
    use: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    with pytest.raises(TrueupError, match=r'pip install "trueup\[metrics\]"'):
        use()


def test_numbers_stay_exact_until_they_are_written() -> None:
    w = World(held("HELD", "1"), policy=Policy.guarded())
    w.sees(row("HELD", "1"), row("NEW", "0.1", price="0.2"), times=2)
    from trueup_adapters.metrics.standing import standing

    samples = {
        (name, labels): value for name, labels, value in standing(w.state, w.ledger.gate, w.ledger.now(), failing=False)
    }
    assert samples["trueup_orphan_exposure", ("NEW",)] == Decimal("0.02")
    w.close()
