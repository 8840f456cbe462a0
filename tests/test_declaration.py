"""Declaration and manifest: what is written is read again, in types; older ones are brought to this form."""

import gzip
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from analysis.load import load_study
from harness.declaration import Declaration, DeclaredArm, DeclaredData, DeclaredPlan, UnknownClaim
from harness.errors import ResultsError
from harness.manifest import Change, Manifest, Resumption
from harness.recipe.metrics import Metric, task_metrics
from harness.records.folder import ResultsFolder
from harness.records.provenance import GitState, Machine
from harness.records.recovery import Loss
from harness.study.claims import Claim
from harness.study.domains import Choices, OneOf, Range, domains_of
from harness.study.file import Confirm, Resources, Search
from harness.study.plan import plan_study
from harness.study.published import PublishedValues
from harness.study.reading.parse import load_study as load_study_file
from harness.study.study import Template
from harness.training.data.prepare import known_spec
from harness.tuning.declaration import declare

CLAIM = {"says": "It is best.", "best": {"arm": "adam@batch_size=16", "metric": "test_accuracy"}}
UNKNOWN = {"says": "It is prettier.", "source": "a friend", "prettier": {"arm": "adam"}}
SPACE = {
    "lr": {"low": 1e-4, "high": 1.0, "log": True},
    "model": {"choices": [{"name": "fcn", "hidden": [5]}, {"name": "lenet5"}]},
    "lr_schedule": {"one_of": {"step": {"lr_gamma": {"low": 0.1, "high": 0.5}}, "cosine": None}},
}


def declaration(**fields: Any) -> Declaration:
    """Return the declaration of two arms that a template made."""
    arms = {
        f"adam@batch_size={size}": DeclaredArm(
            template=Template(name="adam", values={"batch_size": size}),
            fixed={"optimizer": "adam", "batch_size": size},
            space=domains_of(SPACE),
            search_runs=4,
            confirm_runs=3,
            max_epochs=9,
        )
        for size in (64, 16)
    }
    whole: dict[str, Any] = {
        "protocol_version": "1",
        "study": "small",
        "question": "Does it work?",
        "arms": arms,
        "search": Search(trials=4).filled(),
        "confirm": Confirm(seeds=3),
        "plan": DeclaredPlan(unit="seed", looks=(3,), weights=(1.0,), seeds_are_common=True),
        "search_seeds": [1],
        "confirm_seeds": [2, 3, 4],
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
    }
    return Declaration(**(whole | fields))


def manifest(**fields: Any) -> Manifest:
    """Return the manifest of a study that began on one machine."""
    whole: dict[str, Any] = {
        "declaration_sha256": "ab" * 32,
        "resources": Resources(),
        "git": GitState(commit="abc", dirty=False),
        "versions": {"python": "3.11.9"},
        "machine": Machine(host="node1", cores=2),
        "slots": 1,
        "command": ["python"],
        "created_at": "2026-01-02T03:04:05+00:00",
    }
    return Manifest(**(whole | fields))


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    """Return a folder with a declaration and a manifest."""
    folder = ResultsFolder(tmp_path)
    declaration().write(folder)
    manifest().write(folder.manifest)
    return folder


def older(folder: ResultsFolder) -> dict[str, Any]:
    """Return the one document that the first version wrote of such a study."""
    whole: dict[str, Any] = {}
    for path in (folder.declaration, folder.manifest):
        whole |= json.loads(path.read_text(encoding="utf-8"))
    new = ("plan", "order", "sources", "declaration_sha256")
    return {name: value for name, value in whole.items() if name not in new} | {"schema_version": 1}


def test_what_is_written_is_read_again(folder: ResultsFolder) -> None:
    """Domains, branches, templates, claims, changes and losses keep their types."""
    changes = [Change(field="confirm.seeds", before=3, after=4)]
    loss = Loss(kind="damaged", lines=2, kept_as="journal.jsonl.damaged-1")
    later = Resumption(at="2026-01-03", command=["x"], changes=changes, loss=loss)
    told = manifest(resumed=[later])
    told.write(folder.manifest)
    assert Manifest.read(folder.manifest) == told
    read = Declaration.read(folder)
    assert read == declaration()
    space = read.arms["adam@batch_size=16"].space
    assert [type(domain) for domain in space.values()] == [Range, Choices, OneOf]
    assert isinstance(space["lr_schedule"], OneOf)
    assert isinstance(space["lr_schedule"].branches["step"]["lr_gamma"], Range)
    assert [type(claim) for claim in read.claims] == [Claim, UnknownClaim]
    assert read.arms_of("adam") == list(read.arms)
    assert read.arms_of("adam@batch_size=64") == ["adam@batch_size=64"]


NUMBERS = st.one_of(st.sampled_from([math.inf, -math.inf, math.nan]), st.floats(), st.integers(-9, 9))
VALUES = st.one_of(NUMBERS, st.booleans(), st.text(max_size=3))
PLACES = st.one_of(
    st.fixed_dictionaries({"at": VALUES}),
    st.fixed_dictionaries({"between": st.lists(NUMBERS, min_size=2, max_size=2)}),
)
KINDS_WITH_NUMBERS = st.one_of(
    PLACES.map(lambda place: {"optimum": {"arm": "a", "field": "lr", "metric": "val_loss", **place}}),
    st.dictionaries(st.sampled_from(["lr", "momentum"]), VALUES, min_size=1).map(
        lambda at: {"diverges": {"arm": "a", "at": at}}
    ),
    NUMBERS.map(
        lambda value: {
            "faster": {"arm": "a", "than": "b", "metric": "epochs_to", "target": {"val_loss": value}}
        }
    ),
    NUMBERS.map(lambda value: {"reaches": {"arm": "a", "metric": "val_loss", "at_most": value}}),
    NUMBERS.map(lambda value: {"region": value, "better": {"arm": "a", "than": "b", "metric": "val_loss"}}),
)


@given(KINDS_WITH_NUMBERS)
def test_every_claim_that_a_study_file_may_make_is_read_again(words: dict[str, Any]) -> None:
    """JSON has no infinity: what became null there was sealed, and never ruled."""
    try:
        claim = Claim.model_validate({"says": "a", **words})
    except ValidationError:
        return
    written = json.loads(declaration(claims=[claim]).as_bytes())
    assert Declaration.model_validate(written).claims == [claim]


def test_keys_are_sorted_and_yet_keep_their_order(folder: ResultsFolder) -> None:
    """Equal studies have equal bytes; arms, fields and branches are as the study file orders them."""
    text = folder.declaration.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2) + "\n"
    read = Declaration.read(folder)
    assert list(read.arms) == ["adam@batch_size=64", "adam@batch_size=16"]
    assert list(read.arms["adam@batch_size=16"].space) == list(SPACE)
    schedule = read.arms["adam@batch_size=16"].space["lr_schedule"]
    assert isinstance(schedule, OneOf)
    assert schedule.listed == ["step", "cosine"]
    assert read.as_bytes() == text.encode()


def test_the_order_of_fields_is_declared(folder: ResultsFolder) -> None:
    """Samplers draw in it, so another order is another study."""
    turned = dict(reversed(SPACE.items()))
    arms = {
        name: arm.model_copy(update={"space": domains_of(turned)}) for name, arm in declaration().arms.items()
    }
    assert declaration(arms=arms).as_bytes() != folder.declaration.read_bytes()


def test_the_file_says_what_a_study_file_says(folder: ResultsFolder) -> None:
    """Domains and claims as they were written, nothing filled in; an unknown claim word for word."""
    written = json.loads(folder.declaration.read_text(encoding="utf-8"))
    assert written["arms"]["adam@batch_size=16"]["space"] == SPACE
    assert written["claims"] == [CLAIM, UNKNOWN]
    assert written["published"]["adam@batch_size=16"][0]["values"] == {"test_accuracy": 0.9}


def test_an_unknown_claim_says_why() -> None:
    """It has its words, and the reason for which it is not decided."""
    claim = declaration().claims[1]
    assert isinstance(claim, UnknownClaim)
    assert (claim.says, claim.source, claim.kind) == ("It is prettier.", "a friend", "none")
    assert claim.reason.startswith("not a claim that this version decides (")


def test_a_manifest_of_the_first_version_is_brought_to_todays_form(folder: ResultsFolder) -> None:
    """It declared; its arms' names told their template, its sessions what had changed and what was lost."""
    old = older(folder)
    for arm in old["arms"].values():
        del arm["template"]
    del old["dataset"]["val_fraction"], old["search"]["audit"], old["published"]
    sentences = ["confirm.seeds: 3 before, 4 now", "question: 'now, before' before, \"it's\" now"]
    lost = "journal.jsonl: 2 damaged lines at the end were dropped. "
    lost += "The damaged file is kept as journal.jsonl.damaged-1."
    old["resumed"] = [{"at": "2026-01-03", "command": ["x"], "changes": sentences, "loss": lost}]
    folder.manifest.write_text(json.dumps(old), encoding="utf-8")
    folder.declaration.unlink()
    read = Declaration.read(folder)
    assert read.arms["adam@batch_size=64"].template == Template(name="adam", values={"batch_size": 64})
    assert read.dataset.val_fraction == 0.1
    assert (read.search.audit, read.published) == (0, {})
    assert read.plan == DeclaredPlan(unit="seed", looks=(3,), weights=(1.0,), seeds_are_common=True)
    rest = Manifest.read(folder.manifest)
    assert rest.declaration_sha256 is None
    assert [change.in_words() for change in rest.changes] == sentences
    assert [(change.before, change.after) for change in rest.changes] == [(3, 4), ("now, before", "it's")]
    assert rest.resumed[0].loss == Loss(kind="damaged", lines=2, kept_as="journal.jsonl.damaged-1")
    assert rest.resumed[0].loss.in_words() == lost


@pytest.mark.parametrize("study", ["optimizers", "dropout"])
def test_a_study_that_was_declared_before_recipes_grew_declares_the_same_bytes(
    study: str, repository: Path
) -> None:
    """So it stays sealed, and can be resumed by this version."""
    folder = ResultsFolder(repository / "results" / "reference" / study)
    read = load_study_file(folder.study_file)
    spec = known_spec(read.dataset)
    assert spec is not None
    assert declare(read, plan_study(read), spec).as_bytes() == folder.declaration.read_bytes()
    assert load_study(folder.root).seal.state == "sealed"


@pytest.mark.parametrize("name", ["finished", "half finished"])
def test_real_folders_of_the_first_version_are_read(name: str, repository: Path, tmp_path: Path) -> None:
    """What a sweep wrote then, and what a killed one left of it: nothing is missing in what they declare."""
    folder = ResultsFolder(repository / "tests" / "first_version")
    if name == "half finished":
        folder = half_of(folder, tmp_path)
    records = load_study(folder.root)
    assert (records.seal.state, records.seal.reason) == ("not sealed", "first version")
    assert records.declared_in == "manifest.json"
    assert records.declaration.plan.looks == (len(records.declaration.confirm_seeds),)
    assert next(iter(records.declaration.arms)) == "fcn"


def half_of(folder: ResultsFolder, root: Path) -> ResultsFolder:
    """Return a copy whose journal was cut in its middle."""
    half = ResultsFolder(root / folder.root.name)
    half.root.mkdir()
    shutil.copy(folder.manifest, half.manifest)
    lines = gzip.decompress(folder.compressed_journal.read_bytes()).splitlines(keepends=True)
    half.journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    return half


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("manifest", '"schema_version": 2', '"schema_version": 3', "schema_version: Input should be 2"),
        ("declaration", '"schema_version": 2', '"schema_version": 3', "schema_version: Input should be 2"),
        ("manifest", '"slots": 1,', "", "slots: Field required"),
        ("declaration", '"low": 0.0001', '"low": 5', "low must be below high"),
        ("declaration", "1.0\n    ]", "0.5, 0.5]", "1 looks have 2 weights"),
    ],
)
def test_what_this_version_cannot_read_is_refused(
    folder: ResultsFolder, name: str, old: str, new: str, told: str
) -> None:
    """A newer version's file, a field that is missing, and what breaks a rule."""
    path = folder.root / f"{name}.json"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ResultsError, match=told) as refused:
        read_both(folder)
    assert "This version reads schema 1 and 2. Remedy: use the version of the harness that wrote it" in str(
        refused.value
    )


@pytest.mark.parametrize("name", ["manifest", "declaration"])
def test_what_is_no_json_is_told_to_be_damaged(folder: ResultsFolder, name: str) -> None:
    """No other version could read it either."""
    path = folder.root / f"{name}.json"
    path.write_text(path.read_text(encoding="utf-8")[1:], encoding="utf-8")
    with pytest.raises(ResultsError, match=r"damaged, it is no JSON text .* Remedy: bring back a copy of it"):
        read_both(folder)


def read_both(folder: ResultsFolder) -> None:
    """Read what a folder declares and where it ran."""
    Declaration.read(folder)
    Manifest.read(folder.manifest)


def test_usual_metrics_are_not_written_and_others_keep_their_order(tmp_path: Path) -> None:
    """The bytes of studies of classes stay; the first metric of another study stays its headline."""
    assert "metrics" not in json.loads(declaration().as_bytes())
    metrics = {"score": Metric(better="higher", region=0.5), "energy": Metric(better="lower", unit="kWh")}
    declaration(metrics=metrics).write(ResultsFolder(tmp_path))
    read = Declaration.read(ResultsFolder(tmp_path))
    assert list(read.metrics.items()) == list(metrics.items())
    turned = dict(reversed(task_metrics("classification").items()))
    assert list(Declaration(**dict(declaration(metrics=turned))).metrics) == ["loss", "accuracy"]


def test_a_claim_about_an_undeclared_metric_is_undecided() -> None:
    """It has its words, and says which metric is meant."""
    target = {"arm": "a", "than": "b", "metric": "epochs_to", "target": {"val_score": 1.0}}
    claims = [CLAIM, {"says": "x", "faster": target}]
    known, unknown = declaration(claims=claims).claims
    assert isinstance(known, Claim)
    assert isinstance(unknown, UnknownClaim)
    assert "val_score: the study declares no such metric" in unknown.reason
    assert unknown.words["faster"]["target"] == {"val_score": 1.0}
