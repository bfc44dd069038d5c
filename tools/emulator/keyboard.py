"""A display of its own for Bochs, so that keys can be pressed: Xvfb, and xdotool."""
import os
import subprocess

from .machine import EmulatorError
from .session import die_with_parent

SCREEN = "1024x768x24"


class Display:
    """An X server without a screen, with one window: the emulator's."""

    def __init__(self):
        reading, writing = os.pipe()
        argv = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
        try:
            self.server = subprocess.Popen(die_with_parent(argv), pass_fds=[writing],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise EmulatorError(f"no {error.filename}; run tools/setup.sh") from error
        finally:
            os.close(writing)
        with open(reading, encoding="ascii") as file:
            self.name = f":{file.readline().strip()}"
        if self.name == ":":
            self.close()
            raise EmulatorError("Xvfb does not start")

    def press(self, *keys):
        """Keys by X's names, one after another: 'l', 'Return', 'ctrl+backslash'."""
        for key in keys:
            subprocess.run(["xdotool", "key", "--clearmodifiers", key], check=True,
                           env=dict(os.environ, DISPLAY=self.name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """The server ends."""
        self.server.kill()
        self.server.wait()
