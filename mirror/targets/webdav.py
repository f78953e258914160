"""A WebDAV server: `webdav://[user@]host[:port]/folder` over TLS; `webdav+http://` to this machine or an onion only.

    user           or in the URL                       password   a reference: env:NAME, file:/path or cred:NAME
    token          a reference: Bearer                 header, header_secret   a header's name, a reference to its value
    auth           basic (default) or digest           atomic     yes, no or auto (default), see below
    ca, fingerprint, egress                            mirror/targets/_wire.py

Nextcloud, ownCloud: https://HOST/remote.php/dav/files/USER/FOLDER is webdav://USER@HOST/remote.php/dav/files/USER/FOLDER,
with an app password. The folder must exist (`make_root` makes it, never what is above it): a typing mistake would
become a folder.

A file must appear whole or not at all. Apache (mod_dav_fs) and nginx write beside and rename, so one PUT is enough;
Nextcloud does so too. Any other server is taken to write in place: a file is put below `.tamizdat-tmp/` and
moved (`Overwrite: T`), which doubles the requests. `atomic = yes` says that a server renames by itself; the probe finds
that out. Apache is known by the property set it names, nginx by its list of methods: a `Server` header alone would be
that of a proxy in front.

Folders are made when they are needed. A PUT into a folder that isn't there is answered 409 (Apache, RFC 4918), 404, or
500 (nginx without create_full_put_path): then the folder is made and the file sent again; while that keeps happening
(a first push) folders are made before. An increment into folders that exist costs one request a file. Nothing is done
with If-None-Match: Apache honours it, nginx overwrites all the same.

    403 or 500 to a PUT                 `quota` when the folder says that nothing is left (RFC 4331), else as below
    502 to a MOVE                       a proxy takes TLS away, and the server takes the address for another server's:
                                        moved once more with http://, then with the path alone
    the rest                            mirror/targets/_http.py
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from mirror.targets import Caps, Check, Meta, Secret, TargetError, check_key, meta_for
from mirror.targets._http import (
    CAPS,
    Answer,
    Http,
    Site,
    clock_step,
    explain,
    fetch,
    half_sent,
    make_http,
    read_site,
    refuse_coding,
)
from mirror.targets._probe import FOLDER, Failed, Step, files_steps, public_steps, walk
from mirror.targets._wire import IDLE_SECONDS, WHOLE_SECONDS, way_steps

TEMPORARY: Final = ".tamizdat-tmp"
LOW_SPACE: Final = 256 * 2**20  # bytes; less than this is reported by the probe
_LISTING_CAP: Final = 64 * 2**20  # of one folder; 200,000 files with three properties each
_LISTED: Final = 1 << 20  # files and folders of one listing in all, more than which nobody publishes
_DEPTH: Final = 64  # folders in folders; keys have at most 512 bytes
_ASK_ROOT: Final = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><quota-available-bytes/><quota-used-bytes/></prop></propfind>"
)
_ASK_LIST: Final = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>'
)
_NGINX: Final = {"GET", "HEAD", "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPFIND", "OPTIONS", "LOCK", "UNLOCK"}
_DAV: Final = "{DAV:}"
_IN_PLACE: Final = (200, 201, 204)


class WebdavTarget:
    def __init__(self, *, site: Site, secret: Secret, idle: float = IDLE_SECONDS, whole: float = WHOLE_SECONDS) -> None:
        self.name, self.address, self.site = site.name, site.address, site
        # RFC 4918, section 9.9.3: a MOVE deletes what is in its way first, so for a moment there may be nothing.
        self.caps: Caps = dataclasses.replace(CAPS, atomic=site.settings.get("atomic") == "yes")
        self._web: Http = make_http(site, secret, idle=idle, whole=whole)
        self._folders: set[str] = {""}  # known to exist
        self._missing = False  # the last folder that was looked at had to be made: this is a first push
        self._whole: bool | None = {"yes": True, "no": False}.get(site.settings.get("atomic", "auto"))
        self._form = 0  # which form of a destination this server takes
        self._making: dict[str, threading.Lock] = {}
        self._known = False  # `_ready` has been through
        self._lock = threading.Lock()

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        check_key(key)
        self._ready()
        if self._whole:
            self._store(key, data, meta)
            return
        # The same name each time: what a crash leaves behind is overwritten by the next try.
        temporary = f"{TEMPORARY}/{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        self._store(temporary, data, meta)
        self._move(temporary, key)

    def flush(self) -> None:
        """Nothing to do: there is no request for it."""

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self.put(key, data, meta_for(key, data))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        return fetch(self._web, self.site, check_key(key), cap)

    def list(self, prefix: str = "") -> Iterator[str]:
        self._ready()
        found: list[str] = []
        waiting = [prefix.rpartition("/")[0]]
        folders = 0
        while waiting:
            folder = waiting.pop()
            folders += 1
            if len(found) + len(waiting) + 100 * folders > _LISTED:  # each folder costs a request
                message = f"{self.name}: {self.address}: {prefix or '(list)'}: a list without end"
                raise TargetError(message, kind="corrupt", scope="target", hint="leave this host")
            for name, is_folder in self._children(folder):
                key = f"{folder}/{name}" if folder else name
                if not is_folder:
                    found.append(key)
                elif key != TEMPORARY and key.count("/") < _DEPTH and _may_hold(key, prefix):
                    waiting.append(key)
        return (key for key in sorted(found) if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            answer = self._web.ask("DELETE", self.site.path(check_key(key)), what=key)
            if not answer.ok and answer.status not in (404, 410):
                raise self._failure(answer, key)

    def close(self) -> None:
        """Ends also what other threads are waiting for."""
        self._web.close()

    def make_root(self) -> None:
        """Makes the target's folder, when it isn't there; never the one above it. Raises TargetError."""
        self._made(self._web.ask("MKCOL", self.site.root), "")

    # --- inside -----------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        """Once: whether this is WebDAV, the folder is there, the account is known, and how files are written here."""
        if self._known:
            return
        with self._lock:
            if self._known:
                return
            self._root()
            if self._whole is None:
                self._whole = self._writes_beside()
            self.caps = dataclasses.replace(self.caps, atomic=self._whole)
            self._known = True

    def _root(self) -> int | None:
        """Bytes left there, None when the server doesn't tell. Raises TargetError when the folder can't be used."""
        answer = self._propfind(self.site.root, _ASK_ROOT, "0")
        if answer.status in (405, 501) or (answer.ok and answer.status != 207):
            raise TargetError(
                f"{self.name}: {self.address}: the server doesn't speak WebDAV there ({answer.status})",
                kind="unsupported",
                hint=_hint_for(self.site) or "correct the path; a server that only knows PUT is put://host/path",
            )
        if answer.status in (404, 409, 410):
            raise TargetError(
                f"{self.name}: {self.address}: there is no such folder ({answer.status})",
                kind="no_container",
                hint=_hint_for(self.site) or "correct the path, or make the folder there; a push never makes it",
            )
        if answer.status != 207:
            raise self._failure(answer, "")
        for _, props in self._parsed(answer):
            left = props.get("quota-available-bytes")
            if left and re.fullmatch(r"[0-9]{1,18}", left):
                return int(left)
        return None

    def _writes_beside(self) -> bool:
        told = self._web.ask("OPTIONS", self.site.root)
        if "<http://apache.org/dav/propset/fs/1>" in told.headers.get("dav", ""):
            return True
        allowed = set(re.findall(r"[A-Z]+", told.headers.get("allow", "")))
        if told.headers.get("server", "").startswith("nginx") and allowed == _NGINX:
            return True
        # Nextcloud writes NAME.ocTransferIdN.part first: apps/dav/lib/Connector/Sabre/File.php.
        return "/remote.php/" in self.site.root and "nextcloud" in told.headers.get("dav", "").lower()

    def _store(self, key: str, data: bytes, meta: Meta) -> None:
        folder = key.rpartition("/")[0]
        unsure = folder not in self._folders
        if unsure and self._missing:
            self._missing = self._folder(folder)
            unsure = False
        headers = {"Content-Type": meta.content_type, "Cache-Control": meta.cache_control}
        answer = self._web.ask("PUT", self.site.path(key), body=data, headers=headers, what=key)
        if unsure and answer.status in (403, 404, 409, 500):
            # Again also when nothing had to be made: another thread may have done it meanwhile.
            self._missing = self._folder(folder) or self._missing
            answer = self._web.ask("PUT", self.site.path(key), body=data, headers=headers, what=key)
        if answer.status not in _IN_PLACE:
            self._folders.discard(folder)
            raise self._failure(answer, key, writing=True)
        self._folders.add(folder)

    def _move(self, source: str, key: str) -> None:
        folder = key.rpartition("/")[0]
        unsure = folder not in self._folders
        if unsure and self._missing:
            self._missing = self._folder(folder)
            unsure = False
        answer = self._moved(source, key)
        if unsure and answer.status in (403, 404, 409, 500):
            self._missing = self._folder(folder) or self._missing
            answer = self._moved(source, key)
        if answer.status == 404:
            # The temporary file went away: another run, or a server that lags. All of it again.
            raise TargetError(f"{self.name}: {key}: what was put is not there to be moved", kind="transient")
        if answer.status not in _IN_PLACE:
            self._folders.discard(folder)
            raise self._failure(answer, key, writing=True)
        self._folders.add(folder)

    def _moved(self, source: str, key: str) -> Answer:
        """Behind a proxy that takes TLS away a server takes https:// for another server's address (502). Then the same
        with http://, then the path alone (RFC 4918, section 10.3; Apache refuses that). What worked is kept."""
        path = self.site.path(key)
        places = (self.site.base + path, f"http://{self._web.authority}{path}", path)
        while True:
            headers = {"Destination": places[self._form], "Overwrite": "T"}
            answer = self._web.ask("MOVE", self.site.path(source), headers=headers, what=key)
            if answer.status != 502 or self._form == len(places) - 1:
                return answer
            self._form += 1 if self.site.way.tls else 2

    def _folder(self, folder: str) -> bool:
        """Makes the folder and what is missing between it and the root. Whether anything had to be made. One thread at
        a time makes one: Apache answers the second of two at once with 403."""
        made = False
        parts = folder.split("/")
        for depth in range(1, len(parts) + 1):
            above = "/".join(parts[:depth])
            with self._lock:
                making = self._making.setdefault(above, threading.Lock())
            with making:
                if above and above not in self._folders:
                    made = self._made(self._web.ask("MKCOL", self.site.path(above) + "/", what=above), above) or made
                    self._folders.add(above)
        return made

    def _made(self, answer: Answer, folder: str) -> bool:
        if answer.status == 201:
            return True
        if answer.status == 405:  # RFC 4918, section 9.3.1: there is something already
            return False
        if answer.status in (401, 402, 423, 429, 503, 507):
            raise self._failure(answer, folder, writing=True)
        path = self.site.path(folder) + "/" if folder else self.site.root
        if self._propfind(path, _ASK_LIST, "0").status == 207:
            return False
        raise self._failure(answer, folder, writing=True)

    def _propfind(self, path: str, body: bytes, depth: str) -> Answer:
        headers = {"Depth": depth, "Content-Type": "application/xml; charset=utf-8"}
        answer = self._web.ask("PROPFIND", path, body=body, headers=headers, cap=_LISTING_CAP, what="(list)")
        refuse_coding(answer, f"{self.name}: {self.address}: (list)")
        return answer

    def _children(self, folder: str) -> Sequence[tuple[str, bool]]:
        """Names in a folder, and whether each is a folder. What the server says of other places is not looked at."""
        path = self.site.path(folder) + "/" if folder else self.site.root
        answer = self._propfind(path, _ASK_LIST, "1")
        if answer.status == 404 and folder:
            return []
        if answer.status != 207:
            raise self._failure(answer, folder)
        above = unquote_to_bytes(path)
        children: dict[str, bool] = {}
        for place, props in self._parsed(answer):
            if not place.startswith(above):
                continue
            try:
                name = place[len(above) :].rstrip(b"/").decode()
                if name and "/" not in name:
                    check_key(name)
                    children[name] = props.get("resourcetype") == "collection"
            except (UnicodeDecodeError, TargetError):
                continue  # none of ours is named like that
        return sorted(children.items())

    def _parsed(self, answer: Answer) -> Iterator[tuple[bytes, dict[str, str]]]:
        """(path, properties) of every response in a multistatus. Raises TargetError for what is none."""
        try:
            yield from parse_multistatus(answer.body)
        except ValueError as error:
            hint = "correct the address; or is a proxy in between?"
            raise TargetError(f"{self.name}: {self.address}: {error}", kind="unsupported", hint=hint) from None

    def _failure(self, answer: Answer, key: str, *, writing: bool = False) -> TargetError:
        what = f"{self.name}: {self.address}: {key}".rstrip(": ")
        error = explain(answer, what)
        if writing and answer.status in (403, 500):
            try:
                left = self._root()
            except TargetError:
                left = None
            if left == 0:
                hint = "make room there, or raise the quota"
                return TargetError(f"{what}: nothing is left of the quota ({answer.status})", kind="quota", hint=hint)
        if writing and answer.status == 500:
            error.hint = "is the disk full (nginx says 500 then), may the server write there? its log says why"
        if answer.status in (401, 404, 405) and (known := _hint_for(self.site)):
            error.hint = known
        return error

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        web = self._web
        met: dict[str, TargetError] = {}
        room: list[int | None] = []

        def account() -> str:
            try:
                room.append(self._root())
            except TargetError as error:
                if error.kind in ("auth", "unreachable", "tls", "transient", "rate_limited"):
                    raise
                met["root"] = error
            return f"{web.auth.user} is known" if web.auth.user else "taken"

        def folder() -> str:
            if "root" in met:
                raise met["root"]
            return "it is there"

        def space() -> str:
            left = room[0] if room else None
            if left is None:
                return "the server doesn't tell"
            if left < LOW_SPACE:
                raise Failed(f"only {left / 2**20:.0f} MiB left", "make room there, or raise the quota")
            return f"{left / 2**20:,.0f} MiB left"

        def whole() -> str:
            return self._how_it_writes()

        yield Step("configuration", lambda: self.address)
        yield Step("secrets", lambda: f"there, for {web.auth.user}" if web.auth.user else "there")
        yield from way_steps(web.wires)
        yield Step("authentication", account)
        yield Step("folder", folder)
        yield clock_step(web, self.site.root)
        yield Step("space", space, required=False)
        yield from files_steps(self)
        yield Step("half-sent files", whole, required=False)
        if public:
            yield from public_steps(self, public)

    def _how_it_writes(self) -> str:
        """Breaks off in the middle of replacing a file, and looks what readers would have seen."""
        self._ready()
        key, old = f"{FOLDER}/whole", b"the old file"
        self.put(key, old, meta_for(key, old))
        try:
            seen = list(half_sent(self.site, self._web, key, old))
        finally:
            self.delete((key,))
        beside = all(each == old for each in seen)
        if self._whole and not beside:
            raise Failed("a file half-sent is seen half", "atomic = no (a file is then moved into place)")
        if beside and not self._whole:
            return "this server keeps them from readers: atomic = yes would halve the requests"
        return "never seen by readers" if beside else "moved into place when they are whole"


def _may_hold(folder: str, prefix: str) -> bool:
    return folder.startswith(prefix) or prefix.startswith(folder + "/")


def _hint_for(site: Site) -> str | None:
    """What is known of this host's own ways, for messages; sources in docs/mirrors/webdav.md."""
    host, path = site.way.host, site.root
    for end, fits, hint in _HOSTS:
        if (host == end.lstrip(".") or host.endswith(end)) and not path.startswith(fits):
            return hint
    if "/remote.php/" in path and "/remote.php/dav/files/" not in path and "/remote.php/webdav" not in path:
        return "Nextcloud's path is /remote.php/dav/files/USER/FOLDER"
    if "/remote.php/" in path:
        return "the user's name as in Nextcloud's settings, and an app password (Settings, Security)"
    return None


_HOSTS: Final = (
    ("app.koofr.net", "/dav/", "Koofr's path is /dav/Koofr/FOLDER, with a password made for applications"),
    (".your-storagebox.de", "/ ", "turn on WebDAV and external reachability for this Storage Box"),
    ("dav.box.com", "/dav/", "Box's path is /dav/FOLDER, and it needs a password of its own"),
)


def parse_multistatus(body: bytes) -> Iterator[tuple[bytes, dict[str, str]]]:
    """(path unquoted, properties found) of every response of a 207 answer (RFC 4918, section 14.16). A collection's
    `resourcetype` is "collection". Raises ValueError for anything else, entities and declarations included."""
    from lxml import etree

    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", body, re.IGNORECASE) or b"\0" in body:
        raise ValueError("the list of files has declarations in it, which no WebDAV server sends")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        tree: Any = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise ValueError("the list of files is not XML") from None
    if tree.tag != f"{_DAV}multistatus":
        raise ValueError("the answer is not a list of files")
    for response in tree.iterfind(f"{_DAV}response"):
        href = (response.findtext(f"{_DAV}href") or "").strip()
        try:
            # Some send whole addresses, some paths; bytes that should have been quoted stand for themselves.
            path = unquote_to_bytes(quote(urlsplit(href).path, safe="/%"))
        except ValueError:
            continue
        props: dict[str, str] = {}
        for found in response.iterfind(f"{_DAV}propstat"):
            if " 200" not in (found.findtext(f"{_DAV}status") or " 200"):
                continue
            for prop in found.iterfind(f"{_DAV}prop/*"):
                if not isinstance(prop.tag, str) or not prop.tag.startswith(_DAV):
                    continue
                name = prop.tag.removeprefix(_DAV)
                if name == "resourcetype":
                    props[name] = "collection" if prop.find(f"{_DAV}collection") is not None else ""
                else:
                    props[name] = (prop.text or "").strip()[:100]
        yield path, props


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> WebdavTarget:
    site = read_site(name, url, settings, scheme="webdav", more=("atomic",))
    if settings.get("atomic", "auto") not in ("yes", "no", "auto"):
        raise TargetError(f"{name}: atomic {settings['atomic']!r}", kind="config", hint="yes, no or auto")
    return WebdavTarget(site=site, secret=secret)
