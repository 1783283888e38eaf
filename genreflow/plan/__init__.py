"""The plan of a run: the products to build, and the key of each.

A key is a digest of everything a product depends on: the code of its stage, its settings, and the key of what it
reads. Keys therefore chain: a change anywhere shows in every product below it, whatever happened in between.
"""
