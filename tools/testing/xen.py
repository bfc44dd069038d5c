"""Xen as a guest: Debian's hypervisor, and on it Debian's generic kernel as dom0, with as many vCPUs
as the machine has CPUs.  Both are unmodified; the kernel is unpacked, since Xen takes billions of
instructions to unpack its XZ."""
import re

from emulator import lintel, session

from . import host
from .machines import CHECK_LINE, COUNTERS, Boot, accepted_warnings, judge_dmesg, logs

COUNTS = (1, 2)
TIMEOUT = 1200
MEMORY = "384M"  # dom0's, the kernel's image once more, and Xen
# The first word of each string is a file's name.  Left out: real mode, which has no BIOS here, and
# what makes the run long: mitigations, the kernel's tests of its own ciphers, its look for pages
# that are writable and executable.
XEN = ("xen com1=115200,8n1 console=com1 loglvl=all no-real-mode vga=none iommu=no noreboot "
       "dom0_mem=256M,max:256M spec-ctrl=no xpti=no")
DOM0 = "vmlinux console=hvc0 mitigations=off cryptomgr.notests rodata=off"

SAYS = re.compile(r"^\(XEN\) .*$", re.MULTILINE)
COMPLAINT = re.compile(r"warn|error|fail|differ|mismatch|inconsistent|invalid|unexpected|spurious|"
                       r"unable|unstable|cannot|n't|\bnot\b|\bno\b.*\bsupport|bogus|\bbugs?\b|"
                       r"broken|\bbad\b|stuck|lost|warp|wrapp|skew|ignor|please|best-effort",
                       re.IGNORECASE)


def judge_xen(report, name, count, text):
    """All vCPUs are up, and Xen complains of nothing but what docs/guest-dmesg.md accepts."""
    said = [line.strip() for line in SAYS.findall(text)]
    report.add(f"{name}: Xen brought up {count}", f"(XEN) Brought up {count} CPUs" in said)
    accepted = accepted_warnings()
    strange = [line for line in said if COMPLAINT.search(line.removeprefix("(XEN)"))
               and not any(pattern.fullmatch(line) for pattern in accepted)]
    report.add(f"{name}: no complaint of Xen's but the accepted", bool(said) and not strange,
               "; ".join(strange))


def boot(report, options, count):
    """One boot to dom0's userspace and its power-off."""
    name = f"xen {count} vCPU{'s' * (count > 1)}"
    modules = [(options.guests / "generic" / "vmlinux", f"{DOM0} lintel.cpus={count}"),
               (options.build / "initramfs-test.gz", "initramfs")]
    guest = lintel.Guest("xen", options.guests / "xen" / "xen", MEMORY, cmdline=XEN, vcpus=count,
                         modules=modules)

    def judge(run, outcome):
        text = lintel.strip_controls(run.text(session.GUEST))
        checks = CHECK_LINE.findall(text)
        for failed, what in checks:
            report.add(f"{name}: {what}", not failed, log=logs(run))
        report.add(f"{name}: LINTEL-GUEST-OK", bool(checks) and "LINTEL-GUEST-OK" in text,
                   log=logs(run))
        judge_dmesg(report, name, text)
        judge_xen(report, name, count, text)
        counted = COUNTERS.search(lintel.strip_controls(run.text(session.COM1)))
        report.add(f"{name}: counters", bool(counted) and counted[1] == "ok",
                   counted[1] if counted else "not reported", logs(run))
        report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))

    Boot(options, name.replace(" ", "-"), [guest], cpus=count).run(TIMEOUT, judge)


def xen(report, options):
    """Xen with a PV dom0, on one CPU and on two."""
    files = [str(options.guests / name) for name in ("xen/xen", "generic/vmlinux")]
    if host.make(report, "download Xen and dom0's kernel", f"B={options.top}", *files):
        for count in COUNTS:
            boot(report, options, count)
