"""Fine-tuning: start from trained weights, freeze layers, and train those near the input in smaller steps.

A *layer* is a module with weights, in the order in which a network declares them, together with the normalization that
follows it. The *head* is whatever depends on the number of outputs, usually one dense layer.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from torch import nn

from genreflow.config.training import ALL_BUT_HEAD, TrainingSettings
from genreflow.errors import UserError, did_you_mean
from genreflow.models.standardize import Standardized
from genreflow.store.text import listing


@dataclass
class Layer:
    """A layer: its name in the network, its parameters, and the normalization in it."""

    name: str
    parameters: list[nn.Parameter] = field(default_factory=list)
    norms: list[nn.Module] = field(default_factory=list)
    is_head: bool = False
    has_weights: bool = False


def head_of(network: nn.Module, wider: nn.Module) -> set[str]:
    """Return the names of the tensors that depend on the number of outputs, given the same network with more of them.

    Raises
    ------
    UserError
        When there are none.
    """
    shapes = {name: tensor.shape for name, tensor in wider.state_dict().items()}
    names = {name for name, tensor in network.state_dict().items() if tensor.shape != shapes.get(name)}
    if not names:
        raise UserError("The network has no layer that depends on the number of its classes, so it has no new head.")
    return names


def take_weights(network: nn.Module, source: nn.Module, head: Collection[str], *, keep_head: bool) -> None:
    """Copy weights, running statistics and standardization into `network`, but for the head unless it is kept.

    Raises
    ------
    UserError
        When the two are not of the same shape.
    """
    given = source.state_dict()
    taken = {name: given.get(name) for name in network.state_dict() if keep_head or name not in head}
    own = network.state_dict()
    wrong = [name for name, tensor in taken.items() if tensor is None or tensor.shape != own[name].shape]
    if wrong:
        raise UserError(
            f"init: these weights do not fit the network: {listing(wrong, 3)} are missing or of another shape. Start "
            "from a network with the same options."
        )
    network.load_state_dict(own | {name: tensor for name, tensor in taken.items() if tensor is not None})


def layers_of(network: nn.Module, head: Collection[str]) -> list[Layer]:
    """Return the layers of a network from the input to the output; those of the head come last."""
    prefix = "network." if isinstance(network, Standardized) else ""
    layers: list[Layer] = []
    for name, module in network.named_modules():
        parameters = dict(module.named_parameters(recurse=False))
        is_norm = isinstance(module, nn.modules.batchnorm._NormBase)
        if not parameters and not is_norm:
            continue
        weights = any(parameter.dim() > 1 for parameter in parameters.values())
        is_head = any((f"{name}." if name else "") + each in head for each in parameters)
        if not layers or (weights and layers[-1].has_weights) or is_head != layers[-1].is_head:
            layers.append(Layer(name.removeprefix(prefix), is_head=is_head))
        layer = layers[-1]
        if weights and not layer.has_weights:
            layer.name, layer.has_weights = name.removeprefix(prefix), True
        layer.parameters += parameters.values()
        layer.norms += [module] if is_norm else []
    return sorted(layers, key=lambda layer: layer.is_head)  # stable


class FineTuning:
    """Decides which layers are trained in an epoch, and at what share of the learning rate.

    Parameters
    ----------
    network
        The network, with the weights to start from.
    settings
        ``freeze``, ``unfreeze_after``, ``unfreeze_layers`` and ``layer_decay``.
    head
        Names of the tensors of the head (`head_of`).

    Raises
    ------
    UserError
        When `freeze` names no layer, or leaves nothing to train.
    """

    def __init__(self, network: nn.Module, settings: TrainingSettings, head: Collection[str]) -> None:
        self._settings = settings
        self._layers = layers_of(network, head)
        # Some parameters are never trained, such as the second biases of Keras's LSTM.
        self._trainable = {parameter for parameter in network.parameters() if parameter.requires_grad}
        self._frozen_at_first = _count_frozen(self._layers, settings.freeze)
        self._n_frozen = 0
        self.begin_epoch(0)

    @property
    def layers(self) -> list[str]:
        """Names of all layers, from the input to the output."""
        return [layer.name for layer in self._layers]

    @property
    def frozen(self) -> list[str]:
        """Names of the layers that are not trained at first."""
        return self.layers[: self._frozen_at_first]

    @property
    def scales(self) -> Mapping[nn.Parameter, float] | None:
        """Share of the learning rate of each parameter; None if all have the same."""
        if self._settings.layer_decay == 1:
            return None
        body = [layer for layer in self._layers if not layer.is_head]
        depths = {id(layer): len(body) - number for number, layer in enumerate(body)}
        return {
            parameter: self._settings.layer_decay ** depths.get(id(layer), 0)
            for layer in self._layers
            for parameter in layer.parameters
        }

    def begin_epoch(self, epoch: int) -> None:
        """Freeze the layers that are not trained in an epoch, counted from 0, and no others."""
        self._n_frozen = self.n_frozen(epoch)
        for number, layer in enumerate(self._layers):
            for parameter in layer.parameters:
                parameter.requires_grad_(number >= self._n_frozen and parameter in self._trainable)

    def n_frozen(self, epoch: int) -> int:
        """Return the number of frozen layers in an epoch."""
        after, at_a_time = self._settings.unfreeze_after, self._settings.unfreeze_layers
        if after is None or epoch < after:
            return self._frozen_at_first
        return 0 if at_a_time is None else max(0, self._frozen_at_first - at_a_time * (epoch // after))

    def hold_statistics(self) -> None:
        """Put the normalization of frozen layers into evaluation mode, in which its statistics stay as they are."""
        for layer in self._layers[: self._n_frozen]:
            for norm in layer.norms:
                norm.eval()

    def release(self) -> None:
        """Make all parameters trainable again that were so at first."""
        for parameter in self._trainable:
            parameter.requires_grad_(True)


def _count_frozen(layers: list[Layer], freeze: float | str | None) -> int:
    """Return how many layers are frozen, counted from the input."""
    body = [layer for layer in layers if not layer.is_head]
    match freeze:
        case None:
            return 0
        case str() if freeze == ALL_BUT_HEAD:
            return len(body)
        case str():
            own = [number for number, each in enumerate(body) if each.name == freeze or _is_in(each.name, freeze)]
            if not own:
                names = [layer.name for layer in body]
                raise UserError(
                    f"freeze: {freeze!r} is no layer before the output layer.{did_you_mean(freeze, names)} There are: "
                    f"{', '.join(names)}."
                )
            return own[-1] + 1
        case _:
            return math.floor(freeze * len(body) + 0.5)


def _is_in(name: str, module: str) -> bool:
    return name.startswith(f"{module}.")
