"""What commands answer with `--json`: one typed object each, and the JSON schema of all of them.

`python -m harness.json_output` prints the schema; `docs/json.schema.json` holds it. Within a version fields
are added, never renamed or given another meaning: that makes the next one.
"""

from harness.json_output.answer import SCHEMA, Answer, Error, Made, Place, Problem, Refused, State, rows
from harness.json_output.job import Job, Status, SubmitDryRun, Submitted
from harness.json_output.plan import (
    AtLooks,
    Between,
    Costs,
    DryRun,
    Foreseen,
    PlannedArm,
    PlannedClaim,
    PlannedParent,
)
from harness.json_output.reproduction import ClaimAgain, EffectAgain, Reproduction
from harness.json_output.results import (
    Claim,
    Comparison,
    Exported,
    Listed,
    Listing,
    RangeTests,
    Report,
    Seal,
    Sweep,
    Verdict,
)
from harness.json_output.schema import answers, schema_text
from harness.json_output.winner import TakenRun, TakenWeights, WinnerTaken

__all__ = [
    "SCHEMA",
    "Answer",
    "AtLooks",
    "Between",
    "Claim",
    "ClaimAgain",
    "Comparison",
    "Costs",
    "DryRun",
    "EffectAgain",
    "Error",
    "Exported",
    "Foreseen",
    "Job",
    "Listed",
    "Listing",
    "Made",
    "Place",
    "PlannedArm",
    "PlannedClaim",
    "PlannedParent",
    "Problem",
    "RangeTests",
    "Refused",
    "Report",
    "Reproduction",
    "Seal",
    "State",
    "Status",
    "SubmitDryRun",
    "Submitted",
    "Sweep",
    "TakenRun",
    "TakenWeights",
    "Verdict",
    "WinnerTaken",
    "answers",
    "rows",
    "schema_text",
]
