"""The verbs of the console script, one module each.

A verb's module has `SUMMARY` (one line), `add_arguments(parser)` and `run(args) -> int`, the exit
code. `gateway.__main__` finds the modules by their names and imports the chosen one alone.
"""
