#!/usr/bin/env python3
"""Boot Lintel's image on an emulator and give the user the guest's shell (make run).

Both serial ports are shown: Lintel's log (dim) and the guest's console.  What is typed
goes to the guest; Ctrl-] ends.  Exit status 0 when the guest powered off.
"""
import argparse
import signal
import sys
import time
from pathlib import Path

from emulator import lintel, machine, qemu, session, terminal

FIRMWARE_SECONDS = {"bochs": 10, "kvm": 3}
DAY = 86400
MAC = "52:54:00:4c:69:6e"  # of the machine's network card


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path, default=machine.ROOT / "build" / "lintel.img",
                        help="default %(default)s")
    parser.add_argument("--drive", type=Path, metavar="FILE",
                        help="a second disk, which keeps what is written to it")
    parser.add_argument("--emulator", choices=("bochs", "qemu"), default="bochs",
                        help="qemu is QEMU/KVM with nested VMX")
    parser.add_argument("--cpu-model", default="", metavar="M")
    parser.add_argument("--mem", type=int, default=640, metavar="MIB")
    return parser.parse_args()


def show_firmware_progress(run, seconds):
    """Dots until the boot application's first line; firmware is silent for long."""
    started = time.monotonic()
    while time.monotonic() - started < 6 * seconds:
        if run.wait(timeout=1.0).reason == "exit" or "LINTEL" in run.text(session.COM1).upper():
            break
        sys.stdout.write(".")
        sys.stdout.flush()
    sys.stdout.write("\r\n")
    sys.stdout.flush()


def boot(args, emulator):
    screen = terminal.Screen()
    target = machine.Machine(args.image, emulator=emulator, cpu_model=args.cpu_model,
                             memory=args.mem, mac=MAC,
                             drives=(machine.Drive(args.drive),) if args.drive else ())
    with (machine.RunDirectory("run") as directory,
          session.Session(target, directory, screen.show, lintel.GuestConsole()) as run,
          terminal.Keyboard(run)):
        show_firmware_progress(run, FIRMWARE_SECONDS[emulator])
        outcome = lintel.wait_for_end(run, timeout=DAY)
    print(f"\r\nrun: {outcome.text}; logs in {directory.path}", file=sys.stderr)
    return outcome.status


def main():
    args = arguments()
    emulator = "kvm" if args.emulator == "qemu" else "bochs"
    if emulator == "kvm":
        reason = qemu.why_no_nested_vmx()
        if reason:
            print(f"run: EMULATOR=qemu needs KVM with nested VMX, but {reason}.\n"
                  "run: 'make run' (Bochs, which emulates VT-x) works on every machine.",
                  file=sys.stderr)
            return 1
    if not args.image.is_file():
        print(f"run: there is no {args.image}; {lintel.BUILD_HINT}", file=sys.stderr)
        return 1
    print(f"Booting {args.image.name} on {'QEMU/KVM' if emulator == 'kvm' else 'Bochs'}: the "
          f"firmware takes about {FIRMWARE_SECONDS[emulator]} s, Linux as long again.  "
          "Ctrl-] ends.", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return boot(args, emulator)
    except (machine.EmulatorError, OSError) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except (terminal.Quit, KeyboardInterrupt):
        print("\r\nrun: ended by Ctrl-]", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
