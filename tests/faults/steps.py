"""The steps that sign something, one at a time, on a small publication with a witness: what crashes are aimed at.

    python -m tests.faults.driver FOLDER --step NAME NUMBER

`seal` (with cosigning and publishing), `refresh` (trust files only), `withdraw`, `begin` (a new log; the old one is
closed, in turn for good and as after a theft), and the ceremonies as `tamizdat key` has them: `rotate` (the online key)
and `freeze` (the year is over). Each asks mirror and witness first, as `run` does, so a publication that
was put back to an old copy catches up in whatever step comes next. The number moves the clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from mirror import ceremony, changes, config_edit
from mirror import config as configuration
from mirror import publication as publications
from mirror.archive import Archive
from mirror.catchup import check_keys
from mirror.keys import replace_private
from mirror.output import Output
from mirror.publication import Publication
from mirror.run import RunReport, newest, publish_all, seal
from signing import authority
from signing.keys import SignerKey, generate
from signing.trust import POLICY, walk
from tests.archive import newsroom

CEREMONIES = ("rotate", "freeze")
STEPS = ("seal", "refresh", "withdraw", "begin", *CEREMONIES)
YEARS = range(2027, 2227)
OUT = Output(progress=False)


def log_key(year: int) -> SignerKey:
    name = f"{newsroom.ORIGIN}/log/{year}"
    return newsroom.KEYS.log if year == YEARS[0] else generate(name, hashlib.sha256(name.encode()).digest())


def make(folder: Path, witness: str) -> None:
    """The publication, with a folder as its target and the witness of this line."""
    newsroom.create(folder).close()
    keys = folder / "keys"
    keys.mkdir(mode=0o700)
    for role in ("publisher", "log", "online", "root"):
        publications.write_key(keys / f"{role}.key", newsroom.key(role))
    path = folder / configuration.FILE_NAME
    text = config_edit.default_text(newsroom.PUBLICATION.name, newsroom.PUBLICATION.origin)
    path.write_text(text.replace('# reserve = "512MiB"', "reserve = 0"))
    outlet = newsroom.outlet(0)
    config_edit.add_outlet(path, id=outlet.id, name=outlet.name, url=outlet.url, language=outlet.language)
    (folder / "target").mkdir()
    config_edit.add_target(path, name="folder", url=str(folder / "target"))
    path.write_text(path.read_text().replace("\n[publish]\n", "\n[publish]\nworkers = 1\n") + "workers = 1\n")
    name = witness.split()[1]
    policy = f"{witness.strip()}\nquorum {name}\n".encode()
    publication = Publication.open(folder)
    with publication.archive() as archive, archive.locked():
        files, document = _trust(archive, publication, lambda _document: None, {POLICY: policy}, 0)
        archive.replace_trust(files, document)


def _trust(
    archive: Archive,
    publication: Publication,
    change: Callable[[dict[str, Any]], None],
    targets: dict[str, bytes | None],
    number: int,
) -> tuple[dict[str, bytes], bytes]:
    now = newsroom.at(number)
    view = walk(lambda path, _cap: archive.store.read(path), pin=publication.fingerprint(), now=now)
    document = json.loads(view.trust)
    change(document)
    data = json.dumps(document, separators=(",", ":")).encode()
    root, online = newsroom.key("root"), publication.keys().online
    return authority.retarget(archive.store.read, [root], online, data, now, targets=targets), data


def step(folder: Path, name: str, number: int) -> int:
    """One of them; its exit status as `tamizdat run` would have it."""
    publication = Publication.open(folder)
    now = newsroom.at(number)
    report = RunReport()
    if name in CEREMONIES:
        _ceremony(publication, name, now)
    with publication.archive() as archive, newest(publication, archive, OUT, report=report, now=now, own_keys=False):
        _right_key(publication, archive)
        check_keys(publication, archive, OUT, now)
        if archive.closing():
            changes.cancel(publication, archive)  # a freeze that was killed, and is given up
        if name == "seal":
            some = [newsroom.addition(10 * number + one, fetched=now) for one in range(2)]
            archive.add_many([*some, newsroom.addition(10 * number + 2, fetched=now, picture=b"%d" % number)])
        elif name == "withdraw":
            _withdraw(archive, number)
        elif name == "begin":
            _begin(publication, archive, number)
        if name == "refresh":
            archive.refresh_trust(publication.keys(), now)
        else:
            report.sealed = seal(publication, archive, OUT, now=now)
        report.uncosigned = archive.uncosigned() is not None
        report.targets = publish_all(publication, archive, OUT, now=now)
    return report.status


def _right_key(publication: Publication, archive: Archive) -> None:
    """The key of the current log is in place, as it is when a ceremony is called again."""
    year = int(archive.head().origin.rpartition("/")[2])
    path = publication.config.keys.folder / "log.key"
    if publication.key("log").name != log_key(year).name:
        replace_private(path, f"{log_key(year).text}\n".encode())


def _ceremony(publication: Publication, name: str, now: datetime) -> None:
    """What `tamizdat key rotate online`, or `key freeze --reason year`, does with the root key at hand."""
    freeze = name == "freeze"
    with changes.at_work(publication, OUT, freeze="year" if freeze else None, now=now) as archive:
        _right_key(publication, archive)
        if freeze:
            if not archive.head().size:
                return
            # Nobody was promised the next key, and the monitor has to know it.
            year = int(archive.head().origin.rpartition("/")[2]) + 1
            replace_private(changes.next_path(publication, "log"), f"{log_key(year).text}\n".encode())
        wanted = changes.Wanted(freeze="year", fresh=True) if freeze else changes.Wanted(rotate=frozenset({"online"}))
        prepared = changes.prepare(publication, archive, wanted, now=now)
        signature = ceremony.sign(prepared.request, newsroom.key("root"))
        changes.install(publication, archive, prepared.data, [signature], now=now)


def _withdraw(archive: Archive, number: int) -> None:
    with archive.state.reading() as tx:
        current = [row.digest for row in tx.all_articles()]
    if len(current) > 4:
        archive.withdraw(current[number % len(current)], None, newsroom.at(number))


def _begin(publication: Publication, archive: Archive, number: int) -> None:
    head = archive.head()
    if not head.checkpoint or archive.uncosigned() is not None:
        return
    year = int(head.origin.rpartition("/")[2]) + 1
    key = log_key(year)

    def change(document: dict[str, Any]) -> None:
        end = {"size": head.size, "root": head.root.hex(), "earlier": bool(number % 2)}
        document["logs"][-1]["frozen"] = end
        since = newsroom.stamp(newsroom.at(number))
        log = {"origin": key.name, "key": key.verifier.text, "from": since, "path": f"log/{year}"}
        document["logs"].append(log)

    files, document = _trust(archive, publication, change, {}, number)
    archive.begin_log(
        key.name,
        f"log/{year}",
        trust_files=files,
        trust_document=document,
        reissue=number % 2 == 0,
        now=newsroom.at(number),
    )
    _right_key(publication, archive)
