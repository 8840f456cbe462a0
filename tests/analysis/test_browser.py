"""The report in a real browser: it renders at desktop and phone width, offline, and nothing spills over."""

import os
import shutil
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

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
    "--virtual-time-budget=5000",
]

MEASURE = """<script>
addEventListener("load", () => {
  const wide = [...document.querySelectorAll("body *")].filter((e) => e.closest(".wide, .card, pre") === null)
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
  const spilled = wide.map((e) => e.tagName).join(",") || "nothing";
  const sortable = document.querySelectorAll("th[aria-sort]").length;
  const heading = document.querySelector("#table-results th:nth-child(3)");
  heading.click();
  const first = document.querySelector("#table-results tbody th").innerText;
  document.title = `width=${innerWidth} spilled=${spilled} sortable=${sortable} first=${first}`;
});
</script>"""


def chromium() -> str:
    """Return the browser's path; without one, skip, but fail where CI promised it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this CI machine")
        pytest.skip("no Chromium on this machine")
    return found


def browse(profile: Path, *arguments: str) -> str:
    """Run the browser on its own empty profile; return what it printed."""
    command = [chromium(), *FLAGS, f"--user-data-dir={profile}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_drawn(reported: Path, tmp_path: Path, width: int) -> None:
    """The screenshot has the asked width and shows text and figures, not an empty page."""
    shot = tmp_path / "shot.png"
    page = (reported / "report" / "index.html").as_uri()
    browse(tmp_path / "profile", f"--screenshot={shot}", f"--window-size={width},3000", page)
    pixels = matplotlib.image.imread(shot)[:, :, :3]
    assert pixels.shape[:2] == (3000, width)
    ink = np.ptp(pixels, axis=2) + (pixels.mean(axis=2) < 0.5)
    assert 0.005 < (ink > 0.2).mean() < 0.5


@pytest.mark.parametrize("width", [1280, 500])
def test_nothing_spills_over_and_tables_sort(reported: Path, tmp_path: Path, width: int) -> None:
    """Only tables, figures and code scroll sideways; a click on a heading sorts by number.

    500 pixels is the narrowest window whose width the page is told by a headless Chromium.
    """
    page = tmp_path / "measured.html"
    text = (reported / "report" / "index.html").read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", MEASURE + "</body>"), encoding="utf-8")
    printed = browse(tmp_path / "profile", "--dump-dom", f"--window-size={width},900", page.as_uri())
    title = printed.split("<title>")[1].split("</title>")[0]
    measured = dict(part.split("=") for part in title.split())
    assert measured["width"] == str(width)
    assert measured["spilled"] == "nothing"
    assert int(measured["sortable"]) > 20
    assert measured["first"] == "rmsprop"  # 0.001 is the smallest rate: first after sorting, second before
