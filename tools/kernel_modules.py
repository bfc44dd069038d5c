"""Linux kernel modules: what they say of themselves, and the tables that modprobe reads.

Each module has its name, the modules it needs, the devices it is for and the kernel it fits in its
section .modinfo, as strings KEY=VALUE.
"""
import struct
from pathlib import PurePosixPath

ELF_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
SECTION = struct.Struct("<IIQQQQIIQQ")
FOLDER = PurePosixPath("lib/modules")


class ModuleError(Exception):
    """A file that is no module, or modules that do not fit together; the text says which."""


def _section(data, wanted):
    """The bytes of an ELF file's section, or None."""
    if data[:6] != ELF_MAGIC or len(data) < 64:
        return None
    (start,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    if size != SECTION.size or start + count * size > len(data) or names >= count:
        return None
    headers = [SECTION.unpack_from(data, start + number * size) for number in range(count)]
    for header in headers:
        name = data[headers[names][4] + header[0]:]
        if name.startswith(wanted + b"\0"):
            return data[header[4]:header[4] + header[5]]
    return None


def information(data, name="this file"):
    """key -> values of the section .modinfo."""
    section = _section(data, b".modinfo")
    if section is None:
        raise ModuleError(f"{name} is no 64-bit kernel module")
    found = {}
    for text in section.decode("utf-8", "replace").split("\0"):
        key, equals, value = text.partition("=")
        if equals:
            found.setdefault(key, []).append(value)
    if "name" not in found or "vermagic" not in found:
        raise ModuleError(f"{name} does not say its name or its kernel")
    return found


def _needs(name, modules, above=()):
    """All that a module needs, those first that need others of the rest."""
    if name not in modules:
        raise ModuleError(f"{above[-1]} needs the module {name}, which is not there")
    if name in above:
        raise ModuleError(f"the modules {' '.join(above)} need each other")
    order = []
    for needed in filter(None, modules[name]["depends"][0].replace("-", "_").split(",")):
        below = [needed, *_needs(needed, modules, (*above, name))]
        order = [one for one in order if one not in below] + below
    return order


def files(modules):
    """Path in the guest -> bytes, for modules given as file name -> bytes: they themselves and
    modules.dep and modules.alias, as depmod(8) makes them."""
    if not modules:
        raise ModuleError("no modules")
    read = {name: information(data, name) for name, data in sorted(modules.items())}
    kernels = {one["vermagic"][0].split()[0] for one in read.values()}
    if len(kernels) != 1:
        raise ModuleError(f"modules of {len(kernels)} kernels: {' '.join(sorted(kernels))}")
    folder = FOLDER / kernels.pop()
    file_of = {one["name"][0]: name for name, one in read.items()}
    by_name = {one["name"][0]: one for one in read.values()}
    rows = [" ".join([f"{file_of[name]}:", *(file_of[needed] for needed in _needs(name, by_name))])
            for name in by_name]
    aliases = [f"alias {pattern} {name}" for name, one in by_name.items()
               for pattern in one.get("alias", ())]
    result = {str(folder / name): data for name, data in modules.items()}
    for name, table in (("modules.dep", rows), ("modules.alias", aliases)):
        result[str(folder / name)] = "".join(f"{row}\n" for row in table).encode("ascii")
    return result
