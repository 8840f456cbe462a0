from typing import Any

import pytest
import torch
from torch.nn import functional

from harness.errors import StudyError
from harness.recipe.configuration import Configuration, resolve
from harness.training.data.arrays import Samples
from harness.training.data.splits import stratified_split
from harness.training.epoch import EpochRecord
from harness.training.evaluation import evaluate
from harness.training.loop import RunResult, train


@pytest.fixture
def images() -> Samples:
    """Return 120 small images of three classes that differ by their brightness."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 3
    noise = torch.randint(0, 60, (120, 1, 4, 4), generator=generator)
    return Samples(inputs=(noise + 80 * labels[:, None, None, None]).to(torch.uint8), targets=labels)


def configuration(**changes: Any) -> Configuration:
    """Return a small recipe: 108 training images, 14 steps an epoch, the last of 4 images."""
    recipe = {
        "model": {"name": "fcn", "hidden": [8]},
        "batch_size": 8,
        "epochs": 3,
        "optimizer": "sgd",
        "lr": 0.1,
    }
    return resolve(recipe | changes)


def run(recipe: Configuration, images: Samples, seed: int = 0) -> tuple[RunResult, list[EpochRecord]]:
    """Train and collect the epochs."""
    epochs: list[EpochRecord] = []
    return train(recipe, seed, images, epochs.append), epochs


def weights(result: RunResult) -> torch.Tensor:
    """Return all parameters in one vector."""
    return torch.cat([p.detach().flatten() for p in result.predictor.model.parameters()])


def test_the_same_seed_gives_the_same_bits(images: Samples) -> None:
    """Losses and weights are equal bit for bit; another seed gives others."""
    first, epochs = run(configuration(), images, seed=7)
    second, again = run(configuration(), images, seed=7)
    other, _ = run(configuration(), images, seed=8)
    assert torch.equal(weights(first), weights(second))
    assert [e.train_loss for e in epochs] == [e.train_loss for e in again]
    assert not torch.equal(weights(first), weights(other))


def test_a_run_leaves_the_global_random_state_alone(images: Samples) -> None:
    """Runs that follow each other in one process do not influence each other."""
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    run(configuration(), images)
    assert torch.equal(torch.rand(1), expected)


def test_a_run_puts_torchs_treatment_of_denormals_back(images: Samples) -> None:
    """Other code in the process computes with numbers below 1e-38 as before."""
    run(configuration(epochs=1), images)
    assert (torch.tensor([1e-40]) * 1).item() > 0


def test_every_sample_is_seen_and_the_last_batch_kept(images: Samples) -> None:
    """108 images in batches of 8 are 14 steps, and the epoch says so."""
    result, epochs = run(configuration(), images)
    assert result.steps_per_epoch == 14
    assert [epoch.step for epoch in epochs] == [14, 28, 42]


def test_the_train_loss_is_the_mean_over_samples_not_batches(images: Samples) -> None:
    """With a rate too small to matter it equals the loss of the split, whatever the last batch holds."""
    _, epochs = run(configuration(lr=1e-30), images, seed=5)
    result, _ = run(configuration(lr=1e-30, epochs=1), images, seed=5)
    split = stratified_split(images.targets, 0.1, 5)
    evaluation = evaluate(result.predictor, images, split.train)
    assert epochs[-1].train_loss == pytest.approx(evaluation.loss, rel=1e-6)
    assert epochs[-1].train_accuracy == pytest.approx(evaluation.accuracy)


def test_training_equals_a_plain_torch_loop(images: Samples) -> None:
    """One epoch of full-batch SGD with momentum, written out by hand, gives the same weights."""
    recipe = configuration(batch_size=108, epochs=4, momentum=0.9)
    start, _ = run(configuration(batch_size=108, epochs=1, lr=1e-30), images, seed=2)
    split = stratified_split(images.targets, 0.1, 2)
    model = start.predictor.model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(4):
        loss = functional.cross_entropy(
            model(start.predictor.transform(images.inputs[split.train])), images.targets[split.train]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    result, _ = run(recipe, images, seed=2)
    expected = torch.cat([p.detach().flatten() for p in model.parameters()])
    torch.testing.assert_close(weights(result), expected, rtol=1e-4, atol=1e-6)


def test_validation_values_belong_to_the_validation_split(images: Samples) -> None:
    """They equal an evaluation of the final model on the held-out images, and only those."""
    result, epochs = run(configuration(), images, seed=4)
    split = stratified_split(images.targets, 0.1, 4)
    evaluation = evaluate(result.predictor, images, split.val)
    assert (evaluation.loss, evaluation.accuracy) == (epochs[-1].val_loss, epochs[-1].val_accuracy)


def test_a_classified_image_has_the_class_of_its_highest_logit(images: Samples) -> None:
    """Loss and accuracy are those of an evaluation, over the images at the indices and in their order."""
    predictor = run(configuration(), images)[0].predictor
    chosen = torch.arange(len(images) - 1, 2, -1)
    evaluation = evaluate(predictor, images, chosen)
    with torch.no_grad():
        logits = predictor.model(predictor.transform(images.inputs[chosen]))
    assert evaluation.predicted.tolist() == logits.argmax(dim=1).tolist()
    assert len(set(evaluation.predicted.tolist())) > 1
    assert evaluation.loss == pytest.approx(functional.cross_entropy(logits, images.targets[chosen]).item())
    assert evaluation.accuracy == (evaluation.predicted == images.targets[chosen]).double().mean().item()


def test_a_loss_that_is_not_finite_ends_the_run_at_once(images: Samples) -> None:
    """The epoch is reported without validation values, the reason names the loss, later epochs never run."""
    result, epochs = run(configuration(lr=1e20), images)
    assert result.has_diverged
    assert result.reason is not None
    assert result.reason.startswith("train_loss is")
    assert len(epochs) == 1
    assert epochs[0].val_loss is None


def test_a_run_of_so_many_steps_ends_within_an_epoch(images: Samples) -> None:
    """Of 31 steps two epochs have 14 each; the third is cut short, and reported with what it saw."""
    recipe = configuration().model_copy(update={"steps": 31})
    whole, _ = run(configuration(), images)
    result, epochs = run(recipe, images)
    assert [epoch.step for epoch in epochs] == [14, 28, 31]
    assert epochs[2].val_loss is not None
    assert 0 <= epochs[2].train_accuracy <= 1
    assert not torch.equal(weights(result), weights(whole))


def test_the_epoch_reports_the_rate_of_its_last_step(images: Samples) -> None:
    """A linear decay over 42 steps leaves 42 - 13, 42 - 27 and 42 - 41 parts of the rate."""
    _, epochs = run(configuration(lr_schedule="linear"), images)
    assert [epoch.lr for epoch in epochs] == pytest.approx([0.1 * n / 42 for n in (29, 15, 1)])


def test_dropout_is_repeatable_and_has_a_stream_of_its_own(images: Samples) -> None:
    """The same seed gives the same masks, whatever the global generator does meanwhile."""
    recipe = configuration(dropout=0.5)
    first, _ = run(recipe, images, seed=7)
    torch.rand(3)
    second, _ = run(recipe, images, seed=7)
    without, _ = run(configuration(), images, seed=7)
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(without))


def test_batch_norm_refuses_a_last_batch_of_one_image(images: Samples) -> None:
    """The batch size and the rule are named before anything is trained."""
    with pytest.raises(
        StudyError, match="batch_size 107 leaves one of 108 training samples for the last batch"
    ):
        run(configuration(batch_norm="hidden", batch_size=107), images)
    run(configuration(batch_size=107, epochs=1), images)


def test_what_the_epoch_callback_raises_ends_the_run(images: Samples) -> None:
    """Whoever drives the loop can stop it."""

    def stop(record: EpochRecord) -> None:
        raise StopIteration(record.epoch)

    with pytest.raises(StopIteration):
        train(configuration(), 0, images, stop)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_starts_from_the_same_weights_and_data_order(images: Samples) -> None:
    """The first epoch's loss agrees with the CPU's up to rounding."""
    on_gpu = Samples(inputs=images.inputs.cuda(), targets=images.targets.cuda())
    _, cpu = run(configuration(epochs=1), images)
    _, gpu = run(configuration(epochs=1), on_gpu)
    assert gpu[0].train_loss == pytest.approx(cpu[0].train_loss, rel=1e-4)
