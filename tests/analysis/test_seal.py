"""What a seal is worth: every way to change a study after its runs, and what the report then says."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis import report
from analysis.blocks.claims_caption import caption_verdicts
from analysis.claims import Verdict
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page.caveats import warnings
from harness.declaration import Declaration
from harness.errors import ResultsError
from harness.manifest import CONFIRM_SEEDS, Change, Manifest, Resumption
from harness.records.events import Event, StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.seal import sha256_of_declaration
from harness.study.seeds import confirm_seeds
from tests.analysis.conftest import write_journal

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

DECLARED = {"says": "a is best.", "best": {"arm": "a", "metric": "test_accuracy"}}
WANTED = {"says": "b beats c.", "better": {"arm": "b", "than": "c", "metric": "test_accuracy"}}

ONE_ARM = (
    "study: one\nquestion: q\nrecipe: {model: {name: fcn}, lr: 0.01}\narms: {a: {}}\nconfirm: {seeds: 9}\n"
)

Tamper = Callable[[ResultsFolder], None]


@pytest.fixture
def study(new_study: "type[Study]") -> "Study":
    """Return a study of three arms on eight seeds, whose one claim is supported."""
    study = new_study(arms={"a": {}, "b": {}, "c": {}}, claims=[DECLARED])
    for arm, mean, cycle in (("a", 0.90, 4), ("b", 0.85, 3), ("c", 0.80, 5)):
        study.confirm(arm, [mean + 0.001 * (seed % cycle) for seed in range(8)])
    return study


@pytest.fixture
def folder(study: "Study", tmp_path: Path) -> ResultsFolder:
    """Return its results folder, a copy to be tampered with."""
    return ResultsFolder(study.write(tmp_path))


def short(folder: ResultsFolder) -> str:
    """Return as much of a declaration's hash as is shown."""
    return str(sha256_of_declaration(folder))[:12]


def events_of(folder: ResultsFolder) -> list[Event]:
    """Return what a journal holds."""
    return list(read_journal(folder))


def ruled(folder: ResultsFolder, expected: str | None = None) -> Sequence[Verdict]:
    """Return the verdicts of a folder's claims."""
    return Facts(load_study(folder.root, expected)).verdicts


def edit(folder: ResultsFolder, **fields: Any) -> None:
    """Write fields of a declaration anew."""
    declared = Declaration.read(folder).model_dump(mode="json") | fields
    Declaration.model_validate(declared).write(folder)


def claims_edited(folder: ResultsFolder) -> None:
    """Claim afterwards what turned out."""
    edit(folder, claims=[WANTED])


def event_removed(folder: ResultsFolder) -> None:
    """Write the journal without its first event, its checksums chained anew."""
    write_journal(folder, events_of(folder)[1:])


def journal_from_another(folder: ResultsFolder) -> None:
    """Declare a second study in the middle of the journal."""
    first, *rest = events_of(folder)
    write_journal(folder, [first, *rest, first])


def manifest_of_another_study(folder: ResultsFolder) -> None:
    """Put the manifest of another study beside declaration and journal."""
    manifest = Manifest.read(folder.manifest)
    manifest.model_copy(update={"declaration_sha256": "ab" * 32}).write(folder.manifest)


def declaration_of_another_study(folder: ResultsFolder) -> None:
    """Put the declaration and the manifest of a study with the same arms and seeds beside the journal."""
    edit(folder, question="Is it another one?")
    manifest = Manifest.read(folder.manifest)
    manifest.model_copy(update={"declaration_sha256": sha256_of_declaration(folder)}).write(folder.manifest)


def declaration_hidden_in_an_older_manifest(folder: ResultsFolder) -> None:
    """Make it look as if the first version of the harness had written the folder, but for the journal."""
    whole = Declaration.read(folder).model_dump(mode="json") | {"claims": [WANTED], "schema_version": 1}
    whole |= Manifest.read(folder.manifest).model_dump(mode="json", exclude={"schema_version"})
    for name in ("plan", "sources", "declaration_sha256"):
        del whole[name]
    folder.manifest.write_text(json.dumps(whole), encoding="utf-8")
    folder.declaration.unlink()


@pytest.mark.parametrize(
    ("tamper", "reason", "told"),
    [
        (
            claims_edited,
            "other manifest",
            "declaration.json is {after}, but manifest.json belongs to {before}",
        ),
        (event_removed, "no event", "({before}) is not sealed: the journal does not begin with its hash"),
        (journal_from_another, "several events", "declares a study more than once, first {before}"),
        (manifest_of_another_study, "other manifest", "{before}, but manifest.json belongs to abababababab"),
        (
            declaration_of_another_study,
            "declaration changed",
            "{after}, but the journal was begun for {before}",
        ),
        (
            declaration_hidden_in_an_older_manifest,
            "no declaration",
            "the journal was begun for declaration {before}",
        ),
    ],
)
def test_what_was_changed_is_not_ruled(folder: ResultsFolder, tamper: Tamper, reason: str, told: str) -> None:
    """Every claim is not testable, and verdict, page and caption name the hashes."""
    before = short(folder)
    assert [verdict.ruling for verdict in ruled(folder)] == ["supported"]
    tamper(folder)
    facts = Facts(load_study(folder.root))
    told = told.format(before=before, after=short(folder))
    assert (facts.records.seal.state, facts.records.seal.reason) == ("broken", reason)
    (verdict,) = facts.verdicts
    assert verdict.ruling == "not testable"
    assert verdict.reason.startswith("claims may have been changed after the first run: ")
    assert told in verdict.reason
    assert warnings(facts)[0] == f"No claim is decided: {facts.records.seal.in_words()}."
    assert told in caption_verdicts(facts, facts.verdicts)


def test_a_sealed_study_says_so(folder: ResultsFolder) -> None:
    """The caption says what is known, and claims.json holds the hash of the file's bytes."""
    facts = Facts(load_study(folder.root))
    assert facts.records.seal.state == "sealed"
    caption = caption_verdicts(facts, facts.verdicts)
    assert caption.startswith("Claims as declared before the first run, by the journal's own word")
    assert short(folder) in caption
    sealed = json.loads(report.claims_json(facts))["declaration"]
    assert (sealed["sha256"], sealed["sealed"]) == (sha256_of_declaration(folder), True)


def test_replicates_that_were_added_do_not_break_the_seal(study: "Study", tmp_path: Path) -> None:
    """The declaration is the one before; the manifest tells of the seeds that a resume added."""
    seeds = confirm_seeds(0, "a", 0, 9, common=True)
    study.arms = {"a": {}}
    study.claims, study.runs, study.confirm_runs = [], [], 8
    for seed in seeds:
        study.add("a", "confirm", seed=seed)
    change = Change(field=CONFIRM_SEEDS, before=8, after=9)
    later = Resumption(at="2026-01-03", command=["x"], changes=[change], loss=None)
    declared = list(seeds[:8])
    added = study.write(tmp_path, confirm_seeds=declared, resumed=[later.model_dump(mode="json")])
    records = load_study(added)
    assert records.seal.state == "sealed"
    assert records.declaration.confirm_seeds == declared
    assert len(records.runs_of("confirm")) == 9


def test_replicates_that_nobody_asked_for_are_another_study_s(study: "Study", tmp_path: Path) -> None:
    """A seed that neither declaration nor a later session names was written in by hand."""
    study.add("a", "confirm", seed=4242)
    declared = [100 + seed for seed in range(8)]
    with pytest.raises(ResultsError, match=r"has a seed that declaration\.json does not declare"):
        load_study(study.write(tmp_path, confirm_seeds=declared))


def test_a_folder_of_the_first_version_is_ruled_as_before(study: "Study", tmp_path: Path) -> None:
    """Nothing can be said about when its claims were made, and that is what is said."""
    facts = Facts(load_study(study.write_older(tmp_path)))
    assert [verdict.ruling for verdict in facts.verdicts] == ["supported"]
    assert "declaration not sealed" in caption_verdicts(facts, facts.verdicts)
    sealed = json.loads(report.claims_json(facts))["declaration"]
    assert (sealed["sha256"], sealed["sealed"]) == (None, False)


def test_what_a_seal_is_worth(folder: ResultsFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever writes declaration, manifest and journal anew is not found out: there is no key.

    Only the hash that was kept elsewhere before the first run shows it, and then nothing is ruled.
    """
    kept = str(sha256_of_declaration(folder))
    edit(folder, claims=[WANTED])
    forged = str(sha256_of_declaration(folder))
    manifest = Manifest.read(folder.manifest)
    manifest.model_copy(update={"declaration_sha256": forged}).write(folder.manifest)
    first, *rest = events_of(folder)
    write_journal(folder, [StudyDeclared(time=first.time, sha256=forged), *rest])
    assert load_study(folder.root).seal.state == "sealed"
    assert [verdict.ruling for verdict in ruled(folder)] == ["supported"]
    assert [verdict.ruling for verdict in ruled(folder, expected=forged)] == ["supported"]
    assert report.main([str(folder.root), "--declared", kept]) == 0
    decided = json.loads((folder.report / "claims.json").read_text(encoding="utf-8"))
    assert [claim["ruling"] for claim in decided["claims"]] == ["not testable"]
    assert (
        f"the declaration is {forged[:12]}, not {kept[:12]} as expected" in decided["declaration"]["reason"]
    )
    assert not decided["declaration"]["sealed"]


@pytest.mark.parametrize("given", ["abc", "g" * 64])
def test_a_hash_that_is_none_is_refused(
    folder: ResultsFolder, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shortened one could be met by chance; the remedy says where the whole one stands."""
    with pytest.raises(SystemExit):
        report.main([str(folder.root), "--declared", given])
    assert "is no SHA-256, which has 64 hexadecimal digits. Remedy:" in capsys.readouterr().err


def test_one_hash_is_not_that_of_several_studies(
    folder: ResultsFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is asked of one results folder alone."""
    with pytest.raises(SystemExit):
        report.main([str(folder.root.parent), "--declared", "a" * 64])
    assert "Remedy: give its results folder alone" in capsys.readouterr().err
