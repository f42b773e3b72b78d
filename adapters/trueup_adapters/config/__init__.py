"""What does a whole sidecar go by: which accounts, brokers, stores, policies, channels and ports?

Reading order:
    keys      every key and environment variable: what it means, and what may stand there
    reading   one TOML file and the environment, judged whole; errors by line
    plans     flags, environment and file together: what is run, for each account
    template  the commented file that `trueup init` writes
    installed which adapters of others there are
    brokers   which adapter an address means
    books     which book of a bot's own an address means
"""

from trueup_adapters.config.installed import BrokerWanted
from trueup_adapters.config.keys import ENVIRONMENT, TABLES, Key, Variable
from trueup_adapters.config.plans import Flags, Plan, planned
from trueup_adapters.config.reading import (
    AccountSettings,
    AlertSettings,
    BookSettings,
    ChannelSettings,
    Configuration,
    LogSettings,
    MetricsSettings,
    configuration_of,
    read_configuration,
)
from trueup_adapters.config.template import template

__all__ = [
    "ENVIRONMENT",
    "TABLES",
    "AccountSettings",
    "AlertSettings",
    "BookSettings",
    "BrokerWanted",
    "ChannelSettings",
    "Configuration",
    "Flags",
    "Key",
    "LogSettings",
    "MetricsSettings",
    "Plan",
    "Variable",
    "configuration_of",
    "planned",
    "read_configuration",
    "template",
]
