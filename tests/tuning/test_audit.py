from collections.abc import Callable
from typing import Any

from harness.records.events import PhaseEnded, RunEnded, RunStarted
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.tuning.run_list import audit_runs
from harness.tuning.runs import RunSpec


def crossing(run: RunSpec, epoch: int) -> float:
    """Return a loss that falls from far up for the runs that end best."""
    final = run.configuration["lr"]
    return final + (1 - final) / epoch


def ended(events: list[Any], phase: str) -> dict[str, RunEnded]:
    """Return the ends of a phase's runs by run id."""
    return {e.run_id: e for e in events if isinstance(e, RunEnded) and e.phase == phase}


def test_stopped_runs_are_repeated_at_full_length(drive: Callable[..., Any]) -> None:
    """An audit run has its search run's configuration and seed, is never stopped and sees no test set."""
    driven = drive("search.trials=9", "search.audit=2")
    driven.run(crossing)
    starts = {e.run_id: e for e in driven.events if isinstance(e, RunStarted)}
    searched = ended(driven.events, "search")
    audited = ended(driven.events, "audit")
    assert len(audited) == 4
    for run_id, end in audited.items():
        original = starts[run_id.replace("audit", "search")]
        assert searched[original.run_id].status == "stopped"
        assert starts[run_id].configuration == original.configuration
        assert starts[run_id].seed == original.seed
        assert (end.status, end.epochs, end.test_loss) == ("completed", 9, None)


def test_an_audit_changes_no_choice(drive: Callable[..., Any]) -> None:
    """Winners and confirm runs are those of the same study without an audit, which runs last."""
    plain, audited = drive("search.trials=9"), drive("search.trials=9", "search.audit=3")
    plain.run(crossing)
    order = [run.phase for run in audited.run(crossing)]
    assert order == sorted(order, key=["search", "confirm", "audit"].index)
    assert ended(plain.events, "confirm").keys() == ended(audited.events, "confirm").keys()
    winners = [
        [e.winner for e in driven.events if isinstance(e, PhaseEnded) and e.phase == "search"]
        for driven in (plain, audited)
    ]
    assert winners[0] == winners[1]


def test_a_larger_audit_keeps_the_runs_of_a_smaller_one(study_text: str) -> None:
    """Resuming with more audit runs adds to those there are."""
    stopped = [
        RunSpec(run_id=f"a-search-{n:04d}", arm="a", phase="search", number=n, seed=1, configuration={})
        for n in range(20)
    ]
    plans = [plan_study(parse_study(study_text, "s.yaml", (f"search.audit={n}",))) for n in (3, 8, 50)]
    few, many, most = (audit_runs(stopped, plan) for plan in plans)
    assert many[:3] == few
    assert len({run.number for run in many}) == 8
    assert len(most) == 20
    assert audit_runs([], plans[0]) == []
