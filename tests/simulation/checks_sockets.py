"""Where connections went: invariant 12."""

from tests.simulation.sockets import INSIDE


def check_12(ledger):
    """No connection went to an address that was not checked, or to a machine inside."""
    sockets = ledger.world.sockets
    known = {host.address for host in sockets.hosts.values()}
    for address in dict.fromkeys(sockets.connected):
        if address in INSIDE:
            yield f"a connection went to {address}, where a lie of the DNS led"
        elif address not in known:
            yield f"a connection went to {address}, which is nobody's"
        if address not in sockets.checked:
            yield f"a connection went to {address}, which was not checked"
