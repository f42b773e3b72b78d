"""Read models of trueup's journals: SQLite tables to look at, made from the journal alone and made again at will.

Read in this order: `schema` how a table is described · `columns`, `log_tables`, `live_tables`, `order_tables`,
`action_tables`, `tables`, `queries`, `order_queries` which there are · `cells`, `order_cells` values as cells ·
`writing` many rows at once · `logged` the log · `living` what lives a while · `sides`, `order_sides` book and broker ·
`moments` what one event did to orders and actions · `account` one account's page · `files` whose file is this ·
`datasette` titles and questions · `views` keeping up with a store · `trial` whether that holds in simulated histories.
"""

from trueup_projections.datasette import write_metadata
from trueup_projections.views import Views, default_path, project

__all__ = ["Views", "default_path", "project", "write_metadata"]
