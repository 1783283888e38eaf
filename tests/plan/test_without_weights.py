"""A study that asks for public weights says what it does without them, and the plan follows this machine."""

import pytest
import torch
import yaml

from genreflow.cli import main
from genreflow.config.load import read_yaml
from genreflow.errors import UserError
from genreflow.models import registry
from genreflow.plan.make import validate_config
from genreflow.weights import cache
from genreflow.weights.bundles import write_bundle
from genreflow.weights.registry import MSD_TAGS

COMMAND = "genreflow weights get musicnn"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with eight empty tracks of each of two classes, and a folder of weights without any."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "weights"))
    for label in ("goa", "techno"):
        for number in range(8):
            track = tmp_path / "music" / label / f"{number}.wav"
            track.parent.mkdir(parents=True, exist_ok=True)
            track.touch()
    return tmp_path


@pytest.fixture
def plan(project, pytestconfig):
    """Return a function that plans a study file: `quick` unless another is given."""

    def make(study="quick", **config):
        values = read_yaml(pytestconfig.rootpath / "config.yaml") | {"studies": [study], **config}
        planned, _ = validate_config(values, home=pytestconfig.rootpath, look=True)
        (only,) = planned.studies.values()
        return only

    return make


def put_weights(project):
    """Put a network of random weights in the place of the public one."""
    with torch.random.fork_rng(devices=[]):
        weights = registry.build("pons_musicnn", len(MSD_TAGS), input_shape=(96, 187)).state_dict()
    write_bundle(
        project / "weights" / "MSD_musicnn",
        weights,
        model="pons_musicnn",
        tags=MSD_TAGS,
        origin={"name": "MSD_musicnn", "trained_on": "nothing", "license": "ISC", "citation": "nobody"},
        source="a test",
    )


class TestTheFirstLook:
    def test_it_rests_on_the_public_network_where_its_weights_are(self, plan, project):
        put_weights(project)
        study = plan()
        assert [run.model for run in study.runs] == ["probe"] * 6
        assert study.main_input.is_embedding
        assert study.notices == []

    def test_the_joined_vectors_alone_are_computed(self, plan, project):
        put_weights(project)
        study = plan()
        assert study.input_names == ["heard+descriptors"]
        assert [each.settings.front_end.kind for each in study.dataset.inputs.values()] == ["joined"]
        assert study.library_input is study.main_input

    def test_it_does_without_them_and_names_the_command(self, plan):
        study = plan()
        assert [run.model for run in study.runs] == ["svm"] * 6
        assert study.input_names == ["descriptors"]
        assert study.notices[0].endswith(COMMAND)
        assert study.page_facts["notices"] == study.notices

    def test_other_products_do_not_depend_on_the_notice(self, plan):
        assert "notices" not in plan().facts


BOTH = {
    "dataset": "music",
    "inputs": {
        "heard": {
            "front_end": {"kind": "embedding", "model": "MSD_musicnn"},
            "segments": {"kind": "split"},
            "standardize": "element",
        },
        "levels": {},
    },
    "models": {"probe": {"input": "heard"}},
}


class TestStudiesOfOnesOwn:
    def test_without_the_key_the_weights_are_needed(self, plan, project):
        (project / "mine.yaml").write_text(yaml.safe_dump(BOTH))
        with pytest.raises(UserError, match=f"MSD_musicnn are not on this machine.*{COMMAND}"):
            plan("mine.yaml")

    def test_parts_that_are_fed_or_analyzed_themselves_are_computed(self, plan, project):
        put_weights(project)
        vectors = {"front_end": {"kind": "descriptors"}, "segments": {"kind": "split"}, "standardize": "element"}
        study = BOTH | {
            "inputs": {**BOTH["inputs"], "timbre": vectors},
            "models": {"probe": {"input": ["heard", "timbre"]}},
            "analysis": ["timbre"],
        }
        (project / "mine.yaml").write_text(yaml.safe_dump(study))
        assert plan("mine.yaml").input_names == ["levels", "timbre", "heard+timbre"]

    @pytest.mark.parametrize("wrong", [True, ["svm"], "svm"])
    def test_what_changes_is_a_mapping(self, plan, project, wrong):
        (project / "mine.yaml").write_text(yaml.safe_dump(BOTH | {"without_weights": wrong}))
        with pytest.raises(UserError, match="without_weights: it must be a mapping"):
            plan("mine.yaml")

    def test_mistakes_in_the_changes_are_told(self, plan, project):
        changes = {"inputs": {"heard": None}, "models": {"probe": {"input": "level"}}}
        (project / "mine.yaml").write_text(yaml.safe_dump(BOTH | {"without_weights": changes}))
        with pytest.raises(UserError, match=r"without_weights: models.probe.input: 'level' .*'levels'"):
            plan("mine.yaml")


@pytest.mark.parametrize("are_here", [True, False])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": {"herd": None}}, "without_weights: inputs: there is no 'herd' to leave out. Did you mean 'heard'?"),
        ({"models": {"prob": {"input": "levels"}}}, "without_weights: models.prob: there is no model 'prob'"),
        ({"input": {"heard": None}}, "without_weights: input: this key is not known"),
    ],
)
def test_mistakes_are_told_on_every_machine(plan, project, are_here, changes, words):
    """A study is written where the weights are, and runs where they are not."""
    if are_here:
        put_weights(project)
    (project / "mine.yaml").write_text(yaml.safe_dump(BOTH | {"without_weights": changes}))
    with pytest.raises(UserError) as error:
        plan("mine.yaml")
    assert words in str(error.value)


def test_mistakes_of_the_study_itself_are_told_where_the_weights_are_absent(plan, project):
    changes = {"inputs": {"heard": None}, "models": {"probe": None, "psytrance_cnn": {}}}
    wrong = BOTH | {"models": {"probe": {"input": "herd"}}, "without_weights": changes}
    (project / "mine.yaml").write_text(yaml.safe_dump(wrong))
    with pytest.raises(UserError, match=r"models.probe.input: 'herd' is not among the inputs"):
        plan("mine.yaml")


def test_check_names_the_command(project, capsys):
    main(["check", "--config", "studies=[quick]"])
    assert COMMAND in capsys.readouterr().out


def test_a_network_of_several_inputs_is_audited_once(plan, project):
    put_weights(project)
    timbre = {"front_end": {"kind": "descriptors"}, "segments": {"kind": "split"}, "standardize": "element"}
    models = {"alone": {"model": "probe", "input": "heard"}, "both": {"model": "probe", "input": ["heard", "timbre"]}}
    study = BOTH | {"inputs": {"heard": BOTH["inputs"]["heard"], "timbre": timbre}, "models": models}
    (project / "mine.yaml").write_text(yaml.safe_dump(study))
    assert len(plan("mine.yaml").embedding_networks("standard")) == 1
