"""Assignment of tracks to folds, with a feasibility check before and a leakage audit after."""
