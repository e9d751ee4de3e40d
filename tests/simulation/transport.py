"""One end of a connection without a socket: what each of them is, whatever it carries."""

import asyncio


class Transport(asyncio.Transport):
    """A transport that takes all at once; *protocol* is who is told of what comes in."""

    def __init__(self, protocol=None):
        super().__init__()
        self._protocol = protocol
        self._closed = False

    def writelines(self, lines):
        self.write(b"".join(lines))

    def is_closing(self):
        return self._closed

    def get_extra_info(self, name, default=None):
        del name
        return default

    def get_protocol(self):
        return self._protocol

    def set_protocol(self, protocol):
        self._protocol = protocol

    def is_reading(self):
        return not self._closed

    def pause_reading(self):
        """Go on: nothing comes that nobody asked for."""

    def resume_reading(self):
        """Go on."""

    def set_write_buffer_limits(self, high=None, low=None):
        """Have none: nothing that is written waits here."""

    def get_write_buffer_size(self):
        return 0

    def can_write_eof(self):
        return False
