"""A notice names the official split of a dataset that a study does not use."""

import pytest
import yaml

from genreflow.config.load import read_yaml
from genreflow.plan.make import validate_config


@pytest.fixture
def notices(tmp_path, monkeypatch, pytestconfig):
    """Return a function from the splits of twelve tracks and the folds of a study to its notices."""
    monkeypatch.chdir(tmp_path)

    def of(splits, folds):
        rows = ["path,label,split"]
        for number in range(12):
            (tmp_path / f"{number}.wav").touch()
            rows.append(f"{number}.wav,{'ab'[number // 2 % 2]},{splits[number % len(splits)]}")
        (tmp_path / "tracks.csv").write_text("\n".join(rows))
        (tmp_path / "mine.yaml").write_text(
            yaml.safe_dump({"dataset": "music", "models": {"psytrance_cnn": {}}, "folds": folds})
        )
        values = read_yaml(pytestconfig.rootpath / "config.yaml") | {
            "studies": ["mine.yaml"],
            "datasets": {"music": {"layout": "manifest", "path": "tracks.csv"}},
        }
        plan, _ = validate_config(values, home=pytestconfig.rootpath, look=True)
        return plan.studies["mine"].notices

    return of


def test_an_unused_split_is_a_notice_that_names_the_setting(notices):
    (notice,) = notices(["train", "test"], {"count": 2})
    assert "comes with a split" in notice and notice.endswith("set folds.scheme to given.")


@pytest.mark.parametrize(
    ("splits", "folds"),
    [(["train", "test"], {"scheme": "given"}), ([""], {"count": 2}), (["holdout", "", ""], {"count": 2})],
)
def test_there_is_none_where_it_is_used_or_where_there_is_none(notices, splits, folds):
    assert notices(splits, folds) == []
