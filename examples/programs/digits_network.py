"""Train a small network on the digits of scikit-learn: a plain PyTorch script; `network.yaml` is its study.

It works without the harness: `python digits_network.py --lr=0.1 --width=32`.
"""

import argparse
import json
import os

import torch
from sklearn.datasets import load_digits
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--width", type=int, required=True)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=10)
arguments = parser.parse_args()

torch.manual_seed(arguments.seed)
pixels, labels = load_digits(return_X_y=True)
inputs = torch.tensor(pixels / 16, dtype=torch.float32)
targets = torch.tensor(labels)
order = torch.randperm(1200)  # the split is part of the luck that a seed brings; the test set never changes
parts = {"train": order[:1000], "val": order[1000:], "test": torch.arange(1200, len(targets))}

model = nn.Sequential(nn.Linear(64, arguments.width), nn.ReLU(), nn.Linear(arguments.width, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=arguments.lr, momentum=0.9)
criterion = nn.CrossEntropyLoss()


def measured(part: str) -> dict[str, float]:
    """Return loss and accuracy on one part of the data, by the names that the harness knows."""
    with torch.no_grad():
        outputs = model(inputs[parts[part]])
    right = (outputs.argmax(dim=1) == targets[parts[part]]).float().mean().item()
    return {f"{part}_loss": criterion(outputs, targets[parts[part]]).item(), f"{part}_accuracy": right}


for epoch in range(1, arguments.epochs + 1):
    for batch in parts["train"][torch.randperm(1000)].split(50):
        optimizer.zero_grad()
        criterion(model(inputs[batch]), targets[batch]).backward()
        optimizer.step()
    print(json.dumps({"epoch": epoch, **measured("train"), **measured("val")}), flush=True)

if os.environ.get("HARNESS_PHASE") == "confirm":  # before, nobody may look at the test set
    print(json.dumps(measured("test")))
