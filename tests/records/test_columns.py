import pyarrow as pa
import pytest

from harness.records.columns import EpochColumns, RunColumns
from harness.records.events import EpochEnded

KNOWN = [("run_id", pa.string()), ("test_loss", pa.float64())]


def epoch(number: int, val_loss: float | None) -> EpochEnded:
    """Return an epoch whose step tells its number."""
    return EpochEnded(
        time="t", run_id="r", epoch=number, step=10 * number, lr=0.1, train_loss=0.5, train_accuracy=0.5,
        val_loss=val_loss, val_accuracy=0.25, seconds=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("n_runs", [1, 999, 1000, 1001, 2000, 2500])
def test_no_run_is_lost_however_many_there_are(n_runs: int) -> None:
    """Thousands of runs are kept in blocks of a thousand; their order stays."""
    columns = RunColumns(KNOWN)
    for number in range(n_runs):
        columns.append({"run_id": f"r{number}", "test_loss": None, "config.lr": number / 2})
    table = columns.table()
    assert table["run_id"].to_pylist() == [f"r{number}" for number in range(n_runs)]
    assert table["config.lr"].to_pylist() == [number / 2 for number in range(n_runs)]
    assert table["test_loss"].null_count == n_runs
    assert all(column.num_chunks == 1 for column in table.columns)


def test_a_column_that_comes_late_is_absent_before() -> None:
    """The first 1500 runs have no momentum: null, also in the block that was put away."""
    columns = RunColumns(KNOWN)
    for number in range(1600):
        columns.append({"run_id": f"r{number}", **({"config.momentum": 0.9} if number >= 1500 else {})})
    momentum = columns.table()["config.momentum"]
    assert momentum.type == pa.float64()
    assert (momentum.null_count, momentum.to_pylist()[1499:1501]) == (1500, [None, 0.9])


@pytest.mark.parametrize(
    ("first", "second", "kind", "shown"),
    [
        (1, 2, pa.int64(), [1, 2]),
        (1, 0.5, pa.float64(), [1.0, 0.5]),
        (True, False, pa.bool_(), [True, False]),
        ("relu", "tanh", pa.string(), ["relu", "tanh"]),
        (None, 3, pa.int64(), [None, 3]),
        (None, None, pa.float64(), [None, None]),
        (1, "auto", pa.string(), ["1", "auto"]),
        (1.0, "auto", pa.string(), ["1.0", "auto"]),
        (True, 0.5, pa.string(), ["true", "0.5"]),
    ],
)
@pytest.mark.parametrize("n_each", [1, 1000])
def test_a_column_has_one_type_for_all_its_cells(
    n_each: int, first: object, second: object, kind: pa.DataType, shown: list[object]
) -> None:
    """Whether two values stand in one block or in two: numbers are numbers, a mixture is JSON text."""
    columns = RunColumns(KNOWN)
    for value in [first] * n_each + [second] * n_each:
        columns.append({"config.x": value})
    column = columns.table()["config.x"]
    assert column.type == kind
    assert [column[0].as_py(), column[-1].as_py()] == shown


def test_whole_numbers_stay_whole_beside_text_that_comes_later() -> None:
    """1 and 0.5 in one block, text in the next: 1 is not written as 1.0."""
    columns = RunColumns(KNOWN)
    for value in [1, 0.5] * 500 + ["auto"]:
        columns.append({"config.x": value})
    assert columns.table()["config.x"].to_pylist()[-3:] == ["1", "0.5", "auto"][-3:]


def test_epochs_without_a_value_are_null() -> None:
    """A loss that was not finite is no number, and the epochs around it keep theirs."""
    columns = EpochColumns()
    columns.extend("a", [epoch(1, 0.5), epoch(2, None)])
    columns.extend("b", [])
    columns.extend("c", [epoch(1, 0.25)])
    table = columns.table()
    assert table["run_id"].to_pylist() == ["a", "a", "c"]
    assert table["step"].to_pylist() == [10, 20, 10]
    assert table["val_loss"].to_pylist() == [0.5, None, 0.25]


def test_no_epochs_make_an_empty_table() -> None:
    """A study in which nothing has ended has the same columns."""
    table = EpochColumns().table()
    assert (table.num_rows, table.num_columns) == (0, 9)
