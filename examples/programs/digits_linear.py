"""Train a linear classifier on scikit-learn's digits, without torch: `linear.yaml` makes a study of it.

It works without the harness: `python digits_linear.py --loss=hinge --eta0=0.01 --alpha=1e-4`.
"""

import argparse
import json
import os

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--loss", required=True)
parser.add_argument("--eta0", type=float, required=True)
parser.add_argument("--alpha", type=float, required=True)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=5)
arguments = parser.parse_args()

random = np.random.default_rng(arguments.seed)
pixels, labels = load_digits(return_X_y=True)
pixels /= 16
order = random.permutation(
    1200
)  # the split is part of the luck that a seed brings; the test set never changes
train, val, test = order[:1000], order[1000:], np.arange(1200, len(labels))

model = SGDClassifier(
    loss=arguments.loss,
    alpha=arguments.alpha,
    learning_rate="constant",
    eta0=arguments.eta0,
    shuffle=False,
)
for epoch in range(1, arguments.epochs + 1):
    shuffled = random.permutation(train)
    model.partial_fit(pixels[shuffled], labels[shuffled], classes=np.arange(10))
    accuracies = {
        f"{name}_accuracy": model.score(pixels[part], labels[part])
        for name, part in (("train", train), ("val", val))
    }
    print(json.dumps({"epoch": epoch, **accuracies}), flush=True)

if os.environ.get("HARNESS_PHASE") == "confirm":  # before, nobody may look at the test set
    print(json.dumps({"test_accuracy": model.score(pixels[test], labels[test])}))
