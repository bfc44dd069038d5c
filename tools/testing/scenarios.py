"""What a Linux guest does with virtio devices (tools/guest_init/scenario): the words that ask for it, and
whether it went well.  What the guest says is held against what is computed here, and disks are looked at
with the workstation's own tools."""
import hashlib
import re
import subprocess

from emulator.lintel import strip_controls

from .machines import CHECK_LINE

FILES = (1, 4096, 262145, 2097152)  # bytes, SIZES there
TRANSFER = 10485760                 # bytes, as there
BLOCK = 65536                       # bytes, as there
DISK_LINE = re.compile(r"^LINTEL-DISK (\S+) data-(\d+) ([0-9a-f]{64})$", re.MULTILINE)
PEER_LINE = re.compile(r"^ok peer: (\d+) bytes from (\S+), sum ([0-9a-f]{64})$", re.MULTILINE)
TOOL_TIMEOUT = 60


def content(seed, size):
    """The text of a file: blocks of numbers from `seed` on, one a line, each block behind a line with
    the seed and its own number; cut at `size` bytes."""
    numbers = range(seed, seed + BLOCK)
    block = "".join(f"{number}\n" for number in numbers)[:BLOCK]
    blocks = range(-(-size // BLOCK))
    return "".join(f"{seed} {number}\n{block}" for number in blocks).encode()[:size]


def sum_of(data):
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


# ---------------------------------------------------------------- words of the command line

def disk_words(*names):
    """For disks by their names in the guest."""
    return ",".join(("lintel.disk=make", *names))


def net_words(server):
    """For a web.Server."""
    return f"lintel.net=dhcp,{server.port},{server.sum}"


def peer_words(address, peer):
    """For one of two guests."""
    return f"lintel.net=peer,{address},{peer}"


# ---------------------------------------------------------------- verdicts

def judge_lines(report, name, text):
    """Each step of the guest is a result; returns the text without carriage returns."""
    text = strip_controls(text)
    for failed, what in CHECK_LINE.findall(text):
        report.add(f"{name}: {what}", not failed, log=text)
    return text


def _judge_mark(report, name, text, mark):
    report.add(f"{name}: {mark}", text.splitlines().count(mark) == 1, log=text)


def judge_disks(report, name, text, names):
    """Both boots: the files' sums are right in each, and each disk was made and found once."""
    wanted = sorted((disk, str(size), sum_of(content(size, size))) for disk in names for size in FILES)
    found = sorted(DISK_LINE.findall(text))
    report.add(f"{name}: sums of files, before and after the reboot", found == sorted(2 * wanted),
               f"{len(found)} of {2 * len(wanted)}", text)
    for disk in names:
        report.add(f"{name}: {disk} was made once and found once",
                   text.count(f"ok disk {disk}: made") == 1 and
                   len(re.findall(rf"^ok disk {disk}: \d+ files are as before", text,
                                  re.MULTILINE)) == 1, log=text)
    _judge_mark(report, name, text, "LINTEL-DISK-OK")


def judge_net(report, name, text, server):
    """The file came from this server, once."""
    _judge_mark(report, name, text, "LINTEL-NET-OK")
    report.add(f"{name}: requests", server.requests == ["/data"], " ".join(server.requests), text)


def judge_peer(report, name, text, peer):
    """The other guest's file came whole."""
    seed = int(peer.rpartition(".")[2])
    found = PEER_LINE.findall(text)
    report.add(f"{name}: what {peer} sent",
               found == [(str(TRANSFER), peer, sum_of(content(seed, TRANSFER)))], log=text)
    _judge_mark(report, name, text, "LINTEL-PEER-OK")


def judge_clean(report, name, image, offset=0):
    """The file system in an image, at a byte, is clean.  Returns what e2fsprogs call it."""
    place = f"{image}?offset={offset}"
    check = subprocess.run(["/sbin/e2fsck", "-fn", place], capture_output=True, check=False,
                           timeout=TOOL_TIMEOUT)
    report.add(f"{name}: the image's file system is clean", check.returncode == 0,
               log=check.stdout.decode("utf-8", "replace"))
    return place


def judge_image(report, name, image, offset=0):
    """The file system in an image, at a byte: clean, and with the largest file."""
    place = judge_clean(report, name, image, offset)
    size = max(FILES)
    file = subprocess.run(["/sbin/debugfs", "-R", f"cat data-{size}", place], capture_output=True,
                          check=False, timeout=TOOL_TIMEOUT)
    report.add(f"{name}: the image's data-{size}", file.stdout == content(size, size),
               log=file.stderr.decode("utf-8", "replace"))
