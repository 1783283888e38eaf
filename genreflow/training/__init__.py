"""Data on the device, balanced batches, optimisers, and a loop that stops at the first non-finite loss."""
