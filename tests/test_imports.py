"""Keeps the layers of the package apart; see "Layout" in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import napari_leukoseg

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "napari_leukoseg"
SOURCE = Path(napari_leukoseg.__file__).parent
PROJECT = Path(__file__).parents[1]

ORDER = (
    "errors",
    "steps",
    "geometry",
    "classes",
    "cell",
    "slide",
    "stain",
    "case",
    "segment",
    "cells",
    "correct",
    "export",
    "synthetic",
    "training",
    "pipeline",
    "evaluate",
    "cli",
    "plugin",
)
"""A module imports nothing that comes after it."""

VIEWER = {"napari", "qtpy", "magicgui", "superqt"}
"""Libraries of the plugin alone."""

HEAVY = VIEWER | {"torch", "zarr"}

MODULES = sorted(SOURCE.rglob("*.py"))


def module_name(path: Path) -> str:
    """Return the dotted name of a source file."""
    return ".".join((PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts))


def layer(module: str) -> str:
    """Return the part of a dotted name that `ORDER` lists."""
    return module.split(".")[1]


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a source file names, lazy and typing imports too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_only_what_comes_before(path):
    if path.parent == SOURCE and path.stem == "__init__":
        return
    own = layer(module_name(path))
    ours = [name for name in imported(path) if name.startswith(f"{PACKAGE}.")]
    others = {layer(name) for name in ours} - {own, "__version__"}
    assert others <= set(ORDER[: ORDER.index(own)])
    if own == "plugin":
        assert "cli" not in others


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_only_the_plugin_imports_the_viewer(path):
    libraries = {name.split(".")[0] for name in imported(path)}
    assert not libraries & VIEWER or "plugin" in path.relative_to(SOURCE).parts


def test_every_library_is_declared():
    with (PROJECT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    declared = {canonical(re.split(r"[<>=\[]", d)[0]) for d in project["dependencies"]}
    known = packages_distributions()
    for path in MODULES:
        libraries = {name.split(".")[0] for name in imported(path)}
        for library in libraries - sys.stdlib_module_names - {PACKAGE, "napari"}:
            sources = {canonical(name) for name in known[library]}
            assert sources & declared, f"{module_name(path)} imports {library}"


def canonical(name: str) -> str:
    """Return the name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def run(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module", ["", ".errors", ".geometry", ".cell", ".stain", ".pipeline"]
)
def test_light_modules_load_nothing_heavy(module):
    light = HEAVY if module != ".pipeline" else HEAVY - {"zarr"}
    code = f"import sys, {PACKAGE}{module}; print({light!r} & set(sys.modules))"
    assert run(code).strip() == "set()"


def test_everything_but_the_plugin_imports_without_a_viewer():
    names = [module_name(path) for path in MODULES]
    core = [name for name in names if layer(f"{name}.") not in ("__init__", "plugin")]
    code = f"""
import importlib, sys
for name in {sorted(VIEWER)!r} + ["PySide6", "PyQt5", "PyQt6"]:
    sys.modules[name] = None
for name in {core!r}:
    importlib.import_module(name.removesuffix(".__init__"))
"""
    run(code)
