"""The report's drawings: SVG by matplotlib, the same bytes for the same data.

Text stays text, so that it can be searched and read aloud.  What a colour says, a hatch or a
label says too.
"""
import io
import re

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator  # noqa: E402

# Okabe and Ito's colours, which people with any colour vision tell apart; each with its hatch.
STYLES = (("#0072b2", ""), ("#e69f00", "///"), ("#009e73", "\\\\\\"), ("#cc79a7", "xx"),
          ("#56b4e9", "---"), ("#d55e00", "||"), ("#f0e442", "++"), ("#999999", "//"))
INK, GRID, LIMIT = "#222222", "#d0d0d0", "#a00000"
WIDTH = 9.0  # inches
ROW = 0.30

SETTINGS = {
    "svg.fonttype": "none", "svg.hashsalt": "lintel", "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"], "font.size": 10, "axes.titlesize": 10,
    "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK,
    "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.6, "axes.axisbelow": True,
    "hatch.linewidth": 0.5, "legend.frameon": False, "figure.constrained_layout.use": True,
}
THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}" if value == int(value)
                          else f"{value:g}")


def _svg(figure, name, title):
    """The figure as an <svg> that can stand in a page among others."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None,
                                                 "Type": None})
    pyplot.close(figure)
    text = file.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="|href="|url\()#', rf"\1#{name}-", text)
    text = re.sub(r"<svg ", f'<svg id="{name}" class="plot" role="img" '
                            f'aria-labelledby="{name}-title" ', text, count=1)
    return text.replace(">", f'>\n <title id="{name}-title">{title}</title>', 1)


def _figure(height, rows=1, columns=1):
    return pyplot.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False)


def _legend(axes, columns=4):
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, fontsize=9)


def styles(names):
    """name -> (colour, hatch), in the order given."""
    return {name: STYLES[i % len(STYLES)] for i, name in enumerate(names)}


def group_small(rows, keep):
    """{name: numbers} with all but the `keep` largest put together as "other"."""
    order = sorted(rows, key=lambda name: (-sum(rows[name]), name))
    kept = {name: rows[name] for name in order[:keep]}
    rest = [rows[name] for name in order[keep:]]
    if rest:
        kept["other"] = [sum(numbers) for numbers in zip(*rest)]
    return kept


def _stack(axes, labels, parts):
    """Horizontal bars made of parts: {part: [number of each label]}."""
    left = [0] * len(labels)
    for (name, numbers), (colour, hatch) in zip(parts.items(), styles(parts).values()):
        places = [place for place, number in enumerate(numbers) if number]
        axes.barh(places, [numbers[place] for place in places], color=colour, hatch=hatch,
                  left=[left[place] for place in places], edgecolor="white", linewidth=0.4,
                  label=name, height=0.72)
        left = [a + b for a, b in zip(left, numbers)]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    for place, value in enumerate(left):
        axes.annotate(f"{value:,.3f}".rstrip("0").rstrip("."), (value, place), xytext=(6, 0),
                      textcoords="offset points", va="center", fontsize=9)
    axes.margins(x=0.1)
    axes.xaxis.set_major_formatter(THOUSANDS)


def seen_by_guest(rows, limits):
    """Medians with their range, and the budgets."""
    names = sorted(rows, key=lambda name: (rows[name]["median"], name))
    figure, [[axes]] = _figure(1.1 + ROW * len(names))
    axes.set_xscale("log")
    for place, name in enumerate(names):
        row = rows[name]
        axes.barh(place, row["median"], color="#9ecae1", edgecolor=INK, linewidth=0.5,
                  height=0.66, label="median" if place == 0 else None)
        axes.plot([row["min"], row["max"]], [place, place], color=INK, linewidth=1.2, marker="|",
                  label="minimum to maximum" if place == 0 else None)
        if name in limits:
            axes.plot([limits[name]] * 2, [place - 0.42, place + 0.42], color=LIMIT,
                      linewidth=2.4)
        axes.annotate(f"{row['median']:,}", (row["max"], place), xytext=(6, 0),
                      textcoords="offset points", va="center", fontsize=9)
    axes.plot([], [], color=LIMIT, linewidth=2.4, label="budget")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.set_xlabel("ticks from RDTSC to RDTSC around the instruction (logarithmic)")
    _legend(axes)
    return _svg(figure, "seen", "Ticks that each kind of exit takes, as the guest sees it")


def histograms(reasons, name, title):
    """One small histogram for each reason: exits by ticks, both logarithmic."""
    names = sorted(reasons, key=lambda reason: (-reasons[reason]["count"], reason))
    columns = 3
    lines = (len(names) + columns - 1) // columns
    figure, grid = _figure(0.5 + 2.0 * lines, lines, columns)
    low = min(row["min"] for row in reasons.values()) * 0.8 + 0.1
    high = max(row["max"] for row in reasons.values()) * 1.25
    for place, axes in enumerate(grid.flat):
        if place >= len(names):
            axes.set_visible(False)
            continue
        row = reasons[names[place]]
        axes.set_xscale("log")
        axes.set_yscale("log")
        firsts = [first for first, _ in row["buckets"]]
        widths = [max(1, first >> 3 if first < 16 else 1 << (first.bit_length() - 4))
                  for first in firsts]
        axes.bar(firsts, [count for _, count in row["buckets"]], width=widths, align="edge",
                 color=STYLES[0][0], edgecolor=STYLES[0][0], linewidth=0.8)
        axes.axvline(max(row["median"], 1), color=STYLES[5][0], linewidth=1.2, linestyle="--")
        axes.set_xlim(low, high)
        axes.set_ylim(0.5, max(count for _, count in row["buckets"]) * 3)
        axes.set_title(f"{names[place]}\n{row['count']:,} exits, median {row['median']:,} ticks",
                       fontsize=8.5, loc="left")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter(THOUSANDS)
        axes.yaxis.set_major_formatter(THOUSANDS)
        axes.tick_params(labelsize=8)
        axes.minorticks_off()
    figure.supxlabel("ticks from exit to entry (logarithmic); the dashed line is the median",
                     fontsize=9.5)
    figure.supylabel("exits (logarithmic)", fontsize=9.5)
    return _svg(figure, name, title)


def costs(labels, parts):
    """What the ticks of each kind of exit are made of."""
    figure, [[axes]] = _figure(1.3 + ROW * len(labels))
    _stack(axes, labels, parts)
    axes.set_xlabel("ticks")
    _legend(axes, columns=2)
    return _svg(figure, "costs", "What the ticks of each kind of exit are made of")


def parts(rows):
    """Single parts of the laboratory, by group."""
    labels = [f"{row['group']}: {row['name']}" for row in rows]
    groups = sorted({row["group"] for row in rows})
    figure, [[axes]] = _figure(1.2 + ROW * len(labels))
    _stack(axes, labels, {group: [row["median"] if row["group"] == group else 0 for row in rows]
                          for group in groups})
    axes.set_xlabel("ticks, median")
    _legend(axes)
    return _svg(figure, "parts", "What single parts of an exit cost")


def operations(rows):
    """Exits per operation by reason; rows: {operation: {"count", "reasons"}}."""
    labels = sorted(rows, key=lambda name: (-rows[name]["exits"] / max(rows[name]["count"], 1),
                                            name))
    reasons = sorted({reason for row in rows.values() for reason in row["reasons"]})
    parts = group_small({reason: [rows[name]["reasons"].get(reason, 0) /
                                  max(rows[name]["count"], 1) for name in labels]
                         for reason in reasons}, len(STYLES) - 1)
    figure, [[axes]] = _figure(1.5 + ROW * len(labels))
    _stack(axes, [f"{name} ({rows[name]['count']:,})" for name in labels], parts)
    axes.set_xlim(0)
    axes.set_xlabel("exits for one operation; in brackets: operations measured")
    _legend(axes)
    return _svg(figure, "operations", "Exits for one operation of the guest, by reason")


def boot(line):
    """Exits over the guest's time, by reason."""
    hz = line["tsc_hz"]
    parts = group_small(line["exits"], len(STYLES) - 1)
    width = line["bin_ticks"] / hz
    count = len(next(iter(parts.values())))
    edges = [width * i for i in range(count + 1)]
    figure, [[axes]] = _figure(4.2)
    bottom = [0] * count
    for (name, numbers), (colour, hatch) in zip(parts.items(), styles(parts).values()):
        above = [a + b for a, b in zip(bottom, numbers)]
        axes.fill_between(edges, bottom + bottom[-1:], above + above[-1:], step="post",
                          facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0,
                          label=f"{name} ({sum(numbers):,})")
        bottom = above
    top = max(bottom) * 1.12
    for name, tsc in sorted(line["marks"].items()):
        axes.axvline(tsc / hz, color=LIMIT, linewidth=1.4, linestyle="--")
        axes.annotate(f"{name}, {tsc / hz:.1f} s", (tsc / hz, top), xytext=(4, -4),
                      textcoords="offset points", va="top", color=LIMIT, fontsize=9)
    axes.set_xlim(0, width * count)
    axes.set_ylim(0, top)
    axes.grid(axis="x", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(12))
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.set_xlabel(f"seconds of the guest's time-stamp counter ({hz / 1e6:.1f} million ticks "
                    "each)")
    axes.set_ylabel(f"exits in {width:.2f} s")
    _legend(axes)
    return _svg(figure, "boot", "Exits of a Linux boot over time, by reason")


def configure():
    """Matplotlib as this module wants it."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(SETTINGS)
