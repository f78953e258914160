"""Rules of the house that no other tool watches."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import mirror
from mirror.errors import TamizdatError
from tests.needs import ROOT, missing


def tracked() -> list[Path]:
    """The files git knows."""
    try:
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    found = [ROOT / name for name in listed.split("\0") if name]
    assert len(found) > 20
    return [path for path in found if path.is_file()]


def texts() -> list[tuple[Path, str]]:
    read = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            read.append((path, data.decode("utf-8", "replace")))
    return read


# Put together here so that this file does not find itself.
BUILDERS = "/wor" + "k/", "/tmp/" + "dev", "/ro" + "ot/", "/opt/" + "wheels", "/opt/" + "pypi"
INDEXES = "py" + "pi.org", "python" + "hosted.org", "registry.npm" + "js.org", "docker" + ".io", "proxy.gol" + "ang.org"
NOTES = "TO" + "DO", "FIX" + "ME", "XX" + "X:", "lorem" + " ipsum"


def test_no_file_names_the_machine_it_was_written_on_or_a_package_index() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}" for path, text in texts() for word in (*BUILDERS, *INDEXES) if word in text
    ]
    assert found == []


def test_no_file_carries_a_note_to_its_author() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path, text in texts()
        if path.suffix in (".py", ".md", ".toml", ".json", ".mjs", ".css", ".conf", ".service", "")
        for word in NOTES
        if re.search(rf"\b{word}\b" if word.isalpha() else re.escape(word), text)
    ]
    assert found == []


def test_no_private_key_is_tracked() -> None:
    pattern = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40,}-----END")
    assert [str(path) for path, text in texts() if pattern.search(text)] == []


def test_every_text_ends_with_one_newline_and_has_no_tabs_or_trailing_blanks_in_python() -> None:
    wrong = []
    for path, text in texts():
        if path.suffix in (".py", ".md", ".toml") and text and (not text.endswith("\n") or text.endswith("\n\n")):
            wrong.append(str(path))
        if path.suffix == ".py" and re.search(r"[ \t]$", text, flags=re.MULTILINE) and "tests" not in path.parts:
            wrong.append(str(path))
    assert wrong == []


def test_modules_stay_small_enough_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): text.count("\n")
        for path, text in texts()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("mirror", "signing", "schemas")
    }
    assert {name: lines for name, lines in long.items() if lines > 1200} == {}


def test_every_module_says_what_it_is_for() -> None:
    import ast

    silent = [
        str(path.relative_to(ROOT))
        for path, text in texts()
        if path.suffix == ".py" and text.strip() and path.relative_to(ROOT).parts[0] in ("mirror", "signing", "schemas")
        if not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "mirror.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", mirror.__version__)
    assert f"## {mirror.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_error_of_the_tool_has_one_of_the_promised_exit_statuses() -> None:
    import importlib
    import pkgutil

    for module in pkgutil.walk_packages(mirror.__path__, "mirror."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def below(kind: type[TamizdatError]) -> list[type[TamizdatError]]:
        return [kind, *(inner for child in kind.__subclasses__() for inner in below(child))]

    kinds = below(TamizdatError)
    assert len(kinds) > 8
    assert {kind.status for kind in kinds} <= {1, 2, 3, 4, 5, 75}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tracked files, as a user's `pip install` would."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for path in tracked():
        relative = path.relative_to(ROOT)
        if relative.parts[0] in ("mirror", "signing", "schemas") or len(relative.parts) == 1:
            target = source / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    # Without isolation nothing is downloaded; where this Python has no setuptools, a real installation is the only way.
    if subprocess.run([sys.executable, "-c", "import setuptools"], check=False, capture_output=True).returncode:
        missing("setuptools")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--wheel-dir", str(folder), str(source)],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-2000:]
    (found,) = folder.glob("tamizdat-*.whl")
    return found


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.relative_to(ROOT).parts[0] in ("mirror", "signing", "schemas")
    }
    assert {"schemas/bundle.schema.json", "schemas/config.schema.json", "mirror/tamizdat.toml.in"} <= wanted
    assert wanted - inside == set()
    assert not [name for name in inside if name.startswith(("tests", "deploy", "benchmarks"))]
    metadata = next(name for name in inside if name.endswith("/METADATA"))
    assert f"\nVersion: {mirror.__version__}\n" in zipfile.ZipFile(wheel).read(metadata).decode()
