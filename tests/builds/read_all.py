"""Has another compiler read every source by itself, with the flags of the release build.

    python3 read_all.py ROOT WORK COMPILER

The build compiles sources a dozen at a time, so that one could lack what its neighbour includes;
here each must do alone. What only the first compiler knows is left out: its warnings, its
precompiled headers and parameters.
"""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys


def arguments(entry):
    """The flags of one line of compile_commands.json, without its compiler and its output."""
    words = iter(shlex.split(entry["command"]))
    kept = []
    for word in words:
        if word == "-o":
            next(words)
        elif word == "-include" and (header := next(words)).endswith("cmake_pch.hxx"):
            pass
        elif word == "-include":
            kept += [word, header]
        elif word != "-c" and not word.startswith(("-W", "--param")):
            kept.append(word)
    first_flag = next(i for i, word in enumerate(kept) if word.startswith("-"))
    return kept[first_flag:]


def read(compiler, entry):
    command = [compiler, "-fsyntax-only", "-w", "-fno-color-diagnostics", *arguments(entry)]
    outcome = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True)
    return outcome.returncode, outcome.stderr


def main(root, build, compiler):
    if not compiler or compiler.endswith("-NOTFOUND"):
        sys.exit("no Clang was found (clang++); need one, as Debian's package clang has it")
    configure = ["cmake", "--preset", "release", "-S", root, "-B", build,
                 "-DLIBNORM_UNITY_BUILD=OFF"]
    subprocess.run(configure, cwd=root, check=True, stdout=subprocess.DEVNULL)
    listed = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    # Generated ones include one header each, which the sources include too; a body is compiled for
    # each instruction set, and one of them tells.
    entries = {e["file"]: e for e in listed
               if pathlib.Path(build) not in pathlib.Path(e["file"]).parents
               and e["file"].endswith(".cpp")}
    if len(entries) < 100:
        sys.exit(f"only {len(entries)} sources were found in {build}; need those of the whole build")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda e: read(compiler, e), entries.values()))
    refused = [(file, text) for file, (code, text) in zip(entries, outcomes) if code != 0]
    for file, text in refused:
        print(f"{file}\n{text}")
    print(f"{compiler} reads {len(entries) - len(refused)} of {len(entries)} sources")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
