"""The manifest: what is written is read again, in types; older ones are brought to today's form."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.declaration import Change, DeclaredArm, DeclaredData, Manifest, Resumption, UnknownClaim
from harness.errors import ResultsError
from harness.records.provenance import GitState, Machine
from harness.records.recovery import Loss
from harness.study.claims import Claim
from harness.study.domains import Choices, OneOf, Range, domains_of
from harness.study.file import Confirm, Resources, Search
from harness.study.published import PublishedValues
from harness.study.study import Template

CLAIM = {"says": "It is best.", "best": {"arm": "adam@batch_size=16", "metric": "test_accuracy"}}
UNKNOWN = {"says": "It is prettier.", "source": "a friend", "prettier": {"arm": "adam"}}
SPACE = {
    "lr": {"low": 1e-4, "high": 1.0, "log": True},
    "model": {"choices": [{"name": "fcn", "hidden": [5]}, {"name": "lenet5"}]},
    "lr_schedule": {"one_of": {"step": {"lr_gamma": {"low": 0.1, "high": 0.5}}, "cosine": None}},
}


def manifest(**fields: Any) -> Manifest:
    """Return a manifest of two arms that a template made."""
    arms = {
        f"adam@batch_size={size}": DeclaredArm(
            template=Template(name="adam", values={"batch_size": size}),
            fixed={"optimizer": "adam", "batch_size": size},
            space=domains_of(SPACE),
            search_runs=4,
            confirm_runs=3,
            max_epochs=9,
        )
        for size in (16, 64)
    }
    whole: dict[str, Any] = {
        "protocol_version": "1",
        "study": "small",
        "question": "Does it work?",
        "arms": arms,
        "search": Search(trials=4).filled(),
        "confirm": Confirm(seeds=3),
        "search_seeds": [1],
        "confirm_seeds": [2, 3, 4],
        "resources": Resources(),
        "claims": [CLAIM, UNKNOWN],
        "published": {"adam@batch_size=16": [PublishedValues(source="A", metrics={"test_accuracy": 0.9})]},
        "dataset": DeclaredData(
            name="mnist",
            sha256={"train_images": "ab"},
            train_samples=54_000,
            val_samples=6_000,
            test_samples=10_000,
            val_fraction=0.1,
            split="stratified",
        ),
        "git": GitState(commit="abc", dirty=False),
        "versions": {"python": "3.11.9"},
        "machine": Machine(host="node1", cores=2),
        "slots": 1,
        "command": ["python"],
        "created_at": "2026-01-02T03:04:05+00:00",
    }
    return Manifest(**(whole | fields))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Domains, branches, templates, claims, changes and losses keep their types."""
    changes = [Change(field="confirm.seeds", before=3, after=4)]
    loss = Loss(kind="damaged", lines=2, kept_as="journal.jsonl.damaged-1")
    later = Resumption(at="2026-01-03", command=["x"], changes=changes, loss=loss)
    declared = manifest(resumed=[later])
    declared.write(tmp_path / "manifest.json")
    read = Manifest.read(tmp_path / "manifest.json")
    assert read == declared
    space = read.arms["adam@batch_size=16"].space
    assert [type(domain) for domain in space.values()] == [Range, Choices, OneOf]
    assert isinstance(space["lr_schedule"], OneOf)
    assert isinstance(space["lr_schedule"].branches["step"]["lr_gamma"], Range)
    assert [type(claim) for claim in read.claims] == [Claim, UnknownClaim]
    assert read.arms_of("adam") == list(read.arms)
    assert read.arms_of("adam@batch_size=64") == ["adam@batch_size=64"]


def test_the_file_says_what_a_study_file_says(tmp_path: Path) -> None:
    """Domains and claims as they were written, nothing filled in; an unknown claim word for word."""
    manifest().write(tmp_path / "manifest.json")
    written = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert written["arms"]["adam@batch_size=16"]["space"] == SPACE
    assert written["claims"] == [CLAIM, UNKNOWN]
    assert written["published"]["adam@batch_size=16"][0]["values"] == {"test_accuracy": 0.9}


def test_an_unknown_claim_says_why(tmp_path: Path) -> None:
    """It has its words, and the reason for which it is not decided."""
    claim = manifest().claims[1]
    assert isinstance(claim, UnknownClaim)
    assert (claim.says, claim.source, claim.kind) == ("It is prettier.", "a friend", "none")
    assert claim.reason.startswith("not a claim that this version decides (")


def test_a_manifest_of_the_first_version_is_brought_to_todays_form(tmp_path: Path) -> None:
    """Its arms' names told their template, its sessions what had changed and what was lost."""
    path = tmp_path / "manifest.json"
    manifest().write(path)
    old = json.loads(path.read_text(encoding="utf-8"))
    for arm in old["arms"].values():
        del arm["template"]
    del old["dataset"]["val_fraction"], old["search"]["audit"], old["published"]
    sentences = ["confirm.seeds: 3 before, 4 now", "question: 'now, before' before, \"it's\" now"]
    lost = "journal.jsonl: 2 damaged lines at the end were dropped. "
    lost += "The damaged file is kept as journal.jsonl.damaged-1."
    old["resumed"] = [{"at": "2026-01-03", "command": ["x"], "changes": sentences, "loss": lost}]
    path.write_text(json.dumps(old), encoding="utf-8")
    read = Manifest.read(path)
    assert read.arms["adam@batch_size=64"].template == Template(name="adam", values={"batch_size": 64})
    assert read.dataset.val_fraction == 0.1
    assert (read.search.audit, read.published) == (0, {})
    assert [change.in_words() for change in read.changes] == sentences
    assert [(change.before, change.after) for change in read.changes] == [(3, 4), ("now, before", "it's")]
    assert read.resumed[0].loss == Loss(kind="damaged", lines=2, kept_as="journal.jsonl.damaged-1")
    assert read.resumed[0].loss.in_words() == lost


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"schema_version": 1', '"schema_version": 2', "schema_version: Input should be 1"),
        ('"slots": 1,', "", "slots: Field required"),
        ('"low": 0.0001', '"low": 5', "low must be below high"),
    ],
)
def test_what_this_version_cannot_read_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    """A newer version's file, a field that is missing, and a domain that breaks a rule."""
    path = tmp_path / "manifest.json"
    manifest().write(path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ResultsError, match=told) as refused:
        Manifest.read(path)
    assert "This version reads schema 1. Remedy: use the version of the harness that wrote it" in str(
        refused.value
    )


def test_what_is_no_json_is_told_to_be_damaged(tmp_path: Path) -> None:
    """No other version could read it either."""
    path = tmp_path / "manifest.json"
    manifest().write(path)
    path.write_text(path.read_text(encoding="utf-8")[1:], encoding="utf-8")
    with pytest.raises(ResultsError, match=r"damaged, it is no JSON text .* Remedy: bring back a copy of it"):
        Manifest.read(path)
