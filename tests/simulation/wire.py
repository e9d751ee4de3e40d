"""Connections to a real PostgreSQL that are asked one at a time, while virtual time stands still.

A connection writes; what it wrote is one question, up to the server's ReadyForQuery.  Only when
nothing else is left to be done one of the waiting questions, drawn from the seed, goes to the
server, and all waits for its answer.  So the order in which databases answer is the seed's.  Mostly
those of a database wait while one is inside a transaction, and now and then they do not.  Who then
meets a lock does not get it, for its holder waits too: the server says so after a moment.

What the server sends unasked (NOTIFY) comes when it likes.  It is held back, and fetched by an
empty question before time goes on: everything committed until then has been told by then.

The database's `now()` is virtual too: before a question the session is told the time
(`tests.simulation.databases` lets `now()` read it).
"""

from contextvars import copy_context

from tests.simulation.sessions import IDLE
from tests.simulation.transport import Transport

BETWEEN = 0.2
"""How often somebody is asked although another one may be inside a transaction."""
LOCK_MILLISECONDS = 20

_TERMINATE = b"X\x00\x00\x00\x04"
_CANCEL = b"\x04\xd2\x16\x2e"


class Wires:
    """All connections of a loop, of all databases; *sessions* is what they lead to."""

    def __init__(self, loop, dice, sessions):
        self._loop = loop
        self.sessions = sessions
        self._dice = dice
        self._waiting = []
        self._dirty = set()
        self.asked = 0
        self.tell_time = lambda transport: ""
        self.is_away = lambda life: False

    def connect(self, protocol_factory, path, life):
        """Connect as *life*; raises OSError when its database is away."""
        if self.is_away(life):
            raise ConnectionRefusedError("the database is away")
        protocol = protocol_factory()
        transport = Wire(self._loop, self, path, protocol, life)
        if life is not None:
            life.transports.append(transport)
        protocol.connection_made(transport)
        return transport, protocol

    def wait_for_turn(self, wire):
        if wire not in self._waiting:
            self._waiting.append(wire)

    def leave(self, wire):
        if wire in self._waiting:
            self._waiting.remove(wire)

    def committed(self, wire):
        """Note that listeners of the database may have been told something."""
        if wire.life is not None:
            self._dirty.add(wire.life)

    def ask_one(self):
        """Put one question to a server, or fetch what was told; False when there is neither."""
        if self._waiting:
            candidates = self._waiting
            if len(candidates) > 1 and self._dice.random() >= BETWEEN:
                candidates = [
                    each for each in candidates if not self._is_held_up(each)
                ] or candidates
            wire = candidates[self._dice.randrange(len(candidates))]
            self._waiting.remove(wire)
            self.asked += 1
            wire.ask()
            return True
        return self._fetch_told()

    def cut(self, wires):
        """Cut *wires* as a dying process does, and return when the server has noticed."""
        for wire in wires:
            wire.abandon()

    def lose(self, life):
        """Let the database go away from *life*: every connection of it breaks."""
        wires, life.transports = life.transports, []
        self.cut(wires)
        for wire in wires:
            wire.tell_lost(ConnectionResetError("the database went away"))

    def _is_held_up(self, wire):
        return wire.life is not None and bool(wire.life.busy - {wire})

    def _fetch_told(self):
        dirty, self._dirty = self._dirty, set()
        told = False
        for life in sorted(dirty, key=lambda life: life.name):
            for wire in [each for each in life.transports if each.listens]:
                told |= wire.fetch_told()
        return told


class Wire(Transport):
    """One connection: a transport for asyncpg, which asks a session that the server has."""

    def __init__(self, loop, wires, path, protocol, life):
        super().__init__(protocol)
        self._loop, self._wires, self._path = loop, wires, path
        self.life = life
        self._session = None
        self._question = bytearray()
        self._context = None
        self._told_time = ""
        self.listens = False

    def write(self, data):
        if self._closed:
            return
        if self._context is None:
            self._context = copy_context()
        self._question += data
        self._wires.wait_for_turn(self)

    def ask(self):
        """Put the question, wait for all of its answer, and have the protocol take it."""
        question, self._question = bytes(self._question), bytearray()
        if question == _TERMINATE or question[4:8] == _CANCEL:
            # A wish to cancel comes too late, always: the server is never asked two things at once.
            self.abort()
            return
        if self._session is None:
            self._session = self._wires.sessions.open(self._path, question)
            answer = self._session.welcome
        else:
            self.listens |= b"LISTEN " in question
            self._tell_time()
            answer = self._session.ask(question)
        if self._session.status == IDLE:
            self._wires.committed(self)
        self._note_whether_busy()
        self._deliver(answer)

    def fetch_told(self):
        """Have the protocol take what the server said unasked; say whether there was something."""
        if self._session is None or self._session.status != IDLE:
            return False
        told = self._session.fetch_told()
        if told:
            self._deliver(told)
        return bool(told)

    def _tell_time(self):
        """Tell the session what time it is, if it does not know and is in no transaction."""
        if self._session.status != IDLE:
            return
        now = self._wires.tell_time(self)
        if not now or now == self._told_time:
            return
        if not self._told_time:
            self._session.say_first(f"SET lock_timeout = {LOCK_MILLISECONDS}")
        self._session.say_first(f"SET sim.now = '{now}'")
        self._told_time = now

    def _note_whether_busy(self):
        """Let its life know whether it is in a transaction, or between the parts of a question."""
        if self.life is None:
            return
        if self._session is None or self._session.status in (IDLE, b""):
            self.life.busy.discard(self)
        else:
            self.life.busy.add(self)

    def _deliver(self, data):
        self._loop.call_soon(self._take, data, context=self._context)

    def _take(self, data):
        if not self._closed:
            self._protocol.data_received(data)

    def abandon(self):
        """End without a word; return when the server has let go of all that was held here."""
        self._wires.leave(self)
        self._closed = True
        session, self._session = self._session, None
        self._note_whether_busy()
        if session is not None:
            self._wires.sessions.take_back(session)

    def tell_lost(self, error):
        self._loop.call_soon(self._protocol.connection_lost, error, context=self._context)

    def close(self):
        self.abort()

    def abort(self):
        if not self._closed:
            self.abandon()
            self.tell_lost(None)
