"""What does trueup do, shown on a real gateway, with real processes and a real `kill -9`, in a quarter of a minute?

Reading order:
    lines      what the director and the trading process say to one another
    desk       how that process trades
    bot        the trading process: trueup as any bot would use it
    broker     the gateway's process
    naive      two bots without trueup, to compare with
    processes  starting, killing, and never leaving one behind
    scene      sentences that are checked before they are told
    stage      what the scenes can touch
    story      the scenes, up to the last correction
    proof      the scenes about the journal
    show       text and tables, or JSON
    play       from beginning to end: `run`
"""

from trueup_adapters.demo.play import run

__all__ = ["run"]
