"""One run of an emulator: start it, stream its serial ports, type, wait, stop it."""
import os
import re
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

from . import bochs, qemu
from .lanes import Lane
from .machine import EmulatorError

COM1, COM2, GUEST, COM3, COM4, GUEST_COM3, GUEST_COM4 = range(7)
PORTS = (COM1, COM2, COM3, COM4)
GUEST_AT = {COM1: GUEST, COM2: GUEST, COM3: GUEST_COM3, COM4: GUEST_COM4}
CONNECT_TIMEOUT = 20  # seconds until the emulator has opened its serial ports
TAIL = 8192           # bytes: a match that arrives in pieces is at most this long


@dataclass
class Ended:
    """How a wait ended: matched (then stream and match), exit or timeout."""
    reason: str
    stream: int = -1
    match: re.Match = None


class Stream:
    """What one source has printed, in a file and in `text`."""

    connection = None  # of a port

    def __init__(self, path):
        self.log = open(path, "wb")
        self.text = b""
        self.searched = 0  # behind the last match
        self.scanned = 0   # up to here this wait's patterns were tried

    def append(self, data):
        self.log.write(data)
        self.log.flush()
        self.text += data

    def search(self, patterns):
        """The first pattern found in what no earlier search had matched."""
        start = max(self.searched, self.scanned - TAIL)
        self.scanned = len(self.text)
        found = [m for m in (p.search(self.text, start) for p in patterns) if m]
        if not found:
            return None
        match = min(found, key=lambda m: m.start())
        self.searched = match.end()
        return match


class Port(Stream):
    """A serial port of the machine; what is typed waits in a queue."""

    def __init__(self, path):
        super().__init__(path)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.connection = None
        self.queue = b""
        self.held = b""  # for the guest, which does not have the port yet

    @property
    def number(self):
        return self.listener.getsockname()[1]

    def accept(self, process):
        """Waits until the emulator has connected."""
        self.listener.settimeout(0.2)
        end = time.monotonic() + CONNECT_TIMEOUT
        while self.connection is None:
            try:
                self.connection, _ = self.listener.accept()
            except socket.timeout:
                if process.poll() is not None or time.monotonic() > end:
                    raise EmulatorError("the emulator did not start") from None
        self.connection.setblocking(False)

    def receive(self):
        """New bytes, if any; forgets the connection when the emulator has closed it."""
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return b""
        except ConnectionError:
            data = b""
        if not data:
            self.connection.close()
            self.connection = None
        self.append(data)
        return data

    def send(self):
        """Gives as much of the queue as the emulator takes now."""
        try:
            self.queue = self.queue[self.connection.send(self.queue):]
        except BlockingIOError:
            pass
        except ConnectionError:
            self.queue = b""

    def close(self):
        for thing in (self.connection, self.listener, self.log):
            if thing:
                thing.close()
        self.connection = None


def die_with_parent(argv):
    """The emulator gets SIGKILL from the kernel even when this program is killed."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *argv]


class Session:
    """A machine that runs inside a `with`, in a RunDirectory.

    Streams are COM1, COM2 and, if the machine has them, COM3 and COM4.  With a `console` there
    is GUEST, too: that part of a serial port which is the guest's.  console.port is that port;
    console.feed(bytes) gives the guest's part; while console.open is false, what is typed for
    GUEST waits.  A list of consoles, at most one a port, gives GUEST, GUEST_COM3 and GUEST_COM4.
    on_data(stream, bytes) is called for all that arrives; `watch` maps file descriptors to
    functions that are called when there is something to read; poll() is called often while the
    session waits."""

    def __init__(self, machine, run_directory, on_data=None, console=None):
        self.machine = machine
        self.run_directory = run_directory
        self.path = run_directory.path
        self.on_data = on_data or (lambda stream, data: None)
        consoles = console if isinstance(console, (list, tuple)) else [console] * bool(console)
        self.consoles = {one.port: one for one in consoles}
        self.console = consoles[0] if consoles else None
        self.lane = Lane(run_directory.path.parent)
        self.watch = {}
        self.poll = None
        self.streams = {number: Port(self.path / f"com{place + 1}.log")
                        for place, number in enumerate(PORTS[:machine.serial_ports])}
        self.ports = list(self.streams.values())
        for port in self.consoles:
            number = GUEST_AT[port]
            name = "guest.log" if number == GUEST else f"guest-com{PORTS.index(port) + 1}.log"
            self.streams[number] = Stream(self.path / name)
        self.process = None
        self._held = []  # files of drives
        self.started = time.monotonic()
        self._monitor = None
        self._debugger = None

    # ------------------------------------------------------------ start and stop

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self):
        self.lane.take()
        image = self.run_directory.own_image(self.machine.image)
        self._held = [drive.hold() for drive in self.machine.drives if not drive.cdrom]
        if self.machine.emulator != "bochs" and self.machine.debugger:
            self._monitor = Port(self.path / "monitor.log")
        listeners = self.ports + ([self._monitor] if self._monitor else [])
        side = bochs if self.machine.emulator == "bochs" else qemu
        argv, environment = side.command(self.machine, self.path, image,
                                         [port.number for port in listeners])
        with open(self.path / "emulator.log", "wb") as output:
            try:
                self.process = subprocess.Popen(
                    die_with_parent(argv), stdin=subprocess.PIPE, stdout=output,
                    stderr=subprocess.STDOUT, env=environment, start_new_session=True)
            except FileNotFoundError as error:
                raise EmulatorError(f"no {error.filename}; run tools/setup.sh") from error
        try:
            for port in listeners:
                port.accept(self.process)
        except EmulatorError as error:
            raise EmulatorError(f"{error}; it said:\n{self.emulator_log()}") from None

    def close(self):
        """Ends the emulator, whatever it does, and leaves nothing behind but logs."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.stdin.close()
            self.process.wait()
        self.lane.give_back()
        for port in self.ports + ([self._monitor] if self._monitor else []):
            port.close()
        for stream in self.streams.values():
            stream.log.close()
        for file in self._held:
            file.close()

    def emulator_log(self, lines=12):
        """The end of what the emulator itself printed."""
        text = (self.path / "emulator.log").read_text(encoding="latin-1")
        return "\n".join(text.splitlines()[-lines:])

    # ------------------------------------------------------------ input, output, waiting

    def send(self, stream, data):
        """Types bytes into a serial port, or into a guest's when it has the port."""
        for port in self.consoles:
            if GUEST_AT[port] == stream:
                self.streams[port].held += data
                return
        self.streams[stream].queue += data

    def text(self, stream):
        """All that a stream has printed, as text."""
        return self.streams[stream].text.decode("utf-8", "replace")

    def wait(self, until=(), timeout=60.0):
        """Runs until a pattern appears, the emulator ends, or `timeout` seconds have passed.

        `until` is a list of (stream, regular expression); a match is not found twice."""
        wanted = {}
        for number, pattern in until:
            wanted.setdefault(number, []).append(re.compile(pattern.encode(), re.MULTILINE))
            self.streams[number].scanned = 0
        end = time.monotonic() + timeout
        while True:
            for number, patterns in wanted.items():
                match = self.streams[number].search(patterns)
                if match:
                    return Ended("matched", number, match)
            if not any(port.connection for port in self.ports):
                return Ended("exit")
            left = end - time.monotonic()
            if left <= 0:
                return Ended("timeout")
            self._step(min(left, 0.05 if self.poll else 0.5))
            if self.poll:
                self.poll()

    def _may_send(self, number):
        port, console = self.streams[number], self.consoles.get(number)
        if console is None or console.open:
            port.queue, port.held = port.queue + port.held, b""
        return bool(port.queue)

    def _arrived(self, number, data):
        self.on_data(number, data)
        if number in self.consoles:
            data = self.consoles[number].feed(data)
            if data:
                self.streams[GUEST_AT[number]].append(data)
                self.on_data(GUEST_AT[number], data)

    def _step(self, timeout):
        live = {stream.connection: number for number, stream in self.streams.items()
                if stream.connection}
        sending = [c for c, number in live.items() if self._may_send(number)]
        readable, writable, _ = select.select([*live, *self.watch], sending, [], timeout)
        for connection in writable:
            self.streams[live[connection]].send()
        for thing in readable:
            if thing in live:
                data = self.streams[live[thing]].receive()
                if data:
                    self._arrived(live[thing], data)
            elif thing in self.watch:
                self.watch[thing]()

    def wait_for_exit(self, timeout=10.0):
        """Gives the emulator time to end by itself; true if it did."""
        self.wait(timeout=timeout)
        try:
            self.process.wait(max(0.1, min(timeout, 2.0)))
        except subprocess.TimeoutExpired:
            return False
        return True

    # ------------------------------------------------------------ looking inside

    def debugger(self):
        """The emulator's debugger: stop(), ask(), read_physical(), resume()."""
        if self._debugger is None:
            if self.machine.emulator == "bochs":
                self._debugger = bochs.Debugger(self.process, self.path / "emulator.log",
                                                self.path)
            elif self._monitor:
                connection, self._monitor.connection = self._monitor.connection, None
                connection.setblocking(True)
                self._debugger = qemu.Debugger(connection, self.path)
            else:
                raise EmulatorError("QEMU was started without Machine(debugger=True)")
        return self._debugger
