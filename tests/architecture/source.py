"""The source of both packages, parsed, and the names that each module imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = {"ztdx_spot": CHECKOUT / "app", "ztdx_devnet": CHECKOUT / "harness"}

UNWRITTEN = "<a name that is not written out>"
"""What an import imports when only a run can tell."""

_IMPORTERS = {"import_module", "run_module", "__import__"}


@dataclass(frozen=True)
class Module:
    """One module: its dotted name, and its path from the source root on."""

    name: str
    path: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        is_package = self.path.endswith("/__init__.py")
        return self.name if is_package else self.name.rpartition(".")[0]


@dataclass(frozen=True, order=True)
class Import:
    """One imported name, with the name of the object where there is one: `time.sleep`."""

    line: int
    name: str


def parsed(source: str, path: str) -> Module:
    """A module from its text; `path` is relative to the source root and gives it its name."""
    parts = list(Path(path).with_suffix("").parts)
    if parts[-1] == "__init__":
        del parts[-1]
    return Module(".".join(parts), path, ast.parse(source, path))


@cache
def modules_of(package: str) -> tuple[Module, ...]:
    """Every module of `ztdx_spot` or `ztdx_devnet`, from the checkout."""
    root = SOURCE_ROOTS[package]
    paths = sorted((root / package).rglob("*.py"))
    return tuple(
        parsed(path.read_text("utf-8"), path.relative_to(root).as_posix()) for path in paths
    )


def imports_of(module: Module) -> list[Import]:
    """Everything imported anywhere in the module, absolute, in every form that Python has."""
    return sorted(set(_imports(module)))


def is_inside(name: str, package: str) -> bool:
    """Whether `name` is `package` or something in it."""
    return name == package or name.startswith(f"{package}.")


def _imports(module: Module) -> Iterator[Import]:
    called = {id(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
    importers = _IMPORTERS | _aliases_of_importers(module.tree)
    for node in ast.walk(module.tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield Import(node.lineno, alias.name)
            case ast.ImportFrom():
                origin = _absolute(node.module or "", node.level, module.package)
                for alias in node.names:
                    yield Import(node.lineno, f"{origin}.{alias.name}")
            case ast.Call() if last_name(node.func) in importers:
                yield Import(node.lineno, imported_by_call(node, module))
            case ast.Name() | ast.Attribute() if last_name(node) in importers:
                if id(node) not in called:
                    yield Import(node.lineno, UNWRITTEN)


def imported_by_call(node: ast.Call, module: Module) -> str:
    """The module that `import_module(...)` or its like imports."""
    values = [*node.args, *(k.value for k in node.keywords if k.arg in ("name", "mod_name"))]
    if not values or not isinstance(values[0], ast.Constant):
        return UNWRITTEN
    name = str(values[0].value)
    if not name.startswith("."):
        return name
    package = [*node.args[1:], *(k.value for k in node.keywords if k.arg == "package")]
    match package:
        case [ast.Constant(value=str(anchor))]:
            pass
        case [ast.Name(id="__package__")]:
            anchor = module.package
        case _:
            return UNWRITTEN
    relative = name.lstrip(".")
    return _absolute(relative, len(name) - len(relative), anchor)


def is_importer(function: ast.expr) -> bool:
    """Whether calling this imports a module."""
    return last_name(function) in _IMPORTERS


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c` and of `c`; empty for what has no name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _aliases_of_importers(tree: ast.Module) -> set[str]:
    return {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in _IMPORTERS and alias.asname
    }


def _absolute(name: str, level: int, package: str) -> str:
    if level == 0:
        return name
    parts = package.split(".")
    above = parts[: len(parts) - level + 1]
    return ".".join([*above, name] if name else above)
