"""docs/devices.md: the devices that a guest finds, and those that drivers/ drives."""
from .pages import code, grid, span

NOTE = """<!-- Made by `make docs` (tools/gen_docs.py) from the compiled devices, tables and constants.
`make check` fails when it is stale. -->
"""
UNITS = ((1 << 20, "MiB"), (1 << 10, "KiB"))


def size(number):
    for unit, name in UNITS:
        if number and number % unit == 0:
            return f"{number // unit} {name}"
    return f"{number} bytes"


def ids(row):
    return f"{row['vendor']:04x}:{row['device']:04x}"


def subsystem(row):
    return f"{row['subsystem_vendor']:04x}:{row['subsystem']:04x}"


def ranges(numbers):
    """1, 3 to 5."""
    runs = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs)


def count(row):
    least, most = row["queues_least"], row["queues_most"]
    return str(most) if least == most else f"{least} to {most}"


def bar_kind(bar):
    if bar["ports"]:
        return "ports"
    return ", ".join(["64 bits" if bar["wide"] else "32 bits"] + ["prefetchable"] * bar["prefetchable"])


def layout(row):
    """What lies where in a device's BARs: BAR, first byte, bytes, what."""
    lines = [(one["bar"], one["offset"], str(one["length"]), one["name"]) for one in row["structures"]]
    lines.append((row["msix_bar"], 0, str(16 * row["vectors"]), "MSI-X table"))
    lines.append((row["msix_bar"], row["pending_at"], "8", "MSI-X pending bits"))
    return [[bar, hex(offset), length, what] for bar, offset, length, what in sorted(lines)]


def features(rows):
    return grid(["bit", "feature", "offered"],
                [[row["bit"], f"`VIRTIO_{row['name']}`",
                  f"if {row['when']}" if row["when"] else "always"] for row in rows])


def virtio(row):
    """The section of one virtio device."""
    bars = [[bar["bar"], size(bar["size"]), bar_kind(bar)] for bar in row["bars"]]
    fields = [[hex(one["offset"]), one["size"], f"`{one['name']}`"] for one in row["fields"]]
    own = features(row["features"]) if row["features"] else "It offers none beside those of the transport.\n"
    config = (grid(["offset", "bytes", "field"], fields) if fields
              else "It has none, and no structure for one.\n")
    return f"""## {row['name'].capitalize()}

The key [`{row['key']}`](config.md#{row['key']}) of a guest's section. PCI {ids(row)}, class {row['class']:06x}, revision {row['revision']}, subsystem {subsystem(row)}.

Queues: {count(row)} of up to {row['queue_size']} entries: {row['queue_names']}. MSI-X vectors: one for each queue and one for the
configuration; {row['vectors']} at most.

{grid(["BAR", "size", "kind"], bars)}
{grid(["BAR", "offset", "bytes", "what"], layout(row))}
Features:

{own}
Device configuration:

{config}"""


def page(tables):
    bus, bridge = tables["guest_bus"], tables["host_bridge"]
    summary = [[row["name"], code([row["key"]]), ids(row), f"{row['class']:06x}", count(row), row["queue_size"]]
               for row in tables["guest_device"]]
    reach = [[span(row) if row["kind"] == "port" else f"memory {span(row)}", row["name"]]
             for row in tables["control_device"]]
    drivers = [[row["device"], code([row["driver"]]), row["found"], row["limits"], row["user"]]
               for row in tables["driver"]]
    return f"""# Devices

{NOTE}
First what a guest finds on its PCI bus, then what of the machine Lintel's own drivers drive. The board's devices that every guest has
-- interrupt controllers, timers, serial port -- are in [ports](ports.md). How the virtio devices work, what they do with a driver's mistakes and how they
outlive a crash is in [virtio](virtio.md).

# A guest's PCI bus

A guest whose section of `lintel.conf` asks for a device has bus 0 with {bus['slots']} slots: slot 0 is the host bridge, the devices are behind
it, disks first, then networks, console and entropy.

* Configuration space: ports 0xcf8 to 0xcff, or the ECAM area at {bus['ecam']:#x} to {bus['ecam_last']:#x}.
* BARs: memory from {bus['memory']:#x} to {bus['memory_last']:#x}, ports from {bus['ports']:#x} to {bus['ports_last']:#x}; at the start each has a place there.
* INTA of slot n: line {bus['line_first']} + n modulo {bus['lines']} of the I/O APIC, level-triggered, active low. Or MSI-X.
* Host bridge: PCI {ids(bridge)}, class {bridge['class']:06x}, subsystem {subsystem(bridge)}, without BARs.

{grid(["device", "key", "PCI", "class", "queues", "entries"], summary)}
All are virtio devices of the modern interface alone (OASIS VIRTIO 1.2), and offer these features beside their own:

{features(tables["virtio_transport"]["features"])}
A doorbell is 4 bytes of each structure `doorbells` for each queue: at ports, whose capability comes first, and in memory, for
drivers that do not know ports. The tables show each device with all that it can have.

{"".join(virtio(row) + chr(10) for row in tables["guest_device"])}# The machine's devices

{grid(["device", "driver", "what it goes by", "limits", "who has it"], drivers)}
## What the control partition reaches

These ports and addresses of the machine, and no others (`vmm/policy/devices.def`), and the interrupt lines {ranges(row["line"] for row in tables["control_line"])}
of the I/O APIC. Memory is its own where the firmware's memory map names nothing: no RAM, whatever it is used for, and no memory-mapped
device that the firmware keeps; and the framebuffer is Lintel's.

{grid(["ports or memory", "device"], reach)}"""
