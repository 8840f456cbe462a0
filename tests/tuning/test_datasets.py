"""A study of several data sets without Ray: what is declared and run on each, and what continues it."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.declaration import Declaration
from harness.errors import ResultsError
from harness.recipe.configuration import Configuration
from harness.recipe.datasets import DATASETS
from harness.records.events import RunEnded, RunStarted
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.tuning.belonging import check_journal_belongs
from harness.tuning.declaration import declare
from harness.tuning.runs import RunSpec
from tests import drill

BOTH = "datasets=[fashion_mnist, kmnist]"


def flat(run: RunSpec, epoch: int) -> float:
    """Return a loss by which the second run of a search is the best."""
    del epoch
    return float(run.number != 1)


def declared(text: str, *overrides: str) -> Declaration:
    """Return what a study declares."""
    study = parse_study(text, "s.yaml", overrides)
    specs = [DATASETS[part.dataset] for part in study.by_dataset.values()]
    return declare(study, plan_study(study), *specs)


def test_each_arm_searches_and_confirms_on_each_data_set(drive: Callable[..., Any]) -> None:
    """The budget is per arm and data set; an arm is proposed and confirmed the same start on each."""
    driven = drive(BOTH, "search={trials: 3, early_stopping: none}", "confirm.seeds=2")
    runs = driven.run(flat)
    counts = Counter((run.arm, run.phase) for run in runs)
    arms = ["sgd@fashion_mnist", "adam@fashion_mnist", "sgd@kmnist", "adam@kmnist"]
    assert counts == {(arm, phase): n for arm in arms for phase, n in (("search", 3), ("confirm", 2))}
    for run in runs:
        assert run.configuration["dataset"] == run.arm.rpartition("@")[2]
    first = {run.arm: run for run in runs if run.number == 0 and run.phase == "search"}
    one, other = (dict(first[f"adam@{name}"].configuration) for name in ("fashion_mnist", "kmnist"))
    assert one | {"dataset": "kmnist"} == other
    seeds = {run.arm: run.seed for run in runs if run.phase == "confirm" and run.number == 1}
    assert len(set(seeds.values())) == 1
    assert first["adam@kmnist"].run_id == "adam@kmnist-search-0000"
    assert len(driven.optuna_trials("adam@kmnist")) == 3


def test_a_study_of_one_data_set_draws_what_it_drew_alone(drive: Callable[..., Any]) -> None:
    """On a data set an arm is proposed the configurations of a study of this data set alone."""
    alone = drive("recipe.dataset=kmnist").run(flat)
    both = [run for run in drive(BOTH).run(flat) if run.arm.endswith("@kmnist")]
    plain = [replace(run, run_id="", arm=run.arm.removesuffix("@kmnist")) for run in both]
    assert sorted(plain, key=repr) == sorted((replace(run, run_id="") for run in alone), key=repr)


def test_the_declaration_holds_the_data_of_each_arm(study_text: str) -> None:
    """Read again it is the same; what is declared of one data set is as of a study of it alone."""
    both = declared(study_text, BOTH)
    document = json.loads(both.as_bytes())
    assert list(document["datasets"]) == ["fashion_mnist", "kmnist"]
    assert "dataset" not in document
    assert document["arms"]["adam@kmnist"]["plain_name"] == "adam"
    read = Declaration.model_validate(document)
    assert read == both
    assert read.data_of("adam@kmnist").name == "kmnist"
    view, alone = read.on("kmnist"), declared(study_text, "recipe.dataset=kmnist")
    assert view.data == alone.data
    assert list(view.arms) == list(alone.arms)
    assert view.arms["sgd"].fixed | {"dataset": "kmnist"} == alone.arms["sgd"].fixed
    assert "datasets" not in json.loads(alone.as_bytes())


def test_a_declaration_of_strange_data_is_refused(study_text: str) -> None:
    """Every arm needs a data set that is declared."""
    document = json.loads(declared(study_text, BOTH).as_bytes())
    del document["datasets"]["kmnist"]
    document["order"].pop("/datasets", None)
    with pytest.raises(ValueError, match="the arm sgd@kmnist is on no data set of fashion_mnist"):
        Declaration.model_validate(document)


def test_a_journal_is_continued_by_the_seeds_and_data_of_its_arms(
    study_text: str, drive: Callable[..., Any], tmp_path: Path
) -> None:
    """Its own journal belongs to the study; a run on the other data set's images is told."""
    driven = drive(BOTH)
    driven.run(flat)
    own, journal = declared(study_text, BOTH), tmp_path / "journal.jsonl"
    ends = {event.run_id: event for event in driven.events if isinstance(event, RunEnded)}
    whole = [
        event.model_copy(update={"steps_per_epoch": 108}) if event in ends.values() else event
        for event in driven.events
    ]
    check_journal_belongs(own, whole, journal)
    start = next(event for event in driven.events if isinstance(event, RunStarted))
    moved = start.model_copy(update={"configuration": {**start.configuration, "dataset": "kmnist"}})
    with pytest.raises(ResultsError, match="dataset = 'kmnist', which its arm does not declare"):
        check_journal_belongs(own, [moved], journal)


def test_a_configuration_of_each_data_set_is_whole(study_text: str) -> None:
    """What a worker validates is what the conductor hands out."""
    study = parse_study(study_text, "s.yaml", (BOTH, "arms.adam={optimizer: adam, lr: 0.01}", "claims=[]"))
    configuration = study.arms[-1].configuration({})
    assert Configuration.model_validate(configuration.model_dump(mode="json")).dataset == "kmnist"


@pytest.mark.full  # shorter siblings drive the conductor
@pytest.mark.ray
def test_a_sweep_on_two_data_sets_of_other_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has labels of its own in the journal, and every run trained on the images of its arm's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text, folders = _TWO, [tmp_path / "small", tmp_path / "large"]
    for folder, n_classes in zip(folders, (4, 3), strict=True):
        folder.mkdir()
        drill.write_images(folder, n_classes)
    file = tmp_path / "two.yaml"
    file.write_text(text.format(*folders))
    done = drill.sweep(file, tmp_path)
    assert done.returncode == 0, done.stderr
    from analysis.load import load_study

    records = load_study(tmp_path / "two")
    given = records.frames.predictions
    labels = {dataset: given.n_classes_of(dataset) for dataset in given.datasets}
    assert labels == {f"idx:{folders[0]}": 4, f"idx:{folders[1]}": 3}
    assert len(records.runs) == 8
    assert (records.runs["status"] == "completed").all()
    on_large = records.runs["arm"].str.endswith("@large")
    assert (records.runs.loc[on_large, "dataset"] == f"idx:{folders[1]}").all()


_TWO = """\
study: two
question: Is every arm on each?
datasets: ["idx:{}", "idx:{}"]
recipe: {{model: {{name: fcn, hidden: [4]}}, optimizer: adam, lr: 0.01, batch_size: 50, epochs: 1}}
arms: {{plain: {{}}, dropped: {{dropout: 0.5}}}}
confirm: {{seeds: 2}}
claims:
  - {{says: Dropout does harm., better: {{arm: plain, than: dropped, metric: test_accuracy}}}}
"""
