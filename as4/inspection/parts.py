"""The parts of a captured body, as far as they can be had."""

from dataclasses import dataclass

from as4.dump import Dump
from as4.errors import As4Error, Unreadable
from as4.mime import BodyReader, Event, PartBegin, PartData, open_body


@dataclass(frozen=True, slots=True)
class Parts:
    """The SOAP part, and the first attachment with its transfer encoding undone."""

    soap: bytes
    attachment: bytes | None


def split_parts(dump: Dump) -> Parts:
    """Return the parts of *dump*; what is broken behind the SOAP part is left out.

    Raises Unreadable if there is no SOAP part.
    """
    reader = open_body(dump.content_type)
    pieces: list[list[bytes]] = []
    for event in _events(reader, dump.body):
        if isinstance(event, PartBegin):
            pieces.append([])
        elif isinstance(event, PartData):
            pieces[-1].append(event.data)
    parts = [b"".join(each) for each in pieces]
    if not parts:
        raise Unreadable(400, "the body has no SOAP part")
    return Parts(parts[0], parts[1] if len(parts) > 1 else None)


def _events(reader: BodyReader, body: bytes) -> list[Event]:
    events = [*reader.feed(body)]
    try:
        events += reader.close()
    except As4Error:
        # Found behind the SOAP part; the verdict names it.
        return events
    return events
