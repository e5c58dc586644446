"""Every example that needs no torch runs, and so does the notebook."""

import json
import subprocess
import sys

import pytest


def run(root, name, *arguments):
    return subprocess.run([sys.executable, str(root / "libnorm/python/examples" / name), *map(str, arguments)],
                          capture_output=True, text=True, check=True).stdout


@pytest.fixture
def store(tmp_path, harness):
    harness("run", "e1", "--profile", "smoke", "--seeds", "1", "--store", tmp_path / "store", "--quiet")
    return tmp_path / "store"


def test_figure3(root, tmp_path):
    out = run(root, "figure3.py", root / "golden", tmp_path / "figure3.svg")
    assert "manual_l2  10 seeds" in out and (tmp_path / "figure3.svg").stat().st_size > 10_000


def test_own_metric(root, store):
    assert "over 3 runs" in run(root, "own_metric.py", store)


def test_notebook(root, tmp_path, monkeypatch):
    """Its cells run one after the other, from a folder of their own."""
    book = json.loads((root / "libnorm/python/examples/first_steps.ipynb").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIBNORM_ROOT", str(root))
    names, cells = {}, 0
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {cells}", "exec"), names)
            cells += 1
    assert cells >= 4


def test_readme(root, tmp_path, monkeypatch):
    """The programs of the page without torch run as they are."""
    page = (root / "libnorm/python/README.md").read_text()
    programs = [block for block in page.split("```python\n")[1:]]
    programs = [block.split("```")[0] for block in programs]
    assert len(programs) >= 2
    monkeypatch.chdir(tmp_path)
    for program in programs:
        if "torch" not in program:
            exec(compile(program, "README.md", "exec"), {})
