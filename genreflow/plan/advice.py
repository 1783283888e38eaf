"""Which models suit a collection, by its size and by the public weights on this machine."""

from collections.abc import Mapping
from statistics import median

from genreflow.store.text import count
from genreflow.weights.cache import command_for, is_absent

# Up to so many tracks a class, a small model on an embedding is the better choice (docs/choosing.md).
FEW = 200
SOME = 20  # from so many, a small network on descriptors or embeddings has enough to learn from
FEWEST = 2  # tracks of a class: one to learn from, one to test on
NETWORK = "MSD_musicnn"  # the one that studies/quick.yaml names


def advice(classes: Mapping[str, int]) -> list[str]:
    """Return sentences on the models to begin with.

    Parameters
    ----------
    classes
        Number of tracks of each class.
    """
    typical = round(median(classes.values()))
    begin = f"With some {count(typical, 'track')} a class, begin with what `genreflow init` proposes"
    if is_absent(NETWORK):
        sentences = [
            f"{begin}: support vector machines on descriptors. Answers are usually better with the public network "
            f"{NETWORK}: {command_for([NETWORK])}"
        ]
    else:
        sentences = [f"{begin}: a logistic regression on embeddings by {NETWORK}, and on descriptors."]
    if typical > FEW:
        sentences.append("For so many tracks, train a network as well, for example psytrance_cnn, and compare.")
    if min(classes.values()) < FEWEST:
        rare = ", ".join(name for name, tracks in classes.items() if tracks < FEWEST)
        sentences.append(f"A class needs at least two tracks; leave out: {rare}.")
    return sentences
