"""Self-attention over sequences [batch, time, features]."""

import torch
from torch import nn
from torch.nn import functional

from genreflow.models.blocks import single_precision


class DotProductSelfAttention(nn.Module):
    """Attention by unscaled dot products, without parameters: softmax(H Hᵀ) H.

    It computes in float32 whatever the precision around it, because the softmax of unscaled products amplifies their
    rounding.
    """

    title = "dot-product attention"
    sequence = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a weighted mean of all steps for each step of [batch, time, features]."""
        with single_precision(x):
            x = x.float()
            return (x @ x.transpose(1, 2)).softmax(dim=-1) @ x


class AdditiveSelfAttention(nn.Module):
    """Additive attention: softmax over s of e(t, s) = tanh(w · tanh(Q x_t + K x_s + b) + c).

    As ``SeqSelfAttention(attention_activation="tanh")`` of keras-self-attention: additive attention of Bahdanau et al.
    (2015) with an outer tanh, so that the weights of one step differ by a factor of e² at most. It needs memory for
    [batch, time, time, hidden].

    Parameters
    ----------
    n_in
        Number of features.
    hidden
        Units of the network that computes e.
    """

    title = "additive attention"
    sequence = True

    def __init__(self, n_in: int, hidden: int = 32) -> None:
        super().__init__()
        self.query = nn.Linear(n_in, hidden)
        self.key = nn.Linear(n_in, hidden, bias=False)
        self.energy = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a weighted mean of all steps for each step of [batch, time, features]."""
        pairs = (self.query(x)[:, :, None] + self.key(x)[:, None]).tanh()
        return self.energy(pairs)[..., 0].tanh().softmax(dim=-1) @ x


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017).

    Parameters
    ----------
    dropout
        Share of the attention weights that are dropped in training.
    """

    def __init__(self, features: int, heads: int, *, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.queries_keys_values = nn.Linear(features, 3 * features)
        self.output = nn.Linear(features, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the attention of sequences [batch, time, features], of the same shape."""
        split = self.queries_keys_values(x).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # each [batch, heads, time, features of a head]
        dropout = self.dropout if self.training else 0.0
        attended = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)
        return self.output(attended.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """A layer of BERT's encoder (Devlin et al. 2018): attention, then two dense layers; sum and norm after each.

    ``nn.TransformerEncoderLayer`` returns the same outputs in evaluation from the same weights, but is trained in
    another way: it has one dropout rate, drops units between the dense layers too, and starts from Xavier weights and
    zero biases, where the published code has those of ``nn.Linear``.

    Parameters
    ----------
    hidden
        Units of the first dense layer, which an exact GELU follows.
    dropout
        Dropout of the outputs of attention and dense layers.
    attention_dropout
        Dropout of the attention weights.
    """

    sequence = True

    def __init__(self, features: int, heads: int, hidden: int, *, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(features, heads, dropout=attention_dropout)
        self.attention_norm = nn.LayerNorm(features, eps=1e-12)
        self.dense = nn.Sequential(nn.Linear(features, hidden), nn.GELU(), nn.Linear(hidden, features))
        self.dense_norm = nn.LayerNorm(features, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        self.title = f"attention {heads} × {features // heads}, dense {hidden:,}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform sequences [batch, time, features] to the same shape."""
        x = self.attention_norm(x + self.dropout(self.attention(x)))
        return self.dense_norm(x + self.dropout(self.dense(x)))
