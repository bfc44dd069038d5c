"""QEMU: command line, monitor, and whether KVM with nested VMX is there."""
import os
import re
import shutil
import socket
import time
from pathlib import Path

from .machine import EmulatorError

FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
PROMPT = b"(qemu) "
DEVICE = Path("/dev/kvm")
NESTED = Path("/sys/module/kvm_intel/parameters/nested")


def why_no_nested_vmx():
    """None if QEMU/KVM can offer VMX to its guest, else the reason and the remedy."""
    if not DEVICE.exists():
        return ("there is no /dev/kvm: this machine has no VT-x, its firmware switches it off, "
                "or the module kvm_intel is not loaded (as root: modprobe kvm_intel)")
    try:
        os.close(os.open(DEVICE, os.O_RDWR))
    except PermissionError:
        return ("/dev/kvm is not yours to open: as root, 'adduser USER kvm' and log in again")
    except OSError as error:
        return f"/dev/kvm does not open ({error.strerror}): this machine has no usable VT-x"
    if not NESTED.exists():
        return "KVM does not use VT-x here (the module kvm_intel is not loaded; an AMD CPU?)"
    if NESTED.read_text(encoding="ascii").strip() not in ("Y", "1"):
        return ("nested VMX is off: as root, 'modprobe -r kvm_intel && "
                "modprobe kvm_intel nested=1'")
    return None


def _devices(machine):
    """Arguments for the drives beside the boot medium and the network card."""
    argv = []
    for index, drive in enumerate(machine.drives, 1):
        medium = "cdrom" if drive.cdrom else "disk"
        file = f",format=raw,file={drive.image}" if drive.image else ""
        argv += ["-drive", f"if=ide,index={index},media={medium}{file}"]
    if machine.mac:
        argv += ["-netdev", "user,id=net", "-device", f"e1000,id=nic,netdev=net,mac={machine.mac}"]
    return argv


def command(machine, directory, image, ports):
    """Copies the firmware's variables and returns (argv, environment)."""
    if not FIRMWARE.exists() or not VARIABLES.exists():
        raise EmulatorError(f"no {FIRMWARE}; install the package ovmf (tools/setup.sh)")
    if machine.emulator == "kvm":
        reason = why_no_nested_vmx()
        if reason:
            raise EmulatorError(f"QEMU/KVM cannot run Lintel here: {reason}")
    model = machine.cpu_model or {"kvm": "host,+vmx", "qemu": "max"}[machine.emulator]
    variables = directory / "variables.fd"
    shutil.copyfile(VARIABLES, variables)
    medium = "cdrom" if machine.cdrom else "disk"
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
            "-machine", machine.chipset, "-accel", "kvm" if machine.emulator == "kvm" else "tcg",
            "-cpu", model, "-smp", str(machine.cpus), "-m", str(machine.memory),
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={variables}",
            "-drive", f"if=ide,index=0,media={medium},format=raw,file={image}",
            "-device", "VGA", "-display", "none", "-no-reboot",
            *_devices(machine), *machine.devices]
    for port in ports[:machine.serial_ports]:
        argv += ["-serial", f"tcp:127.0.0.1:{port}"]
    if machine.debugger:
        argv += ["-monitor", f"tcp:127.0.0.1:{ports[machine.serial_ports]}"]
    return argv, dict(os.environ)


class Debugger:
    """Looks at a stopped machine through QEMU's monitor."""

    def __init__(self, connection, directory):
        self.connection, self.directory = connection, directory
        self._answer()

    def _answer(self, timeout=60):
        text, end = b"", time.monotonic() + timeout
        while not text.endswith(PROMPT):
            self.connection.settimeout(max(0.01, end - time.monotonic()))
            try:
                piece = self.connection.recv(65536)
            except socket.timeout as error:
                raise EmulatorError("QEMU's monitor does not answer") from error
            if not piece:
                raise EmulatorError("QEMU ended while its monitor was asked")
            text += piece
        return re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", text).decode("latin-1")

    def ask(self, text, timeout=60):
        """One monitor command's answer."""
        self.connection.sendall(text.encode() + b"\n")
        return self._answer(timeout).partition("\n")[2].rpartition("\n")[0]

    def stop(self):
        """Stops the machine."""
        self.ask("stop")

    def resume(self):
        """Lets the machine run on."""
        self.ask("cont")

    def read_physical(self, address, size):
        """Bytes of physical memory."""
        file = self.directory / "memory.bin"
        self.ask(f'pmemsave 0x{address:x} 0x{size:x} "{file}"')
        data = file.read_bytes()
        file.unlink()
        return data
