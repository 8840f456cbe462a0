"""The pages in a real browser: drawn at desktop and phone width, offline, without an error, nothing spills.

With the environment variable SCREENSHOTS, every screenshot is also copied into the folder it names.
"""

import base64
import fcntl
import json
import os
import re
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from analysis.report import main

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page that needs the network would be drawn without it
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
PATIENCE_SECONDS = 180
PAGES = ("study", "measured", "overview", "comparison")
WIDTHS = (1280, 390)
SIZES = "batch_sizes_with_a_long_name"

SPILLED = """
[...document.querySelectorAll("body *")]
  .filter((e) => e.closest(".wide, .card, .lines-of-runs, pre, nav") === null)
  .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((e) => e.outerHTML.slice(0, 80))
"""
SCROLLED = """
[...document.querySelectorAll(".wide, .card, .lines-of-runs, pre, nav")]
  .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((e) => e.outerHTML.slice(0, 80))
"""
STACKED = """
[...document.querySelectorAll(".wide:has(.stack)")].filter((e) => e.scrollWidth > e.clientWidth + 1).length
"""
UNFOLD = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"
UNDESCRIBED = """
[...document.querySelectorAll("svg, img")]
  .filter((e) => !/\\d/.test(e.closest("[role=img]")?.getAttribute("aria-label") || e.getAttribute("alt")))
  .map((e) => e.outerHTML.slice(0, 80))
"""
OUTSIDE = """
[...document.querySelectorAll("*")].flatMap((e) => [...e.attributes])
  .filter((a) => !a.name.startsWith("xmlns") && /^\\s*([a-z]+:)?\\/\\//i.test(a.value))
  .map((a) => `${a.name}=${a.value}`)
"""


def chromium() -> str:
    """Return the browser's path; without one, skip, but fail where CI promised it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this CI machine")
        pytest.skip("no Chromium on this machine")
    return found


class Browser:
    """A headless Chromium, spoken to in its DevTools protocol over two pipes."""

    def __init__(self, profile: Path) -> None:
        """Start the browser on its own empty profile, with one empty page."""
        reads_ours, self._commands = os.pipe()
        self._answers, writes_theirs = os.pipe()
        # Numbers far from 3 and 4, the ends that Chromium expects: the shell below must not overwrite one.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 50) for end in (reads_ours, writes_theirs)]
        shell = ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "bash"]
        command = [*shell, chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for end in (reads_ours, writes_theirs, *ends):
            os.close(end)
        self._buffer, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self.call("Browser.close")
        self._process.wait(PATIENCE_SECONDS)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; events that come first are kept."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        command |= {"sessionId": self._session} if self._session else {}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._message()).get("id") != self._number:
            self.events.append(message)
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], PATIENCE_SECONDS)
            assert ready, "the browser does not answer"
            received = os.read(self._answers, 1 << 20)
            assert received, "the browser has ended"
            self._buffer += received
        first, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message

    def visit(self, page: Path, *, width: int = 1280, scheme: str = "light", has_script: bool = True) -> None:
        """Load a page as a screen of some width would, and wait until it is complete."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScriptExecutionDisabled", value=not has_script)
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())
        self.call("Page.getLayoutMetrics")  # everything the page said before has been received now

    def errors(self) -> list[str]:
        """Return what the page wrote to the console as errors, threw, or failed to load."""
        found = []
        for event in self.events:
            told = event.get("params", {})
            match event["method"]:
                case "Runtime.consoleAPICalled" if told["type"] in {"error", "assert", "warning"}:
                    found.append(str(told["args"]))
                case "Runtime.exceptionThrown":
                    found.append(str(told["exceptionDetails"]))
                case "Log.entryAdded" if told["entry"]["level"] in {"error", "warning"}:
                    found.append(str(told["entry"]["text"]))
        return found

    def requests(self) -> list[str]:
        """Return every address that the page asked for, its own and embedded data left out."""
        asked = [
            str(event["params"]["request"]["url"])
            for event in self.events
            if event["method"] == "Network.requestWillBeSent" and event["params"].get("type") != "Document"
        ]
        return [address for address in asked if not address.startswith("data:")]

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression of the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, width: int) -> bytes:
        """Return the whole page as PNG."""
        height = min(self.call("Page.getLayoutMetrics")["cssContentSize"]["height"], 16000)
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(taken["data"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser that is closed after the last test."""
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def pages(reported: Path, measured_report: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return one page of each kind by name, about the same studies; tests only read them."""
    root = tmp_path_factory.mktemp("pages")
    for name, source in (("monday", reported), ("tuesday", reported), (SIZES, measured_report)):
        shutil.copytree(source, root / name)
    manifest = root / "tuesday" / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("2.11.0", "2.12.0"), encoding="utf-8")
    (root / "broken").mkdir()
    (root / "broken" / "journal.jsonl").touch()
    assert main([str(root), "--overview-only"]) == 2
    assert main([str(root / name) for name in ("monday", "tuesday", SIZES)] + ["--compare"]) == 0
    return {
        "study": reported / "report" / "index.html",
        "measured": measured_report / "report" / "index.html",
        "overview": root / "index.html",
        "comparison": root / "comparison" / "index.html",
    }


def kept(screenshot: bytes, name: str, folder: Path) -> Path:
    """Write a screenshot, once more where SCREENSHOTS says, and return its path."""
    path = folder / name
    path.write_bytes(screenshot)
    if os.environ.get("SCREENSHOTS"):
        copies = Path(os.environ["SCREENSHOTS"])
        copies.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copies / name)
    return path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_drawn_without_errors(
    browser: Browser, pages: dict[str, Path], tmp_path: Path, name: str, width: int
) -> None:
    """Text and figures are shown at the asked width, nothing spills over, no error, no request."""
    papers = {}
    for scheme in ("light", "dark"):
        browser.visit(pages[name], width=width, scheme=scheme)
        path = kept(browser.screenshot(width), f"{name}-{width}-{scheme}.png", tmp_path)
        pixels = matplotlib.image.imread(path)[:, :, :3]
        papers[scheme] = pixels[:8].mean()
        ink = np.abs(pixels - papers[scheme]).max(axis=2) > 0.3
        assert pixels.shape[1] == width
        assert 0.005 < ink.mean() < 0.5
        browser.evaluate(UNFOLD)
        assert browser.errors() == []
        assert browser.requests() == []
        assert browser.evaluate("innerWidth") == width
        assert browser.evaluate(SPILLED) == []
        assert width > 600 or browser.evaluate(STACKED) == 0  # one cell below another: no need to scroll
        assert browser.evaluate(SCROLLED) == []  # what scrolls sideways does so inside its own box
    assert papers["light"] > 0.9
    assert papers["dark"] < 0.2


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_alone_and_described(browser: Browser, pages: dict[str, Path], name: str) -> None:
    """No attribute names an address outside, every figure is told in words with numbers, links lead on."""
    browser.visit(pages[name])
    assert browser.evaluate(OUTSIDE) == []
    assert browser.evaluate(UNDESCRIBED) == []
    for link in browser.evaluate('[...document.querySelectorAll("a")].map((e) => e.getAttribute("href"))'):
        file, _, anchor = link.partition("#")
        target = (pages[name].parent / file) if file else pages[name]
        assert target.exists(), link
        assert not anchor or f'id="{anchor}"' in target.read_text(encoding="utf-8"), link


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_complete_without_its_script(browser: Browser, pages: dict[str, Path], name: str) -> None:
    """Where scripts are off, every table is there, and no button that would do nothing."""
    browser.visit(pages[name], has_script=False)
    nodes = browser.call("DOM.getDocument", depth=-1)
    html = browser.call("DOM.getOuterHTML", nodeId=nodes["root"]["nodeId"])["outerHTML"]
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    text = pages[name].read_text(encoding="utf-8")
    assert html.count("<table") == text.count("<table") > 2
    assert len(re.findall(r"<button[^>]* hidden", html)) == html.count("<button")
    assert "aria-sort" not in re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)


def test_tables_sort_by_number(browser: Browser, pages: dict[str, Path]) -> None:
    """A click on a heading sorts by number: 0.001 is the smallest rate, first after it, second before."""
    browser.visit(pages["study"])
    first = 'document.querySelector("#table-results tbody th").innerText'
    assert browser.evaluate(first) == "sgd"
    browser.evaluate('document.querySelector("#table-results th:nth-child(3)").click()')
    assert browser.evaluate(first) == "rmsprop"


def test_tables_and_commands_are_copied(browser: Browser, pages: dict[str, Path]) -> None:
    """The buttons copy a command as one line, and a table with tabs between its cells."""
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.visit(pages["overview"])
    browser.call("Page.bringToFront")
    for block, start in (
        ("commands-page", "python -m analysis.report ."),
        ("table-claims", "Claim\tVerdict"),
    ):
        click = f"document.querySelector('[data-copy={block}]').click()"
        copied = browser.evaluate(
            f"{click}, new Promise(done => setTimeout(done, 200)).then(() => navigator.clipboard.readText())"
        )
        assert copied.startswith(start)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<script>console.error('oh no')</script>", "oh no"),
        ("<script>throw new Error('thrown')</script>", "thrown"),
        ("<img src='missing.png' alt=''>", "ERR_FILE_NOT_FOUND"),
    ],
)
def test_an_error_of_a_page_is_seen(browser: Browser, tmp_path: Path, body: str, told: str) -> None:
    """The check can fail: what a broken page says is among the errors."""
    page = tmp_path / "broken.html"
    page.write_text(f"<!DOCTYPE html><title>broken</title>{body}", encoding="utf-8")
    browser.visit(page)
    assert told in " ".join(browser.errors())


def test_a_request_of_a_page_is_seen(browser: Browser, tmp_path: Path) -> None:
    """The check can fail: an address outside is among the requests and among the attributes."""
    page = tmp_path / "leaking.html"
    page.write_text("<!DOCTYPE html><img src='https://example.org/x.png' alt=''>", encoding="utf-8")
    browser.visit(page)
    assert browser.requests() == ["https://example.org/x.png"]
    assert browser.evaluate(OUTSIDE) == ["src=https://example.org/x.png"]
    assert len(browser.evaluate(UNDESCRIBED)) == 1


def test_a_page_that_spills_over_is_seen(browser: Browser, tmp_path: Path) -> None:
    """The check can fail: a block wider than a phone is found."""
    page = tmp_path / "wide.html"
    head = '<!DOCTYPE html><meta name="viewport" content="width=device-width">'
    page.write_text(f"{head}<div style='width: 600px; overflow: hidden'>wide</div>", encoding="utf-8")
    browser.visit(page, width=390)
    assert len(browser.evaluate(SPILLED)) == 1


def test_runs_are_filtered_and_named(browser: Browser, pages: dict[str, Path]) -> None:
    """A condition leaves the runs that meet it, in table, lines and figures; a mark names its run."""
    browser.visit(pages["study"])
    browser.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    browser.evaluate("document.getElementById('runs').open = true")
    typed = "const i = document.getElementById('run-filter'); i.value = 'sgd phase=confirm';"
    browser.evaluate(f"(() => {{ {typed} i.dispatchEvent(new Event('input')); }})()")
    rows = (
        '[...document.querySelectorAll("#runs tbody tr:not([hidden])")].map((row) => row.cells[1].innerText)'
    )
    shown = browser.evaluate(rows)
    assert set(shown) == {"sgd"}
    assert browser.evaluate("document.querySelector('.tools output').textContent").startswith(
        f"{len(shown)} of "
    )
    figure = "#figure-final_accuracy [data-run]"
    marks = browser.evaluate(f"document.querySelectorAll('{figure}:not(.off)').length")
    assert marks == len(shown) < browser.evaluate(f"document.querySelectorAll('{figure}').length")
    middle = "{ const r = mark.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }"
    browser.evaluate("document.getElementById('figure-final_accuracy').scrollIntoView()")
    x, y = browser.evaluate(f"((mark) => {middle})(document.querySelector('{figure}'))")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    told = browser.evaluate("document.getElementById('tip').innerText")
    assert re.search(r"^run sgd-.*\narm sgd\nphase confirm\n", told)
    assert re.search(r"\nseed \d+\n", told)
    assert browser.errors() == []
