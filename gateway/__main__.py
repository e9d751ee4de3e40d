"""The console script `gateway`: finds the verb, imports its module alone, and runs it."""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence

from gateway import __version__, commands

_NOT_VERBS = frozenset({"options", "ownkeys", "remote", "running"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb that *arguments* name and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    verb = words[0] if words else "--help"
    if verb in ("-h", "--help"):
        print(_overview())  # noqa: T201 - it is what was asked for
        return 0 if words else 2
    if verb == "--version":
        print(__version__)  # noqa: T201 - it is what was asked for
        return 0
    if verb not in _verbs():
        known = ", ".join(_verbs())
        said = f"gateway: no verb {verb!r}; there are {known}"
        print(said, file=sys.stderr)  # noqa: T201 - said to a person
        return 2
    return _run(verb, words[1:])


def _run(verb: str, words: Sequence[str]) -> int:
    from gateway.commands.options import refuse  # noqa: PLC0415 - `--help` needs none of it
    from gateway.errors import Fault, Kind, Unavailable  # noqa: PLC0415 - as above
    from gateway.settings import BadSettings  # noqa: PLC0415 - as above
    from gateway.store.errors import StoreError  # noqa: PLC0415 - as above

    module = importlib.import_module(f"gateway.commands.{verb}")
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog=f"gateway {verb}", description=module.__doc__, formatter_class=shape
    )
    module.add_arguments(parser)
    args = parser.parse_args(words)
    try:
        code: int = module.run(args)
    except (BadSettings, Fault, Unavailable) as error:
        return refuse(args, error)
    except StoreError as error:
        return refuse(args, Fault(Kind.CONFLICT, "database-unusable", str(error)))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141
    return code


def _verbs() -> list[str]:
    """Return the names of all verbs, in the order of the alphabet."""
    return [
        module.name
        for module in pkgutil.iter_modules(commands.__path__)
        if module.name not in _NOT_VERBS
    ]


def _overview() -> str:
    """Return what `gateway --help` prints: each verb with its one line."""
    lines = ["usage: gateway VERB [...]", "", "A Peppol access point. Verbs:", ""]
    lines += [f"  {verb:<12} {_summary(verb)}" for verb in _verbs()]
    return "\n".join([*lines, "", "`gateway VERB --help` explains one of them."])


def _summary(verb: str) -> str:
    """Return the SUMMARY of a verb, out of its source: importing them all would take seconds."""
    import ast  # noqa: PLC0415 - only `--help` needs it

    source = pkgutil.get_data(commands.__name__, f"{verb}.py") or b""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SUMMARY":
            return str(ast.literal_eval(node.value))
    return ""


if __name__ == "__main__":
    sys.exit(main())
