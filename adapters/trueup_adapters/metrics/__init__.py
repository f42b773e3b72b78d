"""What can Prometheus ask of a process that keeps accounts true?

Reading order:
    names      every metric: its name, kind, labels and what it says
    standing   the numbers of one account at this moment, from its fold
    counting   what has happened since, from its journal and its passes
    collector  both of them for all accounts of a process, as a scrape finds them
    serving    on a port of this machine

`register(rec)` is all that an embedding process needs; `trueup run --metrics PORT` does it by itself.
"""

from trueup_adapters.metrics.collector import Registered, register
from trueup_adapters.metrics.names import METRICS, Metric
from trueup_adapters.metrics.serving import Served, serve

__all__ = ["METRICS", "Metric", "Registered", "Served", "register", "serve"]
