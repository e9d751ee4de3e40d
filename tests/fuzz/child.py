"""One target under libFuzzer: `python -m tests.fuzz.child NAME [option of libFuzzer | file…]`.

With files instead of a corpus, each is tried once: that is how a finding is looked at again.
"""

import sys

import atheris

LIBRARIES = ["as4", "smp", "ubl"]


def main():
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=LIBRARIES):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    target(b"")  # whatever is made once is made before the clock runs
    atheris.Setup([sys.argv[0], *arguments], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
