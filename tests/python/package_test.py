"""The wheel and the sdist: what is in them, and what a build says of missing packages."""

import os
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile

import libnorm
import pytest


@pytest.fixture
def work():
    return pathlib.Path(os.environ["LIBNORM_WORK"])


def test_the_module_is_the_installed_wheels(work):
    assert str(work) in libnorm.__file__


def test_version(root, work):
    version = re.search(r"project\(libnorm VERSION ([0-9.]+)", (root / "CMakeLists.txt").read_text())[1]
    wheel, = (work / "wheels").glob("*.whl")
    assert libnorm.__version__ == version and wheel.name.startswith(f"libnorm-{version}-")


def test_wheel(work):
    wheel, = (work / "wheels").glob("*.whl")
    assert "manylinux" in wheel.name
    assert ("cp312-abi3" if sys.version_info >= (3, 12) else "cp311-cp311") in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("libnorm/__init__.py", "libnorm/_core.pyi", "libnorm/py.typed"):
        assert name in names
    # The shared libraries of the system it was built on come with it.
    for library in ("libtbb", "libutf8proc"):
        assert any(library in name for name in names), library
    metadata = zipfile.ZipFile(wheel).read(f"libnorm-{libnorm.__version__}.dist-info/METADATA").decode()
    assert re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE) == ["numpy>=1.26"]


def test_stubs_name_everything(work):
    wheel, = (work / "wheels").glob("*.whl")
    stub = zipfile.ZipFile(wheel).read("libnorm/_core.pyi").decode()
    compile(stub, "_core.pyi", "exec")
    for name in dir(libnorm._core):
        if not name.startswith("_"):
            assert re.search(rf"^(class|def) {name}\b", stub, re.MULTILINE), name


def test_everything_has_a_docstring():
    for name, thing in vars(libnorm).items():
        if name.startswith("_") or type(thing).__name__ == "module":
            continue
        assert thing.__doc__, name
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            if not member.startswith("_") and callable(value):
                assert value.__doc__, f"{name}.{member}"


def test_sdist_has_every_source(root, work):
    archive, = (work / "sdist").glob("*.tar.gz")
    names = {name.split("/", 1)[1] for name in tarfile.open(archive).getnames() if "/" in name}
    wanted = {str(path.relative_to(root)) for path in (root / "libnorm").rglob("*")
              if path.suffix in {".cpp", ".hpp", ".txt", ".cmake", ".in", ".cu", ".py", ".md"}
              and "__pycache__" not in path.parts}
    assert wanted - names == set()
    assert {"CMakeLists.txt", "pyproject.toml", "LICENSE"} <= names
    assert not any(name.startswith(("harness/", "golden/", "build/")) for name in names)


def test_a_missing_package_is_named(root, tmp_path):
    """As where libutf8proc-dev and librandom123-dev are not installed."""
    done = subprocess.run(
        ["cmake", "-G", "Ninja", "-S", str(root), "-B", str(tmp_path), "-DLIBNORM_PYTHON=ON", "-DLIBNORM_BUILD_HARNESS=OFF",
         "-DUTF8PROC_INCLUDE_DIR=UTF8PROC_INCLUDE_DIR-NOTFOUND", "-DCMAKE_DISABLE_FIND_PACKAGE_TBB=ON",
         f"-DPython_EXECUTABLE={sys.executable}",
         "-DCMAKE_SYSTEM_INCLUDE_PATH=/nowhere", "-DCMAKE_INCLUDE_PATH=/nowhere"], capture_output=True, text=True)
    text = " ".join(done.stderr.split())
    assert done.returncode != 0
    assert re.search(r"libnorm: system packages are missing \([^)]*libtbb-dev[^)]*\); need them to build from source, "
                     r"on Debian and Ubuntu by: apt-get install [^)]*libtbb-dev", text), text
