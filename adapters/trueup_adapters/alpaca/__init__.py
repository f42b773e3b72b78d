"""How is Alpaca asked, over its Trading API, and what do its answers mean?

Reading order:
    hosts        paper and live, and what keeps them apart
    keys         credentials, and where they never appear
    limiter      when the next request may leave
    transport    one request out, its reply in, once
    cells        numbers, names and times of a row
    symbols      the one name of what is spelled in several ways
    heads        whether a reply answers at all
    judging      rows of any list, on their own and against each other
    positions    rows into positions, one by one
    order_words  what an order's status and intent may be called
    orders       rows into orders, one by one
    fills        rows into executions, one by one
    client_ids   which order was sent under which client id
    legs         orders that the list of open ones keeps to itself
    asking       questions, and all their pages
    sending      actions into bytes; pure
    outcomes     replies into outcomes; pure
    acting       actions, looked up first and sent once
    broker       all of it joined: `AlpacaBroker`
    config       made from the environment or from settings
"""

from trueup_adapters.alpaca.broker import AlpacaBroker, MarketClock
from trueup_adapters.alpaca.config import from_config, from_environment
from trueup_adapters.alpaca.keys import Credentials
from trueup_adapters.alpaca.limiter import Limiter

__all__ = ["AlpacaBroker", "Credentials", "Limiter", "MarketClock", "from_config", "from_environment"]
