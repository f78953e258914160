"""What the reader's trials share: two browsers, the network between them and the mirrors, a publication."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.needs import ROOT
from tests.reader import browsers
from tests.reader.browsers import Browser
from tests.reader.cases import Scene
from tests.reader.censor import Censor, Host
from tests.reader.hostile import Beacon
from tests.servers.certificates import Certificates, make_certificates

SHOTS = ROOT / ".shots"
"""Pictures of what the trials saw, for people; not kept by git."""

# The keys of all that lies in the reader's databases: {kind: [key]}.
KEPT = """(async () => {
  const found = {};
  for (const {name} of await indexedDB.databases()) {
    const db = await new Promise((done) => { indexedDB.open(name).onsuccess = (event) => done(event.target.result); });
    for (const kind of db.objectStoreNames) {
      const asked = db.transaction(kind).objectStore(kind).getAllKeys();
      await new Promise((done) => { asked.onsuccess = done; });
      if (asked.result.length) found[kind] = asked.result;
    }
    db.close();
  }
  return found;
})()"""


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates") / "made", "*.mirrors.test")


@pytest.fixture(scope="session")
def network() -> Iterator[Censor]:
    with Censor() as censor:
        yield censor


@pytest.fixture
def censor(network: Censor) -> Iterator[Censor]:
    """The network with no hosts yet."""
    network.forget()
    yield network
    network.forget()


@pytest.fixture(scope="session")
def chromium(network: Censor, certificates: Certificates) -> Iterator[Browser]:
    with browsers.chromium(proxy=network.url, trusted=[certificates.good]) as running:
        yield running


@pytest.fixture(scope="session")
def firefox(network: Censor, certificates: Certificates) -> Iterator[Browser]:
    with browsers.firefox(proxy=network.url, authority=certificates.ca) as running:
        yield running


@pytest.fixture(params=["chromium", "firefox"], scope="session")
def browser(request: pytest.FixtureRequest) -> Browser:
    """Each of the two in turn."""
    running: Browser = request.getfixturevalue(request.param)
    return running


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A publication of 32 articles in four languages, sealed just now. Not to be changed: `press.split` makes
    another."""
    return Scene(tmp_path_factory.mktemp("scene"))


@dataclass(frozen=True, slots=True)
class Trial:
    """What most trials need: a publication, an empty network to put mirrors into, and a place for files."""

    scene: Scene
    censor: Censor
    certificates: Certificates
    where: Path
    shots: Path

    def reader(self, *mirrors: Host) -> Path:
        """The publication's reader with these mirrors in it."""
        return self.scene.press.reader(self.where / "reader.html", mirrors=tuple(host.url for host in mirrors))

    def mirror(self, name: str) -> Host:
        """An honest mirror of today."""
        return self.censor.host(f"{name}.mirrors.test", self.scene.tree)


@pytest.fixture
def trial(scene: Scene, censor: Censor, certificates: Certificates, tmp_path: Path) -> Trial:
    return Trial(scene, censor, certificates, tmp_path, SHOTS)


@pytest.fixture
def beacon() -> Iterator[Beacon]:
    with Beacon() as listening:
        yield listening


@pytest.fixture(scope="session")
def shots() -> Path:
    return SHOTS
