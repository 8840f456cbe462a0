"""May a study be continued as it is asked for now? No run is needed to tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.declaration import Manifest
from harness.errors import ResultsError
from harness.records.events import Event, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study
from harness.training.data.prepare import prepare_dataset
from harness.tuning.continuation import accepted_changes, check_journal_belongs
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
        ("study=other", "study: 'drill' before, 'other' now"),
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


AT = "2026-01-01T00:00:00"
JOURNAL = Path("journal.jsonl")


def begun(declared: Manifest, **fields: Any) -> RunStarted:
    """Return the start of a run that the drill hands out, with other fields."""
    run_id = fields.pop("run_id", "run")
    configuration = {**declared.arms["sgd"].fixed, "lr": 0.1} | fields.pop("configuration", {})
    usual: dict[str, Any] = {"arm": "sgd", "phase": "search", "number": 1, "seed": declared.search_seeds[0]}
    return RunStarted(time=AT, run_id=run_id, configuration=configuration, **usual | fields)


def ended(steps_per_epoch: int | None) -> RunEnded:
    """Return the end of that run."""
    fields: dict[str, Any] = dict.fromkeys(
        ("reason", "test_loss", "test_accuracy", "threads", "device", "host")
    )
    return RunEnded(
        time=AT, run_id="run", phase="search", status="completed", epochs=1, train_seconds=1.0,
        steps_per_epoch=steps_per_epoch, **fields,
    )  # fmt: skip


def test_the_journal_of_the_study_belongs_to_it(declared: Declared) -> None:
    """A run, cut off and begun again, and its end: 360 images in batches of 50."""
    drill = declared()
    confirm = begun(drill, run_id="confirm", phase="confirm", seed=drill.confirm_seeds[1])
    events: list[Event] = [begun(drill), begun(drill), ended(8), confirm]
    check_journal_belongs(drill, events, JOURNAL)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"arm": "other"}, "it has the arm other, the manifest only sgd, adam"),
        ({"seed": 5}, "run run has the seed 5, declared "),
        ({"phase": "confirm"}, "run run has the seed "),
        ({"number": 4}, "run run is number 5, of 4 planned"),
        ({"configuration": {"lr": 2.0}}, "run run has lr = 2.0, which its arm does not declare"),
        ({"configuration": {"batch_size": 51}}, "run run has batch_size = 51"),
        ({"configuration": {"model": {"name": "fcn", "hidden": [17]}}}, "run run has model = "),
    ],
)
def test_a_journal_of_another_study_is_not_continued(
    declared: Declared, fields: dict[str, Any], told: str
) -> None:
    """Its arm, its seed, its number or its recipe is none of those that the manifest declares."""
    with pytest.raises(ResultsError) as refused:
        check_journal_belongs(declared(), [begun(declared(), **fields)], JOURNAL)
    assert str(refused.value).startswith("journal.jsonl: is not the journal of the study that manifest.json")
    assert told in str(refused.value)
    assert "Remedy: bring back the manifest and the journal that belong together" in str(refused.value)


def test_runs_on_other_data_or_written_twice_are_not_continued(declared: Declared) -> None:
    """162 images are 4 steps; a run that ended does not begin again; an end needs a beginning."""
    drill = declared()
    with pytest.raises(ResultsError, match="took 4 steps an epoch, where the declared data take 8"):
        check_journal_belongs(drill, [begun(drill), ended(4)], JOURNAL)
    with pytest.raises(ResultsError, match="run run begins again after its end, as if two studies"):
        check_journal_belongs(drill, [begun(drill), ended(8), begun(drill)], JOURNAL)
    with pytest.raises(ResultsError, match="run run ends without having begun"):
        check_journal_belongs(drill, [ended(8)], JOURNAL)


@pytest.mark.parametrize("study", ["joint", "batch_norm", "lr_schedule", "learning_rates"])
def test_journals_of_reference_studies_belong_to_theirs(study: str, repository: Path) -> None:
    """Branches, templates, grids and searches as real sweeps wrote them; not to each other's."""
    folder = ResultsFolder(repository / "results" / "reference" / study)
    events = list(read_journal(folder))
    check_journal_belongs(Manifest.read(folder.manifest), events, folder.journal)
    other = Manifest.read(folder.root.parent / "optimizers" / "manifest.json")
    with pytest.raises(ResultsError, match="is not the journal of the study"):
        check_journal_belongs(other, events, folder.journal)
