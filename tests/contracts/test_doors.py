"""Doors to code, data and programs of a user's own: each has a page, an example, and a test that runs it."""

import re
from pathlib import Path

import pytest

from docs.generators.pages import MADE
from harness.recipe.datasets import DATASETS
from harness.recipe.imported import GIVEN
from harness.recipe.losses import LOSSES
from harness.study.reading.parse import load_study

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*/*.yaml"))
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in (REPOSITORY / "docs/how_to").glob("*.md")}
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?(?: \"[^\"]*\")?\)")


@pytest.mark.parametrize("field", GIVEN)
def test_everything_that_can_be_imported_has_a_row_on_its_page(field: str) -> None:
    """With what it is called with."""
    row = next(line for line in PAGES["imports"].splitlines() if line.startswith(f"| `{field}`"))
    assert all(argument in row for argument in GIVEN[field])


def test_every_data_set_and_loss_stands_on_the_page_of_data() -> None:
    """By the name that recipes use."""
    assert all(f"`{name}`" in PAGES["data"] for name in (*DATASETS, *LOSSES))


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_is_shown(example: Path) -> None:
    """It has a page that names its folder, and reads as it stands; `tests/test_examples.py` runs it."""
    assert load_study(example).claims
    assert any(f"examples/{example.parent.name}" in page for page in PAGES.values())


def test_links_between_documents_lead_somewhere() -> None:
    """Relative ones, also to pages that are made when the site is built; the web is not asked."""
    made = {(REPOSITORY / "docs" / name).resolve() for name in MADE}
    documents = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]
    for document in documents:
        for target in _LINK.findall(document.read_text(encoding="utf-8")):
            if "://" not in target:
                place = (document.parent / target).resolve()
                assert place in made or place.exists(), f"{document.name}: {target}"
