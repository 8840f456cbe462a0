"""What the documents show is tried."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.facts import Facts
from analysis.records import load_study
from analysis.render import numbers

if TYPE_CHECKING:
    from analysis.blocks import Block


def test_the_contributors_example_of_a_table_is_a_block(repository: Path) -> None:
    """Its code, as it stands, answers its question of the reference study of optimizers."""
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = next(
        part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "EPOCHS_TO = Block" in part
    )
    names: dict[str, Any] = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)  # noqa: S102 - our own document
    block: Block = names["EPOCHS_TO"]
    assert block.table is not None
    table = block.table.rendered("epochs_to", Facts(load_study(repository / "results/reference/optimizers")))
    assert table.cells.to_dict("list") == {
        "Arm": ["published_rate", "sgd", "rmsprop", "adam"],
        "Epochs": [numbers.ABSENT, "5.10 ± 0.98", "4.30 ± 0.83", "4.50 ± 0.51"],
        "Reached by": ["0 of 10", "10 of 10", "10 of 10", "10 of 10"],
    }
    assert "mean ± half-width of the 95 %" in table.caption


_RULED = re.compile(r'\[\**([a-z ,]+?)\**\]\((results/[^)"#]+/claims\.json) "claim (\d+)"\)')
"""A ruling in a document: a link to the file that holds it, whose title is the claim's number, from 1."""

_OF_ONE_SEARCH = ", of one search"
"""How a document says in short that a ruling is about the configurations that one search chose."""

_DECISIVE = ("supported", "contradicted", "equivalent", "inconclusive")


def test_every_ruling_of_the_readme_is_the_reports(repository: Path) -> None:
    """Each is a link to its claim and says what that was ruled, and about what."""
    found = _RULED.findall((repository / "README.md").read_text(encoding="utf-8"))
    assert len(found) >= 15
    for said, path, number in found:
        claim = json.loads((repository / path).read_text(encoding="utf-8"))["claims"][int(number) - 1]
        of_one_search = _OF_ONE_SEARCH if claim["scope"] == "configuration" else ""
        assert said == claim["ruling"] + of_one_search, (path, number)


def test_no_table_of_the_readme_rules_without_a_claim(repository: Path) -> None:
    """A decisive word in a row of a table of results stands in such a link."""
    lines = (repository / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|") and "results" not in _RULED.sub("", line)]
    bare = [row for row in rows for word in _DECISIVE if word in _RULED.sub("", row)]
    assert not bare
