"""What to emulate, and the directory that a run works in."""
import fcntl
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CPU_MODEL = "corei7_skylake_x"

# Bochs models on which everything must work: the default first, then those without or
# with other features (docs/testing.md says which).
CPU_MODELS = (CPU_MODEL, "tigerlake", "corei7_icelake_u", "corei3_cnl",
              "corei7_sandy_bridge_2600k")


class EmulatorError(Exception):
    """The emulator cannot run; the text says why and what to do."""


@dataclass
class Drive:
    """A drive beside the boot medium.  The machine writes to the file itself, not to a copy."""
    image: Path = None          # of a CD drive, None: no medium
    cdrom: bool = False

    def hold(self):
        """Keeps others off the file until what this returns is closed.  Bochs makes a file of its own for
        that, IMAGE.lock, which it leaves behind when it is killed, and then takes for another Bochs'."""
        file = open(self.image, "rb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise EmulatorError(f"{self.image} is another machine's drive; end that one first") from None
        Path(f"{self.image}.lock").unlink(missing_ok=True)
        return file


@dataclass
class Machine:
    """A machine that boots `image` through UEFI.  Its serial ports are COM1, COM2, ..."""
    image: Path
    emulator: str = "bochs"     # bochs, qemu (TCG) or kvm (QEMU with nested VMX)
    cdrom: bool = False         # the image is an ISO, not a disk
    cpu_model: str = ""         # empty: CPU_MODEL on Bochs, max on QEMU, host on KVM
    cpus: int = 1
    memory: int = 512           # MiB
    serial_ports: int = 2       # 2 to 4
    gop: bool = False           # with a framebuffer (QEMU always has one)
    display: str = ""           # Bochs with a framebuffer: the X display of keyboard.py that shows it
    debugger: bool = False      # QEMU: open the monitor (Bochs: always there)
    chipset: str = "q35"        # of QEMU: q35 or pc
    drives: tuple = ()          # up to 3 of Drive: the first channel's second one, then the other channel's
    mac: str = ""               # address of a card with user networking: the host is 10.0.2.2
    virtio: bool = False        # QEMU: disks and card are virtio's, as always on KVM; else IDE and an e1000
    devices: tuple = ()         # QEMU: further arguments; Bochs: further lines of its bochsrc


def emulator_memory(guest_mib):
    """MiB of RAM for a machine whose guest gets `guest_mib`: firmware and Lintel need some,
    and the guest's must be free in one piece below or above what the firmware holds."""
    return max(512, (guest_mib + 256 + 255) // 256 * 256)


class RunDirectory:
    """A directory below build/run/ that no other run uses at the same time.

    The name gets a number when it is busy; an older run's files are removed."""

    def __init__(self, name, base=None):
        base = Path(base) if base else ROOT / "build" / "run"
        base.mkdir(parents=True, exist_ok=True)
        for number in range(1, 100):
            path = base / (name if number == 1 else f"{name}-{number}")
            lock = open(base / f".{path.name}.lock", "w", encoding="ascii")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            self.path, self._lock = path, lock
            return
        raise EmulatorError(f"too many runs called {name} below {base}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Keeps the logs, drops the disks."""
        for image in self.path.glob("*.img"):
            image.unlink()
        self._lock.close()

    def own_image(self, image):
        """The emulators write to their disk, so each run has its own copy."""
        image = Path(image).resolve()
        if image.parent == self.path.resolve():
            return image
        target = self.path / "disk.img"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(target)],
                       check=True)
        return target
