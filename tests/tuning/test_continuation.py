"""May a study be continued as it is asked for now? No run is needed to tell."""

import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.declaration import Declaration
from harness.errors import EnvironmentMismatchError, ResultsError
from harness.manifest import CONFIRM_SEEDS, Change, Manifest, Resumption
from harness.records.events import Event, RunEnded, RunStarted, StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter, read_journal
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study
from harness.training.data.prepare import prepare_dataset
from harness.tuning.belonging import check_journal_belongs
from harness.tuning.continuation import Begun, accepted_changes, declared_differences
from harness.tuning.declaration import declare, describe
from harness.tuning.interruption import Interruption
from harness.tuning.looks import Look
from harness.tuning.study_run import run_study

Declared = Callable[..., Declaration]
Continued = Callable[..., list[str]]


@pytest.fixture
def declared(drill_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declared:
    """Return what the drill declares, with overrides."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def declare_drill(*overrides: str) -> Declaration:
        study = load_study(drill_study, overrides)
        return declare(study, plan_study(study), prepare_dataset(study.dataset).spec)

    return declare_drill


@pytest.fixture
def continued(drill_study: Path, declared: Declared) -> Continued:
    """Return what tells which changes are accepted when the begun drill is continued with overrides."""

    def continue_drill(*overrides: str, raised_to: int | None = None) -> list[str]:
        declaration = declared()
        study = load_study(drill_study)
        manifest = describe(study, declaration.sha256, slots=1)
        if raised_to is not None:
            change = Change(field=CONFIRM_SEEDS, before=2, after=raised_to)
            later = Resumption(at="2026-01-03", command=["x"], changes=[change], loss=None)
            manifest = manifest.model_copy(update={"resumed": [later]})
        begun = Begun(declaration=declaration, text=declaration.as_bytes(), manifest=manifest)
        asked = load_study(drill_study, overrides)
        now = describe(asked, declaration.sha256, slots=1)
        spec = prepare_dataset(asked.dataset).spec
        return [change.in_words() for change in accepted_changes(begun, asked, [spec], now)]

    return continue_drill


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("arms.sgd.lr.high=0.5", "arms.sgd.space.lr.high: 1.0 before, 0.5 now"),
        ("arms.third={optimizer: sgd, lr: 0.1}", "arms.third: 'absent' before, {"),
        ("recipe.batch_size=60", "arms.adam.fixed.batch_size: 50 before, 60 now"),
        ("search.metric=val_loss", "search.metric: 'val_accuracy' before, 'val_loss' now"),
        ("search.seed=1", "search.seed: 0 before, 1 now"),
        ("study=other", "study: 'drill' before, 'other' now"),
        ("search.trials=2", "search.trials: 4 before, 2 now"),
        ("search.trials=6", "search.trials: 4 before, 6 now"),
        ("search.audit=0", "search.audit: 1 before, 0 now"),
        ("confirm.seeds=1", "confirm.seeds: 2 before, 1 now"),
        ("question=Is it the same?", "question: 'Is anything lost?' before, 'Is it the same?' now"),
        ("claims=[{says: x, best: {arm: sgd, metric: test_accuracy}}]", "claims: [] before, [{"),
    ],
)
def test_a_study_that_differs_is_not_continued(continued: Continued, override: str, told: str) -> None:
    """The message tells what differs, and a remedy."""
    with pytest.raises(ResultsError) as refused:
        continued(override)
    assert told in str(refused.value)
    assert "Remedy: undo these changes, or start anew with --results DIR" in str(refused.value)


def test_every_difference_is_told(continued: Continued) -> None:
    """All in one go; what follows from a difference is not told beside it."""
    with pytest.raises(ResultsError) as refused:
        continued("search.trials=6", "search.seed=1")
    _, *lines, _ = str(refused.value).splitlines()
    assert lines == ["  search.seed: 0 before, 1 now", "  search.trials: 4 before, 6 now"]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("confirm.seeds=3", "confirm.seeds: 2 before, 3 now"),
        ("resources.concurrency=2", "resources.concurrency: 1 before, 2 now"),
    ],
)
def test_what_does_no_harm_is_accepted_and_told(continued: Continued, override: str, told: str) -> None:
    """More seeds, which stay outside of what was declared, and other resources."""
    assert continued(override) == [told]
    assert continued() == []


def test_seeds_that_were_added_are_kept(continued: Continued) -> None:
    """Runs with them are in the journal: they can be added to again, and not taken back."""
    assert continued("confirm.seeds=5", raised_to=4) == ["confirm.seeds: 4 before, 5 now"]
    assert continued("confirm.seeds=4", raised_to=4) == []
    with pytest.raises(ResultsError, match=r"confirm\.seeds: 4 before, 2 now"):
        continued(raised_to=4)


def test_a_study_begun_by_the_first_version_is_not_continued(repository: Path) -> None:
    """Its declaration has no hash; the remedy names the version that can finish it."""
    folder = ResultsFolder(repository / "tests" / "first_version")
    with pytest.raises(ResultsError, match=r"begun by an older version.* Remedy: finish it with the version"):
        Begun.read(folder)


@pytest.fixture
def damaged(declared: Declared, drill_study: Path, tmp_path: Path) -> ResultsFolder:
    """Return the folder of a drill whose journal ends with half a line."""
    folder, declaration = ResultsFolder(tmp_path / "drill"), declared()
    folder.root.mkdir()
    declaration.write(folder)
    describe(load_study(drill_study), declaration.sha256, slots=1).write(folder.manifest)
    with JournalWriter(folder.journal) as journal:
        journal.append(StudyDeclared(time=AT, sha256=declaration.sha256))
        journal.append(begun(declaration))
    folder.journal.write_bytes(folder.journal.read_bytes()[:-5])
    return folder


def resume(folder: ResultsFolder, study: Path, *overrides: str) -> list[str]:
    """Resume a study on a cluster that is not there; return what is told before that is found out."""
    told = list[str]()
    with pytest.raises(EnvironmentMismatchError, match="no Ray cluster can be reached"):
        run_study(
            load_study(study, overrides), folder, "127.0.0.1:1", told.append, Interruption(),
            take_look=lambda _: Look(open=(), arms=(), why=""), resume=True,
        )  # fmt: skip
    return told


def test_a_resume_that_is_refused_mends_nothing(damaged: ResultsFolder, drill_study: Path) -> None:
    """The study differs: what the journal lost is left to be told by a resume that goes on."""
    before = {path.name: path.read_bytes() for path in damaged.root.iterdir()}
    with pytest.raises(ResultsError, match=r"search\.seed: 0 before, 1 now"):
        resume(damaged, drill_study, "search.seed=1")
    assert {path.name: path.read_bytes() for path in damaged.root.iterdir()} == before


def test_what_a_journal_lost_is_on_record_before_anything_starts(
    damaged: ResultsFolder, drill_study: Path
) -> None:
    """No Ray is to be had; once there is one, nothing is damaged any more."""
    assert any("1 damaged lines at the end were dropped" in line for line in resume(damaged, drill_study))
    assert [event.event for event in read_journal(damaged)] == ["study_declared"]
    resume(damaged, drill_study)
    (session,) = Manifest.read(damaged.manifest).resumed
    assert session.loss is not None
    assert (damaged.root / session.loss.kept_as).exists()


def test_a_resume_without_room_for_the_mended_journal_leaves_nothing_behind(
    damaged: ResultsFolder, declared: Declared, drill_study: Path
) -> None:
    """However often it is tried: neither a copy nor a session in the manifest, which alone has room."""
    room = 100_000
    damaged.journal.unlink()
    with JournalWriter(damaged.journal) as journal:
        journal.append(StudyDeclared(time=AT, sha256=declared().sha256))
        start = begun(declared())
        while damaged.journal.stat().st_size < 2 * room:
            journal.append(start)
    damaged.journal.write_bytes(damaged.journal.read_bytes()[:-5])
    before = {path.name: path.read_bytes() for path in damaged.root.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        for _ in range(2):
            with pytest.raises(ResultsError, match=r"journal\.jsonl: cannot be written"):
                resume(damaged, drill_study)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in damaged.root.iterdir()} == before


AT = "2026-01-01T00:00:00"
JOURNAL = Path("journal.jsonl")


def begun(declared: Declaration, **fields: Any) -> RunStarted:
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
        ({"arm": "other"}, "it has the arm other, the declaration only sgd, adam"),
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
    """Its arm, its seed, its number or its recipe is none of those that it declares."""
    with pytest.raises(ResultsError) as refused:
        check_journal_belongs(declared(), [begun(declared(), **fields)], JOURNAL)
    assert str(refused.value).startswith(
        "journal.jsonl: is not the journal of the study that declaration.json"
    )
    assert told in str(refused.value)
    assert "Remedy: bring back the declaration and the journal that belong together" in str(refused.value)


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
    check_journal_belongs(Declaration.read(folder), events, folder.journal)
    other = Declaration.read(ResultsFolder(folder.root.parent / "optimizers"))
    with pytest.raises(ResultsError, match="is not the journal of the study"):
        check_journal_belongs(other, events, folder.journal)


def test_an_arm_may_have_the_name_of_a_derived_key() -> None:
    """What follows from other keys is left out by its place, and an arm called `plan` is no plan."""

    def declaration(lr: float, runs: int) -> bytes:
        arms = {"plan": {"fixed": {"lr": lr}, "search_runs": runs}}
        return json.dumps({"arms": arms, "plan": {"looks": [runs]}, "study": "drill"}).encode()

    changes = declared_differences(declaration(0.1, 5), declaration(0.2, 8))
    assert changes == [Change(field="arms.plan.fixed.lr", before=0.1, after=0.2)]
    alone = declared_differences(declaration(0.1, 5), declaration(0.1, 8))
    assert [change.field for change in alone] == ["arms.plan.search_runs", "plan.looks"]
