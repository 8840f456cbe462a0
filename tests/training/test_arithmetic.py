import torch

from harness.training.arithmetic import denormals_flushed, fp32_arithmetic


def test_convolutions_are_exact_and_repeatable_while_it_lasts() -> None:
    """Float32 keeps its bits, cuDNN its algorithms; what was set before is put back."""
    cudnn = torch.backends.cudnn
    before = (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark)
    with fp32_arithmetic():
        assert (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark) == (False, True, False)
    assert (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark) == before


def test_denormals_are_zero_while_it_lasts() -> None:
    """1e-40 is below the least normal float32."""
    tiny = torch.tensor([1e-40])
    with denormals_flushed():
        assert (tiny * 1).item() == 0
    assert (tiny * 1).item() > 0
