"""The examples with torch, PyHessian among them, run; and the page's programs with torch."""

import subprocess
import sys

import pytest

pytest.importorskip("torch")


def run(root, name, *arguments):
    return subprocess.run([sys.executable, str(root / "libnorm/python/examples" / name), *map(str, arguments)],
                          capture_output=True, text=True, check=True).stdout


def test_layer_ranks(root, tmp_path):
    out = run(root, "layer_ranks.py", tmp_path / "ranks.png")
    assert "no norm, after training" in out and (tmp_path / "ranks.png").stat().st_size > 1000


def test_sharpness_beside_pyhessian(root):
    pytest.importorskip("pyhessian")
    assert "PyHessian: largest |eigenvalue|" in run(root, "sharpness_beside_pyhessian.py")


def test_stored_run_in_torch(root, tmp_path, harness):
    harness("run", "e1", "--profile", "smoke", "--seeds", "1", "--store", tmp_path, "--quiet")
    assert "ours:  loss" in run(root, "stored_run_in_torch.py", tmp_path)


def test_readme(root, tmp_path, monkeypatch):
    page = (root / "libnorm/python/README.md").read_text()
    programs = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    programs = [program for program in programs if "torch" in program]
    assert programs
    monkeypatch.chdir(tmp_path)
    for program in programs:
        exec(compile(program, "README.md", "exec"), {})
    assert (tmp_path / "depth.png").exists() and (tmp_path / "sharpness.png").exists()
