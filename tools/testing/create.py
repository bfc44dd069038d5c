"""Guests that the control partition makes while Lintel runs: from files of the volume, with a disk and a network."""
import re
from pathlib import Path

from emulator import lintel, machine, session

from . import host, scenarios, together
from .consoles import heard, talker
from .linux_devices import INITRAMFS, KERNEL, QUICK
from .machines import MEMORY_LINE, judge_dmesg
from .shell import FREE, FRESH, Shell, becomes, come, state

LOADS = 120    # seconds
LINUX = 600
DISK_MIB = 8
TRIES = 40
MAC = "52:54:00:00:00:77"
# Two virtual CPUs on one, and Linux: machines.BY_LINTEL says why Lintel delivers its interrupts.
MADE = (f'create linux --kernel {{kernel}} --initrd {{initrd}} --memory 96M --vcpus 2 --apicv off --network '
        f'switch=inner,mac={MAC} --disk file=\\lintel\\disk.img --cmdline "{{words}}"')
# They kill the control partition: while a guest is loaded, which takes two seconds.
KILLERS = {"once": {"kills": 1, "ticks": 20_000_000, "start": 30_000_000},
           "often": {"kills": 4, "ticks": 240_000_000}}
WORDS = QUICK.replace("rodata=off", "lintel.disk=make")  # a line of the shell has 255 characters
BUSY = ("create db --kernel virtio_survivor.flat --memory 8M --disk memory=4M --network switch=inner "
        f'--cmdline "seed=1 ticks={10**15}"')
# What is typed, what the answer has.
REFUSED = (
    ("create web --kernel vmlinuz", "there is a guest 'web' already"),
    ("create new --kernel \\lintel\\none", "there is no file /lintel/none on ide0"),
    ("create new --kernel none --initrd more", "there is no file /lintel/none on ide0"),
    ("create new --kernel vmlinuz --initrd \\none", "there is no file /none on ide0"),
    ("create new --kernel vmlinuz --memory 8M", "give it more --memory"),
    ("create new --kernel vmlinuz --memory 16M", "new: ide0:1:/lintel/vmlinuz: the kernel (init_size) needs"),
    ("create new --kernel vmlinuz --memory 20M", "give the guest more memory"),
    ("create new --kernel vmlinuz --memory 8G", "has no 8192 MiB of memory left"),
    ("create new --kernel ide7::/vmlinuz", "the machine has no disk ide7"),
    ("create new --kernel lintel.conf", "no known format; allowed: a bzImage, a Multiboot, PVH or flat image"),
    ("create new --kernel vmlinuz --disk whole=ide0:::x", "--disk: ide0:::x: character"),
    ("create new --kernel vmlinuz --network switch=UP", "--network: UP: it must begin with the name of a switch"),
)


class Person(Shell):
    """Whoever types at the shell's port."""

    def add(self, what, good, detail="", log=""):
        self.report.add(f"create: {what}", good, detail, log or self.run.text(self.port)[-3000:])


def ask(shell, line, seconds=LOADS):
    """What a command answers that loads something, or is longer than the line on the screen."""
    run, before = shell.run, len(shell.run.text(shell.port))
    run.send(shell.port, line.encode() + b"\r")
    for _ in range(2 * seconds):
        run.wait(timeout=0.5)
        echo, _, answer = run.text(shell.port)[before:].partition("\n")
        if re.search(FRESH + "$", answer):
            return answer.replace("\r", "")
    return f"no answer: {echo}"


def refuse(shell):
    """What cannot be made is said, with what would do; nothing is left of it."""
    bad = [(line, answer) for line, wanted in REFUSED if wanted not in (answer := ask(shell, line))]
    shell.add("refuses what cannot be", not bad, f"{bad}")
    gone = not any(row["name"] == "new" for row in shell.ask_json("list --all").get("guests", [])) or \
        any(state(shell, "new") == "?" for _ in range(TRIES))
    shell.add("nothing is left of it", gone)
    answer = shell.ask_json("create new --kernel lintel.conf")
    shell.add("refuses in JSON", "no known format" in answer.get("error", ""), f"{answer}")


def hold(shell):
    """A guest that is made and does not begin; an image of another format."""
    answer = ask(shell, "create held --kernel talk.flat --memory 8M --cmdline held --paused")
    shell.add("--paused", "held is made, and waits" in answer and state(shell, "held") == "waits", answer)
    shell.add("a name is given once", "already" in ask(shell, "create held --kernel talk.flat"))
    shell.ask("start held")
    shell.add("it starts", becomes(shell, "held", "runs"))
    shell.add("pauses and resumes", shell.ask("pause held") == "held is paused\n" and
              becomes(shell, "held", "paused") and shell.ask("resume held") == "held goes on\n")
    gone(shell, "held")


def gone(shell, name):
    """It is destroyed, and is no more."""
    answer = shell.ask(f"destroy {name}")
    shell.add(f"{name} is destroyed", "ends, and is no more" in answer and
              any(state(shell, name) == "?" for _ in range(TRIES)), answer)


def free(shell):
    """KiB of memory, when the number does not change any more."""
    found = [0, 1]
    while found[-1] != found[-2] and len(found) < TRIES:
        number = FREE.search(shell.ask("audit"))
        found.append(int(number[1]) if number else -len(found))
    return found[-1]


def console_of(run, name):
    """What a guest wrote on the port that shows it."""
    return run.consoles[session.COM2].text_of(name, run.streams[session.GUEST].text).decode("utf-8", "replace")


def linux(report, shell, files):
    """Linux with two processors, a disk and a network; it reboots and ends, starts, is destroyed, and made again."""
    run = shell.run
    answer = ask(shell, MADE.format(words=WORDS, **files))
    shell.add("Linux runs", "linux runs" in answer, answer)
    rows = {row["name"]: row for row in shell.ask_json("list").get("guests", [])}
    shell.add("it is in the list", rows.get("linux", {}).get("vcpus") == 2 and
              rows["linux"]["memory_kib"] == 96 << 10, f"{rows.get('linux')}")
    shell.add("its disk", re.search(rf"^linux +disk0 +{DISK_MIB << 10} rw writeback ",
                                            shell.ask("disk linux"), re.MULTILINE))
    shell.add("its network", re.search(rf"^linux +net0 +inner +{MAC} up ", shell.ask("net linux"), re.MULTILINE))
    run.send(session.COM2, b"console linux\r")
    ended = run.wait([(session.COM1, r"^LINTEL-GUEST name=linux end=poweroff ")], LINUX).reason == "matched"
    log = lintel.strip_controls(run.text(session.COM1))
    shell.add("it reboots, and powers off", ended and "name=linux end=reboot" in log, log[-2000:])
    text = scenarios.judge_lines(report, "create: linux", console_of(run, "linux"))
    scenarios.judge_disks(report, "create: linux", text, ["vda"])
    judge_dmesg(report, "create: linux", text)
    shell.call()
    shell.add("it has ended", becomes(shell, "linux", "ended"))
    shell.ask("start linux")
    shell.add("it starts again", becomes(shell, "linux", "runs"))
    gone(shell, "linux")
    before = free(shell)  # the control partition's page tables for such a guest are there by now
    answer = ask(shell, MADE.format(words=WORDS, **files))
    gone(shell, "linux")
    after = free(shell)
    shell.add("its memory is free again", after == before > 0, f"{before} KiB before, {after} after")
    answer = ask(shell, MADE.format(words=WORDS, **files))
    shell.add("a guest of the same name", "linux runs" in answer, answer)
    shell.add("resets", "starts again" in shell.ask("reset linux") and
              run.wait([(session.COM1, r"^LINTEL-GUEST name=linux end=reset ")], LOADS).reason == "matched" and
              becomes(shell, "linux", "runs"))


def requests(shell):
    """Of the disk of the guest db, in this life of the control partition."""
    return shell.ask_json("disk db").get("disks", [{}])[0].get("requests", 0)


def die(shell, name, wanted):
    """The control partition dies while it loads a guest; in the end that guest is `wanted`."""
    run, line = shell.run, "create second --kernel vmlinuz --memory 96M\r"
    before = shell.run.text(session.COM1).count("guest second: loaded")
    shell.ask(f"start {name}")
    run.send(session.COM2, line.encode())
    died = run.wait([(session.COM1, rf"^LINTEL-GUEST name={name} end=debug-exit status=0")], LINUX).reason == "matched"
    run.wait(timeout=3)
    run.send(session.COM2, b"\r")
    run.wait(timeout=1)
    settled = any(state(shell, "second") == wanted for _ in range(TRIES))
    log = lintel.strip_controls(run.text(session.COM1))
    loads = log.count("guest second: loaded") - before
    shell.add(f"over a death ({name}), a guest {wanted}", died and settled and (wanted == "ended") == (loads == 0),
              f"{state(shell, 'second')}, loaded {loads} times", log[-3000:])


def deaths(shell):
    """The control partition dies: a guest that runs goes on, what it loads is loaded whole or not at all."""
    answer = ask(shell, BUSY)
    shell.add("a guest that works on its disk", "db runs" in answer and any(requests(shell) for _ in range(TRIES)), answer)
    die(shell, "once", "runs")
    gone(shell, "second")
    die(shell, "often", "ended")
    said = "has died over it again and again" in shell.ask("log --lines 200")
    shell.add("why it was not loaded", said)
    shell.ask("start second")
    shell.add("a new try", becomes(shell, "second", "runs"))
    gone(shell, "second")
    before = requests(shell)
    shell.add("a guest that runs goes on with its disk", state(shell, "db") == "runs" and
              any(requests(shell) > before for _ in range(TRIES)))


def make_files(options, volume, folder):
    """What the guests are made of, on the volume."""
    disk = Path(folder) / "disk.img"
    with open(disk, "wb") as file:
        file.truncate(DISK_MIB << 20)
    volume.add_file("disk.img", disk)
    volume.add_file("virtio_survivor.flat", options.build / "guest_tests" / "virtio_survivor.flat")
    volume.add_file("vmlinuz", options.guests / KERNEL)
    volume.add_file("initramfs.gz", options.build / INITRAMFS)
    return {"kernel": "vmlinuz", "initrd": "initramfs.gz"}


def judge_end(report, log):
    """All memory came back."""
    found = MEMORY_LINE.search(log)
    report.add("create: all memory comes back", found and found[1] == found[2] and found[3] == found[4],
               found[0].strip() if found else "", log[-3000:])


def create(report, options):
    """Guests made at the shell: from files, refused, rebooted, destroyed, over the control partition's death."""
    if not host.make(report, "build Lintel and the guests", f"B={options.top}", "all", "guests", "guest-images"):
        return
    killers = [together.guest(options, "killer", name, {"served": "devices", "start": "ask"}, **words)
               for name, words in KILLERS.items()]
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    for guest in killers:
        guest.console = "none"
    for guest in (talker(options, "web", "com2"), *killers):
        volume.add(guest)
    with machine.RunDirectory("create") as directory:
        files = make_files(options, volume, directory.path)
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, memory=machine.emulator_memory(512))
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            person = Person(report, run)
            come(person)
            refuse(person)
            hold(person)
            linux(report, person, files)
            deaths(person)
            for name in ("linux", "db"):
                gone(person, name)
            person.ask("destroy web")
            becomes(person, "web", "ended")
            run.send(session.COM2, b"leave\r")
            outcome = lintel.wait_for_end(run, LOADS)
            judge_end(report, lintel.strip_controls(run.text(session.COM1)))
            person.add("the machine ends", outcome.status == 0, outcome.text)
