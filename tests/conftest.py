"""What does the whole suite need to come out the same on every machine, however it was started?

Which examples properties draw where their module says nothing of it: those of `laws.profiles`, always the same. Without
a profile each run draws others, and calls a history that took a busy machine 200 ms a failure.

That an interrupt is heard: a suite that a shell started in the background inherits that they are ignored, and so does
every process that its tests start and interrupt.
"""

from __future__ import annotations

import signal

from hypothesis import settings

from laws.profiles import NAME

settings.load_profile(NAME)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
