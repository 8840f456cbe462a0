"""A data set that a user's code loads: in a process of its own, cached by its content, refused in words."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.code.named import NamedCode
from harness.code.resolve import CodeError, entrust
from harness.code.sources import hash_sources
from harness.errors import DataError
from harness.recipe.imported import data_name
from harness.study.datasets import label_of
from harness.study.reading.parse import parse_study
from harness.training.data.own import facts_of
from harness.training.data.prepare import prepare_dataset, prepare_declared
from tests.withdrawing import withdrawn

Load = Callable[[str], str]

GOOD = """
import numpy as np

def load(part, n: int = 12):
    open(__file__ + "." + part, "a").write("called ")
    targets = np.arange(n) % 3
    inputs = np.zeros((n, 3, 4, 4), np.uint8) + np.uint8(10 if part == "train" else 20)
    return inputs, targets
"""


@pytest.fixture
def write_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Return a function that writes the module `own`, trusts it, and names the data set it loads."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "code"
    folder.mkdir()

    def written(text: str) -> str:
        (folder / "own.py").write_text(text, encoding="utf-8")
        code = NamedCode(folder=folder.resolve(), references=("own:load",))
        entrust(code, hash_sources(code))
        return data_name("own:load", {"n": 30})

    yield written
    withdrawn()


def test_what_a_function_returns_is_a_data_set_like_any_other(write_code: Load, tmp_path: Path) -> None:
    """Its facts follow from the arrays; each part is loaded once, however often it is asked for."""
    name = write_code(GOOD)
    facts = facts_of(name)
    assert (facts.kind, facts.shape, facts.class_sizes, facts.is_bytes) == (
        "image",
        (3, 4, 4),
        (10, 10, 10),
        True,
    )
    prepared = prepare_dataset(name)
    assert np.unique(np.load(prepared.folder / "test-inputs.npy")).tolist() == [20]
    assert [(tmp_path / f"code/own.py.{part}").read_text() for part in ("train", "test")] == ["called "] * 2
    again = prepare_declared(name, dict(sorted(prepared.sha256.items())))
    assert again == prepared


def test_a_worker_finds_the_declared_arrays_and_runs_no_loader(write_code: Load) -> None:
    """Nor needs it the code to be trusted for that."""
    name = write_code(GOOD)
    prepared = prepare_dataset(name)
    withdrawn()
    assert prepare_declared(name, prepared.sha256) == prepared


def test_data_that_change_under_a_study_are_refused(write_code: Load) -> None:
    """What the code returns now is compared with what was declared."""
    declared = prepare_dataset(write_code(GOOD)).sha256
    other = write_code(GOOD.replace("else 20", "else 130"))  # Python tells files apart by second and size
    changed = prepare_dataset(other).sha256
    assert {name for name in declared if declared[name] != changed[name]} == {"test-inputs"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def load(part, n): return 3", "own:load: returned int for part='train', and must return"),
        ("def load(part, n): return [1], [2], [3], [4]", "returned 4 values"),
        ("def load(part, n): raise OSError('no disk')", r"OSError: no disk \(.*own\.py:1\)"),
        ("def load(n): ...", "own:load: is called with part, but takes n"),
        ("def load(part, n): import sys; sys.exit(0)", "SystemExit"),
        ("def load(part, n): return [[1.0]], ['a']", "own:load: y_train is of type"),
    ],
)
def test_what_makes_no_data_set_is_told(write_code: Load, text: str, told: str) -> None:
    """With the user's file and line, and without a traceback."""
    with pytest.raises((CodeError, DataError), match=told):
        facts_of(write_code(text))


def test_code_that_is_not_trusted_loads_nothing() -> None:
    """Whoever asks for the data."""
    withdrawn()
    with pytest.raises(CodeError, match="is not trusted"):
        facts_of(data_name("own:load", {}))


def test_a_study_names_data_by_what_loads_them(study_text: str) -> None:
    """A mapping in the file, one word inside, and a short one in the names of arms."""
    imported = "datasets=[digits, {import: 'own.data:load', n: 30}]"
    study = parse_study(study_text, "study.yaml", (imported, "claims=[]"))
    assert [arm.name for arm in study.arms][2:] == ["sgd@own.data_load", "adam@own.data_load"]
    name = study.arms[2].values_of("dataset")[0]
    assert name == 'import:own.data:load{"n": 30}'
    assert label_of(name) == "own.data_load"
