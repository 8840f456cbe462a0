"""May a study be continued as it is asked for now? No run is needed to tell."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.declaration import Manifest
from harness.errors import ResultsError
from harness.records.events import PhaseEnded, RunStarted
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study
from harness.training.data.prepare import prepare_dataset
from harness.tuning.continuation import accepted_changes
from harness.tuning.declaration import declare

Declared = Callable[..., Manifest]


@pytest.fixture
def declared(drill_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declared:
    """Return what the drill declares, with overrides."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def declare_drill(*overrides: str) -> Manifest:
        study = load_study(drill_study, overrides)
        prepared = prepare_dataset(str(study.arms[0].fixed["dataset"]))
        return declare(study, plan_study(study), prepared, slots=1)

    return declare_drill


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("arms.sgd.lr.high=0.5", "arms.sgd.lr: "),
        (
            "arms.third={optimizer: sgd, lr: 0.1}",
            "arms: ['sgd', 'adam'] before, ['sgd', 'adam', 'third'] now",
        ),
        ("recipe.batch_size=60", "arms.adam.batch_size: 50 before, 60 now"),
        ("search.metric=val_loss", "search.metric: 'val_accuracy' before, 'val_loss' now"),
        ("search.seed=1", "search.seed: 0 before, 1 now"),
        ("search.trials=2", "search.trials: 4 before, only 2 now"),
        ("search.audit=0", "search.audit: 1 before, only 0 now"),
        ("confirm.seeds=1", "confirm.seeds: 2 before, only 1 now"),
    ],
)
def test_a_study_that_differs_is_not_continued(declared: Declared, override: str, told: str) -> None:
    """The message tells what differs, and a remedy."""
    with pytest.raises(ResultsError) as refused:
        accepted_changes(declared(), declared(override), [])
    assert told in str(refused.value)
    assert "Remedy: undo these changes" in str(refused.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("search.trials=6", "search.trials: 4 before, 6 now"),
        ("search.audit=2", "search.audit: 1 before, 2 now"),
        ("confirm.seeds=3", "confirm.seeds: 2 before, 3 now"),
        ("resources.concurrency=2", "resources.concurrency: 1 before, 2 now"),
        ("question=Is it the same?", "question: 'Is anything lost?' before, 'Is it the same?' now"),
    ],
)
def test_what_does_no_harm_is_accepted_and_told(declared: Declared, override: str, told: str) -> None:
    """Larger budgets, other resources, other words."""
    assert [c.in_words() for c in accepted_changes(declared(), declared(override), [])] == [told]
    assert accepted_changes(declared(), declared(), []) == []


def test_no_trials_are_added_once_a_winner_has_seen_the_test_set(declared: Declared) -> None:
    """Another winner would be chosen knowing it."""
    events = [
        PhaseEnded(time="2026-01-01T00:00:00", phase="search", arm="sgd", winner="sgd-search-0000"),
        RunStarted(
            time="2026-01-01T00:00:00",
            run_id="sgd-confirm-0000",
            arm="sgd",
            phase="confirm",
            number=0,
            seed=1,
            configuration={},
        ),
    ]
    with pytest.raises(ResultsError, match=r"4 before, 6 now, but the winners of sgd have been confirmed"):
        accepted_changes(declared(), declared("search.trials=6"), events)
