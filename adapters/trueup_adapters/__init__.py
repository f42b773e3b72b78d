"""What connects trueup to everything outside: brokers, files, people?

`mt5` asks an MT5 gateway, `gateway` is one to play with, `files` reads books and brokers' answers from files and
compares two of them, `cli` is the command line. Nothing is imported until it is asked for by its name.
"""
