"""Parts of a study's page: cards, the small axis, captions, arms, runs, and how it is built."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analysis.blocks.learning_curves import LEARNING_CURVES
from analysis.blocks.reproducibility import REPRODUCIBILITY
from analysis.blocks.search import SEARCH
from analysis.page import arms, axis, captions, cards, caveats, progress, runs
from harness.records.folder import ResultsFolder

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


def test_an_axis_has_everything_where_it_belongs() -> None:
    """From -1 to 1 with 6 % of room on either side: 320 pixels less 14 at each end, 0 in the middle."""
    effect = axis.Effect(value=0.5, low=-1, high=1, reference=0, region=(-0.5, 0.5))
    drawn = axis.draw(effect, 'a "b" <c>')
    assert 'd="M160 2V30"' in drawn
    places = {x: 14 + 292 * (x + 1.12) / 2.24 for x in (-1, -0.5, 0.5, 1)}
    assert f'cx="{places[0.5]:.1f}"' in drawn
    assert f'd="M{places[-1]:.1f} 16v8m0-4H{places[1]:.1f}m0-4v8"' in drawn
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in drawn
    assert re.findall(r">([^<>]+)</text>", drawn) == ["\N{MINUS SIGN}1", "\N{MINUS SIGN}0.5", "0", "0.5", "1"]


@pytest.mark.parametrize(
    ("effect", "ticks"),
    [
        (axis.Effect(value=1.1, low=0.9, high=1.4, reference=1, is_log=True), ["0.9", "1", "1.1", "1.2"]),
        (axis.Effect(value=10, low=1, high=1000, is_log=True), ["1", "10", "100", "1000"]),
        (
            axis.Effect(value=1.02, low=1.01, high=1.03, reference=1, is_log=True),
            ["1", "1.01", "1.02", "1.03"],
        ),
        (
            axis.Effect(value=0.1, low=-0.2, high=0.35, region=(0.0, 0.42)),
            ["\N{MINUS SIGN}0.2", "0", "0.2", "0.4"],
        ),
        (axis.Effect(value=40, low=40, high=40), ["36", "38", "40", "42", "44"]),
    ],
)
def test_ticks_are_round(effect: axis.Effect, ticks: list[str]) -> None:
    """Two to five, also on a logarithmic axis too short for its digits and where there is no width at all."""
    assert re.findall(r">([^<>]+)</text>", axis.draw(effect, "")) == ticks


def test_what_captions_share_is_told_once() -> None:
    """Sentences after the first of each; the first is always shown."""
    same = "Intervals are drawn at 98.33 % (Bonferroni)."
    texts = [f"One. {same} Dots: runs.", f"Two. {same}", f"{same} Three is another."]
    told = captions.shared(texts)
    assert told == [same]
    folded = [captions.folded(text, told) for text in texts]
    assert [(own.first, own.rest) for own in folded] == [
        ("One.", "Dots: runs."),
        ("Two.", ""),
        (same, "Three is another."),
    ]


def test_a_card_says_what_was_found(three_arms: "Study", tmp_path: Path) -> None:
    """With the effect on an axis, where one was measured, and always why it was ruled so."""
    shown = cards.cards(three_arms.facts(tmp_path))
    assert [card.ruling for card in shown] == ["inconclusive", "equivalent", "not testable"]
    assert [card.drawing is None for card in shown] == [False, False, True]
    assert all(card.why for card in shown)


def test_a_card_of_an_open_claim_says_what_would_decide_it(new_study: "type[Study]", tmp_path: Path) -> None:
    """How many seeds it takes to show the declared region."""
    study = new_study(arms={"a": {}, "b": {}})
    study.claims = [{"says": "a wins", "better": {"arm": "a", "than": "b", "metric": "test_accuracy"}}]
    study.confirm("a", [0.80, 0.90, 0.85, 0.82, 0.88])
    study.confirm("b", [0.81, 0.88, 0.86, 0.84, 0.86])
    (card,) = cards.cards(study.facts(tmp_path))
    assert (card.ruling, card.n) == ("inconclusive", "5 seeds")
    assert any(re.fullmatch(r"showing .* takes .* seeds", words) for words in card.decides)


def test_a_card_says_what_its_ruling_is_about(new_study: "type[Study]", tmp_path: Path) -> None:
    """No search is told of arms that have none."""
    study = new_study(arms={"a": {}, "b": {}, "c": {"lr": {"low": 1e-3, "high": 1.0, "log": True}}})
    study.claims = [
        {"says": f"{arm} wins", "better": {"arm": arm, "than": "b", "metric": "test_accuracy"}}
        for arm in "ac"
    ]
    study.search("c", [0.01, 0.1], best=0.1)
    for arm in "abc":
        study.confirm(arm, [0.80, 0.90, 0.85, 0.82, 0.88])
    scopes = [card.scope for card in cards.cards(study.facts(tmp_path))]
    assert scopes == ["the arms as they are trained", "the configurations that one search chose"]


def test_an_arm_shows_what_it_came_to_chose_and_cost(new_study: "type[Study]", tmp_path: Path) -> None:
    """Mean and interval of three seeds by hand: t(2, .975) = 4.3027, times 1 / sqrt(3)."""
    study = new_study(arms={"a": {"lr": {"low": 1e-3, "high": 1.0, "log": True}}, "b": {}})
    study.search("a", [0.01, 0.1], best=0.1)
    study.confirm("a", [0.80, 0.81, 0.82])
    first, second = arms.answers(study.facts(tmp_path))
    assert first["Test accuracy (%)"] == "81.0 ± 2.5, n = 3"
    assert first["Chosen"] == "lr 0.1"
    assert first["Runs"] == "2 search, 3 confirm"
    assert second["Runs"] == "none yet"


def test_a_search_that_was_given_up_is_not_waited_for(new_study: "type[Study]", tmp_path: Path) -> None:
    """Three of 8 runs failed and 5 will never start, nor will confirm runs; the report says why."""
    study = new_study(arms={"a": {"lr": {"low": 1e-3, "high": 1.0, "log": True}}, "b": {}})
    for _ in range(3):
        study.add("a", "search", status="failed", epochs=0)
    study.search_runs, study.winners, study.confirm_runs = {"a": 8}, {"a": None}, 2
    study.given_up = {"a": "the last 3 runs failed, so the remaining 5 were not started"}
    study.confirm("b", [0.8, 0.9])
    facts = study.facts(tmp_path)
    assert progress.counted(facts.records) == (5, 5)
    assert progress.progress(facts.records) is None
    why = "The search of arm a was given up: the last 3 runs failed, so the remaining 5 were not started."
    assert why in caveats.warnings(facts)


def test_where_no_run_learns_nothing_was_chosen(new_study: "type[Study]", tmp_path: Path) -> None:
    """At a glance, in the checklist and under the curves; with a run that learns, the best is the choice."""
    study = new_study(arms={"a": {"batch_size": {"grid": [16, 64]}}})
    for size in (16, 64):
        study.grid("a", {"batch_size": size}, [2.31, 2.30], val_accuracy=0.1)
    study.winners = {"a": "a-search-003"}
    lost = study.facts(tmp_path / "lost")
    study.runs[-1].val_accuracy = 0.8
    learned = study.facts(tmp_path / "learned")
    told = []
    for facts in (lost, learned):
        checklist = REPRODUCIBILITY.table.compute(facts).set_index("item")["value"]
        curves = LEARNING_CURVES.plot.caption(facts, LEARNING_CURVES.plot.compute(facts))
        told += [(arms.answers(facts)[0]["Chosen"], checklist["Chosen configuration of a"], curves)]
    nothing = "none: no run is better than guessing"
    assert told[0][:2] == (nothing, nothing)
    assert "configuration of the best val_loss, by luck as no run is better than guessing" in told[0][2]
    assert told[1][:2] == ("batch_size 64", "batch_size 64")
    assert "search runs with the chosen configuration (no confirm run: optimistic)" in told[1][2]


def test_a_rate_that_luck_chose_lies_at_no_edge(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of a grid of rates no run is better than guessing: the best one's rate is told nowhere."""
    study = new_study(arms={"a": {"lr": {"grid": [0.1, 1.0]}}})
    for rate in (0.1, 1.0):
        study.grid("a", {}, [2.31 - rate / 100, 2.30], lr=rate, val_accuracy=0.1)
    study.winners = {"a": "a-search-003"}
    lost = study.facts(tmp_path / "lost")
    study.runs[-1].val_accuracy = 0.8
    learned = study.facts(tmp_path / "learned")
    assert SEARCH.table is not None
    rows = [SEARCH.table.compute(facts).iloc[0] for facts in (lost, learned)]
    assert [row["edge"] for row in rows] == [None, "upper"]
    assert [pd.isna(row["learning_rate"]) for row in rows] == [True, False]
    told = ["at the upper edge" in " ".join(caveats.warnings(facts)) for facts in (lost, learned)]
    assert told == [False, True]


def test_runs_are_listed_with_what_was_searched(three_arms: "Study", tmp_path: Path) -> None:
    """One row a run, the last column but one on an axis of the parallel coordinates, each run's row known."""
    facts = three_arms.facts(tmp_path)
    table = runs.tabulate(facts)
    assert table.total == len(table.cells) == len(facts.records.runs)
    assert {column.name: column.scale for column in table.columns}["lr"] == "log"
    assert all(table.cells[row][0] == run_id for run_id, row in table.numbers.items())


class _Outline(HTMLParser):
    """Headings, ids, and what stands first in a fold, of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.first_in_folds: list[str] = []
        self._is_fold_new = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._is_fold_new:
            self.first_in_folds.append(tag)
        self._is_fold_new = tag == "details"
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))


def test_a_page_has_an_outline(any_report: Path) -> None:
    """One title, no level of headings left out, every fold with its summary, no id twice."""
    page = _Outline()
    page.feed((ResultsFolder(any_report).report / "index.html").read_text(encoding="utf-8"))
    assert page.levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.levels, page.levels[1:], strict=False))
    assert set(page.first_in_folds) == {"summary"}
    assert len(page.ids) == len(set(page.ids))
