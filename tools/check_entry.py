#!/usr/bin/env python3
"""Prove from the linked hv.debug.elf that the ways into and out of a guest carry their mitigations.

Each variant of vmx/entry.asm is disassembled and compared with what its number (enum mitigation of
vmx/mitigation.h) asks for: the instructions are there, in the right order, before VMRESUME or before the
first RET -- and without them it is the variant without mitigations, instruction for instruction.
The two functions that enter a guest do not return before the return stack buffer is refilled.
Nowhere in the image is there a vector register.
"""
import re
import subprocess
import sys
from pathlib import Path

HEADER = Path(__file__).resolve().parent.parent / "vmx/mitigation.h"
SPEC_CTRL, FLUSH_CMD = 0x48, 0x10B
HISTORY = 194  # taken branches that the branch history of Golden Cove holds
LINE = re.compile(r"^([0-9a-f]+):\t(.*?)\s*(?:#.*)?$")
SYMBOL = re.compile(r"^[0-9a-f]+ <(.+)>:$")
VECTOR = re.compile(r"%[xyz]?mm[0-9]+")


class Fault(Exception):
    """What is wrong, in words."""


def flags():
    """The bits of enum mitigation by name."""
    return {name: 1 << int(bit)
            for name, bit in re.findall(r"MITIGATE_(\w+) = BIT32\((\d+)\)", HEADER.read_text())}


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def disassemble(image):
    """All instructions, [(address, text)], and the address of each symbol of the text."""
    code = []
    symbols = {}
    pending = []
    for line in output("objdump", "-d", "--no-show-raw-insn", image).splitlines():
        if match := SYMBOL.match(line):
            pending.append(match[1])
        elif match := LINE.match(line.strip()):
            address = int(match[1], 16)
            symbols.update((name, address) for name in pending)
            pending = []
            code.append((address, " ".join(match[2].split())))
    return code, symbols


def table(image, name, count):
    """The 64-bit words of a table in .rodata."""
    address = next(int(line.split()[0], 16) for line in output("nm", image).splitlines()
                   if line.split()[-1] == name)
    dump = output("objdump", "-s", "-j", ".rodata", f"--start-address={address:#x}",
                  f"--stop-address={address + 8 * count:#x}", image)
    data = b""
    for line in dump.splitlines():
        if match := re.match(r"^ [0-9a-f]+ ((?:[0-9a-f]{2,8} ){1,4})", line):
            data += bytes.fromhex(match[1].replace(" ", ""))
    return [int.from_bytes(data[8 * i:8 * i + 8], "little") for i in range(count)]


def until(code, index, ends):
    """The instructions from code[index] to the first whose mnemonic is in `ends`, inclusive."""
    for last in range(index, min(index + 400, len(code))):
        if code[last][1].split()[0] in ends:
            return code[index:last + 1]
    raise Fault(f"no {'/'.join(ends)} follows")


def set_msr(msr, value):
    return [f"mov ${msr:#x},%ecx", f"mov ${value:#x},%eax", f"mov ${0:#x},%edx", "wrmsr"]


def take(rest, expected, what):
    """`rest` without `expected` at its beginning."""
    for wanted, (_, text) in zip(expected, rest):
        if wanted != text:
            raise Fault(f"{what}: expected {wanted}, found {text}")
    return rest[len(expected):]


def touches_memory(text):
    return "(" in text and text.split()[0] not in ("lea", "nop", "nopw", "nopl")


def check_entry(way, body, bit):
    """The way into the guest; returns what is left without mitigations."""
    kept = body[:1]  # RSP of the host is saved
    rest = body[1:]
    if way & bit["L1D_FLUSH"]:
        rest = take(rest, set_msr(FLUSH_CMD, 1), "L1D flush")
    if way & bit["IBRS"]:
        rest = take(rest, set_msr(SPEC_CTRL, 0), "IBRS off")
    verw = [i for i, (_, text) in enumerate(rest) if text.startswith("verw")]
    if len(verw) != bool(way & bit["VERW"]):
        raise Fault(f"{len(verw)} VERW")
    if verw:
        if not touches_memory(rest[verw[0]][1]):
            raise Fault("VERW without a memory operand does not clear buffers")
        if any(touches_memory(text) for _, text in rest[verw[0] + 1:]):
            raise Fault("a memory access follows VERW")
        rest = rest[:verw[0]] + rest[verw[0] + 1:]
    return kept + rest


def taken_branches(rest):
    """Runs the loop at the beginning of `rest`; how often it branches, and the code behind it."""
    registers = {}
    where = {address: i for i, (address, _) in enumerate(rest)}
    taken = at = 0
    while rest[at][1] != "lfence":
        name, _, operands = rest[at][1].partition(" ")
        at += 1
        if name == "mov":
            value, register = operands.split(",")
            registers[register] = int(value[1:], 16)
        elif name == "dec":
            registers[operands] -= 1
            last = registers[operands]
        elif name == "jmp" or (name == "jne" and last != 0):
            taken += 1
            at = where[int(operands.split()[0], 16)]
        elif name != "jne":
            raise Fault(f"{name} in the loop over the branch history")
    return taken, rest[at + 1:]


def calls(rest, count):
    """`rest` without the CALLs at its beginning, each of which makes an entry of the RSB."""
    for i in range(count):
        if rest[1][1] != "int3" or rest[0][1].split()[:2] != ["call", f"{rest[2][0]:x}"]:
            raise Fault(f"RSB: CALL {i + 1} does not jump over one INT3")
        rest = rest[2:]
    return rest


def fill(rest, count):
    """`rest` without a filling of the return stack buffer at its beginning."""
    return take(calls(rest, count), [f"add ${8 * count:#x},%rsp", "lfence"], "RSB")


def check_exit(way, body, bit):
    """The way out of the guest, up to the first RET; returns what is left without mitigations."""
    host_stack = [i for i, (_, text) in enumerate(body) if re.match(r"mov 0x\w+\(%rsp\),%rsp", text)]
    if len(host_stack) != 1:
        raise Fault("the host's RSP is not loaded once")
    kept, rest = body[:host_stack[0] + 1], body[host_stack[0] + 1:]
    if way & bit["IBRS"]:
        rest = take(rest, ["mov %rax,%r9", *set_msr(SPEC_CTRL, 1), "mov %r9,%rax"], "IBRS on")
    wiped = "xor %r15d,%r15d"
    if way & bit["RSB"]:
        rest = take(calls(rest, 1), ["pop %r15", "lfence"], "RSB")
        kept = [*kept, (0, wiped)]
    else:
        kept, rest = [*kept, (0, rest[0][1])], take(rest, [wiped], "R15")
    if way & bit["BHB_LOOP"]:
        taken, rest = taken_branches(rest)
        if taken <= HISTORY:
            raise Fault(f"branch history: only {taken} taken branches")
    return kept + rest


def plain_text(body):
    """Without addresses of jumps to what refuses an entry, which variants do not share."""
    return [text for _, text in body]


def check_ways(name, starts, ends, check, ways, code, bit):
    """All variants of one table; returns how many there are."""
    index = {address: i for i, (address, _) in enumerate(code)}
    plain = None
    for way, start in zip(ways, starts):
        try:
            if start not in index:
                raise Fault("the table leads to no instruction")
            left = plain_text(check(way, until(code, index[start], ends), bit))
            plain = plain or left
            if left != plain:
                raise Fault("without its mitigations it is not the variant that has none: "
                            + next(a for a, b in zip(left + ["?"], plain + ["?"]) if a != b))
        except Fault as fault:
            raise Fault(f"{name}, variant {way:#x}: {fault}") from None
    if plain is None or any(text.split()[0] in ("wrmsr", "verw", "lfence", "call", "int3", "jmp")
                            for text in plain):
        raise Fault(f"{name}: the variant without mitigations is missing or has some")
    return len(starts)


def check_refusal(code, symbols):
    """An entry with IBRS off that failed gets it back before the RET."""
    start = symbols["refused_ibrs"]
    index = next(i for i, (address, _) in enumerate(code) if address == start)
    body = plain_text(until(code, index, ("ret",)))
    if not any(body[i:i + 4] == set_msr(SPEC_CTRL, 1) for i in range(len(body))):
        raise Fault("refused_ibrs does not set IBRS")


def check_jumps(starts, ways, bit, code, symbols):
    """Behind VMRESUME: to the refusal that fits."""
    index = {address: i for i, (address, _) in enumerate(code)}
    for way, start in zip(ways, starts):
        body = until(code, index[start], ("jmp",))
        wanted = symbols["refused_ibrs" if way & bit["IBRS"] else "refused"]
        if int(body[-1][1].split()[1], 16) != wanted:
            raise Fault(f"entry, variant {way:#x}: a failed entry goes elsewhere")


def body_of(code, index, symbols, name):
    """The places in `code` of a function and of its cold part."""
    ends = sorted(set(symbols.values())) + [code[-1][0]]
    return {i for part in (name, name + ".cold") if part in symbols
            for i in range(index[symbols[part]], index[ends[ends.index(symbols[part]) + 1]])}


def walk_to_ret(code, index, body, start, refill):
    """The address of a RET that the code from `start` on reaches without the refill, or None."""
    todo, seen = [start], set()
    while todo:
        i = todo.pop()
        if i in seen or i not in body:  # behind a call that does not return
            continue
        seen.add(i)
        name, _, target = code[i][1].partition(" ")
        to = int(target.split()[0], 16) if re.match(r"[0-9a-f]{16}", target) else None
        if name in ("call", "jmp") and to == refill:
            continue
        if name == "ret" or (name == "jmp" and index.get(to) not in body):
            return code[i][0]
        if name.startswith("j"):
            todo.append(index[to])
        if name != "jmp":
            todo.append(i + 1)
    return None


def check_leaving(code, symbols):
    """No way from a VM exit to a RET of run() or launch() but through vmx_fill_rsb()."""
    index = {address: i for i, (address, _) in enumerate(code)}
    refill = symbols["vmx_fill_rsb"]
    if fill(code[index[refill]:], 32)[0][1] != "ret":
        raise Fault("vmx_fill_rsb does more than it should")
    for wanted in ("run", "launch"):
        entered = 0
        for name in [name for name in symbols if re.match(wanted + r"(\.lto_priv\.\d+)?$", name)]:
            body = body_of(code, index, symbols, name)
            for i in sorted(body):
                if re.match(r"call \*0x\w+\(%rdi\)$", code[i][1]):
                    entered += 1
                    if (ret := walk_to_ret(code, index, body, i + 1, refill)) is not None:
                        raise Fault(f"{wanted}() returns at {ret:x}, after a VM exit, "
                                    "with the guest's return stack buffer")
        if not entered:
            raise Fault(f"{wanted}() does not enter a guest")


def main():
    image = sys.argv[1] if len(sys.argv) == 2 else "build/hv.debug.elf"
    bit = flags()
    code, symbols = disassemble(image)
    entries = range(bit["IBRS"] * 2)
    exits = range(0, bit["BHB_LOOP"] * 2, bit["IBRS"])
    try:
        number = 0
        for how in ("resume", "launch"):
            starts = table(image, f"vmx_{how}_variants", len(entries))
            number += check_ways(how, starts, (f"vm{how}",), check_entry, entries, code, bit)
            check_jumps(starts, entries, bit, code, symbols)
        starts = table(image, "vmx_exit_variants", len(exits))
        number += check_ways("exit", starts, ("ret",), check_exit, exits, code, bit)
        check_refusal(code, symbols)
        check_leaving(code, symbols)
        for address, text in code:
            if VECTOR.search(text):
                raise Fault(f"{address:x}: {text}: a vector register")
    except Fault as fault:
        print(f"check_entry: {fault}", file=sys.stderr)
        return 1
    if number != 2 * 8 + 8:
        print(f"check_entry: {number} variants", file=sys.stderr)
        return 1
    print(f"check_entry: {number} variants and {len(code)} instructions are right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
