"""A network of ours as the expression that builds it, layer by layer."""

from torch import nn

from harness.training.models.hidden import Dropout

_TORCH = "torch.nn.modules."


def network_text(module: nn.Module, indent: str = "") -> str:
    """Return the expression that builds a module, its layers in the order in which they draw their weights.

    Args:
        module: Made of torch's own layers and our `Dropout`, in sequences.
        indent: What stands before its line.

    Raises:
        AssertionError: It has a layer of another kind, which the text of a script would have to define.
    """
    if type(module) is nn.Sequential:
        inner = indent + "    "
        layers = "".join(f"{inner}{network_text(layer, inner)},\n" for layer in module)
        return f"nn.Sequential(\n{layers}{indent})"
    if type(module) is Dropout:
        return repr(module)
    if type(module).__module__.startswith(_TORCH) and not list(module.children()):
        return f"nn.{module!r}"
    raise AssertionError(f"a script cannot write down a layer of type {type(module).__name__}")


def draws_masks(module: nn.Module) -> bool:
    """Whether some layer of a network drops values at random."""
    return any(type(layer) is Dropout for layer in module.modules())
