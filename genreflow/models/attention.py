"""Self-attention over sequences [batch, time, features]: each step becomes a weighted mean of all steps."""

import torch
from torch import nn

from genreflow.models.precision import single_precision


class DotProductSelfAttention(nn.Module):
    """Weights by the dot product of two steps, unscaled: softmax(H Hᵀ) H. It has no parameters.

    Takes and returns [batch, time, features]; float32 whatever the precision around it, since a softmax of unscaled
    products turns their rounding into other weights.
    """

    title = "dot-product attention"
    sequence = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend."""
        with single_precision(x):
            x = x.float()
            return (x @ x.transpose(1, 2)).softmax(dim=-1) @ x


class AdditiveSelfAttention(nn.Module):
    """Weights by a small network of two steps: e(t, s) = tanh(w · tanh(Q x_t + K x_s + b) + c), softmax over s.

    Takes and returns [batch, time, features]; [batch, time, time, hidden] is what it holds in between. As
    ``SeqSelfAttention(attention_activation="tanh")`` of keras-self-attention (additive attention of Bahdanau et al.
    2015, but for the outer tanh): weights of one step differ by a factor of e² at most.

    Parameters
    ----------
    n_in
        Features.
    hidden
        Units of the small network.
    """

    title = "additive attention"
    sequence = True

    def __init__(self, n_in: int, hidden: int = 32) -> None:
        super().__init__()
        self.query = nn.Linear(n_in, hidden)
        self.key = nn.Linear(n_in, hidden, bias=False)
        self.energy = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend."""
        pairs = (self.query(x)[:, :, None] + self.key(x)[:, None]).tanh()
        return self.energy(pairs)[..., 0].tanh().softmax(dim=-1) @ x
