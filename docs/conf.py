"""The site below docs/: `make docs` builds it into docs/_build; a warning, such as a broken link, ends it."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs.generators.pages import MADE  # noqa: E402 - the path comes first

project = "recipe-harness"
author = project
html_title = project
extensions = ["myst_parser"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
html_theme = "furo"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_use_index = False

for name, page in MADE.items():
    (HERE / name).write_text(page(), encoding="utf-8")
