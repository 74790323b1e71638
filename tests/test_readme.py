"""README says what is true: its commands, options, files and tables exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.cli import app
from napari_leukoseg.cli.outputs import Format, Outputs

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]

DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
]


def setup_command(kind: str) -> str:
    """Return the one-line command after a mark, as `.ci/readme_command` does."""
    (command,) = re.findall(rf"<!-- command: {kind} -->\n```bash\n(.+)\n```\n", README)
    return command


def options(command: str) -> set[str]:
    """Return the long options of a subcommand."""
    found = COMMANDS
    for word in command.split():
        last = found[word]
        found = getattr(last, "commands", {})
    return {name for p in last.params for name in p.opts if name.startswith("--")}


def test_both_commands_are_copy_and_paste():
    for kind in ("run", "test"):
        parts = setup_command(kind).split(" && ")
        assert parts[0].startswith("python3 -m venv ")
        assert parts[1] == f". {parts[0].split()[-1]}/bin/activate"
        assert parts[2].startswith("pip install torch==")
        assert parts[3].startswith("pip install ")
        assert len(parts) == 5


def test_first_command_segments_the_sample_data(
    leukoseg, color_model, tmp_path, monkeypatch
):
    program, *arguments = shlex.split(setup_command("run").split(" && ")[-1])
    assert program == "leukoseg"
    monkeypatch.chdir(PROJECT)
    arguments[arguments.index("results")] = str(tmp_path)
    outcome = leukoseg(*arguments, "--model", color_model, "--device", "cpu")
    assert (outcome.status, outcome.err) == (0, "")
    fields = sorted((PROJECT / "sample_data").glob("*.png"))
    assert fields
    for field in fields:
        outputs = Outputs(tmp_path, field.stem, frozenset(Format))
        assert all(path.exists() for path in (outputs.case, *outputs.files))


@pytest.mark.skipif(sys.platform == "win32", reason="CI's shell script is for Linux")
def test_ci_runs_the_same_commands():
    for kind in ("run", "test"):
        script = PROJECT / ".ci" / "readme_command"
        done = subprocess.run(
            [script, kind], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == setup_command(kind)


def test_system_libraries_are_those_that_ci_installs():
    (line,) = re.findall(r"`sudo apt-get install (.+)`", README)
    script = (PROJECT / ".ci" / "install_system_libraries").read_text(encoding="utf-8")
    (listed,) = re.findall(r"packages=\((.+?)\)", script, re.DOTALL)
    assert line.split() == listed.split()


def test_python_version_is_the_one_required():
    with (PROJECT / "pyproject.toml").open("rb") as file:
        required = tomllib.load(file)["project"]["requires-python"]
    assert f"Python {required.removeprefix('>=')} or newer" in README


def test_every_subcommand_is_listed():
    listed = set(
        re.findall(r"^\| `leukoseg ([a-z ]+?)(?: [A-Z-].*)?` \|", README, re.M)
    )
    known = {
        f"{name} {child}".strip()
        for name, command in COMMANDS.items()
        for child in getattr(command, "commands", [""])
    }
    assert listed == known
    for command in re.findall(r"`leukoseg ([a-z ]+)", README):
        for option in re.findall(rf"leukoseg {command}[^`]*?(--[a-z-]+)", README):
            assert option in options(command.strip())


def test_every_option_of_segment_is_listed():
    listed = set(re.findall(r"^\| `(--[a-z-]+)` \|", README, re.M))
    assert listed == options("segment") - {"--out"}


def test_every_output_is_listed(tmp_path):
    outputs = Outputs(tmp_path, "x", frozenset(Format))
    for path in (outputs.case, *outputs.files):
        assert f"`{path.name}`" in README


def test_classes_are_those_of_the_scheme():
    listed = re.findall(r"^\| (\d) \| (\w+) \| \w+ \|$", README, re.M)
    assert listed == [(str(c.id), c.name) for c in DEFAULT_SCHEME]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / target).exists(), target
