"""Guests that the control partition makes while Lintel runs: from files of the volume, with a disk and a network."""
import re
from pathlib import Path

from emulator import lintel, machine, session

from . import host, scenarios, together
from .consoles import heard, talker
from .linux_devices import INITRAMFS, KERNEL, QUICK
from .machines import judge_dmesg, judge_memory
from .monitor import Monitor
from .shell import Shell, back, becomes, come, state

LOADS = 120    # seconds
LINUX = 600
DISK_MIB = 8
TRIES = 40
MAC = "52:54:00:00:00:77"
MADE = (f'create linux --kernel \\lintel\\{{kernel}} --initrd {{initrd}} --memory 96M --vcpus 2 --network '
        f'switch=inner,mac={MAC} --disk file=\\lintel\\disk.img --cmdline "{{words}}"')
WORDS = f"{QUICK} lintel.disk=make"
# What is typed, what the answer has.
REFUSED = (
    ("create web --kernel vmlinuz", "there is a guest 'web' already"),
    ("create new --kernel \\lintel\\none", "there is no file /lintel/none on ide0"),
    ("create new --kernel none --initrd more", "there is no file /lintel/none on ide0"),
    ("create new --kernel vmlinuz --initrd \\none", "there is no file /none on ide0"),
    ("create new --kernel vmlinuz --memory 8M", "give it more --memory"),
    ("create new --kernel vmlinuz --memory 16M", "give the guest more memory"),
    ("create new --kernel vmlinuz --memory 8G", "has no 8192 MiB of memory left"),
    ("create new --kernel ide7::/vmlinuz", "the machine has no disk ide7"),
    ("create new --kernel lintel.conf", "no known format; allowed: a bzImage, a Multiboot, PVH or flat image"),
    ("create new --kernel vmlinuz --disk whole=ide0:::x", "--disk: ide0:::x: character"),
    ("create new --kernel vmlinuz --network switch=UP", "--network: UP: it must begin with the name of a switch"),
)


def ask(shell, line, seconds=LOADS):
    """What a command answers that loads something."""
    run, before = shell.run, len(shell.run.text(shell.port))
    run.send(shell.port, line.encode() + b"\r")
    run.wait([(shell.port, r"\n\rcontrol> \x1b\[K\r\x1b\[\d+C$")], seconds)
    return run.text(shell.port)[before:].replace("\r", "")


def refuse(shell):
    """What cannot be made is said, with what would do; nothing is left of it."""
    bad = [(line, answer) for line, wanted in REFUSED if wanted not in (answer := ask(shell, line))]
    shell.add("create: refuses what cannot be", not bad, f"{bad}")
    gone = not any(row["name"] == "new" for row in shell.ask_json("list --all").get("guests", [])) or \
        any(state(shell, "new") == "?" for _ in range(TRIES))
    shell.add("create: nothing is left of it", gone)
    answer = shell.ask_json("create new --kernel lintel.conf")
    shell.add("create: refuses in JSON", "no known format" in answer.get("error", ""), f"{answer}")


def hold(shell):
    """A guest that is made and does not begin; an image of another format."""
    answer = ask(shell, "create held --kernel talk.flat --memory 4M --paused")
    shell.add("create: --paused", "held is made, and waits" in answer and state(shell, "held") == "waits", answer)
    shell.add("create: a name is given once", "already" in ask(shell, "create held --kernel talk.flat"))
    shell.ask("start held")
    shell.add("create: it starts", becomes(shell, "held", "runs"))
    shell.add("create: pauses and resumes", shell.ask("pause held") == "held is paused\n" and
              becomes(shell, "held", "paused") and shell.ask("resume held") == "held goes on\n")
    gone(shell, "held")


def gone(shell, name):
    """It is destroyed, and is no more."""
    answer = shell.ask(f"destroy {name}")
    shell.add(f"create: {name} is destroyed", "ends, and is no more" in answer and
              any(state(shell, name) == "?" for _ in range(TRIES)), answer)


def console_of(run, name):
    """What a guest wrote on the port that shows it."""
    return run.consoles[session.COM2].text_of(name, run.streams[session.GUEST].text).decode("utf-8", "replace")


def linux(report, shell, monitor, files):
    """Linux with two processors, a disk and a network; it reboots and ends, starts, is destroyed, and made again."""
    run = shell.run
    answer = ask(shell, MADE.format(words=WORDS, **files))
    shell.add("create: Linux runs", "linux runs" in answer, answer)
    rows = {row["name"]: row for row in shell.ask_json("list").get("guests", [])}
    shell.add("create: it is in the list", rows.get("linux", {}).get("vcpus") == 2 and
              rows["linux"]["memory_kib"] == 96 << 10, f"{rows.get('linux')}")
    shell.add("create: its disk", re.search(rf"^linux +disk0 +{DISK_MIB << 10} rw writeback ",
                                            shell.ask("disk linux"), re.MULTILINE))
    shell.add("create: its network", re.search(rf"^linux +net0 +inner +{MAC} up ", shell.ask("net linux"), re.MULTILINE))
    run.send(session.COM2, b"console linux\r")
    ended = run.wait([(session.COM1, r"^LINTEL-GUEST name=linux end=poweroff ")], LINUX).reason == "matched"
    log = lintel.strip_controls(run.text(session.COM1))
    shell.add("create: it reboots, and powers off", ended and "name=linux end=reboot" in log, log[-2000:])
    text = scenarios.judge_lines(report, "create: linux", console_of(run, "linux"))
    scenarios.judge_disks(report, "create: linux", text, ["vda"])
    judge_dmesg(report, "create: linux", text)
    back(shell, monitor)
    shell.add("create: it has ended", becomes(shell, "linux", "ended"))
    shell.ask("start linux")
    shell.add("create: it starts again", becomes(shell, "linux", "runs"))
    gone(shell, "linux")
    answer = ask(shell, MADE.format(words=WORDS, **files))
    shell.add("create: a guest of the same name", "linux runs" in answer, answer)
    shell.add("create: resets", "starts again" in shell.ask("reset linux") and
              run.wait([(session.COM1, r"^LINTEL-GUEST name=linux end=reset ")], LOADS).reason == "matched" and
              becomes(shell, "linux", "runs"))


def die(shell, files):
    """The control partition dies again and again: a guest that runs goes on, one that is being loaded is loaded whole or not at all."""
    run = shell.run
    before = shell.ask_json("disk linux").get("disks", [{}])[0].get("requests", 0)
    shell.ask("start later")
    run.send(session.COM2, b"create second --kernel vmlinuz --initrd " + files["initrd"].encode() + b" --memory 96M\r")
    run.wait([(session.COM1, r"^LINTEL-GUEST name=later [^\n]*\n")], LINUX)
    run.wait(timeout=3)
    run.send(session.COM2, b"\r")
    run.wait(timeout=3)
    lives = len(re.findall("control partition died", run.text(session.COM1)))
    shell.add("create: the control partition died", lives > 2, f"{lives}")
    settled = any(state(shell, "second") in ("runs", "ended", "?") for _ in range(TRIES))
    now = state(shell, "second")
    said = lintel.strip_controls(run.text(session.COM1))
    whole = now != "runs" or "guest second: loaded" in said
    shell.add("create: nothing runs that is half loaded", settled and whole, now)
    if now == "ended":
        shell.ask("start second")
        shell.add("create: a new try", becomes(shell, "second", "runs"))
    after = shell.ask_json("disk linux").get("disks", [{}])[0].get("requests", 0)
    shell.add("create: a guest that runs goes on with its disk", state(shell, "linux") == "runs" and after > 0,
              f"{before} {after}")


def make_files(options, volume, folder):
    """What the guests are made of, on the volume."""
    disk = Path(folder) / "disk.img"
    with open(disk, "wb") as file:
        file.truncate(DISK_MIB << 20)
    volume.add_file("disk.img", disk)
    volume.add_file("vmlinuz", options.guests / KERNEL)
    volume.add_file("initramfs.gz", options.build / INITRAMFS)
    return {"kernel": "vmlinuz", "initrd": "initramfs.gz"}


def create(report, options):
    """Guests made at the shell: from files, refused, rebooted, destroyed, over the control partition's death."""
    if not host.make(report, "build Lintel and the guests", f"B={options.top}", "all", "guests", "guest-images"):
        return
    killer = together.guest(options, "forward", "later", {"memory": "32M", "served": "devices", "start": "ask"})
    killer.console = "none"
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    for guest in (talker(options, "web", "com2"), killer):
        volume.add(guest)
    with machine.RunDirectory("create") as directory:
        files = make_files(options, volume, directory.path)
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, memory=machine.emulator_memory(512))
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            person, monitor = Shell(report, run), Monitor(report, run)
            come(person, monitor)
            refuse(person)
            hold(person)
            linux(report, person, monitor, files)
            die(person, files)
            for name in ("linux", "second"):
                if state(person, name) != "?":
                    gone(person, name)
            person.ask("destroy web")
            becomes(person, "web", "ended")
            run.send(session.COM2, b"leave\r")
            outcome = lintel.wait_for_end(run, LOADS)
            judge_memory(report, "create", lintel.strip_controls(run.text(session.COM1)))
            person.add("create: the machine ends", outcome.status == 0, outcome.text)
