"""Copy the files that the wheel ships beside its code; everything else is in pyproject.toml."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HOME = Path(__file__).parent
sys.path.insert(0, str(HOME))

from genreflow.project.shipped import NAMES  # noqa: E402


class BuildWithPipeline(build_py):
    """Build the package, with the shipped files in ``genreflow/pipeline/``."""

    def run(self) -> None:
        """Copy modules and files; an editable installation finds the latter in the checkout."""
        super().run()
        if self.editable_mode:
            return
        pipeline = Path(self.build_lib, "genreflow", "pipeline")
        shutil.rmtree(pipeline, ignore_errors=True)  # of an earlier build
        pipeline.mkdir(parents=True)
        for name in NAMES:
            if (HOME / name).is_dir():
                shutil.copytree(HOME / name, pipeline / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copy(HOME / name, pipeline / name)


setup(cmdclass={"build_py": BuildWithPipeline})
