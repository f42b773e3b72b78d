"""Would a test notice if the pure core were wrong?

Read in this order: `place` the copy that is mutated · `reached` which test runs which line · `drawn` which mutants
are tried · `tried` what becomes of them · `told` the tables · `trying` one run · `__main__` its options.
`equivalent.toml` lists the mutants that nothing can tell from the code itself, each with the reason. `scripts/mutate`
starts it; docs/reference/mutation.md tells the rest.
"""
