import os
import pathlib
import subprocess

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def harness():
    """Runs norm-harness, the C++ program, and returns what it prints."""
    program = os.environ["LIBNORM_HARNESS"]

    def run(*arguments):
        return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                              check=True).stdout
    return run


@pytest.fixture
def root():
    return pathlib.Path(os.environ["LIBNORM_ROOT"])
