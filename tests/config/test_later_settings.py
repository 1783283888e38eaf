"""A setting that was added later changes no key until somebody uses it."""

import pytest
from pydantic import Field

from genreflow.config.audio import AudioSettings
from genreflow.config.base import LATER, Settings
from genreflow.config.folds import FoldSettings
from genreflow.config.training import TrainingSettings
from genreflow.store.digest import digest


class Before(Settings):
    count: int = 5


class After(Settings):
    count: int = 5
    fewer: bool = Field(False, json_schema_extra=LATER)


class Outer(Settings):
    folds: After = After()


def test_at_its_default_it_leaves_the_digest_alone():
    assert digest(After()) == digest(Before())
    assert After().model_dump_json() == Before().model_dump_json()


def test_used_it_changes_the_digest_and_is_written():
    used = After(fewer=True)
    assert digest(used) != digest(Before())
    assert used.model_dump() == {"count": 5, "fewer": True}


def test_inner_settings_are_written_likewise():
    assert Outer().model_dump() == {"folds": {"count": 5}}


@pytest.mark.parametrize(
    "settings",
    [
        FoldSettings(),
        FoldSettings(fewer_if_needed=True),
        AudioSettings(),
        AudioSettings(level="none"),
        TrainingSettings(),
        TrainingSettings(init="model", freeze=0.5, unfreeze_after=2),
    ],
)
def test_what_is_written_is_read_again(settings):
    assert type(settings).model_validate(settings.model_dump()) == settings
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings
