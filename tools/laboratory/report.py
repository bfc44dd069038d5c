"""report.html: one file, with its drawings in it."""
from html import escape

from . import plots
from .figures import measuring_ticks

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #222; background: #fff;
       margin: 0 auto; padding: 1.5rem; max-width: 62rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 2.2rem 0 .4rem; }
p { margin: .4rem 0; max-width: 52rem; }
nav a { margin-right: 1rem; } a { color: #00518c; }
figure { margin: .6rem 0; } figcaption { color: #444; font-size: .9rem; max-width: 52rem; }
svg.plot { width: 100%; height: auto; display: block; }
table { border-collapse: collapse; margin: .6rem 0; font-size: .9rem; }
caption { text-align: left; color: #444; padding-bottom: .2rem; }
th, td { padding: .18rem .7rem .18rem 0; text-align: left; vertical-align: top;
         border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #222; } td.number, th.number { text-align: right;
         font-variant-numeric: tabular-nums; }
td.bad { font-weight: bold; color: #a00000; } td.good { color: #00602b; }
dl { display: grid; grid-template-columns: max-content auto; gap: 0 1rem; margin: .6rem 0; }
dt { font-weight: 600; } dd { margin: 0; }
@media print {
  @page { size: A4; margin: 14mm; }
  body { font-size: 10pt; max-width: none; padding: 0; } nav { display: none; }
  a { color: inherit; text-decoration: none; }
  figure, tr { break-inside: avoid; } h2 { break-after: avoid; } thead { display:
  table-header-group; }
}
"""

MEASURED = {
    "bochs": "On Bochs, an emulator, the time-stamp counter advances by one with each instruction. "
             "A tick is the length of a path, not a time: what a transition between guest and "
             "hypervisor costs on silicon is not in it. Two runs give the same figures.",
    "kvm": "On QEMU/KVM with nested VMX a tick is one of the processor's time-stamp counter. "
           "Lintel is itself a guest there: its VMREADs and its transitions may cost exits to "
           "KVM. Two runs give different figures.",
}
STATES = {"ok": "within", "better": "well within", "over": "OVER",
          "missing": "NOT MEASURED", "unknown": "NO BUDGET"}


def number(value):
    """A number with separators, its digits as measured."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,f}".rstrip("0").rstrip(".") \
        if isinstance(value, float) else f"{value}"


def table(caption, columns, rows, numeric=(), marks=None):
    """Rows of text; `marks` gives a class to a cell by its text."""
    def cell(tag, place, text):
        kind = "number" if place in numeric else (marks or (lambda _: ""))(text)
        attribute = f' class="{kind}"' if kind else ""
        return f"<{tag}{attribute}>{escape(str(text))}</{tag}>"

    head = "".join(cell("th", i, name) for i, name in enumerate(columns))
    body = "\n".join("<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>"
                     for row in rows)
    return (f"<table><caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
            f"<tbody>\n{body}\n</tbody></table>")


def drawing(svg, caption):
    return f"<figure>\n{svg}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def _machine(results):
    cpu = (results["lab"] or {}).get("cpu", {})
    rows = [("Processor", cpu.get("name", "unknown"))]
    if "family" in cpu:
        rows.append(("Family, model, stepping",
                     f"{cpu['family']}, {cpu['model']}, {cpu['stepping']}"))
    if "microcode" in cpu:
        rows.append(("Microcode revision", f"{cpu['microcode']:#x}"))
    if cpu.get("tsc_hz"):
        rows.append(("Time-stamp counter", f"{cpu['tsc_hz'] / 1e6:,.3f} MHz"))
    emulator = {"bochs": "Bochs", "kvm": "QEMU/KVM"}[results["emulator"]]
    rows.append(("Machine", f"{emulator}, CPU model {results['cpu_model']}"))
    rows.append(("Lintel", ", ".join(f"{name} {number(size)} bytes" for name, size in
                                     sorted(results["size"]["bytes"].items())) +
                 "; lines of source in hv.elf: " +
                 ", ".join(f"{number(lines)} {part}" for part, lines in
                           sorted(results["size"]["lines"].items(), reverse=True))))
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"
                            for name, text in rows) + "</dl>"


def _budgets(verdicts, _results):
    if not verdicts:
        return "<p>The budgets are for Bochs' default CPU model; here they do not apply.</p>"
    bad = sum(not verdict.good for verdict in verdicts)
    text = f"{bad} of {len(verdicts)} figures fail." if bad else \
        f"All {len(verdicts)} figures are within their budgets."
    rows = [(v.name, number(v.value), number(v.limit), v.unit, STATES[v.state], v.why)
            for v in verdicts]
    words = {STATES[s]: "bad" if s in ("over", "missing", "unknown") else "good" for s in STATES}
    return f"<p>{text}</p>" + table("tools/budgets, and what was measured", (
        "figure", "measured", "limit", "unit", "verdict", "why"), rows, (1, 2),
        lambda text: words.get(text, ""))


def _seen(verdicts, results):
    limits = {v.name.removeprefix("exit/"): float(v.limit) for v in verdicts
              if v.name.startswith("exit/") and v.limit is not None}
    return drawing(plots.seen_by_guest(results["seen_by_guest"], limits),
                   "A guest reads the time-stamp counter, executes the instruction, and reads it "
                   "again. The bar is the median; \"empty\" is the pair of RDTSC alone.")


def _of_guest(results):
    """Stacked costs of the guest bench_exits, for exits that are alone in their reason."""
    rows = results["seen_by_guest"]
    counted = results["guests"]["bench_exits"]["reasons"]
    pairs = [(name, reason) for name, reason in COUNTERPARTS if name in rows and reason in counted]
    inside = [counted[reason]["median"] for _, reason in pairs]
    empty = rows["empty"]["median"]
    return [name for name, _ in pairs], {
        "reading the TSC twice": [empty] * len(pairs),
        AROUND: [max(0, rows[name]["median"] - empty - ticks)
                 for (name, _), ticks in zip(pairs, inside)],
        INSIDE: inside}


def _of_lab(lab):
    """Stacked costs of the laboratory: floor, what is around Lintel's stamps, what is between."""
    costs = {(row["group"], row["name"]): row["median"] for row in lab["costs"]}
    measuring = measuring_ticks(lab)
    names = [name for group, name in costs if group == "lintel" and ("floor", name) in costs and
             ("lintel", f"{name}-inside") in costs]
    parts = {"the floor: instruction, transitions, 5 instructions": [], AROUND: [], INSIDE: [],
             "measuring": []}
    for name in names:
        floor, inside = costs["floor", name], costs["lintel", f"{name}-inside"]
        numbers = (floor, max(0, costs["lintel", name] - floor - inside),
                   max(0, inside - measuring), min(inside, measuring))
        for part, ticks in zip(parts.values(), numbers):
            part.append(ticks)
    return names, parts


def cost_parts(results):
    """(labels, {part: ticks}), by the laboratory if it has measured them."""
    labels, parts = _of_lab(results["lab"])
    return (labels, parts) if labels else _of_guest(results)


AROUND = "registers, reading the exit"
INSIDE = "decision and handler"
# BENCH lines whose exits are alone in their reason.
COUNTERPARTS = (("cpuid", "CPUID"), ("vmcall", "VMCALL"), ("rdmsr-apic-base", "RDMSR"),
                ("xsetbv", "XSETBV"), ("wbinvd", "WBINVD"))
PART_GROUPS = ("part", "measuring", "mitigation", "memory")


def _costs(_verdicts, results):
    labels, parts = cost_parts(results)
    out = drawing(plots.costs(labels, parts),
                  "The ticks of an exit, in parts. Decision and handler are what Lintel's own "
                  "counters show: from the stamp behind the exit to the one before the entry.")
    rows = [row for group in PART_GROUPS for row in results["lab"]["costs"]
            if row["group"] == group]
    if rows:
        out += "\n" + drawing(plots.parts(rows),
                              "Single parts, measured by the laboratory, two stamps of the TSC "
                              "included (stamps-host). What lies between the stamps stands in the "
                              "laboratory's table.")
    return out


def _histograms(_verdicts, results):
    out = []
    for guest, rows in sorted(results["guests"].items()):
        count = sum(row["count"] for row in rows["reasons"].values())
        caption = (f"Guest {guest}: {count:,} exits. Bars are Lintel's own log-linear buckets, at "
                   "most 12.5 % wide.")
        times = rows["times"]
        if times:
            shares = ", ".join(f"{name} {100 * times[part] / times['total']:.2f} %" for name, part
                               in (("guest", "guest"), ("Lintel", "lintel"),
                                   ("waiting in HLT", "waiting")))
            caption += f" Of {times['total']:,} ticks: {shares}."
        out.append(drawing(plots.histograms(rows["reasons"], f"hist-{guest}",
                                            f"Histograms of the exits of {guest}"), caption))
    return "\n".join(out)


def _operations(_verdicts, results):
    return "\n".join(
        drawing(plots.operations(rows), f"Guest {guest}: it marks the beginning and the end of "
                "each operation; Lintel counts the exits in between.")
        for guest, rows in sorted(results["ledger"].items()))


def _boot(_verdicts, results):
    boot = results["boot"]
    ratio = boot["hosted_ticks"] / boot["bare_ticks"]
    text = (f"<p>From the kernel's entry to the first instruction of userspace: "
            f"{boot['hosted_ticks']:,} ticks under Lintel, {boot['bare_ticks']:,} on the bare "
            f"machine: {ratio:.4f} times as many.")
    total = sum(boot["exits"].values())
    text += f" On the way there are {total:,} exits.</p>" if total else "</p>"
    if total:
        rows = [(reason, number(count), f"{100 * count / total:.1f} %") for reason, count in
                sorted(boot["exits"].items(), key=lambda item: (-item[1], item[0]))]
        text += table("Exits until userspace", ("reason", "exits", "share"), rows, (1, 2))
    if boot["timeline"]:
        text += drawing(plots.boot(boot["timeline"]),
                        "All exits of the guest's life, out of the complete trace; in brackets "
                        "their number. Behind the line runs the guest's self-check.")
    return text


def _lab(_verdicts, results):
    lab = results["lab"]
    out = []
    for name, title in (("preflight", "Checks before the start"),
                        ("selftest", "Self-test of the virtualization features")):
        if lab[name]:
            rows = [(row["name"], row["result"], row.get("reason", row.get("detail", "")))
                    for row in lab[name]]
            out.append(table(title, ("feature", "result", "detail"), rows, (),
                             lambda text: {"pass": "good", "fail": "bad"}.get(text, "")))
    if lab["costs"]:
        rows = [(row["group"], row["name"], row["what"],
                 *(number(row[key]) for key in ("samples", "min", "median", "p99", "max")))
                for row in lab["costs"]]
        out.append(table("What it costs on this CPU, in ticks", (
            "group", "name", "what", "samples", "min", "median", "p99", "max"), rows,
            (3, 4, 5, 6, 7)))
    return "\n".join(out)


SECTIONS = (
    ("budgets", "Budgets", _budgets, lambda r: True),
    ("seen", "What an exit costs the guest", _seen, lambda r: r["seen_by_guest"]),
    ("costs", "What the ticks are made of", _costs, lambda r: cost_parts(r)[0]),
    ("operations", "Exits for one operation", _operations, lambda r: r["ledger"]),
    ("boot", "A Linux boot", _boot, lambda r: r["boot"]),
    ("histograms", "Histograms by exit reason", _histograms, lambda r: r["guests"]),
    ("laboratory", "The laboratory: this CPU's virtualization", _lab,
     lambda r: r["lab"]["preflight"] or r["lab"]["selftest"] or r["lab"]["costs"]),
)


def html(results, verdicts):
    """The page."""
    plots.configure()
    sections = [(name, title, draw) for name, title, draw, wanted in SECTIONS if wanted(results)]
    links = "".join(f'<a href="#about-{name}">{escape(title)}</a> ' for name, title, _ in sections)
    body = "\n".join(f'<section><h2 id="about-{name}">{escape(title)}</h2>\n{draw(verdicts, results)}\n'
                     "</section>" for name, title, draw in sections)
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>Lintel: what VM exits cost</title><style>{STYLE}</style></head>\n<body>\n"
            f"<h1>Lintel: what VM exits cost</h1>\n{_machine(results)}\n"
            f"<p>{escape(MEASURED[results['emulator']])}</p>\n<nav>{links}</nav>\n{body}\n"
            "</body></html>\n")
