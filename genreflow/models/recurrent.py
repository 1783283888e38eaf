"""Recurrent layers behind one interface."""

from typing import Literal

import torch
from torch import nn

Cell = Literal["rnn", "lstm", "gru"]
_LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_NAMES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


class Recurrent(nn.Module):
    """A recurrent layer over sequences [batch, time, features].

    Parameters
    ----------
    cell
        ``rnn`` is the plain one with tanh. Torch has two biases a gate; Keras's LSTM and RNN have one, see `one_bias`.
    returns
        ``sequence``: [batch, time, hidden]; ``last``: the last state [batch, hidden], of the uppermost layer. With
        both directions, 2 x hidden: forward, then backward, whose last state is that at the beginning.
    one_bias
        Leave the second bias at zero, untrained, as Keras's LSTM has none.
    """

    def __init__(
        self,
        cell: Cell,
        n_in: int,
        hidden: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        returns: Literal["sequence", "last"] = "last",
        one_bias: bool = False,
    ) -> None:
        super().__init__()
        self.returns = returns
        self.layer = _LAYERS[cell](n_in, hidden, num_layers=layers, bidirectional=bidirectional, batch_first=True)
        self.title = f"{'Bi' * bidirectional}{_NAMES[cell]} {hidden}{f', {layers} layers' if layers > 1 else ''}"
        self.sequence = returns == "sequence"
        if one_bias:
            for name, bias in self.layer.named_parameters():
                if name.startswith("bias_hh"):
                    nn.init.zeros_(bias.requires_grad_(False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Go through the sequences."""
        outputs, state = self.layer(x)
        if self.returns == "sequence":
            return outputs
        last = state[0] if isinstance(state, tuple) else state
        directions = 2 if self.layer.bidirectional else 1
        return torch.cat(tuple(last[-directions:]), dim=1)
