"""The benchmarks beside other tools: every side is told the same search, and numbers are worked out alike."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from harness.study.file import EarlyStopping
from harness.study.reading.parse import load_study
from harness.tuning.space import distributions_of_all

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`sweep_speed`, imported as when it is started."""
    for folder in (BENCHMARKS / "peers", BENCHMARKS):
        monkeypatch.syspath_prepend(folder)
    import sweep_speed

    return sweep_speed


def _setting(benchmark: Any, out: Path) -> Any:
    return benchmark.Setting(
        space=benchmark.SPACE,
        hidden=[300, 200],
        batch_size=512,
        epochs=9,
        grace_epochs=1,
        reduction_factor=3,
        runs=18,
        workers=2,
        seed=4,
        precision="fp32",
        data=str(out),
        out=str(out),
    )


def test_every_side_searches_the_space_of_the_study(benchmark: Any, tmp_path: Path) -> None:
    """Optuna's and Ray's distributions are the study's; Syne Tune is told in the same words as Ray."""
    from optuna_processes import suggest
    from setting import tool_space

    setting = _setting(benchmark, tmp_path)
    file = tmp_path / "study.yaml"
    file.write_text(benchmark.json.dumps(benchmark.study_of(setting, "fashion_mnist")), encoding="utf-8")
    study = load_study(file)
    expected = distributions_of_all(study.arms[0].space)
    trial = optuna.create_study().ask()
    suggest(trial, setting.space)
    assert trial.distributions == expected
    assert OptunaSearch.convert_search_space(tool_space(setting.space, tune)) == expected
    assert study.early_stopping == EarlyStopping(grace_epochs=1, reduction_factor=3)
    assert study.search.trials == 18
    assert study.arms[0].longest_epochs == 9


def test_every_peer_can_be_parsed(benchmark: Any) -> None:
    """The ones that need what only their own environment has, too."""
    for script in (*benchmark.PEERS.values(), "synetune_trial.py"):
        text = (BENCHMARKS / "peers" / script).read_text(encoding="utf-8")
        compile(text, script, "exec", dont_inherit=True)


def test_a_peer_reads_its_setting_and_its_log_is_read(benchmark: Any, tmp_path: Path) -> None:
    """What is written is what is read, on both ways."""
    setting = _setting(benchmark, tmp_path)
    assert benchmark.Setting.read(setting.write()) == setting
    setting.note(3, 1, 0.5)
    setting.note(3, 2, 0.75)
    epochs = benchmark.log_of_peer(setting.log, started=0.0)
    assert [(one.run, one.epoch, one.val_accuracy) for one in epochs] == [("3", 1, 0.5), ("3", 2, 0.75)]


def test_measures_of_a_sweep(benchmark: Any) -> None:
    """Two runs side by side: epochs of 2 s after 3 s, and 4 s after the last."""
    from peers.measured import RATIOS, Epoch

    values = [("a", 1, 5.0, 0.5), ("b", 1, 5.0, 0.6), ("a", 2, 7.0, 0.7), ("a", 3, 9.0, 0.8)]
    epochs = [Epoch(run=run, epoch=n, seconds=at, val_accuracy=value) for run, n, at, value in values]
    sweep = benchmark.Sweep(side="harness", runs=2, repeat=0, seconds=13.0, epochs=epochs)
    assert sweep.first_epoch == 5.0
    assert sweep.fixed_cost == 3.0 + 4.0
    assert sweep.epochs_an_hour == 3600 * 4 / 13
    assert sweep.training_epochs_an_hour == 3600 * 4 / 6
    assert sweep.configurations_an_hour == 3600 * 2 / 13
    assert sweep.seconds_to(0.6) == 5.0
    assert sweep.seconds_to(0.9) == float("inf")
    slower = benchmark.Sweep(
        side="optuna",
        runs=2,
        repeat=0,
        seconds=26.0,
        epochs=[Epoch(run="x", epoch=1, seconds=10.0, val_accuracy=0.6)],
    )
    assert RATIOS["epochs a second"](sweep, slower) == 8.0
    assert RATIOS["time to the peer's best"](sweep, slower) == 2.0
    assert RATIOS["time to the peer's best"](slower, sweep) == 0.0


def test_benchmarks_read_the_committed_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves of full length and the stand-in of a study's loss, from folders as they are committed."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import conditional_search
    import early_stopping

    reference = BENCHMARKS.parent / "results" / "reference"
    pools = early_stopping.pools_of(reference / "optimizers")
    assert [pool.name for pool in pools] == ["optimizers sgd", "optimizers rmsprop", "optimizers adam"]
    assert all(12 in map(len, pool.curves) for pool in pools)
    problem = conditional_search.joint()
    assert problem.study.arms[problem.arm].name == "whole_recipe"
    assert problem.levels == (1, 3, 9, 27)
