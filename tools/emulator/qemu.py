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


def _is_virtio(machine):
    """Whether disks and card are virtio's: of what a q35 can have, those have a driver of Lintel's."""
    return machine.virtio or machine.emulator == "kvm"


def _drive(machine, index, image, cdrom):
    """Arguments for a drive; 0 is the boot medium.  CD drives are the chipset's in any case."""
    file = f",format=raw,file={image}" if image else ""
    if _is_virtio(machine) and not cdrom:
        return ["-drive", f"if=none,id=drive{index}{file}", "-device",
                f"virtio-blk-pci,drive=drive{index},disable-legacy=on"
                f"{'' if index else ',bootindex=0'}"]
    return ["-drive", f"if=ide,index={index},media={'cdrom' if cdrom else 'disk'}{file}"]


def _card(machine):
    """Arguments for the network card."""
    if not machine.mac:
        return []
    model = "virtio-net-pci,disable-legacy=on" if _is_virtio(machine) else "e1000"
    return ["-netdev", "user,id=net", "-device", f"{model},id=nic,netdev=net,mac={machine.mac}"]


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
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
            "-machine", machine.chipset, "-accel", "kvm" if machine.emulator == "kvm" else "tcg",
            "-cpu", model, "-smp", str(machine.cpus), "-m", str(machine.memory),
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={variables}",
            *_drive(machine, 0, image, machine.cdrom),
            "-device", "VGA", "-display", "none", "-no-reboot"]
    for index, drive in enumerate(machine.drives, 1):
        argv += _drive(machine, index, drive.image, drive.cdrom)
    argv += [*_card(machine), *machine.devices]
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
