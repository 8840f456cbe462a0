"""Where bfloat16 is not the faster one no run trains in it: not here, nor on a worker; a dry run says so."""

import re
from pathlib import Path

import pytest

from harness.commands.sweep import main
from harness.errors import EnvironmentMismatchError
from harness.training import bf16
from harness.training.bf16 import LEAST_SPEEDUP, check_own_device, known_speedup, measured_speedup
from harness.training.machine_cache import note

STUDY = """
study: digits
question: Which?
recipe: {dataset: digits, model: {name: fcn, hidden: [8]}, optimizer: sgd, lr: 0.1, batch_size: 64, epochs: 1}
arms: {full: {}, short: {precision: bf16}, either: {precision: {choices: [fp32, bf16]}}}
search: {trials: 2}
confirm: {seeds: 2}
"""

SLOW = LEAST_SPEEDUP / 2


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a study of which two arms can train in bf16, on a machine of which nothing is known."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    check_own_device.cache_clear()
    path = tmp_path / "digits.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def keep(ratio: float) -> None:
    """Let a ratio be what was measured of this machine's CPU."""
    note(bf16._FILE, bf16._name("cpu"), [ratio, "2026-01-02T03:04:05+00:00"])


def test_a_sweep_is_refused_before_it_starts_anything(
    study_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the arms, what was measured, the rule and what to do instead."""
    keep(SLOW)
    results = study_file.parent / "results"
    assert main([str(study_file), "--results", str(results)]) == 2
    told = capsys.readouterr().err
    assert f"{study_file}: nothing was started\n  arms.short, either: precision: bf16 is 0.6 times" in told
    assert "is used from 1.2 times on. Remedy: precision: fp32, or a machine that computes in bf16" in told
    assert not results.exists()


def test_a_worker_refuses_its_run(study_file: Path) -> None:
    """A node of a cluster may be another machine than the one that started the sweep."""
    assert study_file.exists()
    keep(SLOW)
    with pytest.raises(EnvironmentMismatchError, match=r"^precision: bf16 is 0\.6 times as fast as fp32"):
        check_own_device("cpu")
    keep(LEAST_SPEEDUP)
    check_own_device("cpu")


def test_a_dry_run_tells_what_is_known(study_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing; then that a sweep would be refused, or would not; and of a study in fp32 no word."""

    def told(*arguments: str) -> list[str]:
        assert main([str(study_file), "--dry-run", *arguments]) == 0
        return re.findall(r"^precision: .*(?:\n    .*)*", capsys.readouterr().out, flags=re.MULTILINE)

    assert [line.split(":")[1] for line in told()] == [
        " whether bf16 is fast on this machine is not yet checked"
    ]
    keep(SLOW)
    assert "a sweep on this machine is refused" in " ".join(told()[0].split())
    keep(2.0)
    assert told()[0].startswith("precision: bf16 is 2 times as fast as fp32 on ")
    assert "Remedy" not in told()[0]
    in_fp32 = ("--set", "arms.short.precision=fp32", "--set", "arms.either.precision=fp32")
    assert told(*in_fp32) == []


def test_a_measurement_is_kept(study_file: Path) -> None:
    """It is a time over a time; a cache that holds no such thing is as good as none."""
    assert study_file.exists()
    assert known_speedup("cpu") is None
    measured = measured_speedup("cpu")
    assert measured.ratio > 0
    assert known_speedup("cpu") == measured
    for damaged in (0.0, float("nan"), "fast"):
        keep(damaged)  # type: ignore[arg-type]
        assert known_speedup("cpu") is None
