import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from harness.errors import StudyError, nearest
from harness.study.file import StudyFile
from harness.study.reading.parse import parse_study
from harness.study.reading.source import read_source
from harness.study.reading.wording import WORDED
from harness.study.submission import Profile

STUDY = """\
study: small
question: Does a small study work?
recipe:
  model: {name: fcn, hidden: [8]}
  epochs: 9
  init: {normal: {std: 0.1}}
  input_norm: {constants: {mean: 0.1, std: 0.2}}
  augment: {flip: true, shift: {choices: [0, 1]}, cutout: 3}
arms:
  sgd: {optimizer: sgd, nesterov: true, batch_size: 500, lr: {low: 1e-3, high: 1.0, log: true},
        momentum: {low: 0.1, high: 0.9, step: 0.1}}
  adam:
    optimizer: {one_of: {adam: {beta2: {choices: [0.9, 0.999]}}, adamw: {beta1: 0.8}}}
    lr: 0.1
    batch_size: 500
  each: {optimizer: sgd, for_each: {lr: [0.1, 0.2], batch_size: [16, 32]}}
search: {trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}}
confirm: {seeds: 3}
resources: {gpu: 0.5, stall_minutes: 3}
submit: {slurm: {mem: 16G, time: 30, nodes: 2, on_timeout: stop}, kuberay: {worker_cpu: 1.5}}
baseline: sgd
region: {test_accuracy: 0.1}
published:
  sgd: [{source: x, test_accuracy: 0.8, train_loss: {value: 1, note: a}, at: {lr: 0.1}}]
claims:
  - {says: a, better: {arm: adam, than: sgd, metric: test_accuracy}}
  - {says: b, diverges: {arm: sgd, at: {lr: 1, nesterov: true, optimizer: sgd}}}
  - {says: c, optimum: {arm: each, field: batch_size, between: [16, 32], metric: test_accuracy}}
  - {says: d, equal: {arms: [sgd, adam], metric: test_accuracy}, region: 0.01}
"""
PLACES = [".".join(str(part) for part in path) for path in read_source(STUDY, "s").lines if path]
INTERNALS = re.compile(r"Input should|<\w+>|\[key\]|Keys |items? after|function-|pydantic|validat|True|None")


def problems_of(*overrides: str, text: str = STUDY) -> list[str]:
    """Return the problem lines of a study, none where it is correct."""
    try:
        parse_study(text, "s.yaml", overrides)
    except StudyError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


OF_SCHEMA = {
    "int": ["int_type"],
    "float": ["float_type"],
    "str": ["string_type", "string_unicode"],
    "bool": ["bool_type"],
    "list": ["list_type"],
    "dict": ["dict_type"],
    "model": ["model_type", "model_attributes_type", "value_error"],
    "model-fields": ["missing", "extra_forbidden"],
    "literal": ["literal_error"],
    "tagged-union": ["union_tag_invalid", "union_tag_not_found"],
    "function-after": ["value_error"],
    "function-before": ["value_error"],
}
"""Error types by schema type. Keys of mappings are text when pydantic sees them: `source` refuses others."""
OF_CONSTRAINT = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "pattern": "string_pattern_mismatch",
}
OF_LENGTH = {
    ("str", "min_length"): "string_too_short",
    ("str", "max_length"): "string_too_long",
    ("list", "min_length"): "too_short",
    ("list", "max_length"): "too_long",
    ("dict", "min_length"): "too_short",
}
TRANSPARENT = {"any", "default", "definition-ref", "definitions", "model-field", "nullable"}


def schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema inside a pydantic-core schema."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield node
        for name, child in node.items():
            if name not in {"metadata", "serialization", "ref", "expected", "function"}:
                yield from schemas(child)
    elif isinstance(node, list | tuple):
        for child in node:
            yield from schemas(child)


@pytest.mark.parametrize("model", [StudyFile, Profile])
def test_every_error_that_the_models_can_produce_has_words(model: type[BaseModel]) -> None:
    """Whatever types and constraints a field uses; one without words here would speak pydantic's."""
    possible: set[str] = set()
    for schema in schemas(model.__pydantic_core_schema__):
        kind = schema["type"]
        assert kind in OF_SCHEMA.keys() | TRANSPARENT, f"{kind}: say here which errors it can produce"
        possible |= set(OF_SCHEMA.get(kind, []))
        possible |= {error for name, error in OF_CONSTRAINT.items() if schema.get(name) is not None}
        possible |= {error for (of, name), error in OF_LENGTH.items() if of == kind and schema.get(name)}
        if kind == "float" and schema.get("allow_inf_nan") is False:
            possible.add("finite_number")
    assert possible <= WORDED


@settings(max_examples=150)
@given(
    st.sampled_from(PLACES),
    st.sampled_from(["5", "-1", "1.5", ".nan", "true", "text", "[[1]]", "2026-11-28"]),
)
def test_one_wrong_value_gives_one_problem_in_our_words(place: str, value: str) -> None:
    """At every place of a study that uses every section; told at the argument that gave it."""
    problems = problems_of(f"{place}={value}")
    assert len(problems) <= 1
    for problem in problems:
        assert problem.startswith(f"--set {place}={value}: ")
        assert not INTERNALS.search(problem), problem


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "search.early_stopping=nne",
            "search.early_stopping: 'nne' is not known. Did you mean 'none'? Valid: none",
        ),
        (
            "search.early_stopping={grace: 1}",
            "search.early_stopping.grace: unknown field. Did you mean 'grace_epochs'?",
        ),
        ("submit.slurm.mem=[1]", "submit.slurm.mem: must be a number, but is [1]"),
        ("submit.slurm.mem=0", "submit.slurm.mem: must be at least 1, but is 0"),
        ("claims.2.optimum.between=[1, 2, 3]", "between: must have at most 2 entries, but is [1, 2, 3]"),
        ("claims.3.equal.arms=[sgd]", "arms: must have at least 2 entries"),
        ("recipe.init={grid: 3}", "recipe.init.grid: must be a list, but is 3"),
        ("recipe.input_norm.constants={men: 0.1, sdt: 1}", "men: unknown field. Did you mean 'mean'?"),
        ('question="\\ud800"', "question: must be text, but holds half of a character"),
        ("arms.sgd=5", "arms.sgd: must be a mapping, but is 5"),
        ("arms.sgd={16: 5}", 'arms.sgd.16: 16 is no text here. Remedy: put it in quotes: "16"'),
        (f"confirm.seeds=1{'0' * 300}", "must be at most 10000, but is 1000"),
        (f"confirm.seeds=1{'0' * 5000}", "cannot be read as the number that it looks like"),
    ],
)
def test_a_wrong_value_of_several_possible_kinds_is_told_as_what_it_was_meant_to_be(
    override: str, told: str
) -> None:
    """Not as a list of everything that the field might have been; its followers are not told."""
    problems = problems_of(override)
    assert told in problems[0]
    assert len(problems[0]) < 330 + len(override)
    assert all("unknown field" in problem for problem in problems[1:])


@pytest.mark.parametrize("path", ["augment", "augment.choices.1"])
def test_the_fields_that_are_valid_are_those_of_the_kind_that_was_meant(path: str) -> None:
    """Neither a domain's nor those of an import."""
    written = "{flp: true}" if path == "augment" else "{choices: [none, {flp: true}]}"
    (problem,) = problems_of(f"recipe.augment={written}")
    told = f"recipe.{path}.flp: unknown field. Did you mean 'flip'? Valid: flip, shift, cutout"
    assert problem == f"--set recipe.augment={written}: {told}"


@pytest.mark.parametrize(
    ("word", "valid", "close"),
    [
        ("TPE", ["tpe", "random"], "tpe"),
        ("FashionMNIST", ["mnist", "fashion_mnist"], "fashion_mnist"),
        ("epoks", ["eps", "epochs"], "epochs"),
        ("rsme", ["mae", "rmse"], "rmse"),
        ("mom", ["lr", "momentum"], "momentum"),
        ("bayes", ["tpe", "cmaes"], None),
        ("x" * 100_000, ["lr"], None),
    ],
)
def test_the_nearest_word_is_the_one_with_the_fewest_other_letters(
    word: str, valid: list[str], close: str | None
) -> None:
    """Upper and lower case alike; nothing is near to what has little in common."""
    hint = f"Did you mean {close!r}? " if close else ""
    assert nearest(word, valid) == f"{hint}Valid: {', '.join(valid)}"


@pytest.mark.parametrize("domain", ["{min: 1, max: 2}", "{values: [16, 32]}", "[16, 32]"])
def test_what_is_no_domain_is_told_how_one_is_written(domain: str) -> None:
    """In the words of other tools it was only no number."""
    (problem,) = problems_of(f"arms.sgd.batch_size={domain}")
    assert "must be a whole number, but is " in problem
    assert problem.endswith(". Remedy for several values: {low: ..., high: ...} or {choices: [...]}")


def test_an_unquoted_date_or_number_as_a_key_gets_its_remedy() -> None:
    """YAML reads them as other things than text."""
    assert problems_of(text=STUDY.replace("study: small", "study: 2026-11-28")) == [
        's.yaml:1: study: YAML reads 2026-11-28 as a date. Remedy: put it in quotes: "2026-11-28"'
    ]
    assert problems_of(text=STUDY.replace("  each:", "  16:").replace("arm: each", 'arm: "16"')) == [
        's.yaml:16: arms.16: 16 is no text here. Remedy: put it in quotes: "16"'
    ]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("  each: {optimizer: sgd,", "  each: {<<: &x {optimizer: sgd},", "s.yaml:16: arms.each.<<"),
        ("study: small", "<<: {study: small}", "s.yaml:1: <<"),
        (
            "lr: {low: 1e-3, high: 1.0, log: true}",
            "lr: {<<: {low: 1e-3}, high: 1.0}",
            "s.yaml:10: arms.sgd.lr.<<",
        ),
    ],
)
def test_a_merge_key_is_one_problem(old: str, new: str, place: str) -> None:
    """What it would have merged is not missed as well."""
    (problem,) = problems_of(text=STUDY.replace(old, new))
    assert problem.startswith(f"{place}: merge keys are not read. Remedy")


@pytest.mark.parametrize("text", [f"a: {'[' * 3000}", "&x a", "a: &a [1, 1, 1, 1, 1, 1, 1, 1]"])
def test_no_document_breaks_or_hangs_the_reader(text: str) -> None:
    """Nested a thousand deep, or aliases of aliases of aliases that make billions of values."""
    lines = [
        text,
        *(
            f"b{n}: &b{n} [{', '.join([f'*{name}'] * 8)}]"
            for n, name in enumerate(["a", *(f"b{n}" for n in range(11))])
        ),
    ]
    source = read_source("\n".join(lines), "f")
    assert source.problems
