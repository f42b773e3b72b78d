"""How does a web service keep orders from being sent that the gate would not let pass?

`GateMiddleware`: pure ASGI, for any framework. Orders that come in over HTTP are answered with 503 and the refusal as
JSON, cancels pass, `/gate` says how things stand, and `/commands`, where it is opened, takes operators' commands from
whoever the service itself has authenticated. Read in this order: `asgi` what ASGI is made of · `intents` a request as
an intent · `operators` commands · `middleware`.
"""

from trueup_adapters.web.asgi import Guarded, Unreadable
from trueup_adapters.web.intents import intent_of_json
from trueup_adapters.web.middleware import GateMiddleware

__all__ = ["GateMiddleware", "Guarded", "Unreadable", "intent_of_json"]
