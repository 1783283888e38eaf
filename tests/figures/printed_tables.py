"""Tables as the studies print them, to be drawn."""

import numpy as np
import pandas as pd

GENRES = ["Blues", "Classical", "Country", "Disco", "Hip Hop", "Jazz", "Metal", "Pop", "Reggae", "Rock"]
SYSTEMS = ["net_STFT", "net_MUSIC", "FUSION2"]
# Senac et al. 2017, Table 1, % of the true class; "." is 0 of all three.
_TABLE_1 = """
87,100,98 . . 3,0,0 2,0,0 1,0,2 . . . 7,0,0
. 98,98,100 . . . 0,2,0 . . . 2,0,0
0,0,2 . 91,88,92 2,5,2 . 0,3,2 . 2,2,0 2,2,2 3,0,0
. . 2,0,0 86,88,92 5,4,6 . 0,1,0 3,3,2 0,4,0 4,0,0
2,0,0 . . 2,0,0 83,93,92 . . 5,3,4 6,4,4 2,0,0
. 1,4,4 3,0,0 . . 94,94,94 . 2,2,2 . .
2,0,2 . 2,0,2 0,2,0 2,0,2 . 91,98,92 . . 3,0,2
. . 2,4,4 1,0,2 4,5,4 0,2,0 . 82,84,86 3,1,0 8,4,4
. . 0,3,0 1,0,0 5,3,2 . . 4,6,6 85,88,88 5,0,4
1,8,4 . 4,9,2 4,6,6 2,0,2 0,1,0 3,0,2 5,9,4 1,5,4 80,62,76
"""
CONFUSIONS = np.array(
    [
        [(0, 0, 0) if cell == "." else tuple(map(int, cell.split(","))) for cell in line.split()]
        for line in _TABLE_1.strip().splitlines()
    ]
)

# Giamatti and Smith 2020, Table 1: right answers, tracks and answers of each class, worked out from the shares.
WESTERN8 = pd.DataFrame(
    {
        "class": ["classical", "country", "dance", "hip hop", "jazz", "pop", "R&B", "rock"],
        "correct": [99, 78, 69, 60, 65, 16, 52, 61],
        "tracks": [102, 117, 101, 87, 99, 91, 96, 107],
        "answers": [130, 124, 110, 103, 90, 50, 105, 88],
    }
)
WESTERN8_PRINTED = pd.DataFrame(
    {
        "precision": [0.7615, 0.6290, 0.6272, 0.5825, 0.7223, 0.3200, 0.4952, 0.6932],
        "recall": [0.9701, 0.6667, 0.6832, 0.6897, 0.6565, 0.17582, 0.5417, 0.5700],
    }
)

# Abela 2021, annex 1.
MODELS = ["Conv", "BLSTM", "Conv+BLSTM", "GRU", "Conv+BGRU", "End2End", "End2End GRU"]
ACCURACIES = {
    "train": [0.9719, 0.9583, 0.9974, 0.9983, 0.9962, 0.9673, 0.9873],
    "validation": [0.7878, 0.7507, 0.8248, 0.7728, 0.7848, 0.8539, 0.8519],
    "test": [0.6817, 0.7087, 0.8458, 0.7718, 0.7608, 0.8539, 0.8639],
}


def confusions(classes: list[str] = GENRES, models: list[str] = SYSTEMS) -> pd.DataFrame:
    """Return Table 1 as rows, under any names."""
    return pd.DataFrame(
        [
            {"model": model, "true": true, "predicted": predicted, "share": CONFUSIONS[i, j, k] / 100}
            for k, model in enumerate(models)
            for i, true in enumerate(classes)
            for j, predicted in enumerate(classes)
        ]
    )


def western8() -> pd.DataFrame:
    precision, recall = WESTERN8["correct"] / WESTERN8["answers"], WESTERN8["correct"] / WESTERN8["tracks"]
    return WESTERN8[["class"]].assign(published_precision=precision, published_recall=recall)
