"""What does a scrape find: every account of this process, each number as it is right now?

One collector for each registry holds all accounts, because a registry takes each name once. Nothing is computed between
scrapes; a scrape reads the fold, which is immutable, and the journal's newest events, and holds no lock of the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self
from weakref import WeakKeyDictionary

from trueup.errors import InputError, TrueupError
from trueup.gate import Gate
from trueup.journal import JournalReader
from trueup.ledger import Ledger
from trueup.report import PassReport
from trueup_adapters.metrics.counting import EVENTS_PER_LOOK_MAX, Counts
from trueup_adapters.metrics.names import BUCKETS_MS, METRICS, Metric
from trueup_adapters.metrics.standing import Sample, Value, standing

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family
    from prometheus_client.registry import CollectorRegistry

    from trueup_adapters.alerts import Standing

ACCOUNTS_MAX: Final = 200
_BY_NAME: Final[Mapping[str, Metric]] = {one.name: one for one in METRICS}
_guard: Final = threading.Lock()
_collectors: WeakKeyDictionary[Any, Collector] = WeakKeyDictionary()


class Measured(Protocol):
    """The account that is measured: a `Reconciler` or `AsyncReconciler`."""

    @property
    def account(self) -> str: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def journal(self) -> JournalReader: ...


class Registered:
    """One account's place among the metrics. A context manager: at its end the account is measured no longer."""

    def __init__(self, rec: Measured, collector: Collector) -> None:
        self._rec = rec
        self._collector = collector
        self._counts = Counts(rec.ledger.state.position)
        self._lock = threading.Lock()
        self._channels: Callable[[], Iterable[Standing]] | None = None

    @property
    def account(self) -> str:
        """Whose."""
        return self._rec.account

    def note(self, report: PassReport | None) -> None:
        """A pass has ended. Hand in whatever `sync_continuous()` returns: None and repeats count for nothing."""
        if report is not None:
            with self._lock:
                self._counts.note(report)

    def watch_alerts(self, channels: Callable[[], Iterable[Standing]]) -> None:
        """Measure channels of alerts as well: a `Messenger.standings`."""
        self._channels = channels

    def close(self) -> None:
        """Measure it no longer; again is harmless."""
        self._collector.drop(self)

    def samples(self) -> Iterator[Sample]:
        """Every number of this account. Raises TrueupError where the journal cannot be read."""
        ledger = self._rec.ledger
        yield from standing(ledger.state, self._rec.gate, ledger.now(), failing=ledger.failure is not None)
        for one in self._channels() if self._channels is not None else ():
            yield "trueup_alerts_waiting", (one.channel,), one.waiting
            yield "trueup_alerts_failing", (one.channel,), one.failures
        with self._lock:
            counts = self._counts
            upto = min(ledger.state.position, counts.position + EVENTS_PER_LOOK_MAX)
            if upto > counts.position:
                counts.read(self._rec.journal.read(after=counts.position, upto=upto))
            yield from _counted(counts)

    def durations(self) -> tuple[list[tuple[str, int]], Decimal]:
        """(passes up to each bound in seconds, cumulative; seconds of all passes)."""
        with self._lock:
            total, buckets = 0, list[tuple[str, int]]()
            for bound, count in zip((*BUCKETS_MS, None), self._counts.durations, strict=True):
                total += count
                buckets.append(("+Inf" if bound is None else str(Decimal(bound) / 1000), total))
            return buckets, Decimal(self._counts.duration_ms) / 1000

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _counted(counts: Counts) -> Iterator[Sample]:
    yield from (("reconciliation_mismatches_total", (kind,), n) for kind, n in sorted(counts.mismatches.items()))
    yield from (("trueup_corrections_total", (kind,), n) for kind, n in sorted(counts.corrections.items()))
    yield from (("trueup_alerts_total", (severity,), n) for severity, n in sorted(counts.alerts.items()))
    yield from (("trueup_observations_total", both, n) for both, n in sorted(counts.observations.items()))
    yield from (("trueup_passes_total", both, n) for both, n in sorted(counts.passes.items()))


class Collector:
    """All accounts of one registry, as `prometheus_client` asks for them."""

    def __init__(self) -> None:
        self._accounts: dict[str, Registered] = {}
        self._lock = threading.Lock()

    def add(self, rec: Measured) -> Registered:
        """One more account. Raises InputError for one that is there already, or too many."""
        with self._lock:
            if rec.account in self._accounts:
                raise InputError(f"metrics: {rec.account} is registered already; close that registration first")
            if len(self._accounts) >= ACCOUNTS_MAX:
                raise InputError(f"metrics: {ACCOUNTS_MAX} accounts are registered, and no more are measured")
            made = self._accounts[rec.account] = Registered(rec, self)
            return made

    def drop(self, one: Registered) -> None:
        """One account less."""
        with self._lock:
            if self._accounts.get(one.account) is one:
                del self._accounts[one.account]

    def describe(self) -> list[Family]:
        """Every family, without samples: so that registering computes nothing."""
        return list(_families().values())

    def collect(self) -> list[Family]:
        """Every family with the samples of all accounts."""
        with self._lock:
            accounts = [self._accounts[name] for name in sorted(self._accounts)]
        families = _families()
        for one in accounts:
            try:
                for name, labels, value in one.samples():
                    _add(families[name], (one.account, *labels), value)
            except TrueupError:  # the journal cannot be read just now; the gauges are told, and say that it fails
                pass
            buckets, seconds = one.durations()
            families["trueup_pass_duration_seconds"].add_metric([one.account], buckets=buckets, sum_value=seconds)
        return list(families.values())


def _families() -> dict[str, Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    makes: dict[str, Any] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }
    return {one.name: makes[one.kind](one.name, one.help, labels=one.labels) for one in METRICS}


def _add(family: Any, labels: tuple[str, ...], value: Value) -> None:
    family.add_metric(labels, value)


def register(rec: Measured, registry: CollectorRegistry | None = None) -> Registered:
    """Measure an open account from here on.

    registry  prometheus_client's; None: its default one

    Raises TrueupError where prometheus_client is not installed, InputError where the account is measured already.
    """
    try:
        from prometheus_client import REGISTRY
    except ImportError as error:
        raise TrueupError('metrics need prometheus_client; pip install "trueup[metrics]"') from error
    into = REGISTRY if registry is None else registry
    with _guard:
        collector = _collectors.get(into)
        if collector is None:
            collector = _collectors[into] = Collector()
            into.register(collector)
    return collector.add(rec)
