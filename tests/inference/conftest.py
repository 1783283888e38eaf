import pytest
from little_model import ENTRY, write_music, write_run

from genreflow.models.registry import MODELS


@pytest.fixture(scope="module", autouse=True)
def halves():
    """Register the model `halves` for the tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "halves", ENTRY)
        yield "halves"


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """Twelve training pieces of each kind, and three of each that are new."""
    folder = tmp_path_factory.mktemp("music")
    write_music(folder / "train", ("low", "high"), 12)
    write_music(folder / "new", ("low", "high"), 3, first=50)
    write_music(folder / "other", ("sine",), 1)
    return folder


@pytest.fixture(scope="session")
def run(music, tmp_path_factory):
    """The run of a model that was trained on `music`/train, without held-out tracks."""
    folder = tmp_path_factory.mktemp("study")
    place, trained_on = folder / "results/tiny/runs/halves/base/fold-final", sorted((music / "train").iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "halves", ENTRY)
        return write_run(place, trained_on=trained_on, work=folder / "audio")
