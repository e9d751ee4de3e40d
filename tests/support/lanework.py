"""Work for processes of their own: what tests of `gateway.lanes` let them do."""

import os
import sys
import time


def make_worker(given):
    """Return a worker that does what it is told."""
    if given == "broken":
        raise ValueError("cannot be made")
    if given == "dead":
        os._exit(9)
    if given == "slow":
        time.sleep(60)

    def work(question):
        what, value = question
        if what == "sleep":
            time.sleep(value)
        if what == "die":
            os._exit(9)
        if what == "take":
            bytearray(value)
        if what == "raise":
            raise ValueError(value)
        if what == "modules":
            return sorted(sys.modules)
        return f"{given} {value}", os.getpid()

    return work


def make_listing_checker(rules_dir):
    """Return a worker that checks a document as the gateway's do, then lists its modules."""
    from gateway.rules.pipeline import make_native

    check = make_native(rules_dir)

    def work(question):
        return check(question), sorted(sys.modules)

    return work
