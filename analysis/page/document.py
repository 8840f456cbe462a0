"""The parts of a study's report, and the documents: one-file HTML and Markdown, rendered by templates.

The templates hold no numbers and no judgements. Text of a study file is untrusted: HTML escapes it by Jinja's
autoescape, Markdown by `escape_markdown`.
"""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from analysis import audit, claims
from analysis.blocks import Section
from analysis.blocks.registry import BLOCKS, PLOTS, TABLES
from analysis.blocks.results import image_error_in_words
from analysis.claims.verdict import count_rulings
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.page import arms, by_dataset, captions, cards, runs
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.figure import RenderedFigure
from analysis.render.svg import as_css
from analysis.render.table import RenderedTable, escape_markdown
from analysis.search import WinnerRule
from harness.manifest import Resumption
from harness.recipe.datasets import DATASETS
from harness.records.documents import as_written
from harness.records.events import Phase


@dataclass(frozen=True, kw_only=True)
class Content:
    """What both documents are rendered from."""

    facts: Facts
    tables: dict[str, RenderedTable]
    figures: dict[str, RenderedFigure]


def render_tables(facts: Facts) -> dict[str, RenderedTable]:
    """Return by name every table that is for this study."""
    tables = {name: by_dataset.table_of(name, table, facts) for name, table in TABLES.items()}
    return {name: table for name, table in tables.items() if table is not None}


def render_figures(facts: Facts) -> dict[str, RenderedFigure]:
    """Return by name every figure that is for this study; one without data has a caption and no drawing."""
    figures = (own for name, plot in PLOTS.items() for own in by_dataset.figures_of(name, plot, facts))
    return {figure.name: figure for figure in figures}


def render_html(content: Content) -> str:
    """Return the one-file HTML report: figures and style inside, no address outside."""
    facts = content.facts
    styles: dict[str, str] = {}
    table = runs.tabulate(facts)
    drawings = {
        name: figure.inline_svg(styles, table.numbers)
        for name, figure in content.figures.items()
        if figure.svg
    }
    texts = {
        f"{kind}-{own.name}": own.caption
        for kind, parts in (("table", content.tables), ("figure", content.figures))
        for own in parts.values()
    }
    told = captions.shared(texts.values())
    of_page = {
        "drawings": drawings,
        "drawing_css": as_css(styles),
        "cards": cards.cards(facts),
        "runs": table,
        "captions": {place: captions.folded(text, told) for place, text in texts.items()},
        "method": told,
        "most_cards": _MOST_CARDS,
        "opened": _opened(content),
    }
    return render("index.html", _context(content) | of_page)


def _opened(content: Content) -> set[str]:
    """Return the figures and tables that stand open before they are asked for."""
    names: set[str] = set()
    for block in BLOCKS:
        own = by_dataset.names_of(block.name, content.facts) if block.is_open else []
        names.update(name for name in own if block.plot is None or name in content.figures)
    return names


_MOST_CARDS = 8
"""Claims whose cards stand open; those of more are folded, undecided or not."""


def render_markdown(content: Content) -> str:
    """Return the report for readers of plain files and GitHub; figures are links to their files."""
    return render("report.md", _context(content))


def _context(content: Content) -> dict[str, Any]:
    facts = content.facts
    return {
        "declaration": facts.records.declaration,
        "manifest": facts.records.manifest,
        "tables": content.tables,
        "figures": content.figures,
        "blocks": _names_by_section(content),
        "progress": progress(facts.records),
        "rulings": count_rulings(facts.verdicts),
        "unconfirmed": unconfirmed(facts.records),
        "warnings": warnings(facts),
        "limits": limits(facts),
        "answers": arms.answers(facts),
        "arms": arms.declared(facts.records),
        "common": _lines(arms.common_settings(facts.records)),
        "protocol": protocol(facts.records),
        "origin": origin(facts.records),
    }


def _lines(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return settings with their values, one line each."""
    return [(name, numbers.value_in_words(value)) for name, value in settings.items()]


def _names_by_section(content: Content) -> dict[Section, list[str]]:
    """Return what stands in each section of the report, in the order of reading."""
    present = content.tables.keys() | content.figures.keys()
    names = {block: by_dataset.names_of(block.name, content.facts) for block in BLOCKS}
    return {
        section: [
            name
            for block, own in names.items()
            if block.section == section
            for name in own
            if name in present
        ]
        for section in get_args(Section)
    }


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return a document.

    Args:
        template: A file of `analysis/page/templates/`; its suffix says how text is escaped.
        context: What the template names.
    """
    text = _environment().get_template(template).render(context)
    return re.sub(r"\n{3,}", "\n\n", text) if template.endswith(".md") else text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis.page", "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["code_md"] = _in_code_block
    environment.filters["link"] = lambda path: quote(os.fsencode(path))  # its bytes, which need not be text
    environment.filters["shell"] = shlex.join
    environment.filters["slug"] = lambda text: re.sub(r"[^a-z]+", "-", str(text).lower())
    return environment


def _in_code_block(text: str) -> str:
    """Return one line that cannot end the code block of a Markdown document."""
    return text.replace("```", "").replace("\n", " ")


OWN_SEEDS = "each repeat's own, derived from search.seed, arm and repeat (column seed of runs.parquet)"
"""Stands for a list of seeds where searches are repeated."""

_SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test"}


def counted(records: StudyRecords) -> tuple[int, int]:
    """Return how many runs have ended, and how many are planned as far as looks have allowed."""
    planned = sum(planned_runs(records, arm) for arm in records.arms)
    return sum(len(records.runs_of(phase)) for phase in get_args(Phase)), planned


def planned_runs(records: StudyRecords, arm: str) -> int:
    """Return how many runs of an arm are planned as far as looks have allowed."""
    declared, plan = records.declaration.arms[arm], records.declaration.plan
    of_each = declared.confirm_runs // records.max_repeats
    if plan.unit == "repeat":
        n = records.allowed[arm]
        search, confirm = declared.search_runs // records.max_repeats * n, of_each * n
    else:
        is_sequential = len(plan.looks) > 1
        search = declared.search_runs
        confirm = min(declared.confirm_runs, records.allowed[arm]) if is_sequential else declared.confirm_runs
    without_winner = records.winners_of(arm).count(None) * of_each
    return search + confirm - without_winner + audit.planned_runs(records, arm)


def progress(records: StudyRecords) -> str | None:
    """Return how much of the study is missing, as a sentence without its stop; None when all has ended."""
    ended, planned = counted(records)
    if ended >= planned and records.next_look is None:
        return None
    due = "" if ended < planned else f", the look at {records.next_look} is still to come"
    return f"Unfinished: {ended} of {planned} planned runs have ended{due}"


def unconfirmed(records: StudyRecords) -> str | None:
    """Return what a study without a confirm phase has in place of results, or None where it has one."""
    if records.has_confirm:
        return None
    return (
        "This study has no confirm phase and so no table of results: its numbers are those of search runs, "
        "and no run has seen the test set."
    )


def warnings(facts: Facts) -> list[str]:
    """Return what a reader must know before believing the tables."""
    seal = facts.records.seal
    sentences = [f"No claim is decided: {seal.in_words()}."] if seal.state == "broken" else []
    undecided = ", so no claim is decided" if facts.verdicts else ""
    sentences += [f"Unequal budgets{undecided}: {reason}." for reason in facts.unequal_budgets]
    sentences += _at_edges(facts)
    sentences += _doubts(facts.verdicts)
    for (arm, phase), ended in facts.records.runs.groupby(["arm", "phase"], sort=False):
        if phase != "audit" and ended["status"].isin(["diverged", "failed"]).all():
            sentences.append(f"Every {phase} run of arm {arm} diverged or failed.")
    return sentences + _stopped_too_soon(facts)


def _at_edges(facts: Facts) -> list[str]:
    """Return a sentence for each edge of a range where learning rates of arms were chosen."""
    sentences = []
    for edge in ("lower", "upper"):
        rates = [
            f"{arm} ({numbers.rates(choice.rate_cells)})"
            for arm, choice in facts.choices.items()
            if choice.edge == edge
        ]
        if rates:
            sentences.append(
                f"Chosen at the {edge} edge of the declared range, so that a wider one may change results: "
                f"the learning rate of {', '.join(rates)}."
            )
    return sentences


def _doubts(verdicts: Sequence[claims.Verdict]) -> list[str]:
    """Return a sentence for every flag of a claim that no other warning tells."""
    flags = [flag for verdict in verdicts for flag in verdict.flags]
    told = [flag.detail for flag in flags if flag.name not in {"edge", "diverged seeds", "unequal budget"}]
    return [f"{detail[0].upper()}{detail[1:]}." for detail in dict.fromkeys(told)]


def _stopped_too_soon(facts: Facts) -> list[str]:
    """Return one sentence for all arms whose audit found stopped runs that would have won."""
    found = facts.audit[facts.audit["would_win"].fillna(0) > 0].to_dict("records")
    if not found:
        return []
    arms = [
        f"{row['arm']} {row['would_win']} of {row['completed'] + row['diverged']} "
        f"({_in_unit(row['regret'], facts.records.metrics[row['metric']])})"
        for row in found
    ]
    mean = ", mean over searches" if max(row["searches"] for row in found) > 1 else ""
    told = f"in brackets: by how much the best of them ended ahead of the winner{mean}"
    return [f"Early stopping ended runs that would have won, of those audited ({told}): {', '.join(arms)}."]


def _in_unit(value: float, metric: Metric) -> str:
    return f"{metric.amount(value)}{metric.unit}"


def limits(facts: Facts) -> list[str]:
    """Return what this study cannot show, as far as its records tell."""
    records = facts.records
    known = list(records.declaration.datasets) or [data.name for data in records.declaration.all_data]
    count = "One data set" if len(known) == 1 else f"{len(known)} data sets"
    extent = f"{count} ({', '.join(known)}) and the networks listed above"
    sentences = [f"{extent if known else 'One program and its data'}: nothing is shown about others."]
    if records.declaration.trial is not None:
        sentences.append(
            "Times are those from one printed epoch to the next, whatever a program did meanwhile."
        )
    specs = [DATASETS[data.name] for data in records.declaration.all_data if data.name in DATASETS]
    sentences += [f"On {spec.name}: {spec.note}" for spec in specs if spec.note]
    sentences.append(_limit_of_seeds(records))
    of_images = {name: image_error_in_words(part) for name, part in (facts.parts or {"": facts}).items()}
    sentences += [
        f"{f'On {name}: ' if name else ''}{records.metrics.worded(told)}"
        for name, told in of_images.items()
        if told
    ]
    sentences.append("Comparisons that are not among the declared claims are exploratory.")
    if (records.runs["concurrency"] > 1).any():
        sentences.append("Several runs trained at the same time: seconds and minutes are not comparable.")
    if (records.runs["status"] == "stopped").any():
        audited = "" if audit.is_asked(records) else " Whether any would have won was not audited."
        sentences.append(
            f"Stopped search runs are shorter than the others; no comparison of arms uses them.{audited}"
        )
    return sentences


def _limit_of_seeds(records: StudyRecords) -> str:
    if not records.has_confirm:
        seeds = len(records.declaration.search_seeds)
        return (
            f"Search runs only, on {seeds} {'seed' if seeds == 1 else 'seeds'}: the best of several values "
            "is optimistic, and no test value exists."
        )
    confirm = records.runs_of("confirm")
    completed = confirm.loc[confirm["status"] == "completed", "arm"].value_counts()
    fewest = min(int(completed.get(arm, 0)) for arm in records.arms)
    if fewest == 0:
        return "At least one arm has no completed confirm run; values of search runs are optimistic."
    if fewest == 1:
        return "A single seed in at least one arm: no difference from it can be told from noise."
    what = "confirm runs" if records.is_repeated else "confirm seeds"
    once = "; the search ran once, so how much another search would change the choice is not measured"
    several = f"; each of {records.max_repeats} searches an arm has its own, and is one replicate"
    of_searches = several if records.is_repeated else once if records.has_search else ""
    return f"At least {fewest} {what} an arm. They vary {records.seeds_vary}{of_searches}."


def protocol(records: StudyRecords) -> list[tuple[str, str]]:
    """Return how the study was run: search, winner's rule, seeds, data, split."""
    manifest = records.manifest
    known = _listing(records.declaration.search_seeds if records.has_search else [])
    search_seeds = f"{known} in the first repeat; later ones: {OWN_SEEDS}" if records.is_repeated else known
    return [
        ("Search", _search(records)),
        ("Winner's rule", _winner_rule(records)),
        ("Search seeds", search_seeds),
        ("Confirm seeds", OWN_SEEDS if records.is_repeated else _listing(records.declaration.confirm_seeds)),
        *_data(records),
        ("Resources a run", _settings(as_written(manifest.resources))),
        ("Runs at the same time", str(manifest.slots)),
    ]


def _data(records: StudyRecords) -> list[tuple[str, str]]:
    """Return each data set with its sizes, and how they are split; of a program nobody knows."""
    rows, declaration = [], records.declaration
    for data in declaration.all_data:
        sizes = [f"{getattr(data, f'{split}_samples'):,} {word}" for split, word in _SPLIT_WORDS.items()]
        noun = "images" if data.kind == "image" else "samples"
        rows.append(("Data", f"{data.name}: {', '.join(sizes)} {noun}"))
    return [*rows, *(("Split", rule) for rule in declaration.splits)]


def _search(records: StudyRecords) -> str:
    if not records.has_search:
        return "none, every setting is fixed"
    return _settings(as_written(records.declaration.search))


def _winner_rule(records: StudyRecords) -> str:
    rule = WinnerRule.of(records.declaration)
    if not records.has_search:
        return "none, nothing is searched"
    tested = ", whose network confirm runs are tested with" if rule.is_best_epoch and rule.is_known else ""
    return f"{rule.in_words()}{tested}"


def origin(records: StudyRecords) -> list[tuple[str, str]]:
    """Return where the numbers come from: code, versions, machine, hashes."""
    manifest = records.manifest
    commit = manifest.git.commit or "unknown"
    return [
        ("Git commit", f"{commit}{' with uncommitted changes' if manifest.git.dirty else ''}"),
        ("Protocol version", records.declaration.protocol_version),
        ("Versions", _settings(manifest.versions)),
        ("Machine", _settings(as_written(manifest.machine))),
        ("Started", manifest.created_at),
        *(("Taken up again", _resumption(session)) for session in manifest.resumed),
        ("Declaration SHA-256", records.seal.sha256 or "none"),
        ("Seal", records.seal.in_words()),
        ("Journal SHA-256", records.journal_sha256),
        *(("Data SHA-256", _settings(own.sha256)) for own in records.declaration.all_data),
    ]


def _resumption(session: Resumption) -> str:
    """Return when a later session continued the study, and what was another then."""
    losses = [session.loss.in_words()] if session.loss else []
    return "; ".join([session.at, *(change.in_words() for change in session.changes), *losses])


def _settings(settings: Mapping[str, Any]) -> str:
    """Return nested settings as `name value` pairs on one line; absent values are left out."""
    return ", ".join(f"{name} {_value(value)}" for name, value in settings.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + _settings(value) + ")"
    if isinstance(value, list):
        return "[" + _listing(value) + "]"
    if isinstance(value, float):
        return numbers.rate(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listing(values: Sequence[Any]) -> str:
    return ", ".join(_value(value) for value in values) or "none"
