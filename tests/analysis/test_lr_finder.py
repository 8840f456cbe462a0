import math
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.load import load_study
from analysis.lr_finder import (
    caption_comparison,
    compute_comparison,
    found_rates,
    lay_out_comparison,
    write_finder,
)
from analysis.lr_finder.figure import caption_figure, compute_figure, draw_figure, render_figure
from analysis.lr_finder.suggestions import SHAPES, compute_suggestions, longest_descent, suggest
from analysis.render.figure import arm_styles
from analysis.tools.finding import suggested
from harness.errors import ResultsError
from harness.records.range_test import RangeTests, Settings, TestedArm, read_tests, write_curves

if TYPE_CHECKING:
    from conftest import Study

EXPONENTS = np.linspace(-5, 0, 101)
RATES = 10**EXPONENTS
LOSS = st.floats(0.1, 10)
LOG_RANGE = {"low": 1e-4, "high": 1.0, "log": True}


def test_a_parabola_in_the_log_rate() -> None:
    """Lowest at 1e-1, falling from 1e-5: two thirds down is 10 ** (-5 + 8/3), steepest the first."""
    found = suggest(RATES, 1 + (EXPONENTS + 1) ** 2, settling_steps=0)
    assert found["minimum_tenth"] == pytest.approx(1e-2)
    assert found["valley"] == pytest.approx(10 ** (-5 + 8 / 3))
    assert found["steepest_descent"] == pytest.approx(1e-5)


def test_a_settling_average_does_not_count() -> None:
    """The same parabola from the 21st point, 1e-4, on: the minimum stays, the valley is shorter."""
    found = suggest(RATES, 1 + (EXPONENTS + 1) ** 2, settling_steps=20)
    assert found["minimum_tenth"] == pytest.approx(1e-2)
    assert found["valley"] == pytest.approx(1e-2)
    assert found["steepest_descent"] == pytest.approx(1e-4)


def test_the_steepest_descent_of_a_step() -> None:
    """A hyperbolic tangent falls fastest at its centre."""
    assert suggest(RATES, 3 - np.tanh(4 * (EXPONENTS + 2.5)), 0)["steepest_descent"] == pytest.approx(
        10**-2.5
    )


def test_a_flat_stretch_does_not_lengthen_the_valley() -> None:
    """Flat up to 1e-2, then 40 steps down to 1: two thirds down these, not down the whole curve."""
    losses = np.minimum(2.0, -EXPONENTS)
    assert suggest(RATES, losses, 0)["valley"] == pytest.approx(10 ** (-2 + 4 / 3))


def test_steps_back_up_do_not_cut_a_valley() -> None:
    """One loss out of line in the middle of a straight descent of 101 points costs it one point of length."""
    losses = -EXPONENTS
    losses[50] += 1
    assert longest_descent(losses) == 100


@given(st.lists(st.integers(0, 5), max_size=8))
def test_the_longest_descent_is_the_longest(values: list[int]) -> None:
    """No strictly falling subsequence, of all there are, is longer."""
    falling = (
        len(chosen)
        for size in range(len(values) + 1)
        for chosen in combinations(values, size)
        if all(a > b for a, b in pairwise(chosen))
    )
    assert longest_descent(np.array(values, dtype=float)) == max(falling)


def test_a_loss_that_only_rises_suggests_nothing() -> None:
    """There is no descent to take a rate from."""
    assert set(suggest(RATES, EXPONENTS + 6, 0).values()) == {None}


@given(
    st.lists(LOSS, min_size=1, max_size=40),
    st.lists(st.one_of(st.just(math.nan), st.just(math.inf), st.floats(0, 1e9)), max_size=10),
    st.integers(0, 5),
)
def test_what_diverges_changes_no_suggestion(curve: list[float], rest: list[float], settling: int) -> None:
    """Appended points that are not finite, or not below the minimum, leave every rule's rate as it was."""
    settled = curve[settling:] or curve[-1:]
    rest = [min(settled) + value for value in rest] if len(curve) > settling else [math.nan, *rest]
    rates = np.geomspace(1e-7, 10, len(curve) + len(rest))
    before = suggest(rates[: len(curve)], np.array(curve), settling)
    assert suggest(rates, np.array(curve + rest), settling) == before


@given(st.lists(LOSS, min_size=2, max_size=40), st.floats(1e-3, 1e3))
def test_rates_scale_with_the_axis(curve: list[float], factor: float) -> None:
    """The rules see ratios of rates only: the same losses at twice the rates suggest twice as much."""
    rates = np.geomspace(1e-5, 1, len(curve))
    plain, scaled = (suggest(r, np.array(curve), 0) for r in (rates, factor * rates))
    for rule, rate in plain.items():
        assert scaled[rule] == (None if rate is None else pytest.approx(factor * rate))


def settings(**changes: Any) -> Settings:
    """Return the settings of two arms with two seeds; adam's rate is fixed."""
    arms = {
        "sgd": TestedArm(
            fixed={"dataset": "fashion_mnist", "model": {"name": "fcn"}, "optimizer": "sgd"},
            space={"lr": LOG_RANGE},
            point={"lr": 0.01},
        ),
        "adam": TestedArm(fixed={"optimizer": "adam", "lr": 0.003}, space={}, point={}),
    }
    values: dict[str, Any] = {
        "study": "optimizers",
        "overrides": [],
        "arms": arms,
        "seeds": [1, 2],
        "low": 1e-5,
        "high": 1.0,
        "steps": len(RATES),
        "smoothing": 0.95,
        "divergence_factor": 4.0,
        "dataset": {"name": "fashion_mnist", "sha256": {}},
        "git": {"commit": None, "dirty": None},
        "versions": {"python": "3.11"},
        "machine": {"host": "node1"},
    }
    return Settings(**(values | changes))


def curve(arm: str, seed: int, lowest: float, lost: float | None = None) -> list[dict[str, Any]]:
    """Return a parabola around an exponent; it ends, not a number, at the first rate above `lost`."""
    rows = []
    for step, (exponent, rate) in enumerate(zip(EXPONENTS, RATES, strict=True), start=1):
        diverged = lost is not None and rate > lost
        loss = math.nan if diverged else 1 + (exponent - lowest) ** 2
        rows.append(
            {"arm": arm, "seed": seed, "step": step, "lr": rate, "loss": loss, "smoothed_loss": loss}
            | {"diverged": diverged}
        )
        if diverged:
            break
    return rows


ROWS = [
    *curve("sgd", 1, -1.0, lost=0.5),
    *curve("sgd", 2, -2.0),
    *curve("adam", 1, -3.0),
    *curve("adam", 2, -9.0),
]


@pytest.fixture
def tests(tmp_path: Path) -> RangeTests:
    """Return tests whose minima lie at 1e-1 and 1e-2, at 1e-3 and below the range."""
    write_curves(tmp_path / "optimizers", settings(), ROWS)
    return read_tests(tmp_path / "optimizers")


def test_what_is_written_is_read_with_the_same_bits(tests: RangeTests) -> None:
    """Settings and every number survive the files."""
    assert tests.settings == settings()
    pd.testing.assert_frame_equal(tests.curves, pd.DataFrame(ROWS), check_exact=True)


def test_the_lag_of_smoothing_is_told(tests: RangeTests) -> None:
    """Weight 0.95 averages over 20 steps, here a fifth of five decades: a factor of 10 in the rate."""
    assert tests.settings.lag_factor == pytest.approx(10)
    assert "up to a factor of 10 in the rate" in caption_comparison(tests, compute_suggestions(tests))
    assert "20 steps, a factor of 10 in the rate" in caption_figure(tests, compute_suggestions(tests))


def test_suggestions_have_one_row_a_test(tests: RangeTests) -> None:
    """The first seed of sgd diverged at the first rate above 0.5; adam's second never fell."""
    frame = compute_suggestions(tests)
    assert frame["minimum_tenth"].tolist() == pytest.approx([1e-2, 1e-3, 1e-4, math.nan], nan_ok=True)
    assert frame["minimum_lr"].tolist() == pytest.approx([1e-1, 1e-2, 1e-3, 1e-4])
    assert frame["diverged_lr"].tolist() == pytest.approx([10**-0.3, *[math.nan] * 3], nan_ok=True)


@pytest.mark.parametrize("loss", [math.nan, math.inf, 0.0, 99.0])
def test_the_point_that_diverged_changes_no_suggestion(tests: RangeTests, loss: float) -> None:
    """Whatever its loss is, even below all others."""
    expected = compute_suggestions(tests)
    is_lost = tests.curves["diverged"]
    tests.curves.loc[is_lost, ["loss", "smoothed_loss"]] = loss
    pd.testing.assert_frame_equal(compute_suggestions(tests), expected)


def test_the_table_tells_median_and_extremes(tests: RangeTests) -> None:
    """Of 1e-2 and 1e-3 the median is 0.0055; a seed without a suggestion leaves n = 1."""
    frame = compute_comparison(tests, compute_suggestions(tests))
    cells = lay_out_comparison(frame).set_index("Arm")
    assert cells.loc["sgd", "Minimum / 10"] == "0.0055 (0.001 to 0.01)"
    assert cells.loc["sgd", "Declared learning rate"] == "1e-4 to 1, log"
    assert cells.loc["sgd", "Diverged"] == "1 of 2, from 0.501"
    assert cells.loc["adam", "Minimum / 10"] == "1e-4 (1e-4 to 1e-4, n = 1)"
    assert cells.loc["adam", "Declared learning rate"] == "0.003, fixed"
    assert cells.loc["adam", "Diverged"] == "0 of 2"
    assert set(cells["Found by the search"]) == {"–"}  # noqa: RUF001 -- the mark of an absent value


def test_the_rate_of_a_finished_search_stands_beside(new_study: "type[Study]", tmp_path: Path) -> None:
    """Where the study's folder holds one; the ratio is that of the median."""
    study = new_study(arms={"sgd": {"lr": LOG_RANGE}})
    study.search("sgd", [0.0011, 0.1], best=0.0011)
    root = study.write(tmp_path)
    write_curves(root, settings(), ROWS)
    tests = read_tests(root)
    frame = compute_comparison(tests, compute_suggestions(tests))
    row = frame[(frame["arm"] == "sgd") & (frame["rule"] == "minimum_tenth")].iloc[0]
    assert row["found_lr"] == 0.0011
    assert row["ratio"] == pytest.approx(5.0)
    assert lay_out_comparison(frame).set_index("Arm").loc["sgd", "Found by the search"] == "0.0011"


def test_every_search_that_was_repeated_stands_beside(new_study: "type[Study]", tmp_path: Path) -> None:
    """Found at 0.0004 and 0.0025, geometric mean 0.001: the median of 0.0055 is 5.5 times that."""
    study = new_study(arms={"sgd": {"lr": LOG_RANGE}})
    study.repeat("sgd", [[0.8], [0.9]])
    for run in study.runs:
        run.lr = (0.0004, 0.0025)[run.repeat]
    root = study.write(tmp_path)
    write_curves(root, settings(), ROWS)
    tests = read_tests(root)
    suggestions = compute_suggestions(tests)
    frame = compute_comparison(tests, suggestions)
    row = frame[(frame["arm"] == "sgd") & (frame["rule"] == "minimum_tenth")].iloc[0]
    assert row[["found_lr", "found_low", "found_high", "n_found"]].tolist() == pytest.approx(
        [0.001, 0.0004, 0.0025, 2]
    )
    assert row["ratio"] == pytest.approx(5.5)
    told = lay_out_comparison(frame).set_index("Arm").loc["sgd", "Found by the search"]
    assert told == "4e-4 to 0.0025 (2 repeats)"


def test_a_curve_below_zero_is_drawn_whole(tests: RangeTests) -> None:
    """No logarithmic scale, and a lower limit below the lowest loss, for losses of one's own."""
    tests.curves[["loss", "smoothed_loss"]] -= 3
    suggestions = compute_suggestions(tests)
    frame = compute_figure(tests, suggestions)
    ax, *_ = draw_figure(frame, arm_styles(tests.arms), 1e-5, 1.0).axes
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] < frame["value"].min() == -2
    assert "of losses below 0" in caption_comparison(tests, suggestions)


def test_suggestions_are_set_against_every_search(new_study: "type[Study]", tmp_path: Path) -> None:
    """Tests suggest 1e-2 and 1e-3, two searches found 0.01: 10 ** -2.5 against 10 ** -2, n = 2 and 2."""
    study = new_study(arms={"sgd": {"lr": LOG_RANGE}})
    study.repeat("sgd", [[0.8], [0.9]])
    root = study.write(tmp_path)
    write_curves(root, settings(), ROWS)
    rows = {row.rule: row for row in suggested(load_study(root), read_tests(root))}
    tenth = rows["minimum_tenth"]
    assert (tenth.arm, tenth.tests, tenth.searches) == ("sgd", 2, 2)
    assert (tenth.suggested, tenth.found) == (pytest.approx(10**-2.5), pytest.approx(0.01))
    # a standard error of half a decade with one degree of freedom, whose t(.975) is 12.7062
    ends = [10**exponent for exponent in (-0.5, -0.5 - 12.7062 / 2, -0.5 + 12.7062 / 2)]
    assert tuple(tenth.ratio) == pytest.approx(ends, rel=1e-4)
    assert set(rows) == {"steepest_descent", "valley", "minimum_tenth"}


def test_a_search_of_another_arm_of_that_name_is_not_compared(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """Its range was another one, so its rate answers another question."""
    study = new_study(arms={"sgd": {"lr": LOG_RANGE | {"high": 0.5}}})
    study.search("sgd", [0.001, 0.1], best=0.001)
    assert found_rates(study.write(tmp_path), settings()) == {"sgd": [], "adam": []}


def test_a_search_that_chose_another_branch_is_not_compared(new_study: "type[Study]", tmp_path: Path) -> None:
    """The test stood at SGD, the first branch; a rate that suits Adam answers another question."""
    space = {"optimizer": {"one_of": {name: {"lr": LOG_RANGE} for name in ("sgd", "adam")}}}
    study = new_study(arms={"joint": space})
    for name, rate in (("sgd", 0.1), ("adam", 0.001)):
        study.add("joint", "search", lr=rate, configuration={"optimizer": name})
    fixed = {"dataset": "fashion_mnist", "model": {"name": "fcn"}}
    study.fixed["joint"] = {"optimizer": "sgd"}
    arm = TestedArm(fixed=fixed | {"optimizer": "sgd"}, space=space, point={"optimizer": "sgd", "lr": 0.01})
    for place, (winner, rates) in enumerate((("joint-search-000", [0.1]), ("joint-search-001", []))):
        study.winners["joint"] = winner
        assert found_rates(study.write(tmp_path / str(place)), settings(arms={"joint": arm})) == {
            "joint": rates
        }


def test_a_search_on_other_data_is_not_compared(new_study: "type[Study]", tmp_path: Path) -> None:
    """The data set's files have changed since: the study's digest is another one."""
    study = new_study(arms={"sgd": {"lr": LOG_RANGE}})
    study.search("sgd", [0.001, 0.1], best=0.001)
    root = study.write(tmp_path)
    for digest, rates in (("ab" * 32, [0.001]), ("cd" * 32, [])):
        data = {"name": "fashion_mnist", "sha256": {"train-images": digest}}
        assert found_rates(root, settings(dataset=data))["sgd"] == rates


def test_what_diverged_is_on_the_rail(tests: RangeTests) -> None:
    """One mark for the test that ended, at its rate, and raw losses above all smoothed ones."""
    tests.curves.loc[3, "loss"] = 1e6
    frame = compute_figure(tests, compute_suggestions(tests))
    rail = frame[frame["place"] == "rail"]
    assert rail["kind"].tolist() == ["raw", "diverged"]
    assert rail["lr"].tolist() == pytest.approx([RATES[3], 10**-0.3])
    assert (frame["kind"] == "smoothed").sum() == len(ROWS) - 1


def test_marks_lie_on_their_curves(tests: RangeTests) -> None:
    """A mark's height is the smoothed loss at its rate: 2, a decade away from a parabola's minimum of 1."""
    frame = compute_figure(tests, compute_suggestions(tests))
    assert frame.loc[frame["kind"] == "minimum_tenth", "value"].tolist() == pytest.approx([2.0, 2.0, 2.0])
    assert frame.loc[frame["kind"] == "minimum_tenth median", "lr"].tolist() == pytest.approx([0.0055, 1e-4])


def test_tests_that_diverged_at_once_leave_no_drawing(tmp_path: Path) -> None:
    """Their table is written all the same, without a suggestion."""
    rows = [curve("sgd", 1, 0.0, lost=1e-9)[0]]
    write_curves(tmp_path, settings(seeds=[1]), rows)
    tests = read_tests(tmp_path)
    assert render_figure(tests, compute_suggestions(tests)).svg is None
    cells = write_finder(tmp_path).cells.set_index("Arm")
    assert cells.loc["sgd", "Diverged"] == "1 of 1, from 1e-5"
    assert cells.loc["sgd", "Valley"] == "–"  # noqa: RUF001 -- the mark of an absent value


def test_writing_again_gives_the_same_bytes(tests: RangeTests) -> None:
    """Table and figure, in every format, follow from the two files alone."""
    root = tests.folder.parent
    write_finder(root)
    before = {path.name: path.read_bytes() for path in tests.folder.iterdir()}
    assert before.keys() == {
        *("settings.json", "curves.csv", "suggestions.csv", "comparison.csv", "comparison.md"),
        *("comparison.tex", "lr_finder.svg", "lr_finder.png", "lr_finder.csv"),
    }
    for name in before.keys() - {"settings.json", "curves.csv"}:
        (tests.folder / name).unlink()
    write_finder(root)
    assert {path.name: path.read_bytes() for path in tests.folder.iterdir()} == before


def test_a_folder_without_tests_is_refused(tmp_path: Path) -> None:
    """The message names the file and the command that makes it."""
    with pytest.raises(
        ResultsError, match=r"settings\.json: no such file. Remedy: python -m harness\.lr_finder"
    ):
        read_tests(tmp_path)


@pytest.mark.parametrize(("name", "text"), [("settings.json", "{}"), ("curves.csv", "arm,seed\nsgd,1\n")])
def test_damaged_tests_are_refused(tests: RangeTests, name: str, text: str) -> None:
    """No traceback: what is damaged, and how to mend it."""
    (tests.folder / name).write_text(text)
    with pytest.raises(ResultsError, match="damaged"):
        read_tests(tests.folder.parent)


NOISE = 0.05 * np.sin(1e4 * np.arange(len(RATES)) ** 2)  # no two neighbours alike, no trend


def went(losses: Any, *, lost_at: int | None = None) -> list[dict[str, Any]]:
    """Return the one curve of an arm; with `lost_at`, the test diverged at that step."""
    return [
        {"arm": "sgd", "seed": 1, "step": step, "lr": rate, "loss": loss + 3 * noise, "smoothed_loss": loss}
        | {"diverged": step == lost_at}
        for step, (rate, loss, noise) in enumerate(zip(RATES, losses, NOISE, strict=True), start=1)
        if lost_at is None or step <= lost_at
    ]


@pytest.mark.parametrize(
    ("rows", "shape"),
    [
        (went((EXPONENTS + 2) ** 2), "turned"),
        (went(3 - 0.5 * (EXPONENTS + 5), lost_at=90), "turned"),
        (went(-EXPONENTS), "falling"),
        (went(3 - np.exp(EXPONENTS)), "falling"),
        (went((EXPONENTS + 0.5) ** 2), "turned"),
        (went((EXPONENTS + 0.2) ** 2), "falling"),
        (went(EXPONENTS + 6), "rising"),
        (went(EXPONENTS + 6 + NOISE / 10, lost_at=60), "rising"),
        (went(2.3 + NOISE / 10), "flat"),
        (went(np.full(len(RATES), 2.3)), "flat"),
        (went(EXPONENTS + 6, lost_at=7), "lost"),
        (went(EXPONENTS + 6, lost_at=1), "lost"),
    ],
)
def test_only_a_loss_that_was_seen_to_turn_suggests_a_rate(
    rows: list[dict[str, Any]], shape: str, tmp_path: Path
) -> None:
    """What still falls at the last rate, rises from the first, or only trembles is told everywhere."""
    write_curves(tmp_path, settings(seeds=[1]), rows)
    table = write_finder(tmp_path)
    folder = tmp_path / "lr_finder"
    told = pd.read_csv(folder / "suggestions.csv").iloc[0]
    assert told["shape"] == shape
    assert told[["steepest_descent", "valley", "minimum_tenth"]].notna().all() == (shape == "turned")
    assert set(pd.read_csv(folder / "comparison.csv").query("arm == 'sgd'")[f"n_{shape}"]) == {1}
    is_told = SHAPES[shape] in table.caption  # type: ignore[index]
    assert is_told == ("No rate is suggested" in table.caption) == (shape != "turned")
    if shape != "turned":
        assert f"0 of 1; 1 {SHAPES[shape]}" in table.cells.set_index("Arm").loc["sgd", "Loss turned"]  # type: ignore[index]
        figure = render_figure(read_tests(tmp_path), compute_suggestions(read_tests(tmp_path)))
        assert SHAPES[shape] in figure.caption  # type: ignore[index]
        assert f",{shape}\n" in figure.csv
