"""Which runs a study takes over from its parent, and which it trains."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.load import load_study
from harness import PROTOCOL_VERSION
from harness.commands import submit
from harness.errors import EXIT_REFUSED, StudyError
from harness.records.events import EpochEnded, ParentDeclared, RunEnded
from harness.records.folder import ResultsFolder, weights_of
from harness.records.journal import read_journal, write_journal
from harness.seal import sha256_of_declaration
from tests.drill import write_images
from tests.parents.lab import Lab, starts

FIXED = {"optimizer": "sgd", "lr": 0.1}, {"optimizer": "adam", "lr": 0.001}
TWO = dict(zip("ab", FIXED, strict=True))
SEARCHED = {
    "sgd": {"optimizer": "sgd", "lr": {"low": 0.01, "high": 1.0, "log": True}},
    "adam": {"optimizer": "adam", "lr": {"low": 0.0001, "high": 0.01, "log": True}},
}
SEARCH = {"trials": 4, "early_stopping": "none"}


def test_one_more_arm_trains_that_arm_alone(lab: Lab) -> None:
    """The parent's runs stand in the child's journal, event by event, with where they were trained."""
    parent = lab.run("first", SEARCHED, search=SEARCH)
    more = SEARCHED | {"rmsprop": {"optimizer": "rmsprop", "lr": {"low": 0.0001, "high": 0.01, "log": True}}}
    child = lab.run("second", more, parent="first", search=SEARCH)
    assert Counter((run.arm, run.phase) for run in lab.trained) == {
        ("rmsprop", "search"): 4,
        ("rmsprop", "confirm"): 6,
    }
    before, after = list(read_journal(parent)), list(read_journal(child))
    of_parent = {start.run_id: start for start in starts(before)}
    for start in starts(after):
        origin = start.origin
        if start.arm == "rmsprop":
            assert origin is None
        else:
            assert origin is not None
            assert origin.declarations == (sha256_of_declaration(parent),)
            assert start.model_copy(update={"origin": None}) == of_parent[start.run_id]
    for kind in (EpochEnded, RunEnded):
        taken = [event for event in after if isinstance(event, kind) and event.run_id in of_parent]
        assert taken == [event for event in before if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, {"a", "b"}),
        ({"arms": TWO | {"b": {"optimizer": "adam", "lr": 0.002}}}, {"a"}),
        ({"arms": TWO | {"b": {"optimizer": "adam", "lr": 0.001, "beta2": 0.99}}}, {"a"}),
        ({"arms": {"a": FIXED[0], "c": FIXED[1]}}, {"a"}),  # seeds may derive from a name
        ({"arms": {"a": FIXED[1], "b": FIXED[1]}}, {"b"}),  # a name alone makes nothing the same
        ({"claims": [{"says": "x", "best": {"arm": "a", "metric": "test_accuracy"}}]}, {"a", "b"}),
        ({"confirm": {"seeds": 3}}, {"a", "b"}),
        ({"question": "Another?", "baseline": "a"}, {"a", "b"}),
        ({"arms": TWO | SEARCHED, "search": SEARCH | {"metric": "val_accuracy"}}, {"a", "b"}),
        ({"search": SEARCH | {"winner": "best"}, "arms": TWO | SEARCHED}, set()),
    ],
)
def test_what_is_declared_alike_is_taken_over(lab: Lab, changed: dict[str, Any], taken: set[str]) -> None:
    """By recipe and seeds, not by names; what decides nothing about a run may differ."""
    lab.run("first", TWO)
    changed = dict(changed)
    arms = changed.pop("arms", TWO)
    if not taken:
        with pytest.raises(StudyError, match="none of its runs"):
            lab.run("second", arms, parent="first", **changed)
        return
    lab.run("second", arms, parent="first", **changed)
    assert {run.arm for run in lab.trained} == set(arms) - taken


@pytest.mark.parametrize(
    ("sampler", "trials", "n_taken"),
    [
        ("random", (3, 5), 3),
        ("qmc", (4, 8), 4),
        ("tpe", (3, 5), 3),
        ("tpe", (3, 9), 0),
        ("random", (5, 3), 0),
    ],
)
def test_a_longer_search_begins_with_a_shorter_one_where_it_would_propose_the_same(
    lab: Lab, sampler: str, trials: tuple[int, int], n_taken: int
) -> None:
    """TPE with another number of random proposals starts anew; so does a shorter search."""
    short, long = ({"sampler": sampler, "trials": n, "early_stopping": "none"} for n in trials)
    lab.run("first", SEARCHED, search=short)
    if not n_taken:
        with pytest.raises(StudyError, match="none of its runs is a run of this study"):
            lab.run("second", SEARCHED, parent="first", search=long)
        return
    child = lab.run("second", SEARCHED, parent="first", search=long)
    assert Counter(run.phase for run in lab.trained) == {"search": 2 * (trials[1] - n_taken), "confirm": 12}
    alone = lab.run("alone", SEARCHED, search=long)
    configurations = [
        {s.run_id: (s.seed, s.configuration) for s in starts(read_journal(folder)) if s.phase == "search"}
        for folder in (child, alone)
    ]
    assert configurations[0] == configurations[1]


def test_more_repeats_train_the_later_ones(lab: Lab) -> None:
    """Each repeat has seeds of its own, which do not depend on how many there are."""
    lab.run("first", SEARCHED, search=SEARCH | {"repeats": 2}, confirm={"seeds": 2})
    lab.run("second", SEARCHED, parent="first", search=SEARCH | {"repeats": 3}, confirm={"seeds": 2})
    assert Counter((run.repeat, run.phase) for run in lab.trained) == {(2, "search"): 8, (2, "confirm"): 4}


def test_the_first_of_several_repeats_begins_as_a_study_that_searches_once(lab: Lab) -> None:
    """Its search is the same under other ids; its confirm seeds are its own then, and are trained."""
    lab.run("first", SEARCHED, search=SEARCH, confirm={"seeds": 2})
    child = lab.run("second", SEARCHED, parent="first", search=SEARCH | {"repeats": 2}, confirm={"seeds": 2})
    assert not [run for run in lab.trained if run.repeat == 0 and run.phase == "search"]
    assert len([run for run in lab.trained if run.repeat == 0 and run.phase == "confirm"]) == 4
    ids = {start.run_id for start in starts(read_journal(child)) if start.origin}
    assert "sgd-r0-search-0000" in ids
    load_study(child.root)


def test_runs_keep_their_origin_over_generations(lab: Lab) -> None:
    """The oldest declaration is that of the study that trained them; concurrency and session stay with it."""
    first = lab.run("first", {"a": TWO["a"]})
    second = lab.run("second", TWO, parent="first")
    third = lab.run("third", TWO, parent="second", confirm={"seeds": 7})
    assert [(run.arm, run.number) for run in lab.trained] == [("a", 6), ("b", 6)]
    hashes = tuple(sha256_of_declaration(folder) for folder in (first, second))
    origins = {start.arm: start.origin for start in starts(read_journal(third)) if start.origin}
    assert {arm: origin.declarations for arm, origin in origins.items() if origin} == {
        "a": hashes,
        "b": hashes[1:],
    }
    assert [event.sha256 for event in read_journal(third) if isinstance(event, ParentDeclared)] == [*hashes]


def _manifest(folder: ResultsFolder, **values: Any) -> None:
    whole = json.loads(folder.manifest.read_text())
    for name, value in values.items():
        whole[name] = whole[name] | value if isinstance(value, dict) else value
    folder.manifest.write_text(json.dumps(whole))


def _declaration(folder: ResultsFolder, old: str, new: str) -> None:
    """Change what was declared, and seal it anew."""
    text = folder.declaration.read_text()
    assert old in text
    folder.declaration.write_text(text.replace(old, new))
    sha256 = sha256_of_declaration(folder) or ""
    first, *rest = read_journal(folder)
    write_journal(folder.journal, [first.model_copy(update={"sha256": sha256}), *rest])
    _manifest(folder, declaration_sha256=sha256)


BREAKS: dict[str, tuple[Callable[[ResultsFolder], Any], str]] = {
    "gone": (lambda f: shutil.rmtree(f.root), "no manifest here"),
    "no journal": (lambda f: f.journal.unlink(), "no journal.jsonl here"),
    "damaged": (lambda f: f.journal.write_bytes(f.journal.read_bytes()[:-9] + b"\n"), "not a whole line"),
    "not a document": (lambda f: f.declaration.write_text("{"), "it is no JSON text"),
    "unsealed": (lambda f: f.declaration.write_text(f.declaration.read_text() + "\n"), "belongs to"),
    "protocol": (lambda f: _declaration(f, f'"{PROTOCOL_VERSION}"', '"0.1"'), "protocol 0.1"),
    "torch": (lambda f: _manifest(f, versions={"torch": "1.0"}), "trained with torch 1.0"),
    "threads": (lambda f: _manifest(f, resources={"cpu": 3}), "--set resources.cpu=3"),
}


@pytest.mark.parametrize(("break_it", "told"), BREAKS.values(), ids=BREAKS)
def test_what_cannot_be_a_parent_is_refused(
    lab: Lab, break_it: Callable[[ResultsFolder], Any], told: str
) -> None:
    """With the place, what is there, and a remedy."""
    break_it(lab.run("first", TWO))
    with pytest.raises(StudyError) as refused:
        lab.run("second", TWO, parent="first")
    words = str(refused.value)
    assert words.startswith(f"second.yaml: parent: {lab.root / 'first'}")
    assert told in words
    assert "Remedy:" in words
    assert not (lab.root / "second").exists()


@pytest.mark.parametrize("n_runs", [0, 3, 11])
def test_an_unfinished_study_is_no_parent(lab: Lab, n_runs: int) -> None:
    """Its claims may be waiting for runs that the child would see first."""
    lab.run("first", TWO, n_runs=n_runs)
    with pytest.raises(StudyError, match=r"not finished \(.*\).*--resume|no run has begun"):
        lab.run("second", TWO, parent="first")


def test_a_parent_of_which_nothing_is_the_same_is_refused(lab: Lab) -> None:
    """Other data, another seed, another recipe: what differs is told."""
    lab.run("first", TWO)
    with pytest.raises(StudyError, match=r"search\.seed: 0 before, 1 now"):
        lab.run("second", TWO, parent="first", search={"trials": 1, "seed": 1})
    write_images(lab.images_of("other"), n_classes=3)
    with pytest.raises(StudyError, match=r"dataset\.sha256"):
        lab.run("second", TWO, parent="first", images=lab.images_of("other"))


def test_weights_are_taken_over_where_both_keep_them(lab: Lab) -> None:
    """Files are copied; an end of a run names only what is there."""
    parent = lab.run("first", {"a": TWO["a"]}, confirm={"seeds": 5, "keep": "all"})
    ends = [event for event in read_journal(parent) if isinstance(event, RunEnded)]
    parent.weights.mkdir()
    for end in ends[1:]:
        weights_of(parent.weights, end.run_id).write_bytes(end.run_id.encode())
    sha256 = {end.run_id: hashlib.sha256(end.run_id.encode()).hexdigest() for end in ends}
    write_journal(
        parent.journal,
        [
            e.model_copy(update={"weights": sha256[e.run_id]}) if isinstance(e, RunEnded) else e
            for e in read_journal(parent)
        ],
    )
    for keep, kept in (("all", ends[1:]), ("none", [])):
        child = lab.run(keep, TWO, parent="first", confirm={"seeds": 5, "keep": keep})
        named = [e.run_id for e in read_journal(child) if isinstance(e, RunEnded) and e.weights]
        assert named == [end.run_id for end in kept]
        files = sorted(child.weights.iterdir()) if kept else []
        assert [file.stem for file in files] == sorted(named)


def test_a_run_keeps_whom_it_shared_the_machine_with(lab: Lab) -> None:
    """Also where those are not taken over: else its seconds would pass for comparable."""
    parent = lab.run("first", TWO)
    events = list(read_journal(parent))
    (first, second, *_) = [event for event in starts(events) if event.number == 0]
    events.remove(second)
    events.insert(events.index(first) + 1, second.model_copy(update={"time": first.time}))
    write_journal(parent.journal, events)
    later = {"at": events[-2].time, "command": ["x"], "changes": [], "loss": None}
    _manifest(parent, resumed=[later])
    child = lab.run("second", {"a": TWO["a"]}, parent="first")
    origins = [start.origin for start in starts(read_journal(child)) if start.origin]
    assert [origin.concurrency for origin in origins] == [2, 1, 1, 1, 1, 1]
    runs = load_study(child.root).runs
    assert runs.sort_values("started_at")["concurrency"].tolist() == [2, 1, 1, 1, 1, 1]
    assert [origin.session for origin in origins] == [
        int(start.time >= later["at"]) for start in starts(read_journal(child))
    ]


def test_a_job_needs_the_whole_path_of_a_parent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may start in another working directory: told before it waits in a queue."""
    text = Path("search_spaces/optimizers.yaml").read_text()
    study = tmp_path / "child.yaml"
    study.write_text(text.replace("question:", "parent: results/first\nquestion:", 1))
    assert submit.main(["slurm", str(study), "--run-dir", str(tmp_path / "run"), "--dry-run"]) == EXIT_REFUSED
    assert f"--set parent={Path.cwd() / 'results/first'}" in capsys.readouterr().err
