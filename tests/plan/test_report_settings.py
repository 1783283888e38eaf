"""The setting that a report is about, and the value that all others are compared with."""

import pytest
import yaml

from genreflow.config.load import read_yaml
from genreflow.errors import UserError
from genreflow.plan.make import validate_config

STUDY = {
    "dataset": "home", "models": {"psytrance_cnn": {}}, "folds": {"count": 2}, "final": None,
    "protocols": {"files": {"folds": {"group": False}}, "albums": {"folds": {"group": True}}},
    "experiments": {"dropout": {"vary": {"dropout": [0.2, 0.5, 0.8], "protocol": ["files", "albums"]}}},
}  # fmt: skip


@pytest.fixture
def planned(tmp_path, monkeypatch, pytestconfig):
    """Return a function from changes of a study to the planned study."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    rows = [f"{number}.wav,{'ab'[number % 2]},g{number}" for number in range(12)]
    (tmp_path / "home" / "tracks.csv").write_text("\n".join(["path,label,group", *rows]))
    for number in range(12):
        (tmp_path / "home" / f"{number}.wav").touch()

    def of(changes):
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**STUDY, **changes}, sort_keys=False))
        datasets = {"home": {"layout": "manifest", "path": "home/tracks.csv"}}
        values = read_yaml(pytestconfig.rootpath / "config.yaml") | {"studies": ["mine.yaml"], "datasets": datasets}
        return validate_config(values, home=pytestconfig.rootpath, look=True)[0].studies["mine"]

    return of


def with_reference(reference, **vary):
    experiment = STUDY["experiments"]["dropout"]
    return {"experiments": {"dropout": {"vary": experiment["vary"] | vary, "reference": reference}}}


def test_a_report_is_about_the_setting_that_the_study_names(planned):
    assert planned({}).headline.protocol == "files"
    study = planned({"headline": {"protocol": "albums", "dropout": 0.5}})
    assert (study.headline.protocol, study.headline.axes["dropout"]) == ("albums", 0.5)
    assert study.facts["headline"]["protocol"] == "albums"


def test_the_reference_is_known_under_every_protocol(planned):
    assert "references" not in planned({}).facts["experiments"]["dropout"]
    facts = planned(with_reference(0.5)).facts["experiments"]["dropout"]
    assert [name for _, name in facts["references"]] == ["dropout=0.5,protocol=files", "dropout=0.5,protocol=albums"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"headline": {"protocol": "nowhere"}}, "headline.protocol: 'nowhere' is not among the protocols"),
        ({"headline": {"protocol": "albums", "dropout": 0.3}}, "is in no experiment"),
        ({"headline": {"protocol": "albums", "optimizer": "sgd"}}, "is in no experiment"),
        (with_reference(0.3), "dropout.reference: 0.3 is not among the values of dropout"),
        (with_reference(0.5, optimizer=["adam", "sgd"]), "one varied setting besides the protocol, and there are 2"),
    ],
)
def test_what_cannot_be_is_refused(planned, changes, message):
    with pytest.raises(UserError, match=message):
        planned(changes)
