"""Optuna's samplers by the names that study files use, made anew and newly seeded for every proposal.

Each proposal has a seed of its own, derived from the study's seed, the arm's name, the proposal's number and
its repeat: it depends on what the search's runs have told so far, and not on whether the study was
interrupted.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

from harness.study.seeds import derive_seed, of_repeat
from harness.study.study import Arm, Study
from harness.tuning.space import distributions_of_all, is_conditional


@dataclass(frozen=True, kw_only=True)
class _Proposal:
    """What a sampler is made for."""

    study: Study
    arm: Arm
    number: int
    repeat: int

    @property
    def seed(self) -> int:
        """The proposal's own seed."""
        return derive_seed(
            self.study.search.seed, "sampler", self.arm.plain_name, self.number, *of_repeat(self.repeat)
        )


@dataclass(frozen=True, kw_only=True)
class SamplerSpec:
    """A sampler that study files can name."""

    make: Callable[[_Proposal], BaseSampler]
    keeps_notes: bool = False
    """Whether it notes in Optuna's storage what it goes on from (CMA-ES its distribution, QMC its place in
    the sequence): a study is then rebuilt by asking for every past run again."""
    source: str


class _KnownSpaceCmaEsSampler(CmaEsSampler):
    """CMA-ES that is told its space, instead of finding it in trials that have ended."""

    def __init__(self, space: dict[str, BaseDistribution], seed: int) -> None:
        super().__init__(seed=seed, consider_pruned_trials=True)
        self._known = {name: found for name, found in space.items() if not found.single()}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the arm's space."""
        del study, trial
        return self._known


class _KnownSpaceQMCSampler(QMCSampler):
    """Quasi-Monte Carlo that is told its space, so that its first points too come from the sequence."""

    def __init__(self, space: dict[str, BaseDistribution], seed: int) -> None:
        super().__init__(scramble=True, seed=seed)
        self._known = space

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the arm's space."""
        del study, trial
        return self._known


def _tpe(proposal: _Proposal) -> BaseSampler:
    return TPESampler(
        n_startup_trials=proposal.study.search.startup_trials,
        seed=proposal.seed,
        multivariate=True,
        group=is_conditional(proposal.arm.space),
        constant_liar=True,
    )


def _random(proposal: _Proposal) -> BaseSampler:
    return RandomSampler(seed=proposal.seed)


def _gp(proposal: _Proposal) -> BaseSampler:
    return GPSampler(seed=proposal.seed, n_startup_trials=proposal.study.search.startup_trials)


def _cmaes(proposal: _Proposal) -> BaseSampler:
    return _KnownSpaceCmaEsSampler(distributions_of_all(proposal.arm.space), proposal.seed)


def _qmc(proposal: _Proposal) -> BaseSampler:
    sequence = derive_seed(
        proposal.study.search.seed, "sampler", proposal.arm.plain_name, *of_repeat(proposal.repeat)
    )
    return _KnownSpaceQMCSampler(distributions_of_all(proposal.arm.space), sequence)


SAMPLERS: dict[str, SamplerSpec] = {
    "tpe": SamplerSpec(make=_tpe, source="Bergstra et al. 2011; Watanabe 2023 for the multivariate form"),
    "random": SamplerSpec(make=_random, source="Bergstra and Bengio 2012"),
    "grid": SamplerSpec(make=_random, source="points come from the study file, in its order"),
    "gp": SamplerSpec(make=_gp, source="Snoek et al. 2012, Practical Bayesian Optimization"),
    "cmaes": SamplerSpec(make=_cmaes, keeps_notes=True, source="Hansen 2016, The CMA Evolution Strategy"),
    "qmc": SamplerSpec(make=_qmc, keeps_notes=True, source="Owen 1998, Scrambling Sobol' points"),
}


def sampler_for(study: Study, arm: Arm, number: int, repeat: int = 0) -> BaseSampler:
    """Return the sampler for one proposal of a search of an arm."""
    with warnings.catch_warnings():
        # some are experimental in name; the lock file pins their behaviour
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[study.search.sampler].make(
            _Proposal(study=study, arm=arm, number=number, repeat=repeat)
        )
