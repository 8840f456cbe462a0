"""The whole report: same bytes, one offline page, sane for every kind of study."""

import html
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from analysis import output
from analysis.blocks.registry import PLOTS, TABLES
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page import caveats, progress, provenance
from analysis.page.document import Content, render_figures, render_html, render_markdown, render_tables
from analysis.report import write_figures, write_report, write_tables
from harness.manifest import Change, Resumption
from harness.records.events import LookTaken
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.records.recovery import Loss
from tests.analysis.test_declared_metrics import run_study

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}


def everything_below(folder: Path) -> dict[str, bytes]:
    """Return each file's bytes by its path inside a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_deleted_outputs_come_back_as_the_same_bytes(any_report: Path, tmp_path: Path) -> None:
    """Everything derives from the journal and the manifest, wherever the folder lies."""
    moved = tmp_path / "elsewhere" / "renamed folder"
    shutil.copytree(any_report, moved)
    folder = ResultsFolder(moved)
    shutil.rmtree(folder.report)
    folder.runs.unlink()
    folder.epochs.unlink()
    write_report(moved)
    after = everything_below(moved)
    assert after == everything_below(any_report)
    assert {"runs.parquet", "epochs.parquet", "report/index.html", "report/report.md"} <= after.keys()
    for kind, formats in (("figures", {"svg", "pdf", "png", "csv"}), ("tables", {"csv", "md", "tex"})):
        for name in names_below(moved, kind):
            assert {f"report/{kind}/{name}.{form}" for form in formats} <= after.keys()


def names_below(results: Path, kind: str) -> set[str]:
    """Return the names of a report's tables or figures, without their formats."""
    return {path.stem for path in (results / "report" / kind).iterdir()}


def test_every_row_is_in_a_report(all_reports: list[Path], tmp_path: Path) -> None:
    """Together, the three studies of these tests and one of declared metrics have every table and figure."""
    facts = Facts(load_study(run_study(tmp_path / "forecasts")))
    for kind, rows in (("figures", PLOTS), ("tables", TABLES)):
        declared = {name for name, row in rows.items() if row.is_for(facts)}
        assert declared.union(*(names_below(folder, kind) for folder in all_reports)) == set(rows)


def test_parquet_holds_the_runs(reported: Path) -> None:
    """`runs.parquet` has a row a run: seven search, eight confirm and one audit run of three arms."""
    runs = pd.read_parquet(ResultsFolder(reported).runs)
    assert len(runs) == len(load_study(reported).runs) == 3 * (7 + 8 + 1)


class _Page(HTMLParser):
    """Collect what a page refers to and describes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.descriptions: list[str] = []
        self.drawings = 0
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.references += [
            found[key] or "" for key in ("href", "src", "xlink:href", "action") if key in found
        ]
        self.anchors.add(found.get("id") or "")
        self.drawings += tag == "svg"
        if found.get("role") == "img":
            self.descriptions.append(found.get("aria-label") or "")


def parsed(text: str) -> _Page:
    """Return what a page refers to."""
    page = _Page()
    page.feed(text)
    return page


def page_of(results: Path) -> tuple[str, _Page]:
    """Return a written report's HTML as text and as what it refers to."""
    text = (ResultsFolder(results).report / "index.html").read_text(encoding="utf-8")
    return text, parsed(text)


def content_of(results: Path) -> Content:
    """Return what a study's documents are rendered from; its figures are drawn in no format yet."""
    facts = Facts(load_study(results))
    return Content(facts=facts, tables=render_tables(facts), figures=render_figures(facts))


def test_the_page_needs_nothing_from_outside(any_report: Path) -> None:
    """Namespaces of SVG aside, no address stands in the page, and every reference points into it."""
    text, page = page_of(any_report)
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'<>)]*", text))
    assert addresses <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}
    inside = [reference for reference in page.references if reference != "data:,"]
    assert inside
    assert all(reference.startswith("#") and reference[1:] in page.anchors for reference in inside)
    assert len(text) < 5_000_000


def test_every_figure_is_described_in_words(any_report: Path) -> None:
    """Who cannot see a figure is told what it shows, with numbers."""
    text, page = page_of(any_report)
    of_claims = text.count('<svg class="effect-axis"')
    assert page.drawings == len(names_below(any_report, "figures")) + of_claims == len(page.descriptions)
    assert all(re.search(r"\d", description) for description in page.descriptions)


def test_the_command_can_be_pasted(new_study: "type[Study]", tmp_path: Path) -> None:
    """Arguments that a shell would take apart are quoted, in both documents."""
    results = new_study(arms={"a": {}}, confirm_runs=1).write(tmp_path)
    manifest = ResultsFolder(results).manifest
    argument = '"search_spaces/optimizers.yaml", "--set", "arms.sgd.lr={low: 1, high: 2}"'
    text = manifest.read_text(encoding="utf-8").replace('"search_spaces/optimizers.yaml"', argument)
    manifest.write_text(text, encoding="utf-8")
    content = content_of(results)
    quoted = "search_spaces/optimizers.yaml --set 'arms.sgd.lr={low: 1, high: 2}'"
    assert quoted in html.unescape(render_html(content))
    assert quoted in render_markdown(content)


def test_script_fits_twelve_kilobytes(reported: Path) -> None:
    """The page is complete without its script, which sorts, copies, filters and names runs."""
    text, _ = page_of(reported)
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert len(script.encode()) < 12_000


def test_drawings_share_no_id(any_report: Path) -> None:
    """Several drawings stand in one page: ids are unique, and each reference stays within its own drawing."""
    text, _ = page_of(any_report)
    drawings = re.findall(r"<svg aria-hidden.*?</svg>", text, flags=re.DOTALL)
    seen: set[str] = set()
    for drawing in drawings:
        ids = set(re.findall(r'\bid="([^"]+)"', drawing))
        references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', drawing)
        assert {one or other for one, other in references} <= ids
        assert not ids & seen
        seen |= ids
    assert len(drawings) == len(names_below(any_report, "figures"))


def test_text_of_the_study_is_shown_and_never_run(three_arms: "Study", tmp_path: Path) -> None:
    """Markup in a question, an arm or a claim is text in both documents."""
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)> `x` $\\frac$ | [y](z) & </style>"
    three_arms.question = attack
    three_arms.claims[0]["says"] = attack
    three_arms.arms = {attack: three_arms.arms.pop("sgd")} | three_arms.arms
    three_arms.baseline = attack
    three_arms.winners = {attack: three_arms.winners.pop("sgd")} | three_arms.winners
    for run in three_arms.runs:
        run.arm = attack if run.arm == "sgd" else run.arm
    content = content_of(three_arms.write(tmp_path))
    text = render_html(content)
    page = parsed(text)
    assert [page.tags.count(tag) for tag in ("script", "img", "style")] == [1, 0, 1]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert re.search(r"(?<!\\)<(script|img)", render_markdown(content)) is None


def test_claims_are_json_with_the_verdicts(reported: Path) -> None:
    """Machines read the same verdicts as people."""
    found = json.loads((reported / "report" / "claims.json").read_text(encoding="utf-8"))
    assert [claim["ruling"] for claim in found["claims"]] == ["inconclusive", "equivalent", "not testable"]
    assert found["alpha"] == 0.05


def test_order_of_runs_and_names_of_arms_change_no_number(three_arms: "Study", tmp_path: Path) -> None:
    """Runs that ended in another order, and arms under other names in the same order, change nothing."""
    first = three_arms.facts(tmp_path / "a")
    names = {"sgd": "zeta", "rmsprop": "mu", "adam": "alpha"}
    for run in three_arms.runs:
        run.arm = names[run.arm]
    three_arms.runs.reverse()
    three_arms.arms = {names[arm]: space for arm, space in three_arms.arms.items()}
    three_arms.baseline = "zeta"
    three_arms.winners = {names[arm]: winner for arm, winner in three_arms.winners.items()}
    three_arms.published = {names[arm]: runs for arm, runs in three_arms.published.items()}
    for claim in three_arms.claims:
        for spec in claim.values():
            if isinstance(spec, dict):
                spec.update({key: names[spec[key]] for key in ("arm", "than")})
    second = three_arms.facts(tmp_path / "b")
    for name, table in TABLES.items():
        if not table.is_for(first):
            continue
        numbers = [table.rendered(name, facts).numbers.select_dtypes("number") for facts in (first, second)]
        pd.testing.assert_frame_equal(*numbers, obj=name)


def test_test_values_change_no_choice(three_arms: "Study", tmp_path: Path) -> None:
    """Shuffled test accuracies leave the search table and the learning-rate plot as they are."""
    first = three_arms.facts(tmp_path / "a")
    confirm = [run for run in three_arms.runs if run.phase == "confirm"]
    for run, value in zip(confirm, [run.test_accuracy for run in reversed(confirm)], strict=True):
        run.test_accuracy = value
    second = three_arms.facts(tmp_path / "b")
    for compute in (TABLES["search"].compute, PLOTS["learning_rates"].compute):
        pd.testing.assert_frame_equal(compute(first), compute(second))


def _one_seed_without_search(study: "Study") -> None:
    study.confirm("a", [0.8841])
    study.confirm("b", [0.8603])


def _no_confirm(study: "Study") -> None:
    study.arms = {"a": {"lr": {"grid": [0.01, 0.1]}}, "b": {"lr": {"low": 0.0, "high": 1.0}}}
    study.search("a", [0.01, 0.1], best=0.1)
    study.search("b", [0.2, 0.5], best=0.5)


def _all_diverged(study: "Study") -> None:
    study.arms = {"a": {"lr": LOG}, "b": {"lr": LOG}}
    for rate in (0.1, 0.5):
        study.add("a", "search", lr=rate, status="diverged", epochs=1)
        study.add("b", "search", lr=rate, status="diverged", epochs=1)
    study.winners = {"a": None, "b": None}
    study.confirm_runs = 10


def _confirm_diverged(study: "Study") -> None:
    study.confirm("a", [0.9, 0.91])
    for seed in range(3):
        study.add("b", "confirm", seed=seed, status="diverged", epochs=1)


def _failed_at_start(study: "Study") -> None:
    study.add("a", "confirm", status="failed", epochs=0, lr=None)
    study.add("b", "confirm", status="failed", epochs=0, lr=None)


def _nothing_ended(study: "Study") -> None:
    study.search_runs = {"a": 5, "b": 5}
    study.confirm_runs = 3


def _epochs_searched(study: "Study") -> None:
    study.max_epochs = None
    study.arms = {"a": {"lr": LOG, "epochs": {"low": 1, "high": 5}}, "b": {"lr": LOG}}
    study.search("a", [0.01, 0.1], best=0.1)
    study.search("b", [0.01, 0.1], best=0.1)
    study.confirm("a", [0.90, 0.91])


def _five_arms(study: "Study") -> None:
    study.arms = {f"batch {2**power}": {"lr": LOG} for power in range(5)}
    for arm in study.arms:
        study.search(arm, [0.01, 0.1], best=0.1)
        study.confirm(arm, [0.90, 0.91])


@pytest.mark.parametrize(
    "fill",
    [
        _one_seed_without_search,
        _no_confirm,
        _all_diverged,
        _confirm_diverged,
        _failed_at_start,
        _nothing_ended,
        _epochs_searched,
        _five_arms,
    ],
)
def test_odd_studies_have_sane_reports(new_study: "type[Study]", tmp_path: Path, fill: Any) -> None:
    """Whatever is missing, the report stands, shows no NaN, and a claim is not ruled, with a reason."""
    study = new_study(arms={"a": {}, "b": {}})
    study.claims = [{"says": "a wins", "better": {"arm": "a", "than": "b", "metric": "test_accuracy"}}]
    fill(study)
    content = content_of(study.write(tmp_path))
    text = render_html(content)
    page = parsed(text)
    words = re.sub(r"<svg.*?</svg>|<script>.*?</script>|<style>.*?</style>", "", text, flags=re.DOTALL)
    for shown in (words, render_markdown(content), *(table.latex() for table in content.tables.values())):
        assert re.search(r"\b(nan|NaN|NaT|inf)\b|<NA>|None(?!\.)", shown) is None
    assert "not testable" in text or "not yet" in text
    assert page.drawings == len(page.descriptions) <= len(PLOTS) + len(study.claims)


def test_one_seed_says_single_seed(new_study: "type[Study]", tmp_path: Path) -> None:
    """The published tables have one seed an arm: nothing they conclude can be tested."""
    study = new_study(arms={"a": {}, "b": {}})
    study.claims = [{"says": "a wins", "better": {"arm": "a", "than": "b", "metric": "test_accuracy"}}]
    _one_seed_without_search(study)
    records = load_study(study.write(tmp_path))
    cells = render_tables(Facts(records))["claims"].cells
    assert cells["Verdict"].tolist() == ["not testable"]
    assert cells["Why"][0].startswith("single seed")
    assert any("single seed" in limit.lower() for limit in caveats.limits(Facts(records)))


def test_an_unfinished_study_says_so(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nobody takes a third of a study for the whole."""
    study = new_study(arms={"a": {"lr": LOG}}, search_runs={"a": 5}, confirm_runs=4)
    study.search("a", [0.01, 0.1, 0.2])
    study.winners.clear()  # the search phase has not ended
    said = progress.progress(load_study(study.write(tmp_path)))
    assert said == "Unfinished: 3 of 9 planned runs have ended"


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ([], "Unfinished: 10 of 10 planned runs have ended, the look at 5 is still to come"),
        ([(5, ["a"])], "Unfinished: 10 of 13 planned runs have ended"),
        ([(5, [])], None),
    ],
)
def test_a_sequential_study_ends_where_a_look_ends_it(
    new_study: "type[Study]", tmp_path: Path, taken: list[tuple[int, list[str]]], said: str | None
) -> None:
    """What no open claim needs was never to be run, and counts as nothing that is missing."""
    plan = {"looks": [5, 8, 12], "weights": [0.25, 0.25, 0.5]}
    study = new_study(arms={"a": {}, "b": {}}, plan=plan, confirm_runs=12)
    for arm in study.arms:
        study.confirm(arm, [0.87, 0.88, 0.89, 0.87, 0.88])
    folder = ResultsFolder(study.write(tmp_path))
    with JournalWriter(folder.journal) as journal:
        for n, arms in taken:
            at = "2026-01-03T00:00:00.000000+00:00"
            journal.append(LookTaken(time=at, n=n, open=(0,) if arms else (), arms=tuple(arms)))
    assert progress.progress(load_study(folder.root)) == said


def test_an_arm_without_a_winner_has_nothing_to_confirm(new_study: "type[Study]", tmp_path: Path) -> None:
    """Where every search run diverged, the confirm runs will never come, and the study is finished."""
    study = new_study(arms={"a": {"lr": LOG}}, confirm_runs=4, winners={"a": None})
    study.add("a", "search", lr=0.5, status="diverged", epochs=1)
    assert progress.progress(load_study(study.write(tmp_path))) is None


def test_a_finished_study_says_nothing(reported: Path) -> None:
    """No warning where nothing is missing."""
    assert progress.progress(load_study(reported)) is None


def test_later_sessions_are_told_with_what_was_another_then(reported: Path) -> None:
    """Code that changed between two sessions stands beside the commit of the first."""
    records = load_study(reported)
    loss = Loss(kind="damaged", lines=2, kept_as="journal.jsonl.damaged-1")
    change = Change(field="commit", before="a", after="b")
    later = Resumption(at="2026-01-03", command=["x"], changes=[change], loss=loss)
    resumed = replace(records, manifest=records.manifest.model_copy(update={"resumed": [later]}))
    told = f"2026-01-03; commit: 'a' before, 'b' now; {loss.in_words()}"
    assert ("Taken up again", told) in provenance.origin(resumed)
    assert "Taken up again" not in dict(provenance.origin(records))


def test_tables_and_plots_commands_write_only_theirs(new_study: "type[Study]", tmp_path: Path) -> None:
    """Neither touches the rest of the report or the parquet files."""
    study = new_study(arms={"a": {}})
    study.confirm("a", [0.9])
    results = study.write(tmp_path)
    write_tables(results)
    assert {path.name for path in (results / "report").iterdir()} == {"tables"}
    shutil.rmtree(results / "report")
    write_figures(results)
    assert {path.name for path in (results / "report").iterdir()} == {"figures"}
    assert not ResultsFolder(results).runs.exists()


def test_the_command_prints_results_and_mistakes(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A good folder beside a missing one: its result is printed, the mistake is one line, the exit code 2."""
    code = output.run(
        [str(tmp_path / "nowhere"), str(results)],
        module="analysis.tables",
        description="",
        write=write_tables,
    )
    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == f"{results / 'report' / 'tables'}\n"
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"error: {tmp_path / 'nowhere'}: no such folder.")
