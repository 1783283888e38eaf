"""A synthetic corpus through the first rules: its tracks are synthesized before they are normalized."""

import pytest
from project import Project

from genreflow.store.parquet import read_frame

pytestmark = pytest.mark.end_to_end
CONFIG = """\
studies: [tiny.yaml]
datasets:
  tiny: {layout: synthetic, tracks_per_class: 5, seconds: 4, labels: {aliases: {goa: classic}}}
"""


def test_a_synthetic_corpus_is_made_and_normalized(tmp_path):
    project = Project.make(tmp_path, tracks_per_class=0)
    (project.work / "my.yaml").write_text(CONFIG)
    project.build("audio")
    [shard] = (project.work / "results/tiny/audio").glob("*.parquet")
    tracks = read_frame(shard, "audio")
    assert len(tracks) == 25 and not tracks.reason.str.startswith("Q_").any()
    assert len(list((project.work / "results/tiny/audio/ogg").rglob("*.ogg"))) == 25
