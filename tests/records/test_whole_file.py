"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from harness.errors import ResultsError
from harness.records.whole_file import replacing, write_file, write_whole


@pytest.mark.parametrize("write", [write_file, write_whole])
def test_a_file_takes_the_place_of_the_one_before(tmp_path: Path, write: object) -> None:
    """Text or bytes; nothing else stays in the folder."""
    assert callable(write)
    write(tmp_path / "a", "one")
    write(tmp_path / "a", b"two")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "two"}


def test_what_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """And takes its own beginning away."""
    write_file(tmp_path / "a", "whole")

    def fail() -> None:
        with replacing(tmp_path / "a") as waiting:
            waiting.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "whole"}


def test_folders_are_made_and_one_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A file in the folder's place stands for every unwritable place."""
    write_file(tmp_path / "b" / "c", "text")
    assert (tmp_path / "b" / "c").read_text() == "text"
    with pytest.raises(ResultsError, match=r"cannot be written .* Remedy: move the file of that name away"):
        write_file(tmp_path / "b" / "c" / "d", "text")
