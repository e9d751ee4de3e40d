"""Sessions of a server, which outlast the connections of the simulated network.

Processes die all the time here, and a session begun anew costs the server more than most of what
is asked in it: it reads its catalogues and plans every statement again.  So a session whose
connection ended is made as it was at its start (rolled back, no lock, no setting, nothing listened
to) and is given to the next that introduces itself with the same words.

Its statements stay prepared.  What the server said when one was prepared, and what it said of its
types, is said again from memory, and nobody can tell: the same questions are asked in the same
order, whoever answers them.
"""

import socket
import struct
from collections import OrderedDict

SECONDS_MAX = 60.0
"""The server hangs when it takes longer: real seconds, for nothing here takes any."""

STATEMENTS_MAX = 400
"""LIMIT: statements that a session keeps prepared; one with more ends when nobody uses it."""

IDLE, FAILED, HALF_WAY = b"I", b"E", b"F"
"""What a session may be in: nothing, a transaction that failed, a question's first part."""

_READY, _NOTIFICATION, _ERROR, _PREPARED = b"Z", b"A", b"E", b"1"
_READY_MESSAGE = b"Z\x00\x00\x00\x05"
"""What ends an answer, but for its last byte: the status."""
_AFTER_FLUSH = frozenset((b"T", b"n", b"E", b"G"))
_PARSE, _BIND, _CLOSE = b"PBC"
_FLUSH, _SYNC = b"H\x00\x00\x00\x04", b"S\x00\x00\x00\x04"
_CLOSE_NONE = b"C\x00\x00\x00\x0aSnone\x00" + _SYNC
_RESET = "RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); CLOSE ALL; DISCARD SEQUENCES"
_NEVER_CHANGES = (b"typeinfo_tree", b"set_config('jit'")
"""By these words one knows what the driver asks about types before it uses them."""


class Sessions:
    """All sessions of one server that nobody uses just now; LIMIT: *idle_max* of them.

    What is one too many is the one that has waited longest, and ends.
    """

    def __init__(self, idle_max):
        self._idle_max = idle_max
        self._idle = OrderedDict()
        self._types = {}

    def open(self, path, greeting):
        """Return a session for who introduces himself with *greeting*, and what it is told."""
        for session in reversed(self._idle):
            if session.path == path and session.greeting == greeting:
                del self._idle[session]
                return session
        return Session(path, greeting, self._types)

    def take_back(self, session):
        """Return when the server has let go of all that *session* held."""
        if not session.become_new():
            session.close()
            return
        self._idle[session] = None
        if len(self._idle) > self._idle_max:
            self._idle.popitem(last=False)[0].close()

    def close(self):
        """End them all, and forget what they knew."""
        self._types.clear()
        while self._idle:
            self._idle.popitem()[0].close()


class Session:
    """One session; *welcome* is what it says to who begins it.

    *types* is what all sessions of the server were told about types, and *status* what the
    connection was told last of its transaction, as one byte of the protocol.
    """

    def __init__(self, path, greeting, types):
        self.path, self.greeting = path, greeting
        self.status = b""
        self._true_status = b""
        self._rest, self._told = b"", bytearray()
        self._first = ""
        self._names = {}
        self._prepared = {}
        self._types, self._about_types = types, {}
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(SECONDS_MAX)
        self._sock.connect(path)
        self._sock.sendall(greeting)
        self.welcome = self._read_answer()

    def become_new(self):
        """Let go of all that was held; False when it is of no use any more."""
        self._names.clear()
        self._first = ""
        if not self._true_status or len(self._prepared) > STATEMENTS_MAX:
            return False
        if self._true_status == HALF_WAY:
            self._pass_on(_SYNC)
        if self._true_status != IDLE:
            self._pass_on(_query("ROLLBACK"))
        self._pass_on(_query(_RESET))
        self._told.clear()
        return True

    def close(self):
        """End it, and wait until the server has ended it, too."""
        try:
            self._sock.sendall(b"X\x00\x00\x00\x04")
            self._sock.shutdown(socket.SHUT_WR)
            while self._sock.recv(1 << 16):
                pass
        except OSError:
            pass  # the server was the first
        self._sock.close()

    def say_first(self, statement):
        """Have *statement* run before the next question that the server is asked."""
        self._first += f"{statement};"

    def ask(self, question):
        """Return the answer to *question*."""
        if question[0] == _PARSE and question.endswith(_FLUSH) and self.status != FAILED:
            return self._prepare(question)
        if question[0] == _BIND:
            return self._execute(question)
        if question[0] == _CLOSE:
            question = _CLOSE_NONE  # what is prepared stays
        return self._pass_on(question)

    def fetch_told(self):
        """Return what the server had to say unasked up to now."""
        self._pass_on(_query(""))
        told = bytes(self._told)
        self._told.clear()
        return told

    def _prepare(self, question):
        """Prepare a statement, or say again what was said when it was prepared before."""
        end = question.index(0, 5)
        name, text = question[5:end], question[end : question.index(0, end + 1)]
        if name and text in self._prepared:
            self._names[name], answer = self._prepared[text]
            self.status = HALF_WAY
            return answer
        answer = self._pass_on(question, flushed=True)
        if name and answer[:1] == _PREPARED and self._true_status == HALF_WAY:
            self._prepared[text] = name, answer
            self._names[name] = name
            if any(words in text for words in _NEVER_CHANGES):
                self._about_types[name] = self._types.setdefault(text, {})
        return answer

    def _execute(self, question):
        """Execute a statement under the name that the server knows it by."""
        name = question[6 : question.index(0, 6)]
        known = self._names.get(name)
        if known is None:
            return self._pass_on(question)
        values, question = question[6 + len(name) :], b"".join(self._renamed(question))
        answers = self._about_types.get(known)
        if answers is None:
            return self._pass_on(question)
        if values not in answers:
            answers[values] = self._pass_on(question)[: -len(_READY_MESSAGE) - 1]
        elif self._true_status == HALF_WAY:
            self._pass_on(_SYNC)
        self.status = self._true_status
        return answers[values] + _READY_MESSAGE + self._true_status

    def _renamed(self, question):
        """Yield the messages of *question*, with the names that the server knows."""
        start = 0
        while start < len(question):
            end = start + 1 + int.from_bytes(question[start + 1 : start + 5], "big")
            message = question[start:end]
            if message[0] == _BIND:
                values = message.index(0, 6)
                name = self._names[message[6:values]]
                length = (4 + 1 + len(name) + end - start - values).to_bytes(4, "big")
                message = b"B" + length + b"\x00" + name + message[values:]
            yield message
            start = end

    def _pass_on(self, question, *, flushed=False):
        """Have the server answer *question*."""
        before = b""
        if self._first and self._true_status == IDLE:
            before, self._first = _query(self._first), ""
        self._sock.sendall(before + question)
        if before:
            self._read_answer()
        answer = self._read_answer(flushed=flushed)
        self.status = self._true_status
        return answer

    def _read_answer(self, *, flushed=False):
        """Return all messages up to the end of the answer; what was told unasked is put aside."""
        received, place, answer = b"", 0, []
        while True:
            end = place + 1 + int.from_bytes(received[place + 1 : place + 5], "big")
            if not place + 5 <= end <= len(received):
                received, place = received[place:] + self._receive(), 0
                continue
            kind, message = received[place : place + 1], received[place:end]
            place = end
            if kind == _NOTIFICATION:
                self._told += message
                continue
            answer.append(message)
            if kind == _READY:
                self._true_status = message[5:6]
            elif flushed and kind in _AFTER_FLUSH:
                self._true_status = HALF_WAY
            elif kind != _ERROR or self._true_status:
                continue  # an error before it was begun is all that there will be
            self._rest = received[place:]
            return b"".join(answer)

    def _receive(self):
        if self._rest:
            received, self._rest = self._rest, b""
            return received
        received = self._sock.recv(1 << 18)
        if not received:
            raise ConnectionResetError("the server ended the connection")
        return received


def _query(text):
    data = text.encode() + b"\x00"
    return b"Q" + struct.pack("!i", len(data) + 4) + data
