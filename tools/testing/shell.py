"""The control partition's shell, used like a person does at the serial port and looked at on the screen."""
import json
import re
from pathlib import Path

from emulator import framebuffer, keyboard, lintel, machine, session

from . import host, together
from .consoles import heard, talker

KEY = b"\x1c"
TIMEOUT = 60
PROMPT = "control> "
FRESH = rf"\r{PROMPT}\x1b\[K\r\x1b\[\d+C"  # with nothing typed yet
FOR_EVER = 10**15  # ticks
LIVES = 6          # that guest_tests/t_forward.c ends
MAC = r"52:54:00(?::[0-9a-f]{2}){3}"
DISK = rf"^{{}} +disk0 +{{}} rw {{}} +(\d+) +0 memory:"
PART = r"\d+\.\d%"
GUEST_ROW = rf"^{{}} +{{}} +{{}} +\d+ +{PART} +{PART} {{}}$"
EVENT = re.compile(r"^ *(\d+\.\d{6}) +\d+ (\S+) +([A-Z_]+) +\S", re.MULTILINE)
FREE = re.compile(r"in order; (\d+) KiB of memory are free")
REFUSED = (("set poll on", "control_poll"),)


class Shell:
    """Whoever types at the port that shows it."""

    def __init__(self, report, run, port=session.COM2):
        self.report, self.run, self.port = report, run, port

    def call(self):
        """The key; true if the prompt comes."""
        self.run.send(self.port, KEY)
        return self.run.wait([(self.port, rf"{FRESH}$")], TIMEOUT).reason == "matched"

    def ask(self, line):
        """What a command answers."""
        before = len(self.run.text(self.port))
        self.run.send(self.port, line.encode() + b"\r")
        self.run.wait([(self.port, rf"{re.escape(line)}\r\n(?:[^\x1b]*\n)?{FRESH}")], TIMEOUT)
        answer = self.run.text(self.port)[before:].partition("\n")[2]
        return answer.rpartition(f"\r{PROMPT}")[0].replace("\r", "")

    def ask_json(self, line):
        """The same, as what Python makes of it; an empty one if it is no JSON."""
        try:
            return json.loads(self.ask(f"{line} --json"))
        except ValueError:
            return {}

    def add(self, what, good, detail="", log=""):
        """A result, with a log, or the end of what the port showed."""
        self.report.add(f"shell: {what}", good, detail, log or self.run.text(self.port)[-3000:])


def come(shell):
    """The shell comes when it is asked for, and not before."""
    up = heard(shell.run, session.GUEST, r"# web tick 1\b")
    shell.add("does not come by itself", up and PROMPT not in shell.run.text(session.COM2))
    shell.add("comes by its key", shell.call() and "shell; 'help' " in shell.run.text(session.COM2))


def look(shell):
    """Guests, disks and ports, for people and for programs."""
    table = shell.ask("list")
    shell.add("lists the guests", re.search(GUEST_ROW.format("web", "0 runs +1 0", 32768, "yes"), table, re.MULTILINE) and
              re.search(GUEST_ROW.format("db", "1 runs +1 0", 8192, "yes"), table, re.MULTILINE) and "later" not in table)
    guests = {row["name"]: row for row in shell.ask_json("list").get("guests", [])}
    shell.add("lists them in JSON", sorted(guests) == ["db", "web"] and guests["web"]["memory_kib"] == 32768 and
              guests["web"]["exits"] > 0 and guests["db"]["state"] == "runs")
    shell.add("lists those that do not run", re.search(GUEST_ROW.format("later", "2 waits +1 -", 32768, "no"),
                                                       shell.ask("list --all"), re.MULTILINE))
    disks = shell.ask("disk")
    busy = re.search(DISK.format("db", 4096, "writeback"), disks, re.MULTILINE)
    shell.add("shows disks", re.search(DISK.format("web", 2048, "none"), disks, re.MULTILINE) and busy and int(busy[1]) > 0)
    later = shell.ask_json("disk db").get("disks", [])
    shell.add("shows one guest's disk go on", len(later) == 1 and busy and later[0]["requests"] > int(busy[1]))
    ports = shell.ask("net")
    shell.add("shows ports", all(re.search(rf"^{name} +net0 +inner +{MAC} up ", ports, re.MULTILINE)
                                 for name in ("web", "db")))
    sums = {row["guest"]: row for row in shell.ask_json("stats").get("guests", [])}
    shell.add("adds up", sums.get("db", {}).get("requests", 0) > 0 and sums.get("db", {}).get("sent", 0) > 0 and
              sums.get("web", {}).get("requests") == 0)


def figures(shell):
    """What Lintel counts, of exits, CPUs and memory."""
    table = shell.ask("stats db")
    shell.add("shows exits by reason", re.search(rf"^HLT +\d+ +{PART}( +\d+){{4}}$", table, re.MULTILINE) and
              re.search(rf"^0 +0 +\d+( +{PART}){{3}}( +\d+){{3}}$", table, re.MULTILINE), table)
    facts = shell.ask_json("stats db")
    counts = [row["count"] for row in facts.get("exits", [])]
    shell.add("by falling count", len(counts) > 2 and counts == sorted(counts, reverse=True) and
              all(row["max"] >= row["p99"] >= row["median"] > 0 for row in facts["exits"]), f"{facts}")
    shell.add("of one that does not run", "does not run" in shell.ask("stats later"))
    cpus = shell.ask_json("cpus").get("cpus", [])
    shell.add("shows the CPUs", [row["cpu"] for row in cpus] == [0] and cpus[0]["vcpus"] == 3 and
              re.fullmatch(PART, cpus[0]["busy"]), f"{cpus}")
    free = FREE.search(shell.ask("audit"))
    shell.add("audits", free and int(free[1]) > 0)


def traced(shell, what):
    """The events that `trace` shows: (time, whose, name) of each."""
    return [(float(time), whose, name) for time, whose, name in EVENT.findall(shell.ask(f"trace {what}"))]


def trace(shell):
    """What happened last, of all and of some."""
    some = traced(shell, "--lines 30")
    shell.add("traces", len(some) == 30 and some == sorted(some, key=lambda event: event[0]) and
              {whose for _, whose, _ in some} <= {"web/0", "db/0", "-"}, f"{some}")
    shell.add("of a guest", {whose for _, whose, _ in traced(shell, "web")} == {"web/0"})
    shell.add("of one kind", {name for _, _, name in traced(shell, "HLT --lines 5")} == {"HLT"})
    shell.add("and its own", "(control)" in shell.ask("trace --all"))
    events = shell.ask_json("trace INJECT --lines 3").get("events", [])
    shell.add("in JSON", len(events) == 3 and all(row["event"] == "INJECT" for row in events), f"{events}")


def live(shell, options):
    """The live view of a guest, on the port and on the screen."""
    run = shell.run
    run.send(session.COM2, b"top db --interval 1\r")
    seen = heard(run, session.COM2, r"Lintel: guest db (?s:.*)since its start(?s:.*)the last 1\.\d s(?s:.*)the last 1\.\d s"
                                    r"(?s:.*)HLT +[1-9](?s:.*)guest RIP .*of the last \d+ exits.*\r\n[0-9a-f]{16} ")
    rows = framebuffer.read_text(run)
    framebuffer.screenshot(run, Path(options.build) / "top.png")
    shell.report.add("shell: the live view is on the screen", rows[0].startswith("Lintel: guest db") and
                     rows[3].startswith("time    = guest") and rows[8].startswith("exit "), log="\n".join(rows))
    run.send(session.COM2, b"q")
    shell.add("the live view", seen and heard(run, session.COM2, rf"{FRESH}$"))
    once = shell.ask_json("top db --once")
    shell.add("the live view in JSON", once.get("exits") and once.get("rips") and once["time"][0]["elapsed_ms"] > 0,
              f"{once}")


def cable(shell):
    """A cable is pulled out and comes in again."""
    out = shell.ask_json("net web --link down").get("ports", [])
    again = shell.ask_json("net web --link=up").get("ports", [])
    shell.add("pulls a cable out, and plugs it in", [[row["link"] for row in rows] for rows in (out, again)] ==
              [["down"], ["up"]])


def watch(shell):
    """top shows something again and again, until a key is typed."""
    run = shell.run
    run.send(session.COM2, b"top --interval 1\r")
    seen = heard(run, session.COM2, r"(guest +state +exits/s[^\x1b]*\r\ndb +runs +\d+ +[1-9]\d* +[1-9][^\x1b]*){2}")
    run.send(session.COM2, b"q")
    shell.add("top", seen and heard(run, session.COM2, rf"{FRESH}$"))
    once = shell.ask("top --once")
    shell.add("top once", len(re.findall("^db +runs", once, re.MULTILINE)) == 1)


def wrong(shell):
    """What cannot be done is refused, with what does it."""
    shell.add("helps", all(word in shell.ask("help") for word in ("list", "disk", "net", "frames")) and
              "--link" in shell.ask("help net"))
    shell.add("a wrong word", "there is no command 'lsit'; 'help' lists them" in shell.ask("lsit"))
    shell.add("a wrong guest", "there is no guest 'nobody'" in shell.ask_json("disk nobody").get("error", ""))
    missing = [line for line, remedy in REFUSED if "control partition" not in (answer := shell.ask(line)) and
               "CPU of" not in answer or remedy not in answer]
    shell.add("what it may not is refused with a remedy", not missing, f"{missing}")
    shell.add("refuses in JSON", "there is no file /vm/linux" in
              shell.ask_json("create new --kernel=\\vm\\linux").get("error", ""))
    settings = {row["name"]: row["value"] for row in shell.ask_json("set").get("settings", [])}
    shell.add("settings", settings.get("poll") == "off", f"{settings}")
    log = shell.ask("log --lines 100")
    shell.add("shows the log", "guest db: disk0: memory:4M" in log and "life 0, " in log)


def picture(shell, options):
    """The shell on the screen."""
    for line in ("help", "list --all", "disk", "net", "stats"):
        shell.ask(line)
    shell.run.wait(timeout=1)
    rows = framebuffer.read_text(shell.run)
    framebuffer.screenshot(shell.run, Path(options.build) / "shell.png")
    shell.report.add("shell: is on the screen", any(row.startswith("db ") and "memory:4M" in row for row in rows) and
                     PROMPT.strip() in rows, log="\n".join(rows))


def keys(shell, display):
    """What is typed at the machine's keyboard is for whoever is on the screen."""
    display.press("h", "e", "l", "p", "space", "c", "p", "u", "s", "Left", "BackSpace", "u", "Return")
    shell.add("hears the keyboard", heard(shell.run, session.COM2, r"help cpus\x1b[^\n]*\r\n"))
    display.press("ctrl+backslash")
    away = shell.run.wait([(session.COM2, "guest name=web")], TIMEOUT).reason == "matched"
    display.press("ctrl+backslash")
    shell.add("goes and comes by the key on the keyboard",
              away and heard(shell.run, session.COM2, rf"{FRESH}$"))


def visit(shell, command, key, answer, name="web"):
    """To a guest's console, whether it answers a key."""
    run = shell.run
    run.send(session.COM2, command)
    run.wait([(session.COM2, f"guest name={name}")], TIMEOUT)
    run.send(session.GUEST, key)
    return heard(run, session.GUEST, answer)


def state(shell, name):
    """Of a guest, in the list of all; soon, if it is what is waited for."""
    rows = {row["name"]: row["state"] for row in shell.ask_json("list --all").get("guests", [])}
    return rows.get(name, "?")


def becomes(shell, name, wanted):
    """Whether the guest gets into that state soon; not if the shell does not answer."""
    found = "?"
    for _ in range(20):
        found = state(shell, name)
        if found in (wanted, "?"):
            break
    return found == wanted


def order(shell):
    """Guests are paused, powered off, started, reset, and looked at."""
    run = shell.run
    paused = shell.ask("pause web") == "web is paused\n" and becomes(shell, "web", "paused")
    again = "is paused already" in shell.ask_json("suspend web").get("error", "")
    shell.add("pauses, once", paused and again)
    shell.add("resumes", shell.ask("resume web") == "web goes on\n" and becomes(shell, "web", "runs") and
              "is not paused" in shell.ask("resume web"))
    shell.add("a CPU that there is not", "no such" in shell.ask("move web --cpu 7") and
              "goes there" in shell.ask("move web --cpu 0"))
    shell.add("a power button that nobody listens to", "does not listen" in shell.ask("stop web"))
    shell.add("leads to a console", visit(shell, b"console web\r", b"b", "# web got 62"))
    shell.call()
    shell.add("asks for a power-off", "was asked to power off" in shell.ask("shutdown web"))
    ended = run.wait([(session.COM1, r"^LINTEL-GUEST name=web end=poweroff ")], TIMEOUT).reason == "matched"
    shell.add("the guest hears it", ended and becomes(shell, "web", "ended"))
    run.send(session.COM2, b"start web --console\r")
    shell.add("starts, and shows its console",
              heard(run, session.GUEST, r"# memory [^\n]*\n# web tick 0\r\n# web tick 1\r"))
    shell.call()
    shell.add("resets", "ends, and starts again" in shell.ask("reset web") and becomes(shell, "web", "runs") and
              run.wait([(session.COM1, r"^LINTEL-GUEST name=web end=reset ")], TIMEOUT).reason == "matched")
    shell.add("shows Lintel's log", "LINTEL-GUEST name=web end=reset" in shell.ask("log --lintel --lines 100"))
    shell.add("sets Lintel's log level", "up to 'warn'" in shell.ask("set log warn") and
              {row["name"]: row["value"] for row in shell.ask_json("set")["settings"]}["log"] == "warn" and
              "up to 'info'" in shell.ask("set log info"))


def die(shell):
    """The control partition dies, by a guest's doing; its shell is back where it was, and says so."""
    run = shell.run
    at_log = Shell(shell.report, run, session.COM1)  # where it was called to last it is back
    at_log.call()
    at_log.ask("start later")
    run.send(session.COM1, b"lis")
    said = heard(run, session.COM1, rf"The control partition died; this is life {LIVES}\.[^\n]*\n\r{PROMPT}\x1b\[K")
    at_log.add("says that the control partition died, where it was", said)
    shell.call()
    run.wait([(session.COM1, r"^LINTEL-GUEST name=later [^\n]*\n")], 2 * TIMEOUT)
    run.wait(timeout=3)
    guests = [row["name"] for row in shell.ask_json("list").get("guests", [])]
    shell.add("works in the next life", guests == ["web", "db"], f"{guests}")
    lives = [int(life) for life in re.findall(r"^life (\d+), ", shell.ask("log --lines 1000"), re.MULTILINE)]
    shell.add("the log goes on", len(lives) > 2 and lives == list(range(lives[0], lives[0] + len(lives))), f"{lives}")
    disks = shell.ask_json("disk db").get("disks", [{}])
    before = disks[0].get("requests", 0)
    shell.add("the guests go on", shell.ask_json("disk db").get("disks", [{}])[0].get("requests", 0) > before > 0)


def leave(shell):
    """The guest's console comes back, and the machine ends with the guests, when nobody is here."""
    run = shell.run
    shell.ask("destroy db")
    shell.add("leads back to a guest", visit(shell, b"leave\r", b"w", "# web got 77"))
    shell.call()
    shell.add("comes to the front again", "exits" in shell.ask("list"))
    shell.ask("destroy web")
    shell.add("keeps the machine running", becomes(shell, "web", "ended") and state(shell, "db") == "ended")
    run.send(session.COM2, b"leave\r")
    outcome = lintel.wait_for_end(run, TIMEOUT)
    # What `later` finds beside other guests is step hvc's to judge.
    ends = {name: how for name, how, _ in lintel.GUEST_LINE.findall(lintel.strip_controls(run.text(session.COM1)))}
    shell.add("the machine ends", outcome.status in (0, 1) and ends == {"web": "killed", "db": "killed",
                                                                        "later": "debug-exit"}, f"{outcome.text}, {ends}")


def shell(report, options):
    """The control partition's shell: what it answers, on the port and on the screen, over its death."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    web = talker(options, "web", "auto")
    web.devices = (("disk", "memory:2M,cache=none"), ("net", "inner"))
    db = together.guest(options, "virtio_survivor", "db", seed=1, ticks=FOR_EVER)
    db.console, db.devices = "none", (("disk", "memory:4M"), ("net", "inner"))
    killer = together.guest(options, "forward", "later", {"memory": "32M", "served": "devices", "start": "ask"})
    killer.console = "none"
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    for guest in (web, db, killer):
        volume.add(guest)
    with machine.RunDirectory("shell") as directory, keyboard.Display() as display:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, gop=True, display=display.name)
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            person = Shell(report, run)
            come(person)
            look(person)
            figures(person)
            trace(person)
            cable(person)
            wrong(person)
            picture(person, options)
            keys(person, display)
            watch(person)
            live(person, options)
            order(person)
            die(person)
            leave(person)
