"""Models of the user's own: called with the shapes, and taken as they are. Their layers are the user's."""

from torch import nn

from harness.code.resolve import CodeError
from harness.code.settings import call_with
from harness.recipe.imported import Imported


def build_imported(model: Imported, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    """Return the model that a user's callable makes, `(B, *input_shape) -> (B, n_outputs)`.

    Its weights are drawn from torch's global generator, as those of our own models are.

    Args:
        model: What is called, with its settings.
        input_shape: Of one sample.
        n_outputs: Classes, or numbers to predict.

    Raises:
        CodeError: It does not take its settings, raises, or makes no `torch.nn.Module`.
    """
    made = call_with(model, input_shape=input_shape, n_outputs=n_outputs)
    if not isinstance(made, nn.Module):
        raise CodeError(
            f"{model.reference}: returned {type(made).__name__}, and a model is a torch.nn.Module. "
            f"Remedy: name a class or function that returns one"
        )
    return made
