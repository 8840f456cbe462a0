"""What the documents show is tried."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.facts import Facts
from analysis.records import load_study

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
        "Arm": ["sgd", "rmsprop", "adam"],
        "Epochs": ["5.30 ± 0.83", "6.1 ± 1.3", "6.8 ± 1.1"],
        "Reached by": ["10 of 10"] * 3,
    }
    assert "mean ± half-width of the 95 %" in table.caption
