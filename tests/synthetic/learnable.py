"""What a linear model may know of a corpus."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genreflow.config.inputs import LogMel
from genreflow.features.mel import log_mel
from genreflow.synthetic.corpus import render


def features(tracks):
    """Mean, then standard deviation, of each of 128 mel bands, [n, 256]."""
    rows = []
    for track in tracks:
        mono = render(track).mean(axis=1)
        mel = log_mel(mono * (0.1 / mono.std()), LogMel())
        rows.append(np.concatenate([mel.mean(axis=1), mel.std(axis=1)]))
    return np.array(rows)


def linear_model(C=0.01):
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2_000))
