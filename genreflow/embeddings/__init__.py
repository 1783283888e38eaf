"""Embeddings: vectors that trained networks compute of music, as a front-end and for comparing tracks."""
