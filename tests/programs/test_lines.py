"""What a program prints, as lines and objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.programs.lines import BadLineError, Line, Lines, object_of


def _texts(*chunks: bytes) -> list[str]:
    lines = Lines()
    return [line.text for chunk in chunks for line in lines.feed(chunk)]


@given(st.binary(max_size=60), st.integers(1, 7))
def test_lines_do_not_depend_on_the_pieces_they_come_in(output: bytes, size: int) -> None:
    """A pipe cuts output anywhere."""
    pieces = [output[start : start + size] for start in range(0, len(output), size)]
    whole = Lines().feed(output)
    lines = Lines()
    assert [line for piece in pieces for line in lines.feed(piece)] == whole


def test_a_line_that_was_written_over_counts_as_written_last() -> None:
    """Progress bars begin anew with a carriage return; DOS ends lines with one."""
    assert _texts(b" 10%\r 90%\r", b'{"epoch": 1}\r\n', b"log\n") == ['{"epoch": 1}', "log"]


def test_output_without_an_end_of_line_takes_no_memory() -> None:
    """Of 300 MB without a newline the beginning is kept, and the next line is whole again."""
    lines = Lines()
    for _ in range(300):
        assert not lines.feed(b"{" * 2**20)
    assert len(lines._rest) < 1000
    cut, whole = lines.feed(b"}\n{}\n")
    assert not cut.is_whole
    assert whole == Line("{}")
    with pytest.raises(BadLineError, match="more than 1,048,576 bytes"):
        object_of(cut)


def test_a_last_line_without_its_end_is_no_line() -> None:
    """A program that was killed may have been in the midst of a number."""
    lines = Lines()
    assert lines.feed(b'{"epoch": 1}\n{"epoch": 2, "val_loss": 0.1') == [Line('{"epoch": 1}')]
    assert lines.rest == Line('{"epoch": 2, "val_loss": 0.1')


@pytest.mark.parametrize("text", ["", "epoch 1", "[1]", "12", "b{}", "\ufffd"])
def test_a_line_that_does_not_begin_with_a_brace_is_log(text: str) -> None:
    """It is nothing to the harness."""
    assert object_of(Line(text)) is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"epoch": 1}{"epoch": 2}', "Extra data"),
        ('{"epoch": 1} done', "Extra data"),
        ("{'epoch': 1}", "property name"),
        ('{"epoch": 1, "epoch": 2}', "it has epoch twice"),
        ('{"a": ' * 100_000, "recursion"),
        ('{"a": ' + "1" * 5000 + "}", "digits"),
        ("{epoch", "property name"),
    ],
)
def test_what_begins_with_a_brace_is_one_object_or_an_error(text: str, wrong: str) -> None:
    """The line is quoted, and what to do is said."""
    with pytest.raises(BadLineError, match=wrong) as error:
        object_of(Line(text))
    assert text[:20] in str(error.value)
    assert "Remedy" in str(error.value)
