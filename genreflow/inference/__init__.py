"""New music: which files there are, what a finished model says of them, and how sure it may be."""
