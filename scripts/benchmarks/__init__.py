"""What does trueup cost, as a multiple of what the work costs at the very least?

`harness` measures, `material` makes the replies, `baselines` is the least, `rows` are the promises, `long` what only
shows over many passes, `picture` draws. Ratios of one run: absolute times mean little on another machine.
"""
