"""The composition root: settings in, a running gateway out.

Nothing else makes a pool, a session, a resolver or a clock; a command may make a client of its own.
"""

from gateway.app.parts import Parts, make_clock, make_egress, open_parts
from gateway.app.process import (
    Listeners,
    build_outbound,
    run_gateway,
    run_worker,
    settle_memory,
)
from gateway.app.running import Addresses, local_database, run_loop, serve_alone, work_alone
from gateway.app.startup import bind, check_settings, prepare
from gateway.app.supervisor import Supervisor

__all__ = [
    "Addresses",
    "Listeners",
    "Parts",
    "Supervisor",
    "bind",
    "build_outbound",
    "check_settings",
    "local_database",
    "make_clock",
    "make_egress",
    "open_parts",
    "prepare",
    "run_gateway",
    "run_loop",
    "run_worker",
    "serve_alone",
    "settle_memory",
    "work_alone",
]
