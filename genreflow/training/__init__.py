"""Slices on the device, sampling, optimizers, the training loop, and bundles of weights and facts."""
