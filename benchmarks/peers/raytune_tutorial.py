"""Ray Tune as its PyTorch tutorial writes it: DataLoaders, transforms, checkpoints; `... SETTING.json`.

More generous than the tutorial in three things: a run has one CPU and loads its batches itself (the tutorial
gives it two CPUs and eight loader processes, which on few cores would train one run at a time), the search is
Optuna's, and early stopping is the one of all others. Trains in fp32 whatever the setting says.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
import torch.nn.functional as F  # noqa: N812 (as everybody calls it)
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from setting import Setting, tool_space
from torch import nn, optim
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms


class Net(nn.Module):
    """The network, written out."""

    def __init__(self, hidden: list[int]) -> None:
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, hidden[0])
        self.fc2 = nn.Linear(hidden[0], hidden[1])
        self.fc3 = nn.Linear(hidden[1], 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images to logits."""
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def load_data(setting: Setting) -> tuple[Subset[Any], Subset[Any]]:
    """Return the training and the validation part."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.2860,), (0.3530,))])
    whole = datasets.FashionMNIST(setting.data, train=True, download=False, transform=transform)
    val = np.load(Path(setting.out, "val.npy"))
    train = np.setdiff1d(np.arange(len(whole)), val)
    return Subset(whole, train.tolist()), Subset(whole, val.tolist())


def train_fashion(config: dict[str, Any], setting: Setting) -> None:
    """Train one run, and report each epoch with a checkpoint."""
    net = Net(setting.hidden)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(net.parameters(), lr=config["lr"], betas=(config["beta1"], config["beta2"]))
    train_part, val_part = load_data(setting)
    train_loader = DataLoader(train_part, batch_size=setting.batch_size, shuffle=True)
    val_loader = DataLoader(val_part, batch_size=setting.batch_size)
    for epoch in range(1, setting.epochs + 1):
        running_loss = 0.0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        val_loss, total, correct = 0.0, 0, 0
        with torch.no_grad():
            for inputs, labels in val_loader:
                outputs = net(inputs)
                total += labels.size(0)
                correct += (outputs.argmax(dim=1) == labels).sum().item()
                val_loss += criterion(outputs, labels).item()
        setting.note(tune.get_context().get_trial_id(), epoch, correct / total)
        with tempfile.TemporaryDirectory() as folder:
            torch.save((net.state_dict(), optimizer.state_dict()), Path(folder, "checkpoint.pt"))
            tune.report(
                {"loss": val_loss / len(val_loader), "accuracy": correct / total},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )


def main(path: str) -> int:
    """Search; return 1 if a run failed."""
    setting = Setting.read(path)
    ray.init(num_cpus=setting.workers)
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(train_fashion, setting=setting), {"cpu": 1}),
        param_space=tool_space(setting.space, tune),
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=setting.runs,
            search_alg=OptunaSearch(seed=setting.seed),
            scheduler=ASHAScheduler(
                max_t=setting.epochs,
                grace_period=setting.grace_epochs,
                reduction_factor=setting.reduction_factor,
            ),
        ),
        run_config=tune.RunConfig(storage_path=str(Path(setting.out, "ray_results").resolve())),
    )
    results = tuner.fit()
    print(results.get_best_result().metrics["accuracy"], results.get_best_result().config)
    return int(results.num_errors > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
