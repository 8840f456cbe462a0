"""The forest of differences: what is drawn, and that it is what was measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.patches import Rectangle

from analysis.blocks.differences import (
    DIFFERENCES,
    MINUS,
    alt_differences,
    caption_differences,
    compute_differences,
    draw_differences,
    smallest_region,
)
from analysis.facts import Facts
from analysis.render.figure import arm_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tests.analysis.conftest import Study


def of(new_study: "type[Study]", accuracies: dict[str, list[float]]) -> "Study":
    """Return a study with these test accuracies by arm."""
    study = new_study(arms={arm: {} for arm in accuracies})
    for arm, values in accuracies.items():
        study.confirm(arm, values)
    return study


def with_baseline(study: "Study", folder: Path, baseline: str) -> Facts:
    """Write a study that declares a baseline; return its facts."""
    study.baseline = baseline
    return study.facts(folder)


def drawn(facts: Facts) -> "Axes":
    """Return the axes of the figure."""
    return draw_differences(compute_differences(facts), arm_styles(facts.records.arms)).axes[0]


THREE = {"a": [0.80, 0.80, 0.80], "b": [0.81, 0.82, 0.83], "c": [0.90, 0.92, 0.91]}


def test_every_seed_and_every_mean(new_study: "type[Study]", tmp_path: Path) -> None:
    """Three pairs of three seeds: b - a is 1, 2, 3 pp, its mean 2 pp with 7.64871 / sqrt(3) pp around it."""
    frame = compute_differences(of(new_study, THREE).facts(tmp_path))
    assert frame["line"].value_counts().to_dict() == {"seed": 9, "mean": 3}
    pair = frame[(frame["arm"] == "b") & (frame["than"] == "a")]
    assert pair["difference"].tolist() == pytest.approx([0.01, 0.02, 0.03, 0.02])
    assert pair[["low", "high"]].iloc[-1].tolist() == pytest.approx([-0.0241594, 0.0641594], abs=2e-6)
    assert pair["seed"].tolist()[:3] == [100, 101, 102]


def test_all_that_is_drawn_is_in_the_frame(new_study: "type[Study]", tmp_path: Path) -> None:
    """As many dots as seeds, at their values in percentage points; a bar for each interval; labels."""
    ax = drawn(of(new_study, THREE).facts(tmp_path))
    dots = [sorted(float(x) for x, _ in shown.get_offsets()) for shown in ax.collections]
    assert dots[0] == pytest.approx([1, 2, 3])
    assert [len(values) for values in dots] == [3, 3, 3]
    bars = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2 and line.get_ydata()[0] > 0]
    assert list(bars[-1]) == pytest.approx([9 - 4.41594, 9 + 4.41594], abs=2e-4)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == [f"b {MINUS} a", f"c {MINUS} a", f"c {MINUS} b"]
    assert ax.texts[0].get_text() == "+2.0 ± 4.4, n = 3"


def test_with_a_baseline_every_other_arm_against_it(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two rows in place of three, corrected for two."""
    facts = with_baseline(of(new_study, THREE), tmp_path, "b")
    frame = compute_differences(facts)
    means = frame[frame["line"] == "mean"]
    assert means[["arm", "than"]].to_numpy().tolist() == [["a", "b"], ["c", "b"]]
    assert means["difference"].tolist() == pytest.approx([-0.02, 0.09])
    assert means["level"].tolist() == pytest.approx([0.975, 0.975])
    assert caption_differences(facts, frame).startswith("Every other arm minus the declared baseline b:")
    assert drawn(facts).texts[0].get_text() == f"{MINUS}2.0 ± 3.6, n = 3"


def test_at_most_sixteen_pairs_are_drawn(new_study: "type[Study]", tmp_path: Path) -> None:
    """Seven arms have 21 pairs: the first 16 in the study's order, with intervals corrected for all 21."""
    arms = {f"arm{i}": [0.80 + i / 100, 0.80 + i / 90, 0.80 + i / 95] for i in range(7)}
    facts = of(new_study, arms).facts(tmp_path)
    frame = compute_differences(facts)
    means = frame[frame["line"] == "mean"]
    assert len(means) == 16
    assert means["arm"].tolist()[:6] == [f"arm{i}" for i in range(1, 7)]
    assert means["level"].max() > 1 - 0.05 / 20
    assert "5 more pairs, in the order of the study file, are not drawn." in caption_differences(facts, frame)


def test_arms_of_two_templates_differ_in_one_thing(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of six pairs those of one template, and those with one batch size."""
    arms = [f"{name}@batch_size={size}" for name in ("sgd", "adam") for size in (16, 64)]
    study = of(new_study, {arm: [0.80, 0.82 + rank / 50, 0.85] for rank, arm in enumerate(arms)})
    study.fixed = {arm: {"batch_size": int(arm.split("=")[1])} for arm in arms}
    facts = study.facts(tmp_path)
    frame = compute_differences(facts)
    means = frame[frame["line"] == "mean"]
    short = {arm: arm.replace("@batch_size=", "") for arm in arms}
    told = [f"{short[row.arm]} - {short[row.than]}" for row in means.itertuples()]
    assert told == ["sgd64 - sgd16", "adam16 - sgd16", "adam64 - sgd64", "adam64 - adam16"]
    assert means["level"].tolist() == pytest.approx([1 - 0.05 / 4] * 4)
    said = "Every two arms of one template, or with the same values in two, the one that the study file"
    assert caption_differences(facts, frame).startswith(said)


def claim(region: float | None, metric: str = "test_accuracy") -> dict[str, Any]:
    """Return a claim with a region of equivalence."""
    about = {"arm": "a", "than": "b", "metric": metric}
    return {"says": "a wins", "better": about} | ({} if region is None else {"region": region})


@pytest.mark.parametrize(
    ("claims", "region", "said"),
    [
        ([], 0.002, "±0.2 pp. "),
        ([claim(None)], 0.002, "±0.2 pp. "),
        ([claim(0.005)], 0.005, "±0.5 pp. "),
        ([claim(0.005), claim(None)], 0.002, "±0.2 pp, the smallest of those that claims use. "),
        ([claim(0.0005, "test_loss")], 0.002, "±0.2 pp. "),
    ],
)
def test_the_band_is_the_region_of_the_claims(
    new_study: "type[Study]", tmp_path: Path, claims: list[dict[str, Any]], region: float, said: str
) -> None:
    """Of claims about test accuracy, the smallest; without one, the metric's own."""
    study = of(new_study, THREE)
    study.claims = claims
    facts = study.facts(tmp_path)
    assert smallest_region(facts) == region
    (band,) = drawn(facts).patches
    assert isinstance(band, Rectangle)
    assert (band.get_x(), band.get_width()) == pytest.approx((-100 * region, 200 * region))
    assert said in caption_differences(facts, compute_differences(facts))


def test_a_diverged_seed_is_a_dot_at_chance(new_study: "type[Study]", tmp_path: Path) -> None:
    """C's first seed at 10 % is 70 points behind a's: nothing hides the lost one."""
    study = of(new_study, THREE)
    next(run for run in study.runs if run.arm == "c").status = "diverged"
    frame = compute_differences(study.facts(tmp_path))
    pair = frame[(frame["arm"] == "c") & (frame["than"] == "a")]
    assert pair["difference"].tolist() == pytest.approx([-0.70, 0.12, 0.11, -0.47 / 3])
    assert pair["low"].notna().tolist() == [False, False, False, True]


def test_an_interval_far_wider_than_the_seeds_ends_in_arrows(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """Two seeds at 2 and 4 pp, whose interval reaches 12.7 pp to either side: the dots keep their room."""
    facts = of(new_study, {"a": [0.80, 0.80], "b": [0.82, 0.84]}).facts(tmp_path)
    ax = drawn(facts)
    markers = [line.get_marker() for line in ax.lines]
    assert (markers.count("<"), markers.count(">")) == (1, 1)
    low, high = ax.get_xlim()
    assert high - low < 3.4 * 4.2  # from -.2 to 4 pp, and no further again on either side


def test_without_a_common_seed_there_is_no_figure(new_study: "type[Study]", tmp_path: Path) -> None:
    """The frame is empty and the caption says why."""
    facts = of(new_study, {"a": [0.8], "b": []}).facts(tmp_path)
    frame = compute_differences(facts)
    assert frame.empty
    assert caption_differences(facts, frame).startswith("No differences: no two arms")


def test_the_words_hold_each_pair(new_study: "type[Study]", tmp_path: Path) -> None:
    """Who cannot see the figure reads the same numbers."""
    words = alt_differences(compute_differences(of(new_study, THREE).facts(tmp_path)))
    assert "b minus a +2.0 ± 4.4, n = 3; c minus a +11.0 ± 4.4, n = 3" in words


def test_differences_need_two_arms_and_a_confirm_phase(
    new_study: "type[Study]", measured: "Study", tmp_path: Path
) -> None:
    """A single arm differs from nothing."""
    assert not DIFFERENCES.plot.is_for(measured.facts(tmp_path / "measured"))
    assert not DIFFERENCES.plot.is_for(of(new_study, {"a": [0.8]}).facts(tmp_path / "one"))
