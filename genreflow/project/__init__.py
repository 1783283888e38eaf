"""A project folder: where its products lie, and the specifications that its jobs are given."""
