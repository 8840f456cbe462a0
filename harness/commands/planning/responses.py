"""Why a claim about how a metric goes with a field cannot be tested, as far as the plan tells.

The rules are those of `analysis.claims.responding`, which sees the runs.
"""

from collections.abc import Sequence

from analysis.responses import as_level, label
from harness.commands.planning.outlook import arms_of_one
from harness.study.claim_kinds import Monotone, Optimum, Trend
from harness.study.domains import Choices, Grid
from harness.study.plan import Plan
from harness.study.study import Arm, Study

NOTHING_CONFIRMED = "the study confirms nothing. Remedy: confirm: {seeds: 10}"


def untested_response(spec: Optimum | Trend | Monotone, study: Study, plan: Plan) -> str | None:
    """Return why no run of a plan can decide a claim; None where runs can.

    Args:
        spec: What is claimed.
        study: The study.
        plan: Its plan.
    """
    arms = arms_of_one(study)
    named = [] if isinstance(spec, Optimum) else spec.arms or []
    if not named and spec.arm in arms:
        return _of_grid(spec, arms[spec.arm], plan)
    of_template = [arm for arm in arms.values() if arm.template and arm.entry == spec.arm]
    return _of_arms(spec, [arms[name] for name in named] or of_template, plan)


def _field(spec: Optimum | Trend | Monotone) -> str:
    return spec.field if isinstance(spec, Optimum) else spec.over


def _of_grid(spec: Optimum | Trend | Monotone, arm: Arm, plan: Plan) -> str | None:
    """Return why the search runs of an arm do not tell."""
    field = _field(spec)
    domain = arm.space.get(field)
    if plan.search.sampler != "grid" or not isinstance(domain, Choices | Grid):
        return (
            f"{field} of {arm.name} is searched by {plan.search.sampler}, which measures no response. "
            f"Remedy: sampler: grid with search.seeds"
        )
    if len(arm.space) > 1:
        others = ", ".join(name for name in arm.space if name != field)
        return f"the grid of {arm.name} varies {others} as well. Remedy: one arm a value of these"
    if spec.metric.startswith("test_"):
        return _without_test(spec.metric, "those of a grid are search runs")
    if plan.search.seeds < 2:
        return "one replicate shows no spread. Remedy: more search.seeds"
    return _too_few(spec, len(domain.listed))


def _of_arms(spec: Optimum | Trend | Monotone, arms: Sequence[Arm], plan: Plan) -> str | None:
    """Return why the runs of arms that fix the field do not tell."""
    field = _field(spec)
    if outside := next((arm for arm in arms if field not in arm.fixed), None):
        return f"{outside.name} does not fix {field}, so it is no level of it. Remedy: for_each over it"
    levels = [as_level(arm.fixed[field]) for arm in arms]
    if twice := next((level for level in levels if levels.count(level) > 1), None):
        return f"several arms have {field} {label(twice)}. Remedy: list the arms to compare"
    is_confirmed = plan.confirm.max_seeds > 0
    if not is_confirmed and any(arm.space for arm in arms):
        return NOTHING_CONFIRMED
    if not is_confirmed and spec.metric.startswith("test_"):
        return _without_test(spec.metric, "the study confirms nothing")
    if (plan.looks[-1] if is_confirmed else plan.search.seeds) < 2:
        return "one replicate shows no spread. Remedy: more of them"
    return _too_few(spec, len(levels))


def _without_test(metric: str, why: str) -> str:
    """Return that the runs of a claim see no test data."""
    return f"{metric} is of confirm runs, and {why}. Remedy: metric: val_{metric.removeprefix('test_')}"


def _too_few(spec: Optimum | Trend | Monotone, n_levels: int) -> str | None:
    """Return that a field has too few values for its metric to have an order; None where it has enough."""
    if isinstance(spec, Optimum) or n_levels > 2:
        return None
    return f"a trend needs three values of {_field(spec)}, but there are {n_levels}"
