"""Fine-tuning: what is taken over, what stays frozen, in what steps the rest is trained, and what is refused."""

import shutil

import pytest
import torch
from safetensors.torch import load_file
from small_study import INPUT, TRAINING, Study
from torch import nn

from genreflow.config.checked import checked
from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.models.blocks import ConvBlock
from genreflow.models.registry import build
from genreflow.project.specs import PretrainedSpec
from genreflow.store.digest import file_sha256
from genreflow.store.parquet import Header, write_table
from genreflow.training import loop
from genreflow.training.checkpoint import Checkpoints
from genreflow.training.fine_tuning import FineTuning, head_of, layers_of
from genreflow.training.loop import Interrupted
from genreflow.training.novelty import earlier_training
from genreflow.training.optimizers import Schedule
from genreflow.training.pretrained import find_pretrained, mismatches
from genreflow.training.run import run_fold

CPU = torch.device("cpu")
STANDARDIZED = {
    "front_end": INPUT["front_end"] | {"n_mels": 8},
    "segments": {"kind": "midpoint", "frames": 6},
    "standardize": "band",
}


def tuned(**changes):
    return TrainingSettings.model_validate(TRAINING.model_dump() | {"init": "before"} | changes)


@pytest.fixture
def source(study, run_tiny):
    """Train the small network on fold 2; return its folder."""
    tracks = study.tracks.assign(sha256=[f"{n:02x}" * 32 for n in range(18)])
    write_table(study.index, tracks.drop(columns="label"), Header("index"))
    run_tiny("before", fold="2", input=STANDARDIZED)
    return study.folder / "before"


@pytest.fixture
def fine_tune(study, source):
    """Return a function that fine-tunes the small network on fold 1, and returns its facts and weights."""

    def run(folder="after", **changes):
        training = tuned(**changes)
        arguments = study.arguments("tiny", folder, training=training, input=STANDARDIZED)
        weights = source / "model.safetensors"
        pretrained = PretrainedSpec(str(weights), file_sha256(weights))
        spec = type(arguments["spec"])(**vars(arguments["spec"]) | {"pretrained": pretrained})
        facts = run_fold(**arguments | {"spec": spec})
        return facts, load_file(study.folder / folder / "model.safetensors")

    return run


def blocks():
    """Two convolutions with batch normalization, and a dense layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        ConvBlock(1, 8, 4, 3, norm="before"), ConvBlock(1, 4, 4, 3, norm="after"), nn.Flatten(), nn.Linear(8, 3)
    )


HEAD = {"3.weight", "3.bias"}


def test_body_and_standardization_are_taken_over_and_the_head_is_new(source, fine_tune):
    facts, after = fine_tune(freeze="all_but_head")
    before = load_file(source / "model.safetensors")
    for name in ("mean", "deviation", "network.1.weight", "network.1.bias"):
        assert torch.equal(after[name], before[name]), name
    assert not torch.equal(after["network.4.weight"], before["network.4.weight"])
    assert facts["init"]["sha256"] == file_sha256(source / "model.safetensors")
    assert (facts["init"]["layers"], facts["init"]["frozen"]) == (["1", "4"], ["1"])
    assert facts["init"]["data"] == "6 tracks"
    assert facts["parameters"] == 48 * 16 + 16 + 16 * 3 + 3


def test_a_kept_head_starts_as_it_was(fine_tune, source):
    """With a rate of nearly nothing, nothing moves."""
    before = load_file(source / "model.safetensors")["network.4.weight"]
    _, kept = fine_tune("kept", keep_head=True, learning_rate=1e-9)
    _, new = fine_tune("new", learning_rate=1e-9)
    torch.testing.assert_close(kept["network.4.weight"], before, atol=1e-6, rtol=0)
    assert (new["network.4.weight"] - before).abs().max() > 0.05


def test_the_tracks_of_all_trainings_travel_along(source, fine_tune, study):
    fine_tune()
    first, second = (earlier_training(study.folder / name / "model.safetensors").files for name in ("before", "after"))
    assert (len(first), len(second)) == (6, 15) and first < second


def test_a_replaced_source_is_noticed(source, fine_tune, study, run_tiny):
    arguments = study.arguments("tiny", "after", training=tuned(), input=STANDARDIZED)
    pretrained = PretrainedSpec(str(source / "model.safetensors"), "0" * 64)
    spec = type(arguments["spec"])(**vars(arguments["spec"]) | {"pretrained": pretrained})
    with pytest.raises(UserError, match="was replaced since the run was planned"):
        run_fold(**arguments | {"spec": spec})


def test_layers_hold_their_normalization_and_the_head_comes_last():
    network = blocks()
    layers = layers_of(network, HEAD)
    assert [(layer.name, len(layer.parameters), len(layer.norms)) for layer in layers] == [
        ("0.0", 4, 1),
        ("1.0", 4, 1),
        ("3", 2, 0),
    ]
    assert [layer.is_head for layer in layers] == [False, False, True]


@pytest.mark.parametrize("name", ["psytrance_cnn", "psytrance_crnn", "musicnn", "samplecnn"])
def test_every_network_has_a_head_behind_other_layers(name):
    network, wider = build(name, 3), build(name, 4)
    layers = layers_of(network, head_of(network, wider))
    assert layers[-1].is_head and len(layers) > 3
    assert len({id(each) for layer in layers for each in layer.parameters}) == len(list(network.parameters()))


@pytest.mark.parametrize(
    ("freeze", "frozen"), [(None, 0), (0.5, 1), (1.0, 2), ("0", 1), ("1.0", 2), ("all_but_head", 2)]
)
def test_freezing_counts_layers_from_the_input(freeze, frozen):
    tuning = FineTuning(network := blocks(), tuned(freeze=freeze), HEAD)
    assert len(tuning.frozen) == frozen
    assert [parameter.requires_grad for parameter in network.parameters()].count(False) == 4 * frozen


def test_frozen_layers_thaw_one_by_one_from_the_output():
    tuning = FineTuning(blocks(), tuned(freeze=1.0, unfreeze_after=2, unfreeze_layers=1), HEAD)
    assert [tuning.n_frozen(epoch) for epoch in range(7)] == [2, 2, 1, 1, 0, 0, 0]
    at_once = FineTuning(blocks(), tuned(freeze=1.0, unfreeze_after=2), HEAD)
    assert [at_once.n_frozen(epoch) for epoch in range(3)] == [2, 2, 0]


def test_an_unknown_layer_is_refused_with_all_there_are():
    with pytest.raises(UserError, match=r"'2' is no layer before the output layer.*There are: 0\.0, 1\.0\."):
        FineTuning(blocks(), tuned(freeze="2"), HEAD)


def test_normalization_of_frozen_layers_keeps_its_statistics():
    network = blocks()
    tuning = FineTuning(network, tuned(freeze=0.5), HEAD)
    network.train()
    tuning.hold_statistics()
    network(torch.randn(4, 8, 6))
    assert int(network[0][1].num_batches_tracked) == 0
    assert int(network[1][2].num_batches_tracked) == 1


def test_steps_shrink_from_the_head_to_the_input():
    network = blocks()
    settings = tuned(layer_decay=0.5, learning_rate=0.8, schedule="constant", weight_decay=0.1)
    scales = FineTuning(network, settings, HEAD).scales
    schedule = Schedule(settings, network, steps=2, scales=scales)
    rates = {id(each): group["lr"] for group in schedule.optimizer.param_groups for each in group["params"]}
    own = {name: pytest.approx(rates[id(each)]) for name, each in network.named_parameters()}
    assert (own["0.0.weight"], own["0.1.weight"], own["1.0.bias"], own["3.weight"]) == (0.2, 0.2, 0.4, 0.8)
    assert schedule.learning_rate == 0.8


@pytest.mark.parametrize("stop_after", [4, 8, 13])
def test_an_interrupted_fine_tuning_ends_in_the_same_weights(easy, tmp_path, stop_after):
    settings = tuned(
        freeze="all_but_head", unfreeze_after=1, unfreeze_layers=1, layer_decay=0.5, batch=10, steps_per_epoch=5
    )

    def trained(checkpoints=None, **options):
        network = blocks()
        network[3] = nn.Linear(8, 3)
        tuning = FineTuning(network, settings, HEAD)
        loop.train(
            network, easy, settings, device=CPU, precision=torch.float32, fine_tuning=tuning, checkpoints=checkpoints,
            **options,
        )  # fmt: skip
        return network.state_dict()

    torch.manual_seed(0)
    whole = trained()
    steps = iter(range(1, 100))
    with pytest.raises(Interrupted):
        trained(Checkpoints(tmp_path, "k"), should_stop=lambda: next(steps) == stop_after)
    torch.manual_seed(5)
    resumed = trained(Checkpoints(tmp_path, "k"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"freeze": 0.5}, "freeze: of fine-tuning only"),
        ({"layer_decay": 0.5, "keep_head": True}, "keep_head, layer_decay: of fine-tuning only"),
        ({"init": "x", "unfreeze_after": 2}, "nothing is frozen"),
        ({"init": "x", "freeze": 0.5, "unfreeze_layers": 2}, "set unfreeze_after"),
        ({"init": "x", "freeze": 1.5}, "a share of the layers is a number from 0 to 1, not 1.5"),
        ({"init": ""}, "init"),
        ({"init": "x", "layer_decay": 0.0}, "layer_decay"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(values, sentence):
    [problem] = checked(TrainingSettings, values).problems.values()
    assert sentence in problem


def reasons(source, network="tiny", **changes):
    spec = Study.arguments(study_of(source), "tiny", "x", input=STANDARDIZED, training=tuned())["spec"]
    given = {"options": spec.options, "training": spec.training, "input": spec.input, "classes": ["a", "b"]} | changes
    return list(mismatches(find_pretrained(str(source)), network=network, **given))


def study_of(source):
    study = Study.__new__(Study)
    study.folder, study.shards, study.index, study.folds = source.parent, [], "", ""
    return study


def input_of(source, **changes):
    given = Study.arguments(study_of(source), "tiny", "x", input=STANDARDIZED | changes)["spec"].input
    return {"input": given}


def test_what_does_not_suit_is_refused_with_the_reason(source):
    assert reasons(source) == []
    assert reasons(source, "psytrance_cnn") == ["it is a tiny, not a psytrance_cnn"]
    assert reasons(source, "svm") == ["svm is fitted at once, and starts from no weights: leave init out"]
    other = {"kind": "logmel", "n_mels": 8, "hop": 512}
    assert reasons(source, **input_of(source, front_end=other, standardize="none")) == [
        "it was trained on front_end.hop 882, not 512",
        "it was trained on standardize band, not none",
    ]
    assert reasons(source, **input_of(source, front_end={"kind": "stft"})) == [
        "it was trained on front_end.kind logmel, not stft"
    ]
    assert reasons(source, training=tuned(keep_head=True))[0].startswith("keep_head: its classes are others")
    assert reasons(source, training=tuned(crop=4)) == ["it takes segments of 8 x 6, not 8 x 4"]


def test_bad_weights_are_refused_with_a_sentence(source, tmp_path):
    with pytest.raises(UserError, match="there is no such folder or file"):
        find_pretrained(str(tmp_path / "nothing"))
    with pytest.raises(UserError, match="there is no such folder or file"):
        find_pretrained("x" * 5_000)
    (tmp_path / "model.pth").write_bytes(b"\x80\x02")
    with pytest.raises(UserError, match="formats that can run code"):
        find_pretrained(str(tmp_path / "model.pth"))
    broken = tmp_path / "truncated"
    shutil.copytree(source, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    with pytest.raises(UserError, match="not the file that was written with the facts beside it"):
        find_pretrained(str(broken))
    (broken / "run.json").unlink()
    with pytest.raises(UserError, match=r"run\.json is missing"):
        find_pretrained(str(broken))
