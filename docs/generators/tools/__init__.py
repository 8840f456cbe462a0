"""The page on how good the tools are, from the committed studies below results/reference.

`python -m docs.generators.tools` writes it again. Every number is worked out by `analysis.tools`; a sentence
that follows from numbers is made from them, so that it changes with them.
"""

from collections.abc import Mapping
from pathlib import Path

from analysis.facts import Facts
from analysis.load import load_study
from docs.generators.tools.comparisons import choosing_section, looking_section, pairing_section
from docs.generators.tools.costs import costs_section
from docs.generators.tools.searches import finding_section, repetition_section, stopping_section

_REPOSITORY = Path(__file__).parents[3]
_REFERENCE = _REPOSITORY / "results/reference"
PAGE = _REPOSITORY / "docs/tools.md"

_HEAD = """# How good are the tools?

What the journals of the [reference studies](results.md) say of the tools that made them. This page is made
from them (`make reference`); intervals are 95 %, each for itself. The studies are small networks on
FashionMNIST and nobody drew them at random, so a number holds for the row it stands in and is no law.
"""

_SECTIONS = (
    repetition_section,
    stopping_section,
    pairing_section,
    choosing_section,
    looking_section,
    finding_section,
)


def page(studies: Mapping[str, Facts]) -> str:
    """Return the page as Markdown.

    Args:
        studies: The committed studies by their names.
    """
    apart = {
        f"{name} on {data}" if data else name: part
        for name, facts in studies.items()
        for data, part in (facts.parts or {"": facts}).items()
    }
    parts = [_HEAD, *(part for section in _SECTIONS for part in section(apart)), *costs_section(studies)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def write() -> None:
    """Write the page."""
    folders = sorted(path.parent for path in _REFERENCE.glob("*/manifest.json"))
    studies = {folder.name: Facts(load_study(folder)) for folder in folders}
    PAGE.write_text(page(studies), encoding="utf-8")
