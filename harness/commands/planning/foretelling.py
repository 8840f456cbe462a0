"""A dry run: what a study would do, what it would declare and what it takes over; nothing is started."""

import argparse

from harness import json_output
from harness.answering import Answering
from harness.code.named import named_code
from harness.code.sources import hash_sources
from harness.code.trust import trust_sha256
from harness.commands.planning import dry_run
from harness.commands.planning.facts import dry_run_facts
from harness.commands.trusting import code_lines, loads_data
from harness.edge import deliver
from harness.study.plan import plan_study
from harness.study.study import Study
from harness.training.data.own import facts_of
from harness.training.data.prepare import known_spec
from harness.tuning.declaration import declare
from harness.tuning.parent import Parent
from harness.tuning.preflight import check_program
from harness.tuning.taking_over import Takeover, take_over


def foretell(study: Study, options: argparse.Namespace, answering: Answering) -> None:
    """Tell what the study would do, and start nothing.

    Raises:
        StudyError: It cannot do it.
    """
    check_program(study)
    code = code_lines(study, options)
    is_trusted = not code or options.trust is not None
    is_known = is_trusted or not loads_data(study)  # what it trains on, and so costs, is known once loaded
    text, sha256, takeover, costs = list(code), None, None, list[json_output.Costs]()
    if is_known:
        facts = [facts_of(part.dataset) for part in study.by_dataset.values()]
        sha256, unknown, takeover = _declared(study)
        text = [dry_run.foretold(study, facts, options, takeover, costs.append), *code]
        text.append(f"declaration sha256: {sha256 or unknown}")
    deliver("\n\n".join(text))
    if answering.is_asked:
        named = named_code(study)
        trust = None if named.is_empty else trust_sha256(named, hash_sources(named))
        found = dry_run_facts(
            study,
            takeover,
            declaration_sha256=sha256,
            trust_sha256=trust,
            is_trusted=is_trusted,
            costs=next(iter(costs), None),
        )
        answering.give(found)


def _declared(study: Study) -> tuple[str | None, str, Takeover | None]:
    """Return the hash that a start would seal, or why it is unknown, and what it takes over.

    Raises:
        StudyError: Nothing can be taken over from the parent that the study names.
    """
    parent, plan, specs = Parent.of(study), plan_study(study), []
    for part in study.by_dataset.values():
        spec = known_spec(part.dataset)
        if spec is None:
            why = (
                f"not known yet, as it holds that of the data, and {part.dataset} was "
                f"never prepared on this machine: the first sweep or range test does that"
            )
            return None, why, None
        specs.append(spec)
    declaration = declare(study, plan, *specs, parent=parent.declared if parent else None)
    return declaration.sha256, "", take_over(parent, study, plan, declaration) if parent else None
