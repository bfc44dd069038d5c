"""The laboratory as a whole: started, come back, its result on the volume."""
import json
import subprocess
from pathlib import Path

from emulator import lintel, machine, session
from .machines import logs
from .nested import FIRMWARE_AGAIN, REFUSAL_TIMEOUT

PROMPT = r"Press L [^\r\n]*for the laboratory\."
PROGRESS = "lab: "
# A null task register cannot be loaded again; CR2 is whatever faulted last.
NOT_RESTORED = ("tr:", "ldtr:", "CR2=")
OLD_RESULT = b"an earlier result\n"


def system_registers(run):
    """Control, segment and debug registers as Bochs' debugger shows them."""
    debugger = run.debugger()
    debugger.stop()
    text = "".join(debugger.ask(command) for command in ("creg", "sreg", "dreg"))
    debugger.resume()
    return [line for line in text.splitlines() if not line.startswith(NOT_RESTORED)]


class Run:
    """One run of the laboratory: its log, and what it left."""

    def __init__(self, options, name, volume, kind="img", before=None, during=None):
        """before(image) prepares the disk, during(session) types or waits."""
        with machine.RunDirectory(name) as directory:
            image = volume.make_image(directory.path / f"lintel.{kind}", options.build, kind=kind)
            if before:
                before(image)
            target = machine.Machine(image, cdrom=kind == "iso")
            with session.Session(target, directory) as run:
                if during:
                    during(run)
                self.outcome = lintel.wait_for_end(run, lintel.LAB_TIMEOUT)
                self.ended = run.process.poll() is not None
                self.firmware = not self.ended and run.wait(
                    [(session.COM1, FIRMWARE_AGAIN)], REFUSAL_TIMEOUT).reason == "matched"
                self.registers = system_registers(run) if self.firmware else []
                self.log = lintel.strip_controls(run.text(session.COM1))
                self.tail = logs(run)
                self.file, self.text = lintel.lab_result(run, image)
                self.old = lintel.read_volume(image, "lab.json")


def is_json(text):
    try:
        return bool(json.loads(text))
    except ValueError:
        return False


def judge(report, name, run, file):
    """What holds for every run that gives a result."""
    report.add(f"{name}: ends", run.outcome.status == 0,
               f"status {run.outcome.status}", run.tail)
    report.add(f"{name}: shows its progress", PROGRESS in run.log, log=run.tail)
    report.add(f"{name}: result in {file or 'the serial log'}", run.file == file, run.file,
               run.tail)
    report.add(f"{name}: result is JSON", is_json(run.text), f"{len(run.text)} bytes", run.tail)


def twice(report, options):
    """Two runs that are the same to the byte; the firmware switches the machine off."""
    runs = [Run(options, "lab", lintel.Volume(lab="on")) for _ in range(2)]
    for run in runs:
        judge(report, "lab", run, "lab.json")
        report.add("lab: the firmware switches off", run.ended, log=run.tail)
    report.add("lab: two runs are the same", runs[0].text == runs[1].text)


def by_key(report, options):
    """Chosen by the key; an earlier result stays; the firmware goes on."""
    old = options.build / "run" / "old-lab.json"
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_bytes(OLD_RESULT)
    volume = lintel.Volume(on_end="return")
    volume.add(lintel.Guest("none", old))  # which is not started
    volume.add_file("lab.json", old)
    before = []

    def press(run):
        # Nothing waits for the key, but the firmware keeps it.
        run.wait([(session.COM1, "BdsDxe: starting")], REFUSAL_TIMEOUT)
        run.send(session.COM1, b"l")
        before.extend(system_registers(run))

    run = Run(options, "lab-key", volume, during=press)
    judge(report, "lab by key", run, "lab-2.json")
    report.add("lab by key: the earlier result stays", run.old == OLD_RESULT)
    report.add("lab by key: the firmware goes on", run.firmware, log=run.tail)
    report.add("lab by key: system registers are as before",
               len(before) > 20 and run.registers == before,
               log="\n".join(["before:", *before, "after:", *run.registers]))


def fill(image):
    """Takes the volume's last free byte; what does not fit says how much does."""
    room = Path(image).with_suffix(".fill")
    size = 1 << 24
    while size >= 512:
        room.write_bytes(b"\0" * size)
        done = subprocess.run(["mcopy", "-i", f"{image}@@{lintel.ESP_OFFSET}", str(room),
                               f"::/fill{size}"], capture_output=True, check=False)
        if done.returncode != 0:
            size //= 2
    room.unlink()


def read_only(report, options):
    """From a CD the result comes on the serial port, with the reason."""
    run = Run(options, "lab-iso", lintel.Volume(lab="on"), "iso")
    judge(report, "lab on a CD", run, "")
    report.add("lab on a CD: the reason is said", "is read-only" in run.log, log=run.tail)


def full(report, options):
    """On a full volume likewise; half a file is none.  The key comes when it is asked for."""
    volume = lintel.Volume(lab="ask")
    volume.add(lintel.Guest("none", Path(__file__)))

    def press(run):
        run.wait([(session.COM1, PROMPT)], REFUSAL_TIMEOUT)
        run.send(session.COM1, b"l")

    run = Run(options, "lab-full", volume, before=fill, during=press)
    judge(report, "lab on a full volume", run, "")
    report.add("lab on a full volume: the reason is said", "volume is full" in run.log,
               log=run.tail)
    report.add("lab on a full volume: no file is left", run.old is None)


def refused(report, options):
    """Without VMX nothing is measured, and the firmware goes on."""
    with machine.RunDirectory("lab-refusal") as directory:
        image = lintel.Volume(lab="on").make_image(directory.path / "lintel.img", options.build)
        with session.Session(machine.Machine(image, emulator="qemu"), directory) as run:
            ended = run.wait([(session.COM1, lintel.REFUSED_LINE)], REFUSAL_TIMEOUT)
            report.add("lab: refused without VT-x",
                       ended.reason == "matched" and "missing: VT-x" in run.text(session.COM1),
                       ended.match[1].decode() if ended.match else ended.reason, logs(run))
            again = run.wait([(session.COM1, FIRMWARE_AGAIN)], REFUSAL_TIMEOUT)
            report.add("lab: refusal returns to the firmware", again.reason == "matched",
                       log=logs(run))


def models(report, options):
    """The laboratory on every CPU model that Lintel is to run on."""
    for model in machine.CPU_MODELS:
        try:
            result = lintel.run_lab(options.build, "lab-model", model)
            report.add(f"lab on {model}", bool(result), result["cpu"]["name"])
        except machine.EmulatorError as error:
            report.add(f"lab on {model}", False, log=str(error))


def lab(report, options):
    """The laboratory: twice the same, by key, where nothing can be written, refused."""
    twice(report, options)
    by_key(report, options)
    read_only(report, options)
    full(report, options)
    refused(report, options)
