"""Commands: what stands in braces, and the words that are started."""

import sys

from harness.programs.placeholders import placeholders, words_of


def test_every_name_in_braces_is_found_once() -> None:
    """Braces of JSON and of other languages are no placeholders."""
    command = ["train", "--lr={lr}", '{"width": {width}, "lr": {lr}}', "{X}", "{}", "{a.b}", "{seed}"]
    assert placeholders(command) == ["lr", "width", "seed"]


def test_values_are_written_as_json_and_text_as_it_is() -> None:
    """A list, a boolean and a number keep the form that a program can read again."""
    values = {"lr": 1e-05, "amp": True, "hidden": [300, 200], "name": "a b", "seed": 7}
    command = ["train", "--lr={lr}", "{amp}", "{hidden}", "--name={name}", "{seed}{seed}"]
    assert words_of(command, values) == [
        "train",
        "--lr=1e-05",
        "true",
        "[300, 200]",
        "--name=a b",
        "77",
    ]


def test_what_a_value_holds_is_not_replaced_again() -> None:
    """One pass: a value with braces is no second placeholder, and nothing of a value is run."""
    assert words_of(["{a}"], {"a": "{b} {a.__class__} %s $HOME", "b": "x"}) == ["{b} {a.__class__} %s $HOME"]


def test_python_is_the_interpreter_of_the_harness() -> None:
    """Only as the first word."""
    assert words_of(["python", "python"], {}) == [sys.executable, "python"]
