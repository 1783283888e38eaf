"""What docs/studies.md says is regenerated is a product of the small build of its study."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatchcase

import pytest
from project import HOME

pytestmark = pytest.mark.end_to_end

STUDIES = ("psytrance", "western8", "genre_mood", "tagging", "feature_maps")
NAMED = re.compile(r"`(results/[^`\s]+)`")


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Every file that the small build of all studies makes, by Snakemake's own account."""
    # Jobs of other processes are of no concern to a list of what would be made.
    command = [
        os.path.join(os.path.dirname(sys.executable), "snakemake"), "--snakefile", str(HOME / "Snakefile"),
        "--workflow-profile", str(HOME / "profiles/default"), "--summary",
        "--config", f"studies=[{','.join(STUDIES)}]", "size=small",
    ]  # fmt: skip
    message = subprocess.run(command, cwd=tmp_path_factory.mktemp("coverage"), capture_output=True, text=True)
    assert message.returncode == 0, message.stderr
    return {line.split("\t")[0] for line in message.stdout.splitlines()[1:]}


def named(text):
    """The files that a page names, as the small build calls them."""
    return {re.sub(r"^results/(\w+)/", r"results/\1-small/", name) for name in NAMED.findall(text)}


@pytest.mark.parametrize("study", STUDIES)
def test_every_file_named_for_a_study_is_made(products, study):
    expected = {name for name in named((HOME / "docs/studies.md").read_text()) if name.startswith(f"results/{study}-")}
    assert len(expected) > 5
    assert [name for name in sorted(expected) if not any(fnmatchcase(made, name) for made in products)] == []
