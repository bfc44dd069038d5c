#!/usr/bin/env python3
"""Boot an image on Bochs or QEMU with UEFI firmware, and show its serial ports.

The machine's COM1 goes to standard output (or --show com2), both to files in
build/run/NAME/.  Exit status: 0 when --until was seen or the emulator ended by itself,
124 after the time limit, 2 for wrong use, 1 when the emulator cannot run.
"""
import argparse
import signal
import sys
from pathlib import Path

from emulator import framebuffer, machine, session


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     epilog="\n".join(__doc__.splitlines()[2:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path, help="disk image, or an .iso")
    parser.add_argument("--emulator", choices=("bochs", "qemu", "kvm"), default="bochs",
                        help="qemu is TCG without VMX, kvm is QEMU with nested VMX")
    parser.add_argument("--cpu-model", default="", metavar="M",
                        help=f"default: {machine.CPU_MODEL} on Bochs, max on QEMU")
    parser.add_argument("--cpus", type=int, default=1, metavar="N")
    parser.add_argument("--mem", type=int, default=512, metavar="MIB")
    parser.add_argument("--gop", action="store_true", help="with a framebuffer")
    parser.add_argument("--timeout", type=float, default=60, metavar="S")
    parser.add_argument("--until", action="append", default=[], metavar="REGEXP",
                        help="end when a serial port prints this; may be given more than once")
    parser.add_argument("--type", action="append", default=[], metavar="TEXT",
                        help="type this line into the shown port when --until was seen, "
                             "then go on; the n-th --type follows the n-th --until")
    parser.add_argument("--show", choices=("com1", "com2", "both", "none"), default="com1")
    parser.add_argument("--screenshot", type=Path, metavar="FILE.png", help="at the end")
    parser.add_argument("--ask", action="append", default=[], metavar="COMMAND",
                        help="debugger (Bochs) or monitor (QEMU) command at the end")
    parser.add_argument("--name", default="emu", help="directory below build/run/")
    return parser.parse_args()


def converse(args, run):
    """Waits for each pattern in turn and types its line; returns how the last wait ended."""
    port = session.COM2 if args.show == "com2" else session.COM1
    patterns = args.until or [None]
    for number, pattern in enumerate(patterns):
        until = [(p, pattern) for p in (session.COM1, session.COM2)] if pattern else []
        ended = run.wait(until, args.timeout)
        if ended.reason in ("timeout", "exit"):
            return ended
        if number < len(args.type):
            run.send(port, args.type[number].encode() + b"\r")
    return ended


def inspect(args, run):
    debugger = run.debugger()
    debugger.stop()
    for command in args.ask:
        print(f"> {command}\n{debugger.ask(command)}", flush=True)
    debugger.resume()


def main():
    args = arguments()
    shown = {"com1": (0,), "com2": (1,), "both": (0, 1), "none": ()}[args.show]

    def show(port, data):
        if port in shown:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    target = machine.Machine(args.image, emulator=args.emulator, cpu_model=args.cpu_model,
                             cpus=args.cpus, memory=args.mem, gop=args.gop,
                             cdrom=args.image.suffix == ".iso",
                             debugger=bool(args.ask or args.screenshot))
    try:
        with (machine.RunDirectory(args.name) as directory,
              session.Session(target, directory, on_data=show) as run):
            ended = converse(args, run)
            if ended.reason != "exit":
                if args.ask:
                    inspect(args, run)
                if args.screenshot:
                    framebuffer.screenshot(run, args.screenshot)
            print(f"\nemu: {ended.reason}; logs in {run.path}", file=sys.stderr)
            if ended.reason == "exit" and args.until:
                return 1
            return 124 if ended.reason == "timeout" else 0
    except (machine.EmulatorError, OSError) as error:
        print(f"emu: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
