"""How does a person, a script or a scheduler use trueup from a shell?

Reading order:
    exits    what the exit statuses mean, and which error leads to which
    output   one JSON value for programs, tables for people
    options  the options that several commands share
    stores   which account of a store is meant, and which moment of it
    check, run, look, seal, keep, ack, play   the commands
    app      all of them under one name, and what a wrong word is answered with
"""

from trueup_adapters.cli.app import main

__all__ = ["main"]
