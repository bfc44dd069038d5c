"""The user's terminal as the guest's keyboard and screen."""
import os
import re
import sys
import termios
import tty

from .session import COM1, GUEST

QUIT_KEY = b"\x1d"  # Ctrl-]
DIM, PLAIN = b"\x1b[2m", b"\x1b[0m"


class Quit(Exception):
    """The user pressed the key that ends the run."""


class Keyboard:
    """Standard input to the guest's console; a terminal is in raw mode inside a `with`."""

    def __init__(self, session):
        self.session = session
        self.descriptor = sys.stdin.fileno()
        self.saved = None

    def __enter__(self):
        if os.isatty(self.descriptor):
            self.saved = termios.tcgetattr(self.descriptor)
            tty.setraw(self.descriptor)
        self.session.watch[self.descriptor] = self._typed
        return self

    def __exit__(self, *_):
        self.session.watch.pop(self.descriptor, None)
        if self.saved:
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self.saved)

    def _typed(self):
        data = os.read(self.descriptor, 1024)
        if not data:
            self.session.watch.pop(self.descriptor)  # end of a file or pipe
        elif self.saved and QUIT_KEY in data:
            raise Quit
        else:
            self.session.send(GUEST, data)


class Screen:
    """The guest's console and the log on one terminal: the guest's as it is, the log dimmed
    and without the control sequences with which firmware paints its screens."""

    def __init__(self, out=None):
        self.out = out or sys.stdout.buffer
        self.colour = self.out.isatty()
        self.pending = b""
        self.at_line_start = True  # of what the guest printed

    def show(self, stream, data):
        if stream == COM1:
            data = self._log_lines(data)
            if data and not self.at_line_start:
                data = b"\r\n" + data
            self.at_line_start |= bool(data)
        elif stream == GUEST:
            self.at_line_start = data.endswith(b"\n")
        if data and stream in (COM1, GUEST):
            self.out.write(data)
            self.out.flush()

    def _log_lines(self, data):
        """Whole lines only, so that they do not end up inside the guest's."""
        lines = (self.pending + data).replace(b"\r", b"").split(b"\n")
        self.pending = lines.pop()
        lines = [re.sub(rb"\x1b\[[0-9;?=]*[A-Za-z]", b"", line) for line in lines]
        lines = [line for line in lines if line.strip()]
        dim, plain = (DIM, PLAIN) if self.colour else (b"", b"")
        return b"".join(dim + line + plain + b"\r\n" for line in lines)
