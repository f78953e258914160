"""A package of somebody else's adds a kind of target, and nothing here knows of it before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "tamizdat-floppy"
version = "1"

[project.entry-points."tamizdat.targets"]
floppy = "tamizdat_floppy:target"

[tool.setuptools]
py-modules = ["tamizdat_floppy"]
"""

MODULE = '''
"""A folder again, under another name, that loses its connection now and then."""

from pathlib import Path

from mirror.targets import Caps, TargetError, check_key, meta_for, refuse_unknown
from mirror.targets._probe import Step, files_steps, public_steps, walk


class Floppy:
    caps = Caps(workers=1, headers=False, max_object=1_474_560)

    def __init__(self, name, root, state):
        self.name, self.root, self.state, self.address, self.failures = name, root, state, f"floppy:{root}", 1

    def put(self, key, data, meta):
        if self.failures:
            self.failures -= 1
            raise TargetError(f"{self.name}: the drive is spinning up", kind="transient", hint="wait")
        place = self.root / check_key(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    def flush(self): pass

    def commit(self, pointers):
        for key, data in pointers.items():
            self.put(key, data, meta_for(key, data))

    def get(self, key, cap=None):
        place = self.root / check_key(key)
        return place.read_bytes() if place.is_file() else None

    def list(self, prefix=""):
        keys = sorted(str(each.relative_to(self.root)) for each in self.root.rglob("*") if each.is_file())
        return (key for key in keys if key.startswith(prefix))

    def delete(self, keys):
        for key in keys:
            (self.root / check_key(key)).unlink(missing_ok=True)

    def probe(self, public=None):
        yield from walk(self, self._steps(public))

    def _steps(self, public):
        yield Step("disk", lambda: "it is in the drive")
        yield from files_steps(self)
        if public:
            yield from public_steps(self, public)

    def close(self): pass


def target(*, name, url, settings, secret, state=None):
    refuse_unknown(name, settings, ("side",))
    return Floppy(name, Path(url.removeprefix("floppy:")), state)
'''

USED = """
import json, sys
from pathlib import Path
from mirror.targets import Target, TargetError, added, meta_for, open_target
root = Path(sys.argv[1])
target = open_target("a", f"floppy:{root}", {"side": "B"}, None, state=root.parent / "state")
told = {"added": sorted(added()), "is a target": isinstance(target, Target), "state": str(target.inner.state)}
target.put("o/ab/cd", b"news", meta_for("o/ab/cd"))  # its first try fails
target.commit({"front": b"1"})
told["kept"] = {key: target.get(key).decode() for key in target.list()}
told["failed checks"] = [check.name for check in target.probe() if not check.ok]
try:
    open_target("a", "floppy:x", {"sied": "B"}, None)
except TargetError as error:
    told["misspelt"] = error.hint
print(json.dumps(told))
"""


def test_a_package_that_is_installed_adds_its_kind(tmp_path: Path) -> None:
    package, place, root = tmp_path / "package", tmp_path / "installed", tmp_path / "disk"
    package.mkdir()
    root.mkdir()
    (package / "pyproject.toml").write_text(PROJECT)
    (package / "tamizdat_floppy.py").write_text(MODULE)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [*install, "--disable-pip-version-check", "--target", str(place), str(package)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"},
    )
    assert done.returncode == 0, done.stderr
    env = {**os.environ, "PYTHONPATH": str(place)}
    ran = subprocess.run([sys.executable, "-c", USED, str(root)], capture_output=True, text=True, check=False, env=env)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "added": ["floppy"],
        "is a target": True,
        "state": str(tmp_path / "state"),
        "kept": {"front": "1", "o/ab/cd": "news"},
        "failed checks": [],
        "misspelt": 'did you mean "side"?',
    }
