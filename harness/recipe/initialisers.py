"""Initialisers of weight matrices and kernels: which exist, and where each comes from.

One row an initialiser with a name; `{normal: {std: s}}` stands beside them. Names only;
`harness.training.initialisers` applies them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class InitialiserSpec:
    """Describe one initialiser."""

    torch_function: str | None
    """Name in `torch.nn.init`; None leaves what torch's layers draw by themselves."""
    follows_activation: bool
    """Whether its gain is that of the activation; otherwise the gain is 1."""
    source: str


INITIALISERS: dict[str, InitialiserSpec] = {
    "default": InitialiserSpec(
        torch_function=None,
        follows_activation=False,
        source="torch: weights and biases uniform in +-1/sqrt(fan_in); LeCun et al. 1998, Efficient BackProp",
    ),
    "xavier_normal": InitialiserSpec(
        torch_function="xavier_normal_",
        follows_activation=False,
        source="Glorot & Bengio 2010, Understanding the difficulty of training deep networks, equation 12",
    ),
    "xavier_uniform": InitialiserSpec(
        torch_function="xavier_uniform_",
        follows_activation=False,
        source="Glorot & Bengio 2010, Understanding the difficulty of training deep networks, equation 16",
    ),
    "kaiming_normal": InitialiserSpec(
        torch_function="kaiming_normal_",
        follows_activation=True,
        source="He et al. 2015, Delving Deep into Rectifiers, equations 10 and 15",
    ),
    "kaiming_uniform": InitialiserSpec(
        torch_function="kaiming_uniform_",
        follows_activation=True,
        source="He et al. 2015, Delving Deep into Rectifiers, equations 10 and 15, uniform",
    ),
    "orthogonal": InitialiserSpec(
        torch_function="orthogonal_",
        follows_activation=False,
        source="Saxe, McClelland & Ganguli 2014, Exact solutions to the nonlinear dynamics of learning",
    ),
}
