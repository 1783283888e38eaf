"""Tracks to roles: feasibility before, assignment, leakage audit after."""
