"""A model as a folder that can be given away."""
