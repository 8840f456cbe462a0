"""The parts of a winner's script that depend on the recipe and on the data, as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.code.settings import Signature
from harness.recipe.activations import ACTIVATIONS
from harness.recipe.augmentation import Augmentation
from harness.recipe.configuration import Configuration
from harness.recipe.data import DataFacts, DatasetSpec
from harness.recipe.dependents import reads
from harness.recipe.field_types import GivenConstants, NormalInit
from harness.recipe.imported import Imported
from harness.recipe.initialisers import INITIALISERS
from harness.recipe.lengths import share, validation_counts
from harness.recipe.optimizers import OPTIMIZERS
from harness.recipe.schedules import SCHEDULES, Position
from harness.records.provenance import cpu_name
from harness.training.augmentation import changes_of
from harness.training.averaging import STATISTICS_BATCHES
from harness.training.data.archives import CIFAR_FILES
from harness.training.data.input_norm import CHUNK_SAMPLES
from harness.training.data.splits import SPLIT_STREAM
from harness.training.evaluation import EVALUATION_BATCH
from harness.training.initialisers import LEAKY_SLOPE
from harness.training.metrics import MEASURES
from harness.training.models import build_model, input_norm_layers
from harness.training.models.hidden import Dropout, HiddenLayers
from harness.training.optimizers import optimizer_arguments
from harness.training.weights import digest
from harness.winning.carried import Carried, Sources, carried
from harness.winning.network import draws_masks, network_text
from harness.winning.texts import literal


@dataclass
class Parts:
    """What of a script depends on the recipe and on the data."""

    recipe: Configuration
    data: DatasetSpec
    metrics: Mapping[str, str | None]

    def __post_init__(self) -> None:
        self.own_imports: dict[str, str] = {}
        """Import lines of the user's own code, by what they are called in the script."""
        schedule = SCHEDULES[self.recipe.lr_schedule].factor
        measures = [MEASURES[name] for name, own in self.metrics.items() if own is None and name in MEASURES]
        counted: list[Carried] = {"stratified": [validation_counts], "given": []}.get(self.split, [share])
        self.network = self._network()
        dropout: list[Carried] = [Dropout] if self.draws_masks else []
        augment = self.recipe.augment
        self.changes = changes_of(augment) if isinstance(augment, Augmentation) else []
        changes: list[Carried] = [change for change, _ in self.changes]
        self.sources: Sources = carried(
            [Position, schedule, *counted, *dropout, *changes, *measures, cpu_name, digest]
        )

    @property
    def facts(self) -> DataFacts:
        """What is known of the data before they are read."""
        return self.data.facts

    @property
    def split(self) -> str:
        """How validation samples are drawn: see `harness.training.data.splits.split_of`."""
        if self.facts.n_val is not None:
            return "given"
        if self.facts.is_grouped:
            return "grouped"
        return "stratified" if self.facts.task == "classification" else "random"

    def given(self) -> dict[str, Any]:
        """Return what the template reads of recipe and data."""
        recipe = self.recipe
        return {
            "c": recipe,
            "shape": repr(self.data.shape),
            "kind": self.data.kind,
            "n_val": self.facts.n_val,
            "greatest": self.data.greatest if self.data.greatest is not None else 1.0,
            "split": self.split,
            "split_stream": hex(SPLIT_STREAM),
            "evaluation_batch": EVALUATION_BATCH,
            "chunk_samples": CHUNK_SAMPLES,
            "averaging_batches": STATISTICS_BATCHES,
            "is_classified": self.facts.task == "classification",
            **self._layout(),
            **self._norm(),
            "network": self.network,
            "model_is_imported": isinstance(recipe.model, Imported),
            "draws_masks": self.draws_masks,
            "init_text": self._init_text(),
            "zero_biases": recipe.bias_init == "zeros",
            "optimizer": self._optimizer(),
            "optimizer_is_imported": isinstance(recipe.optimizer, Imported),
            "warmup": recipe.warmup_epochs,
            "schedule": self._schedule(),
            "loss": self._loss(),
            "measures": self._measures(),
            "augment": self._augment(),
            "carried": list(self.sources.texts.values()),
            "has_imports": bool(self.own_imports),  # last: the above notes them
        }

    def _layout(self) -> dict[str, Any]:
        """Return what reading the data takes."""
        data = self.data
        training, test = CIFAR_FILES.get(data.name, ([], ""))
        is_gray = data.kind == "image" and data.shape[0] == 1
        return {
            "dtype": data.dtype,
            "target_dtype": "uint8" if data.class_sizes else "float32",
            "is_gray": is_gray,
            "gray": repr(data.shape[1:]),
            "members": {"train": training, "test": [test]},
            "n_labels": 2 if data.name == "cifar100" else 1,
        }

    def _norm(self) -> dict[str, Any]:
        """Return how inputs are scaled: see `harness.training.data.input_norm`."""
        norm, is_bytes = self.recipe.input_norm, self.data.dtype == "uint8"
        shape = {"image": "-1, 1, 1", "table": "-1", "tensor": "-1"}[self.data.kind]
        samples = "inputs[train]" if is_bytes else "inputs[some]"
        is_by_row = self.data.kind != "tensor"
        rows = f"{samples}.transpose(0, 1).flatten(1)" if is_by_row else f"{samples}.reshape(1, -1)"
        texts = {"channel_shape": shape, "rows": rows, "means": None, "stds": None}
        if isinstance(norm, GivenConstants):
            means, stds = (
                [each] if isinstance(each, float | int) else list(each)
                for each in (norm.constants.mean, norm.constants.std)
            )
            n = max(len(means), len(stds))
            means, stds = (each * n if len(each) == 1 else each for each in (means, stds))
            return {**texts, "norm": "given", "means": means, "stds": stds}
        unit = "unit" if self.data.greatest is not None else "unit of the split"
        standardize = "standardize bytes" if is_bytes else "standardize floats"
        known = {"none": "none", "unit": unit, "batch_norm": unit, "standardize": standardize}
        return {**texts, "norm": known[norm]}

    def _network(self) -> str:
        """Return the expression that builds the network."""
        recipe, facts = self.recipe, self.facts
        if not isinstance(recipe.model, Imported):
            plain = recipe.model_copy(update={"init": "default"})  # what is drawn is no matter here
            with torch.device("meta"):
                model = build_model(plain, facts.shape, facts.n_outputs, kind=facts.kind)
            self.draws_masks = draws_masks(model)
            return network_text(model, " " * 4)
        self.draws_masks = False
        given = f"input_shape={facts.shape!r}, n_outputs={facts.n_outputs}"
        own = self._called(recipe.model, "imported_model", given)
        if recipe.input_norm != "batch_norm":
            return own
        before = input_norm_layers(HiddenLayers.of(recipe), facts.shape, facts.kind)
        return f"nn.Sequential({', '.join([*map(network_text, before), own])})"

    def _init_text(self) -> str:
        """Return what draws one weight: see `harness.training.initialisers`."""
        init = self.recipe.init
        if init is None:
            return ""
        if isinstance(init, NormalInit):
            return f"nn.init.normal_(layer.weight, std={init.normal.std!r})"
        spec = INITIALISERS[init]
        if spec.torch_function is None:
            return ""
        gain = ACTIVATIONS[str(self.recipe.activation)].gain
        scaled = (
            f', a={LEAKY_SLOPE!r}, mode="fan_in", nonlinearity={gain!r}' if spec.follows_activation else ""
        )
        return f"nn.init.{spec.torch_function}(layer.weight{scaled})"

    def _optimizer(self) -> str:
        optimizer = self.recipe.optimizer
        if isinstance(optimizer, Imported):
            return self._called(optimizer, "imported_optimizer", "list(model.parameters()), lr=LR")
        own = optimizer_arguments(self.recipe) | {"lr": _Verbatim("LR")}
        arguments = _arguments(own, ",\n        ")
        name = OPTIMIZERS[optimizer].torch_class
        return f"torch.optim.{name}(\n        model.parameters(),\n        {arguments},\n    )"

    def _schedule(self) -> str:
        name = self.recipe.lr_schedule
        own = {field: getattr(self.recipe, field) for field in reads("lr_schedule", name)}
        own.pop("warmup_epochs", None)
        return (
            f"{SCHEDULES[name].factor.__name__}({', '.join(['position', *filter(None, [_arguments(own)])])})"
        )

    def _loss(self) -> dict[str, str | None]:
        """Return what is minimised, reported and summed up: see `harness.training.losses`."""
        loss, recipe = self.recipe.loss, self.recipe
        if isinstance(loss, Imported):
            mean = f"{self._called(loss, 'imported_loss', 'outputs, targets')}.reshape(())"
            return {"minimised": mean, "reported": None, "total": f"{mean} * len(targets)"}
        plain = "functional.cross_entropy(outputs, targets)"
        if loss == "cross_entropy":
            smoothing = recipe.label_smoothing
            smoothed = f"functional.cross_entropy(outputs, targets, label_smoothing={smoothing!r})"
            return {
                "minimised": smoothed if smoothing else plain,
                "reported": plain if smoothing else None,
                "total": 'functional.cross_entropy(outputs, targets, reduction="sum")',
            }
        means = {
            "mse": "functional.mse_loss(outputs, targets)",
            "l1": "functional.l1_loss(outputs, targets)",
            "huber": f"functional.huber_loss(outputs, targets, delta={float(recipe.huber_delta or 1)!r})",
        }
        return {"minimised": means[loss], "reported": None, "total": f"{means[loss]} * len(targets)"}

    def _measures(self) -> dict[str, str]:
        """Return what measures each metric beside loss and accuracy."""
        known = {name: own for name, own in self.metrics.items() if own is not None or name in MEASURES}
        return {
            name: MEASURES[name].__name__ if own is None else self._imported(own, f"measured_{place}")
            for place, (name, own) in enumerate(known.items())
        }

    def _augment(self) -> str | None:
        """Return what is done to a batch of training inputs; None where nothing is."""
        augment = self.recipe.augment
        if isinstance(augment, Imported):
            return self._called(augment, "imported_augment", "inputs, augment_generator")
        made = "inputs"
        for change, settings in self.changes:
            made = f"{change.__name__}({', '.join([made, 'augment_generator', *map(str, settings)])})"
        return made if self.changes else None

    def _called(self, imported: Imported, name: str, given: str) -> str:
        """Return the call of something of the user's own, with its settings as the harness gives them."""
        settings = Signature.of(imported.reference).fitted(imported.settings)
        arguments = ", ".join(filter(None, [given, _arguments(settings)]))
        return f"{self._imported(imported.reference, name)}({arguments})"

    def _imported(self, reference: str, name: str) -> str:
        """Note the import line of a reference, and return the expression for what it names."""
        module, _, path = reference.partition(":")
        first, dot, rest = path.partition(".")
        self.own_imports[name] = f"from {module} import {first} as {name}"
        return f"{name}{dot}{rest}"


class _Verbatim(str):
    """A text that stands for itself among values."""

    __slots__ = ()


def _arguments(values: Mapping[str, Any], between: str = ", ") -> str:
    """Return named arguments as a call writes them."""
    return between.join(
        f"{name}={value if isinstance(value, _Verbatim) else literal(value)}"
        for name, value in values.items()
    )
