"""Several results folders side by side."""

import math
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from scipy import stats

from analysis.page.comparison.equal_runs import compute_repeats
from analysis.page.comparison.results import compute_results, lay_out_results
from analysis.page.comparison.rulings import compute_verdicts, lay_out_verdicts
from analysis.page.comparison.settings import caption_settings, compute_settings, lay_out_settings
from analysis.page.comparison.sides import Side, load_sides, unique_names
from analysis.page.comparison.speed import compute_speed
from analysis.render.numbers import ABSENT
from analysis.report import main

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

FIRST = [0.90, 0.91, 0.92, 0.93, 0.94]
NAMES = ["a/optimizers", "b/optimizers"]


def sides_of(root: Path, *studies: "Study") -> list[Side]:
    """Write each study into a folder a, b, ... of its own and load them."""
    return load_sides([study.write(root / letter) for letter, study in zip("abc", studies, strict=False)])


def one_arm(new_study: "type[Study]", accuracies: Sequence[float], **values: Any) -> "Study":
    """Return a study whose only arm has these test accuracies on seeds 100, 101, ..."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", accuracies, **values)
    return study


def row_of(frame: pd.DataFrame, metric: str = "test_accuracy") -> dict[Any, Any]:
    """Return the only row of a metric."""
    (row,) = frame[frame["metric"] == metric].to_dict("records")
    return row


def test_names_are_the_shortest_endings() -> None:
    """A folder's own name where no other has it, else as many parents as it takes."""
    paths = [Path("/x/monday/optimizers"), Path("/x/tuesday/optimizers"), Path("/y/dropout")]
    assert unique_names(paths) == ["monday/optimizers", "tuesday/optimizers", "dropout"]
    assert unique_names([Path("/m/a/s"), Path("/n/a/s"), Path("/n/b/s")]) == ["m/a/s", "n/a/s", "b/s"]
    assert unique_names([Path("/one/ratio"), Path("/one/two")]) == ["one/ratio", "two"]  # a heading


def test_common_seeds_are_paired(new_study: "type[Study]", tmp_path: Path) -> None:
    """Equal configurations: differences .01, .02, .03, .02, .02 have mean .02, t-interval ± .00878."""
    shifts = [0.01, 0.02, 0.03, 0.02, 0.02]
    second = [value + shift for value, shift in zip(FIRST, shifts, strict=True)]
    row = row_of(compute_results(sides_of(tmp_path, one_arm(new_study, FIRST), one_arm(new_study, second))))
    assert (row["method"], row["compared"], row["df"], row["different_settings"]) == ("paired", 5, 4, "")
    assert row["difference"] == pytest.approx(0.02)
    # s = sqrt(2e-4 / 4) = .0070711, standard error .0031623, t(.975, 4) = 2.7764
    assert row["difference_half_width"] == pytest.approx(0.0087798, abs=1e-6)
    assert (row["first_mean"], row["first_n"]) == (pytest.approx(0.92), 5)
    assert row["finding"] == "apart"


def test_other_configurations_are_unrelated_samples(new_study: "type[Study]", tmp_path: Path) -> None:
    """Another learning rate: Welch's t, whatever the seeds, with the setting named."""
    second = [0.90, 0.95, 0.97]
    frame = compute_results(
        sides_of(tmp_path, one_arm(new_study, FIRST), one_arm(new_study, second, lr=0.02))
    )
    row, expected = row_of(frame), stats.ttest_ind(second, FIRST, equal_var=False)
    assert (row["method"], row["compared"], row["different_settings"]) == ("Welch", 8, "lr")
    assert row["df"] == pytest.approx(expected.df)
    assert row["p"] == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(row["level"])
    assert row["difference"] - row["difference_half_width"] == pytest.approx(ends.low)
    assert "Welch, df 2.5; settings differ: lr" in set(lay_out_results(frame, NAMES)["Test"])


def test_too_few_common_seeds_are_unrelated_samples(new_study: "type[Study]", tmp_path: Path) -> None:
    """Equal configurations without two common seeds cannot be paired."""
    second = one_arm(new_study, FIRST)
    for run in second.runs:
        run.seed += 1000
    assert row_of(compute_results(sides_of(tmp_path, one_arm(new_study, FIRST), second)))["method"] == "Welch"


@pytest.mark.parametrize(
    ("second", "finding"),
    [
        (FIRST, "identical"),
        ([value + 0.01 for value in FIRST], "no variation"),
        ([0.9001, 0.9099, 0.9201, 0.9299, 0.9400], "within the region"),
        ([0.9011, 0.9112, 0.9211, 0.9312, 0.9411], "apart, within the region"),
        ([0.94, 0.90, 0.93, 0.92, 0.91], "open"),
    ],
)
def test_what_is_found(new_study: "type[Study]", tmp_path: Path, second: list[float], finding: str) -> None:
    """Each finding at values made for it; the region of accuracies is ±0.2 percentage points."""
    sides = sides_of(tmp_path, one_arm(new_study, FIRST), one_arm(new_study, second))
    assert row_of(compute_results(sides))["finding"] == finding


def test_no_mean_and_no_interval_without_seeds(new_study: "type[Study]", tmp_path: Path) -> None:
    """A diverged run voids its arm's mean, and a single seed has no interval; both are shown."""
    lost, single = one_arm(new_study, [0.9, 0.91]), one_arm(new_study, [0.9])
    lost.add("sgd", "confirm", seed=102, status="diverged", epochs=1)
    frame = compute_results(sides_of(tmp_path, one_arm(new_study, FIRST), lost, single))
    rows = frame[frame["metric"] == "test_accuracy"]
    assert list(rows["finding"]) == ["diverged", "too few seeds"]
    assert rows["difference"].isna().all()
    cells = lay_out_results(frame, ["a", "b", "c"])
    assert list(cells["There"][:2]) == ["1 of 3 diverged", "90.00 (n = 1)"]


def test_repeated_searches_are_compared_by_their_means(
    repeated_sizes: "Study", new_study: "type[Study]", tmp_path: Path
) -> None:
    """Six confirm runs a folder are three searches: at 81, 91 and 86 % here, at 70, 75 and 80 % there."""
    other = new_study(arms=repeated_sizes.arms, fixed=repeated_sizes.fixed)
    for arm in other.arms:
        other.repeat(arm, [[0.69, 0.71], [0.74, 0.76], [0.79, 0.81]])
    for run in other.runs:
        run.epoch_seconds = 2.0 if run.repeat else 4.0
    sides = sides_of(tmp_path, repeated_sizes, other)
    frame = compute_results(sides)
    row = frame[frame["metric"] == "test_accuracy"].to_dict("records")[0]
    expected = stats.ttest_ind([0.70, 0.75, 0.80], [0.81, 0.91, 0.86], equal_var=False)
    assert (row["method"], row["first_n"], row["n"], row["compared"]) == ("Welch", 3, 3, 6)
    assert row["first_half_width"] == pytest.approx(0.124207, abs=1e-6)
    assert (row["df"], row["p"]) == (pytest.approx(expected.df), pytest.approx(expected.pvalue))
    speed = compute_speed(sides).to_dict("records")[0]
    assert (speed["first_n"], speed["n"], speed["ratio"]) == (3, 3, pytest.approx(2 ** (1 / 3)))


def test_p_values_are_adjusted_within_a_metric(new_study: "type[Study]", tmp_path: Path) -> None:
    """Holm over two arms: the smaller p is doubled, the larger one stands; other metrics do not count."""
    studies = []
    for shifts in ((0.0,) * 5, (0.01, 0.02, 0.03, 0.02, 0.02)):
        study = new_study(arms={"sgd": {}, "adam": {}})
        study.confirm("sgd", [value + shift for value, shift in zip(FIRST, shifts, strict=True)])
        study.confirm("adam", [value + 0.2 * shift**2 for value, shift in zip(FIRST, shifts, strict=True)])
        studies.append(study)
    frame = compute_results(sides_of(tmp_path, *studies))
    rows = frame[frame["metric"] == "test_accuracy"].sort_values("p")
    assert rows["p_adjusted"].iloc[0] == pytest.approx(min(2 * rows["p"].iloc[0], 1))
    assert rows["p_adjusted"].iloc[1] == pytest.approx(max(rows["p"].iloc[1], rows["p_adjusted"].iloc[0]))
    assert len(frame[frame["metric"] == "test_loss"]) == 2


def test_points_of_a_grid_are_compared_without_a_confirm_phase(measured: "Study", tmp_path: Path) -> None:
    """Where nothing is confirmed, search runs at each point are the seeds; test values do not exist."""
    sides = sides_of(tmp_path, measured, measured)
    frame = compute_results(sides)
    assert set(frame["metric"]) == {"val_loss"}
    assert list(frame["arm"])[:2] == ["sgd, batch_size 64", "sgd, batch_size 256"]
    assert list(frame["finding"]) == ["identical"] * 5 + ["diverged"]


def test_points_that_look_alike_are_compared_each(new_study: "type[Study]", tmp_path: Path) -> None:
    """Values of a grid that rounding to three digits would make one."""
    study = new_study(arms={"sgd": {"beta2": {"grid": [0.9995, 0.9999]}}})
    for beta2 in (0.9995, 0.9999):
        study.grid("sgd", {"beta2": beta2}, [0.3, 0.4])
    frame = compute_results(sides_of(tmp_path, study, study))
    assert list(frame["arm"]) == ["sgd, beta2 0.9995", "sgd, beta2 0.9999"]


def test_only_differing_settings_are_listed(three_arms: "Study", tmp_path: Path) -> None:
    """A changed range and a further seed are rows, with every arm that changed alike in one of them."""
    first = three_arms.write(tmp_path / "a")
    for arm in ("sgd", "adam"):
        three_arms.arms[arm] = {"lr": {"low": 1e-4, "high": 2.0, "log": True}}
        three_arms.add(arm, "confirm", seed=108)
    sides = load_sides([first, three_arms.write(tmp_path / "b")])
    frame = compute_settings(sides)
    cells = lay_out_settings(frame, NAMES).set_index(["Setting", "Of"])
    assert list(cells.loc[("lr", "sgd, adam")]) == [
        "low 0.0001, high 1.0, log true",
        "low 0.0001, high 2.0, log true",
    ]
    assert list(cells.loc[("confirm seeds", "seeds")]) == ["8", "9, 8 of them shared"]
    assert ("lr", "rmsprop") not in cells.index
    assert "torch" not in cells.index.get_level_values(0)
    assert "versions all 2" in caption_settings(frame, NAMES)


def test_an_arm_of_one_folder_is_one_row(new_study: "type[Study]", tmp_path: Path) -> None:
    """That an arm is missing is said once, not once for each of its settings."""
    more = one_arm(new_study, FIRST)
    more.arms["adam"] = {}
    more.confirm("adam", FIRST)
    cells = lay_out_settings(compute_settings(sides_of(tmp_path, one_arm(new_study, FIRST), more)), NAMES)
    of_arms = cells[cells["Of"].isin(["arms", "adam", "sgd", "every arm"])]
    assert of_arms.to_numpy().tolist() == [["arm adam", "arms", ABSENT, "declared"]]


def test_equal_runs_are_matched_and_compared(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of three matched runs one differs from epoch 2 on, by .5 in loss and .25 in test accuracy."""
    first, second = (one_arm(new_study, [0.5, 0.5, 0.5, 0.5]) for _ in range(2))
    curve = {"train_loss": [0.6, 0.5, 0.4], "val_loss": [0.5, 0.4, 0.3]}
    for study in (first, second):
        for run in study.runs:
            run.curve = curve
    second.runs[1].curve = curve | {"val_loss": [0.5, 0.4 + 0.5, 0.3]}
    second.runs[1].test_accuracy = 0.75
    second.runs[2].epochs = 2  # ended sooner, with the same values until then
    second.runs[3].seed = 7  # matches none
    (row,) = compute_repeats(sides_of(tmp_path, first, second)).to_dict("records")
    assert (row["arm"], row["phase"], row["matched"], row["compared"]) == ("sgd", "confirm", 3, 3)
    assert (row["identical"], row["same_end"], row["first_different_epoch"]) == (2, 2, 2)
    assert row["val_loss"] == pytest.approx(0.5)
    assert row["test_accuracy"] == pytest.approx(0.25)


def test_repeated_bits_are_counted(three_arms: "Study", tmp_path: Path) -> None:
    """A rerun with the same numbers repeats every run, a lost loss included; one last bit breaks one."""
    first = three_arms.write(tmp_path / "a")
    same = load_sides([first, three_arms.write(tmp_path / "b")])
    counts = compute_repeats(same)
    assert list(counts["matched"][:3]) == list(counts["identical"][:3]) == [7, 8, 1]
    assert list(counts["phase"][:3]) == ["search", "confirm", "audit"]
    assert counts["first_different_epoch"].isna().all()
    three_arms.runs[0].val_loss = math.nextafter(three_arms.runs[0].val_loss, 1)
    counts = compute_repeats(load_sides([first, three_arms.write(tmp_path / "c")]))
    assert list(counts["identical"][:3]) == [6, 8, 1]


def test_another_configuration_is_no_repetition(new_study: "type[Study]", tmp_path: Path) -> None:
    """Runs of the same arm and seed at another learning rate are not matched."""
    sides = sides_of(tmp_path, one_arm(new_study, FIRST), one_arm(new_study, FIRST, lr=0.02))
    assert compute_repeats(sides).empty


def test_a_setting_without_a_value_matches_one_never_recorded(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """A field that a later version records as absent, and numbers of another type, are the same settings."""
    first, second = one_arm(new_study, FIRST), one_arm(new_study, FIRST)
    for run in first.runs:
        run.configuration = {"batch_size": 64}
    for run in second.runs:
        run.configuration = {"batch_size": 64.0, "clip_norm": None}
    sides = sides_of(tmp_path, first, second)
    assert list(compute_repeats(sides)["matched"]) == [5]
    assert row_of(compute_results(sides))["method"] == "paired"


@pytest.mark.parametrize(("dropout", "method"), [(0.0, "paired"), (0.5, "Welch")])
def test_a_field_not_recorded_yet_has_its_default(
    new_study: "type[Study]", tmp_path: Path, dropout: float, method: str
) -> None:
    """Runs of a version without dropout equal those of one that has it and uses none, and no others."""
    first, second = one_arm(new_study, FIRST), one_arm(new_study, FIRST)
    whole = {"batch_size": 64, "epochs": 3}
    for old, new in zip(first.runs, second.runs, strict=True):
        old.configuration, new.configuration = whole, whole | {"dropout": dropout}
    sides = sides_of(tmp_path, first, second)
    assert row_of(compute_results(sides))["method"] == method
    assert len(compute_repeats(sides)) == (method == "paired")


def test_many_different_settings_are_cut_short(new_study: "type[Study]", tmp_path: Path) -> None:
    """A cell names six settings and how many more there are; the CSV names all."""
    second = one_arm(new_study, FIRST)
    for run in second.runs:
        run.configuration = {f"field_{letter}": 1 for letter in "abcdefgh"}
    frame = compute_results(sides_of(tmp_path, one_arm(new_study, FIRST), second))
    assert lay_out_results(frame, NAMES)["Test"][0].endswith("field_e, field_f and 2 more")
    assert row_of(frame)["different_settings"].endswith("field_g, field_h")


def test_speed_is_a_ratio_on_the_log_scale(new_study: "type[Study]", tmp_path: Path) -> None:
    """Epochs of 2 and 8 s against 1 and 4 s: geometric means 4 and 2, ratio 1/2, with Welch's interval."""
    first, second = one_arm(new_study, [0.9, 0.9]), one_arm(new_study, [0.9, 0.9])
    for study, seconds in ((first, (2.0, 8.0)), (second, (1.0, 4.0))):
        for run, epoch_seconds in zip(study.runs, seconds, strict=True):
            run.epoch_seconds = epoch_seconds
    (row,) = compute_speed(sides_of(tmp_path, first, second)).to_dict("records")
    assert (row["first_seconds"], row["seconds"], row["ratio"]) == pytest.approx((4, 2, 0.5))
    # standard error of each mean log: ln 4 / sqrt 2 / sqrt 2 = ln 2; of the difference sqrt 2 ln 2; df 2
    factor = math.exp(4.302653 * math.sqrt(2) * math.log(2))
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((0.5 / factor, 0.5 * factor), rel=1e-5)
    assert row["warnings"] == ""


def test_speed_warns_of_other_settings(new_study: "type[Study]", tmp_path: Path) -> None:
    """A ratio between runs of other settings is none of machines."""
    first, second = one_arm(new_study, [0.9]), one_arm(new_study, [0.9])
    second.runs[0].configuration = {"batch_size": 8}
    (row,) = compute_speed(sides_of(tmp_path, first, second)).to_dict("records")
    assert row["warnings"] == "settings differ: batch_size"
    assert pd.isna(row["ratio_low"])


def test_speed_warns_of_shared_machines(new_study: "type[Study]", tmp_path: Path) -> None:
    """Runs that trained at the same time are flagged, with how many in which folder."""
    first, second = one_arm(new_study, [0.9]), one_arm(new_study, [0.9])
    sides = sides_of(tmp_path, first, second)
    sides[1].records.runs["concurrency"] = 2
    (row,) = compute_speed(sides).to_dict("records")
    assert row["warnings"] == "runs at the same time: 1 in a/optimizers, 2 in b/optimizers"


_CHOSEN = "for the configurations that one search chose"


def test_changed_verdicts_are_marked(three_arms: "Study", tmp_path: Path) -> None:
    """A claim whose verdict changed, one that did not, and one that only one folder declares."""
    first = three_arms.write(tmp_path / "a")
    for run in three_arms.runs:
        if run.arm == "adam" and run.phase == "confirm" and run.test_accuracy is not None:
            run.test_accuracy += 0.05
    three_arms.claims[2]["says"] = "RMSprop is much prettier."
    frame = compute_verdicts(load_sides([first, three_arms.write(tmp_path / "b")]))
    cells = lay_out_verdicts(frame, NAMES)
    assert cells[["a/optimizers", "b/optimizers", "Change"]].to_numpy().tolist() == [
        ["inconclusive", "inconclusive", ABSENT],
        [f"equivalent {_CHOSEN}", f"supported {_CHOSEN}", "changed"],
        ["not testable", ABSENT, "not in b/optimizers"],
        [ABSENT, "not testable", "not in a/optimizers"],
    ]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["optimizers"], "one folder alone cannot be compared"),
        (["optimizers", "optimizers/../optimizers"], "named twice"),
        (["optimizers", "nowhere"], "no such folder"),
    ],
)
def test_mistakes_are_told(
    results: Path, capsys: pytest.CaptureFixture[str], folders: list[str], message: str
) -> None:
    """Each ends with exit code 2 and one line, and nothing is written."""
    assert main([str(results.parent / folder) for folder in folders] + ["--compare"]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not (results.parent / "comparison").exists()


def test_a_results_folder_is_not_written_over(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--out` may not name a results folder, and means nothing without `--compare`."""
    copy = shutil.copytree(results, tmp_path / "copy")
    assert main([str(results), str(copy), "--compare", "--out", str(copy)]) == 2
    assert "which a comparison would clutter" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([str(results), "--out", str(copy)])
    assert "--out" in capsys.readouterr().err


def test_documents_and_tables_are_written(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the first folder unless told otherwise, the same bytes each time, with every table as CSV."""
    other = shutil.copytree(results, tmp_path / "other" / "optimizers")
    assert main([str(results), str(other), "--compare"]) == 0
    assert capsys.readouterr().out == f"{results.parent / 'comparison' / 'index.html'}\n"
    assert main([str(results), str(other), "--compare", "--out", str(tmp_path / "again")]) == 0
    found = [
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "comparison", tmp_path / "again")
    ]
    assert found[0] == found[1]
    csv = {name for name in found[0] if name.endswith(".csv")}
    assert csv == {
        f"tables/{name}.csv" for name in ("settings", "common_arms", "repeats", "speed", "verdicts")
    }
    assert {"index.html", "report.md"} <= found[0].keys()
    assert re.search(r"\b(nan|NaN|inf)\b|<NA>|None", found[0]["report.md"].decode()) is None


def test_different_studies_compare_common_arms(
    three_arms: "Study", measured: "Study", tmp_path: Path
) -> None:
    """The report says that the studies differ and which arms they share; nothing common is no error."""
    folders = [str(study.write(tmp_path)) for study in (three_arms, measured)]
    assert main([*folders, "--compare"]) == 0
    said = (tmp_path / "comparison" / "report.md").read_text(encoding="utf-8").replace("\\", "")
    assert (
        "different studies (optimizers, batch_sizes): compared are arms of the same name (sgd, adam)" in said
    )
    assert "not in every folder: rmsprop (only optimizers)" in said
    assert "| confirm seeds | seeds | 8 | 0, 0 of them shared |" in said
    assert "Nothing to compare" in said
    assert "No speed is compared" in said


def test_values_of_other_epochs_are_told(new_study: "type[Study]", tmp_path: Path) -> None:
    """A study whose runs count by their best epoch is not compared silently with one of last epochs."""
    last, best = one_arm(new_study, FIRST), one_arm(new_study, FIRST)
    best.search_settings = {"winner": "best"}
    folders = [str(study.write(tmp_path / letter)) for letter, study in (("a", last), ("b", best))]
    assert main([*folders, "--compare", "--out", str(tmp_path / "out")]) == 0
    said = (tmp_path / "out" / "report.md").read_text(encoding="utf-8").replace("\\", "")
    assert "not of the same epoch in every folder: last epoch; epoch with the best val_loss." in said
