"""Typed settings of the pipeline and its studies; the only reader of YAML."""
