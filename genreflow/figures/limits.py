"""How much a figure holds, whatever the number of classes, tags, settings and tracks."""

MAX_PIXELS = 10_000_000
"""Most pixels of a PNG; a figure that is larger on paper is written with fewer dots an inch."""
MOST_CLASSES = 40
"""Classes that a matrix of numbers can be read of; of more, a figure shows the whole as colors and its extremes."""
MOST_ROWS = 40
"""Rows that are named one below the other."""
MOST_STROKES = 28
"""Series that colors and dashes, or colors and markers, tell apart."""
MOST_LINES = 100
"""Tags whose curves are drawn one by one."""
MOST_BARS = 60
"""Tags whose areas are drawn as bars."""
