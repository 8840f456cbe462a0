import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.study.reading.overrides import set_value
from harness.study.reading.source import read_source


def test_yaml_1_2_numbers_and_words() -> None:
    """`1e-4` is a number and `no` is a string, unlike in YAML 1.1."""
    assert read_source("a: 1e-4\nb: no\nc: 010", "f").data == {"a": 1e-4, "b": "no", "c": 10}


def test_every_key_and_entry_knows_its_line() -> None:
    """Lines count from 1 and belong to the key, not to the value below it."""
    source = read_source("a:\n  b: [1,\n      2]\n", "f")
    assert source.lines[("a",)] == 1
    assert source.lines[("a", "b")] == 2
    assert source.lines[("a", "b", 1)] == 3


def test_duplicate_keys_are_a_problem_that_names_both_lines() -> None:
    """YAML parsers often keep the last value silently; here it is a mistake."""
    source = read_source("a: 1\nb: 2\na: 3\n", "f.yaml")
    assert [str(p) for p in source.problems] == ["f.yaml:3: a: the key 'a' was already given on line 1"]


def test_tags_are_refused_and_nothing_is_executed() -> None:
    """A tag that would run code in other parsers is a problem here."""
    source = read_source("a: !!python/object/apply:os.system ['false']\n", "f")
    assert "is not allowed: a study file is plain data" in str(source.problems[0])
    assert source.data == {"a": None}


def test_an_alias_that_contains_itself_is_refused() -> None:
    """A recursive document must not hang the parser."""
    source = read_source("a: &x [1, *x]\n", "f")
    assert "contains itself" in str(source.problems[0])


def test_broken_yaml_tells_the_line() -> None:
    """A syntax error is one problem with its place."""
    source = read_source("a: 1\nb: [1, 2\n", "f.yaml")
    assert str(source.problems[0]).startswith("f.yaml:3: not valid YAML")


@given(st.text(max_size=60))
def test_any_text_is_read_or_reported(text: str) -> None:
    """No text at all makes the reader raise."""
    source = read_source(text, "f")
    assert source.problems or source.data is None or isinstance(source.data, dict | list | str | int | float)


def test_set_overrides_a_value_and_is_named_as_its_place() -> None:
    """A problem with an overridden value points at the argument, not at the file."""
    source = read_source("a: {b: 1}\n", "f")
    set_value(source, "a.b=1e-3")
    set_value(source, "a.c.d=[1, 2]")
    assert source.data == {"a": {"b": 1e-3, "c": {"d": [1, 2]}}}
    assert source.place(("a", "b")) == "--set a.b=1e-3"


def test_set_refuses_what_it_cannot_apply() -> None:
    """An argument without `=`, below a number, or past the end of a list is a problem."""
    source = read_source("a: 1\nl: [1]\n", "f")
    for argument in ("a", "a.b.c=1", "l.5=1"):
        set_value(source, argument)
    assert len(source.problems) == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a: {'[' * 60}1{']' * 60}", "nested too deeply to be a study: 50 values inside each other"),
        ("a: &b0 [1]\n" + "".join(f"b{n}: &b{n} [*b{n - 1}]\n" for n in range(1, 999)), "nested too deeply"),
        (f"a: 0x1{'0' * 5000}", "this number is too large: 308 digits are the most"),
        (f"a: -1{'0' * 400}", "this number is too large"),
        ("a: !!bool abc", "this value cannot be read as true or false"),
        ("a: !!int ''", "this value cannot be read as the number that it looks like"),
        ("a: !!float ''", "this value cannot be read as the number that it looks like"),
        ('a: "\\ud800"', "must be text, but holds half of a character: '\\ud800'"),
        ('"\\ud800": 1', "a key must be text, but holds half of a character"),
        ('a: "b\\0"', "holds a NUL character, which no command line can hold, and no path"),
    ],
)
def test_what_no_study_can_hold_is_one_problem(text: str, told: str) -> None:
    """Wherever it stands; each ended a command as a bug of ours would."""
    (problem,) = read_source(text, "f").problems
    assert told in str(problem)


def test_an_argument_is_no_deeper_than_a_file() -> None:
    """Mappings on its way are made as needed."""
    source = read_source("a: 1\n", "f")
    set_value(source, f"{'b.' * 2000}c=1")
    assert "nested too deeply" in str(source.problems[0])
    assert source.data == {"a": 1}
