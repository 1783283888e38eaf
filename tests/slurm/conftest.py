import sys
from pathlib import Path

# The tiny project that the tests of the workflow run on.
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
