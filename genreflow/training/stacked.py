"""Several runs of one network computed at once: the folds of a setting, or its seeds.

The runs lie side by side within the batch, [batch x runs, ...] with the run changing fastest, so that whatever has no
weights does to them what it does to any batch. The same memory read as [batch, runs x channels, ...] is the input of
one grouped convolution, and of one batch normalisation, of all runs; dense layers become one batched product. Nothing
is copied between them but the weights, which are put together anew in each step: they stay in the networks.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from genreflow.errors import Problems
from genreflow.models.blocks import (
    FullHeightConv,
    InputNorm,
    KerasBatchNorm1d,
    KerasBatchNorm2d,
    SameConv1d,
    _EarlyAverage,
)
from genreflow.models.fitted import Fitted
from genreflow.models.standardise import Standardised

# What changes in the course of a training, and need not be the same.
_PASSING = ("training", "momentum")


class Stacked(nn.Module):
    """Networks of one architecture that are trained in one computation.

    Float32 [runs, batch, *shape] to logits [runs, batch, K]. The sum over the runs of their mean losses gives each
    run the gradients that it would have alone. They arrive at the parameters of the networks themselves, so whatever
    works on a network's parameters works as ever: an optimiser, a schedule or a clipping of gradients for each run,
    or one optimiser over all of `parameters()`, which is the same where numbers are updated one by one, as by all of
    `genreflow.training.optimisers`; a norm over all gradients would mix the runs.

    Losses and weights are those of separate runs but for rounding, which grows over many steps as between any two
    machines. (Biases before a batch normalisation change nothing and have gradients of nothing but rounding, which
    Adam scales up to whole steps: these weights differ at once.) Dropout draws for each run, yet not what it would
    draw alone: with dropout the runs are alike in distribution only.

    All runs have batches of one size. Where one has not, or has no such step, let the networks take that step one by
    one: they share all that is learnt with the stack, running statistics and their count included.

    Parameters
    ----------
    networks
        On one device, built alike. They are not copied.

    Raises
    ------
    Problems
        When a layer has no stacked form, or the networks are not of one architecture.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        if found := list(_problems(networks)):
            raise Problems("These networks cannot be trained at once:", found)
        self.networks = nn.ModuleList(networks)
        self._places = _Places(len(networks))
        # Not registered: its weights are those of the networks.
        vars(self)["_joint"] = _join(networks, self._places)
        self.train(networks[0].training)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits of all runs."""
        self._places.batch = inputs.shape[1]
        return self._joint(inputs.transpose(0, 1).flatten(0, 1)).unflatten(0, inputs.shape[1::-1]).transpose(0, 1)

    def train(self, mode: bool = True) -> "Stacked":
        """Set the mode of the stack and of the networks."""
        self._joint.train(mode)
        return super().train(mode)

    def unstack(self) -> list[nn.Module]:
        """Return the networks, as they are now; they are up to date at any time."""
        return list(self.networks)


def can_stack(network: nn.Module) -> str | None:
    """Say why networks of this architecture cannot be trained at once; None if they can."""
    return next(_obstacles(network), None)


class _Places:
    """Where the runs are in a batch [batch x runs x parts, ...]; parts are what a network makes of one segment."""

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.batch = 0

    def apart(self, x: torch.Tensor) -> torch.Tensor:
        """Return [batch x parts, runs, ...], without a copy where a segment is not in parts."""
        if len(x) == self.batch * self.runs:
            return x.unflatten(0, (self.batch, self.runs))
        return x.unflatten(0, (self.batch, self.runs, -1)).transpose(1, 2).flatten(0, 1)

    def together(self, x: torch.Tensor) -> torch.Tensor:
        """Undo `apart`."""
        if len(x) == self.batch:
            return x.flatten(0, 1)
        return x.unflatten(0, (self.batch, -1)).transpose(1, 2).flatten(0, 2)


class _Joint(nn.Module):
    """The same layer of all runs."""

    def __init__(self, layers: Sequence[nn.Module], places: _Places) -> None:
        super().__init__()
        # A tuple is not registered: the layers belong to their networks.
        self.layers, self.places = tuple(layers), places

    def of_all(self, name: str) -> torch.Tensor | None:
        """Return a parameter or buffer of all runs, [runs, ...]."""
        tensors = [getattr(layer, name) for layer in self.layers]
        return None if tensors[0] is None else torch.stack(tensors)

    def in_a_row(self, name: str) -> torch.Tensor | None:
        """Return a parameter or buffer of all runs, its first axis being that of run after run."""
        tensors = [getattr(layer, name) for layer in self.layers]
        return None if tensors[0] is None else torch.cat(tensors)


class _JointConv(_Joint):
    """Convolutions as one with as many groups; how they pad is left to them."""

    def __init__(self, layers: Sequence[nn.Module], places: _Places) -> None:
        super().__init__(layers, places)
        self.grouped = copy.copy(layers[0])
        self.grouped._parameters = dict(layers[0]._parameters)
        self.grouped.groups *= places.runs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = {name: self.in_a_row(name) for name in ("weight", "bias")}
        x = self.places.apart(x).flatten(1, 2)
        x = functional_call(self.grouped, {name: value for name, value in weights.items() if value is not None}, x)
        return self.places.together(x.unflatten(1, (self.places.runs, -1)))


class _JointLinear(_Joint):
    """Dense layers as one batched product."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.places.apart(x).transpose(0, 1)
        rows, weight, bias = x.flatten(1, -2), self.of_all("weight").mT, self.of_all("bias")
        found = rows @ weight if bias is None else torch.baddbmm(bias[:, None], rows, weight)
        return self.places.together(found.unflatten(1, x.shape[1:-1]).transpose(0, 1))


class _JointBatchNorm(_Joint):
    """Batch normalisations as one over all channels of all runs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.layers[0]
        apart = self.places.apart(x)
        flat = apart.reshape(len(apart), self.places.runs * first.num_features, -1)
        mean, variance = self.in_a_row("running_mean"), self.in_a_row("running_var")
        weight, bias = self.in_a_row("weight"), self.in_a_row("bias")
        # A momentum of 1 leaves this batch's own mean and variance, in training.
        flat = functional.batch_norm(flat, mean, variance, weight, bias, self.training, 1.0, first.eps)
        if self.training:
            self._learn(mean, variance)
        return self.places.together(flat.view(apart.shape))

    @torch.no_grad()
    def _learn(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        momenta = [_next_momentum(layer) for layer in self.layers]
        for name, statistic in (("running_mean", mean), ("running_var", variance)):
            running = [getattr(layer, name) for layer in self.layers]
            torch._foreach_lerp_(running, list(statistic.chunk(self.places.runs)), momenta)
        torch._foreach_add_([layer.num_batches_tracked for layer in self.layers], 1)


class _JointLayerNorm(_Joint):
    """Layer normalisations as one without weights, then the weights of each run."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.layers[0]
        x = self.places.apart(functional.layer_norm(x, first.normalized_shape, eps=first.eps))
        between = (1,) * (x.dim() - 2 - len(first.normalized_shape))
        for name, apply in (("weight", torch.mul), ("bias", torch.add)):
            of_all = self.of_all(name)
            if of_all is not None:
                x = apply(x, of_all.reshape(-1, *between, *first.normalized_shape))
        return self.places.together(x)


class _JointStandardised(_Joint):
    """Networks behind their standardisations, each by what its own training slices are like."""

    def __init__(self, layers: Sequence[nn.Module], places: _Places) -> None:
        super().__init__(layers, places)
        self.network = _join([layer.network for layer in layers], places)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (self.places.apart(x) - self.of_all("mean")) / self.of_all("deviation")
        return self.network(self.places.together(x))


# By exact type: a subclass may do something else.
_JOINT: dict[type[nn.Module], type[_Joint]] = {
    nn.Conv1d: _JointConv,
    FullHeightConv: _JointConv,
    SameConv1d: _JointConv,
    nn.Conv2d: _JointConv,
    nn.Linear: _JointLinear,
    nn.BatchNorm1d: _JointBatchNorm,
    nn.BatchNorm2d: _JointBatchNorm,
    KerasBatchNorm1d: _JointBatchNorm,
    KerasBatchNorm2d: _JointBatchNorm,
    InputNorm: _JointBatchNorm,
    nn.LayerNorm: _JointLayerNorm,
    Standardised: _JointStandardised,
}


def _join(layers: Sequence[nn.Module], places: _Places) -> nn.Module:
    """Return what computes this layer of all runs: its joint form if it has one, else a copy of the first's."""
    if joint := _JOINT.get(type(layers[0])):
        return joint(layers, places)
    # A shallow copy: constants remain the first network's own, and move with it.
    copied = copy.copy(layers[0])
    copied._modules = {name: _join([layer._modules[name] for layer in layers], places) for name in copied._modules}
    return copied


def _next_momentum(layer: nn.Module) -> float:
    """Return the momentum of this step, and count it, as the layer would."""
    if isinstance(layer, _EarlyAverage):
        layer._batches += 1
        layer.momentum = max(layer._slowest, 1 / layer._batches)
    return layer.momentum


def _obstacles(network: nn.Module) -> Iterator[str]:
    """Say what of a network has no joint form."""
    for name, layer in network.named_modules():
        what = f"{name} ({type(layer).__name__})" if name else type(layer).__name__
        if isinstance(layer, Fitted):
            yield f"{what} is fitted at once, not trained in steps."
        elif isinstance(layer, nn.RNNBase):
            yield f"{what} is recurrent, and such layers have no form for several sets of weights."
        elif type(layer) not in _JOINT:
            if isinstance(layer, nn.modules.batchnorm._NormBase) or list(layer.parameters(recurse=False)):
                yield f"{what} is of a kind that is not known to go side by side with others."
        elif _JOINT[type(layer)] is _JointBatchNorm and (layer.momentum is None or not layer.track_running_stats):
            yield f"{what} keeps no running statistics with a momentum."


def _problems(networks: Sequence[nn.Module]) -> Iterator[str]:
    """Say what keeps networks from being trained at once."""
    if not networks:
        yield "There are none."
        return
    yield from _obstacles(networks[0])
    first, constants = _architecture(networks[0]), _constants(networks[0])
    for number, network in enumerate(networks[1:], start=2):
        other = _architecture(network)
        if wrong := [name for name in first | other if first.get(name) != other.get(name)]:
            yield f"Network {number} is not built as the first is: {', '.join(name or 'all' for name in wrong)}."
        elif wrong := [name for name, value in _constants(network).items() if not torch.equal(value, constants[name])]:
            yield f"Network {number} has other constants than the first: {', '.join(wrong)}."


def _architecture(network: nn.Module) -> dict[str, tuple]:
    """Return of each module its type, its settings and the shapes of what it holds."""
    found = {}
    for name, module in network.named_modules():
        tensors = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
        settings = {
            key: value
            for key, value in vars(module).items()
            if not key.startswith("_") and key not in _PASSING and isinstance(value, int | float | str | tuple)
        }
        found[name] = type(module), settings, {key: (value.shape, value.device) for key, value in tensors}
    return found


def _constants(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the buffers that runs share: those of modules without a joint form."""
    return {
        f"{name}.{key}" if name else key: value
        for name, module in network.named_modules()
        if type(module) not in _JOINT
        for key, value in module.named_buffers(recurse=False)
    }
