"""How does a user try their own broker adapter, their own bot, and what they believe of trueup?

Read in this order: `broker`, `desk`, `answers` a broker that does as it is told · `broker_contract`, `orders_contract`,
`acting_contract` what every adapter inherits · `book_contract`, `order_book_contract` what a bot's own book does ·
`alpaca` Alpaca's API on this machine · `strategies` values and histories for Hypothesis · `machine` a state machine to
put a bot into · `plugin` fixtures for pytest. `trueup.simulation` is what tries trueup itself.
"""
