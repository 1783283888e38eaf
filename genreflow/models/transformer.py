"""Self-attention over sequences [batch, time, features]."""

import torch
from torch import nn
from torch.nn import functional


class SelfAttention(nn.Module):
    """Scaled dot-product attention of every place to every other, with as many heads: [batch, time, features] to such.

    Parameters
    ----------
    dropout
        Share of the weights of attention dropped in training.
    """

    def __init__(self, features: int, heads: int, *, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.queries_keys_values = nn.Linear(features, 3 * features)
        self.output = nn.Linear(features, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend within each sequence."""
        split = self.queries_keys_values(x).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # each [batch, heads, time, features of a head]
        dropout = self.dropout if self.training else 0.0
        found = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)
        return self.output(found.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """A layer of BERT's encoder (Devlin et al. 2018): attention, then two dense layers; sum and norm after each.

    Parameters
    ----------
    hidden
        Width between the two dense layers, with the exact GELU.
    dropout
        Of the outputs of attention and dense layers.
    attention_dropout
        Of the weights of attention.
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
        """Go through the sequences."""
        x = self.attention_norm(x + self.dropout(self.attention(x)))
        return self.dense_norm(x + self.dropout(self.dense(x)))
