"""Who may import whom: read from the sources, not from what happens to be loaded."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import ROOT

PACKAGES = ("mirror", "signing", "schemas")


def sources(*folders: str) -> list[Path]:
    """The Python files below these folders or of these names; an empty answer is a mistake of the test."""
    found = [
        path
        for folder in folders
        for path in ([ROOT / folder] if folder.endswith(".py") else sorted((ROOT / folder).rglob("*.py")))
    ]
    assert found, folders
    return found


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """Every module this file imports, in full, also inside functions unless `lazy` is false."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    return imported(ast.parse(path.read_text("utf-8"), str(path)), package, lazy=lazy)


def imported(tree: ast.AST, package: str, *, lazy: bool = True) -> Iterator[str]:
    for node in ast.walk(tree) if lazy else at_import_time(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")
            base = above[: len(above) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("__import__", "import_module")):
            # A name known only at run time stays unseen; the registries that do that look into their own folders.
            argument = node.args[0] if node.args else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def at_import_time(tree: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported: not the bodies of functions, not what is for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            continue
        yield node
        yield from at_import_time(node)


def top(name: str) -> str:
    return name.partition(".")[0]


def outside(path: Path, allowed: set[str]) -> set[str]:
    """The packages this file imports that are neither the standard library's nor allowed."""
    return {top(name) for name in imports(path)} - set(sys.stdlib_module_names) - allowed


def test_the_walk_finds_the_sources() -> None:
    for package, least in (("mirror", 25), ("signing", 8), ("schemas", 1)):
        assert len(sources(package)) >= least, package
    assert "signing.errors" in {name for path in sources("signing") for name in imports(path)}


@pytest.mark.parametrize("path", sources("schemas"), ids=module_of)
def test_schemas_knows_only_itself_and_jsonschema(path: Path) -> None:
    assert outside(path, {"schemas", "jsonschema", "referencing"}) == set()


@pytest.mark.parametrize("path", sources("signing"), ids=module_of)
def test_signing_knows_only_itself_and_cryptography_and_tuf_for_trust(path: Path) -> None:
    allowed = {"signing", "cryptography"}
    if path.name in ("trust.py", "authority.py"):
        allowed |= {"tuf", "securesystemslib"}
    assert outside(path, allowed) == set()


# What a pure module may not know: disk, network, other processes, time and chance are arguments.
WORLD = {
    "aiohttp", "requests", "urllib3", "opendal", "sqlalchemy", "sqlite3", "socket", "ssl", "asyncio", "subprocess",
    "shutil", "tempfile", "multiprocessing", "threading", "random", "secrets", "time", "fcntl", "http.client",
    "http.server", "urllib.request", "ftplib", "smtplib", "glob", "tuf",
}  # fmt: skip
PURE = ("mirror/extract", "mirror/pack.py", "mirror/edition.py", "mirror/pages", "mirror/model.py")


def touches(names: Iterator[str]) -> set[str]:
    return {world for name in names for world in WORLD if name == world or name.startswith(world + ".")}


@pytest.mark.parametrize("path", sources(*PURE), ids=module_of)
def test_pure_modules_touch_nothing(path: Path) -> None:
    assert touches(imports(path)) == set()


@pytest.mark.parametrize("path", sources("signing", "schemas"), ids=module_of)
def test_signing_and_schemas_touch_nothing_either(path: Path) -> None:
    found = touches(imports(path))
    assert found <= ({"tuf"} if path.name in ("trust.py", "authority.py") else set())


@pytest.mark.parametrize("path", sources(*PURE), ids=module_of)
def test_pure_modules_lean_on_nothing_that_touches_the_world(path: Path) -> None:
    """Whatever of ours a pure module imports when it is loaded is pure as well, and what that imports."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        names = list(imports(file, lazy=False))
        assert touches(iter(names)) == set(), f"{module_of(path)} by way of {module_of(file)}"
        for name in names:
            if top(name) in PACKAGES:
                place = ROOT / name.replace(".", "/")
                waiting += [found for found in (place.with_suffix(".py"), place / "__init__.py") if found.is_file()]


# Each costs a tenth of a second or more to import; a run that finds nothing new should not pay for it.
HEAVY = {
    "sqlalchemy",
    "trafilatura",
    "tuf",
    "opendal",
    "aiohttp",
    "PIL",
    "jsonschema",
    "tomlkit",
    "requests",
    "feedparser",
}


def test_the_command_line_starts_without_heavy_libraries() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "mirror/cli.py"]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in imports(file, lazy=False):
            assert top(name) not in HEAVY, f"{module_of(file)} imports {name}"
            if top(name) in PACKAGES:
                place = ROOT / name.replace(".", "/")
                waiting += [found for found in (place.with_suffix(".py"), place / "__init__.py") if found.is_file()]
    assert len(seen) > 2


def test_the_rules_would_notice() -> None:
    """The checks above on sources that break them."""

    def of(text: str, *, lazy: bool = True) -> set[str]:
        return set(imported(ast.parse(text), "signing", lazy=lazy))

    assert "mirror.net" in of("def f():\n    from mirror import net\n")
    assert "requests" in of("import importlib\nimportlib.import_module('requests')")
    assert "signing.note" in of("from . import note")
    assert of("from .web import x") == {"signing.web", "signing.web.x"}
    assert of("def f():\n    import tuf\n", lazy=False) == set()
    assert of("if TYPE_CHECKING:\n    import tuf\nelse:\n    import os\n", lazy=False) == set()
    assert "tuf" in of("class A:\n    try:\n        import tuf\n    except ImportError:\n        pass\n", lazy=False)
    assert touches(iter({"urllib.request"})) == {"urllib.request"}
    assert touches(iter({"urllib.parse", "timeit", "httpx"})) == set()
