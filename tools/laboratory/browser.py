"""report.html in headless Chromium: is every drawing really there?"""
import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path

TIMEOUT = 120
WIDTH = 1280  # a laptop's window
HEIGHT_MAX = 24000
# No sandbox: it does not work for root, who runs the tests in a container.
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
           "--hide-scrollbars", "--no-first-run", "--disable-extensions",
           "--disable-background-networking", "--force-device-scale-factor=1")

# Added to a copy of the page: the places of what is drawn, as JSON in the document.
PROBE = """<script>
const box = e => { const r = e.getBoundingClientRect();
  return [r.left + scrollX, r.top + scrollY, r.width, r.height]; };
const plots = [...document.querySelectorAll("svg.plot")].map(svg => ({
  id: svg.id, box: box(svg),
  shapes: [...svg.querySelectorAll("path, use")].map(box).filter(b => b[2] + b[3] > 0).length,
  texts: [...svg.querySelectorAll("text")].map(t => [t.textContent, box(t)])}));
const result = document.createElement("pre");
result.id = "probe";
result.textContent = JSON.stringify({height: document.documentElement.scrollHeight,
  width: document.documentElement.scrollWidth, plots: plots});
document.body.appendChild(result);
</script>"""
PROBED = re.compile(r'<pre id="probe">(.*?)</pre>', re.DOTALL)

SHAPES_LEAST = 10
TEXTS_LEAST = 4
OUTSIDE = 2         # pixels that text may stick out
INKED = (0.01, 0.9)  # part of a drawing's pixels that are not white
COLOURS_LEAST = 8


class BrowserError(Exception):
    """Chromium did not do what it should."""


def chromium(*arguments):
    """Standard output of a headless run."""
    program = shutil.which("chromium")
    if not program:
        raise BrowserError("there is no chromium; run tools/setup.sh")
    with tempfile.TemporaryDirectory() as profile:
        try:
            done = subprocess.run([program, *OPTIONS, f"--user-data-dir={profile}", *arguments],
                                  capture_output=True, timeout=TIMEOUT, check=False,
                                  stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise BrowserError(f"chromium took longer than {TIMEOUT} s") from None
    if done.returncode != 0:
        raise BrowserError(f"chromium ended with status {done.returncode}: " +
                           done.stderr.decode("utf-8", "replace")[-500:])
    return done.stdout.decode("utf-8", "replace")


def probe(page):
    """{"height", "width", "plots": [{"id", "box", "shapes", "texts"}]} of a page."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        text = page.read_text(encoding="utf-8")
        copy.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
        dom = chromium(f"--window-size={WIDTH},900", "--dump-dom", copy.as_uri())
    found = PROBED.search(dom)
    if not found:
        raise BrowserError("the page's script did not run")
    return json.loads(unescape(found[1]))


def screenshot(page, png, height):
    """The whole page as a picture."""
    chromium(f"--window-size={WIDTH},{min(int(height) + 1, HEIGHT_MAX)}",
             f"--screenshot={png.resolve()}", page.resolve().as_uri())
    if not png.is_file():
        raise BrowserError("chromium wrote no screenshot")


def _outside(plot):
    left, top, width, height = plot["box"]
    for text, (x, y, w, h) in plot["texts"]:
        if w and (x < left - OUTSIDE or y < top - OUTSIDE or x + w > left + width + OUTSIDE or
                  y + h > top + height + OUTSIDE):
            yield text


def judge_probe(found, wanted):
    """[what is wrong] with the places of the drawings `wanted`."""
    wrong = []
    if found["width"] > WIDTH:
        wrong.append(f"the page is {found['width']} pixels wide, the window {WIDTH}")
    if found["height"] > HEIGHT_MAX:
        wrong.append(f"the page is {found['height']} pixels high")
    plots = {plot["id"]: plot for plot in found["plots"]}
    wrong += [f"{name}: not in the page" for name in wanted if name not in plots]
    for name, plot in plots.items():
        if plot["box"][2] < WIDTH / 3 or plot["box"][3] < 60:
            wrong.append(f"{name}: {plot['box'][2]:.0f} x {plot['box'][3]:.0f} pixels")
        if plot["shapes"] < SHAPES_LEAST or len(plot["texts"]) < TEXTS_LEAST:
            wrong.append(f"{name}: {plot['shapes']} shapes and {len(plot['texts'])} texts")
        wrong += [f"{name}: the text {text!r} sticks out" for text in _outside(plot)]
    return wrong


def judge_pixels(found, image):
    """[what is wrong] with the pixels of each drawing; `image` is a PIL image of the page."""
    wrong = []
    for plot in found["plots"]:
        left, top, width, height = plot["box"]
        part = image.crop((int(left), int(top), int(left + width), int(top + height)))
        colours = part.convert("RGB").getcolors(part.width * part.height)
        blank = max((count for count, colour in colours if colour == (255, 255, 255)), default=0)
        ink = 1 - blank / (part.width * part.height)
        if not INKED[0] <= ink <= INKED[1] or len(colours) < COLOURS_LEAST:
            wrong.append(f"{plot['id']}: {100 * ink:.1f} % of it is drawn, in {len(colours)} "
                         "colours")
    return wrong


def check(page, png, wanted):
    """[what is wrong] with a report; leaves the screenshot."""
    from PIL import Image  # of the package python3-pil, which matplotlib needs

    found = probe(page)
    wrong = judge_probe(found, wanted)
    screenshot(page, png, found["height"])
    with Image.open(png) as image:
        return wrong + judge_pixels(found, image.convert("RGB"))
