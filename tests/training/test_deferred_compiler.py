"""torch's compiler stays away until something asks for it, and is then the real one."""

import subprocess
import sys

import pytest

_TRAIN = """
import sys
import torch
from harness.training.deferred_compiler import defer_compiler

if {defers}:
    defer_compiler()
torch.manual_seed(0)
model = torch.nn.Linear(3, 2)
for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop):
    optimizer = kind(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().sum().backward()
        optimizer.step()
print([p.tolist() for p in model.parameters()])
print("torch._dynamo.eval_frame" in sys.modules)
print(torch.compile(model, backend="eager")(torch.ones(1, 3)).tolist() == model(torch.ones(1, 3)).tolist())
import torch._dynamo.config
dynamo = sys.modules["torch._dynamo"]
print(torch._dynamo.config.__name__, dynamo is torch._dynamo, hasattr(dynamo, "optimize"))
"""


def _train(*, defers: bool) -> list[str]:
    command = [sys.executable, "-c", _TRAIN.format(defers=defers)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.slow
def test_optimizers_train_the_same_without_the_compiler() -> None:
    """The same bits; and whoever compiles afterwards gets the real compiler."""
    deferred, usual = _train(defers=True), _train(defers=False)
    assert deferred[0] == usual[0]
    assert (deferred[1], usual[1]) == ("False", "True")
    assert deferred[2:] == usual[2:] == ["True", "torch._dynamo.config True True"]
