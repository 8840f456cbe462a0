"""The example notebook, cell by cell as a kernel runs it; what a cell ends with shows itself."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest


def run(cell: Mapping[str, Any], names: dict[str, Any]) -> object:
    """Run a cell; return the value of the expression that it ends with, or None."""
    body = ast.parse("".join(cell["source"]), filename=cell["id"]).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), cell["id"], "exec"), names)  # noqa: S102 - our own notebook
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)  # noqa: S307


def shows_itself(value: object) -> bool:
    """Return whether a notebook shows more of a value than its `repr`."""
    shown = [getattr(value, name, lambda: None)() for name in ("_repr_html_", "_repr_svg_")]
    return any(isinstance(text, str) and "<" in text for text in shown)


@pytest.fixture
def cells(repository: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return the notebook's code cells by their ids; the working directory is its folder."""
    notebook = json.loads((repository / "examples/notebook.ipynb").read_text(encoding="utf-8"))
    monkeypatch.chdir(repository / "examples")
    return {cell["id"]: cell for cell in notebook["cells"] if cell["cell_type"] == "code"}


def test_the_cells_that_read_run(
    cells: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Claims, tables, figures and frames of a committed study."""
    names: dict[str, Any] = {}
    ends = {name: run(cell, names) for name, cell in cells.items() if name not in {"run", "differences"}}
    assert [
        name for name in ("read", "table", "figure", "runs", "chosen") if not shows_itself(ends[name])
    ] == []
    assert capsys.readouterr().out.startswith("supported: ")
    accuracy = names["confirm"]["test_accuracy"].iloc[0]
    assert len(names["wrong"]) == round((1 - accuracy) * len(names["predictions"]))


def test_the_notebook_is_kept_without_outputs(cells: dict[str, dict[str, Any]]) -> None:
    """So that a difference of it is one of its text."""
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells.values())


@pytest.mark.ray
@pytest.mark.full  # shorter siblings: above, and test_from_python.py
def test_the_cells_that_run_a_study_come_to_a_ruling(
    cells: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study from a mapping, and its figure."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec("import harness", names)  # noqa: S102 - as the notebook's first cell
    run(cells["run"], names)
    assert names["mine"].claims[0].ruling == "supported"
    assert shows_itself(run(cells["differences"], names))
