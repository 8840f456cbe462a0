"""The declaration: everything that decides what a study measures and how its claims are ruled.

It is written before the first run and never again. Everything in it has the type that the study itself has;
what an older version wrote is brought to it by `harness.records.older_manifests`. The machine and the later
sessions stand in `harness.manifest`.
"""

from harness.declaration.claims import DeclaredClaim, UnknownClaim, written_claim
from harness.declaration.parts import DeclaredArm, DeclaredData, DeclaredParent, DeclaredPlan
from harness.declaration.whole import Declaration

__all__ = [
    "Declaration",
    "DeclaredArm",
    "DeclaredClaim",
    "DeclaredData",
    "DeclaredParent",
    "DeclaredPlan",
    "UnknownClaim",
    "written_claim",
]
