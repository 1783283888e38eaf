import pytest
from little_model import ENTRY, write_music, write_run

from genreflow.models.registry import MODELS


@pytest.fixture
def little(trained, monkeypatch):
    """A folder with a trained model, `model`, which is registered, and its training music, `music`."""
    monkeypatch.setitem(MODELS, "halves", ENTRY)
    return trained


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with a trained model, `model`, and its training music, `music`."""
    folder = tmp_path_factory.mktemp("little")
    music = write_music(folder / "music", ("low", "high"), 11)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "halves", ENTRY)
        write_run(folder / "runs/halves/base/fold-final", trained_on=music, work=folder / "audio")
        (folder / "model").symlink_to(folder / "runs/halves/base/fold-final")
        return folder
