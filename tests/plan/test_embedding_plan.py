"""What is wrong with an embedding is told with all else that is wrong with a study, before anything runs."""

import pytest
import yaml
from tiny_embedding import embedding, shared_bundle

from genreflow.config.load import read_yaml
from genreflow.plan.validate import validate

STUDY = {
    "dataset": "music",
    "inputs": {
        "vectors": {
            "front_end": {"kind": "embedding", "model": str(shared_bundle())},
            "segments": {"kind": "split", "seconds": 2.0},
            "standardize": "element",
        }
    },
    "models": {"logistic_regression": {}},
}


@pytest.fixture
def problems(tmp_path, monkeypatch, pytestconfig):
    """Return a function from changes of an input to the validated settings, and the problems as one text."""
    monkeypatch.chdir(tmp_path)
    home = pytestconfig.rootpath

    def of(front_end=None, **changes):
        study = yaml.safe_load(yaml.safe_dump(STUDY))
        study["inputs"]["vectors"] |= changes
        study["inputs"]["vectors"]["front_end"] |= front_end or {}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
        config = read_yaml(home / "config.yaml") | {
            "studies": ["study.yaml"],
            "datasets": {"music": {"layout": "folders", "path": "music"}},
        }
        validated = validate(config, home, look=False)
        return validated, "\n".join(map(str, validated.errors.errors))

    return of


def test_the_facts_of_the_network_are_read(problems):
    validated, text = problems()
    assert text == ""
    front_end = validated.studies["study"].inputs["vectors"].front_end
    assert front_end.network == embedding().network


def test_what_is_wrong_is_told_with_all_else(problems):
    _, text = problems({"model": "no_such_model"}, peak="loud")
    assert "inputs.vectors.front_end: 'no_such_model' is neither the name of public weights nor a path" in text
    assert "inputs.vectors.peak: this must be true or false" in text


@pytest.mark.parametrize(
    ("front_end", "changes", "words"),
    [
        ({"model": "README.md"}, {}, "'README.md' is neither the name"),
        ({"layer": "last"}, {}, "inputs.vectors.front_end.layer: this must be one of 'penultimate', 'output'"),
        ({"sha256": "12"}, {}, "inputs.vectors.front_end.sha256"),
        ({"sha256": "0" * 64}, {}, "have the SHA-256"),
        ({"sample_rate": 8_000}, {}, "inputs.vectors.front_end.sample_rate: this key is not known"),
        ({}, {"segments": {"kind": "split", "seconds": 0.5}}, "a segment of 0.5 s is shorter than the 0.7875 s"),
        ({}, {"segments": {"kind": "midpoint"}}, "midpoint counts in frames, and embedding has none"),
    ],
)
def test_each_mistake_has_a_sentence(problems, front_end, changes, words):
    _, text = problems(front_end, **changes)
    assert words in text
    assert "Traceback" not in text
