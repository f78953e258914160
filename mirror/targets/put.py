"""A server that takes PUT and DELETE, gives files back with GET, and knows nothing else: `put://[user@]host/path`, with
TLS; `put+http://` to this machine or an onion only.

    user           or in the URL                       password   a reference: env:NAME, file:/path or cred:NAME
    token          a reference: Bearer                 header, header_secret   a header's name, a reference to its value
    auth           basic (default) or digest           atomic     no: this server writes in place
    ca, fingerprint, egress                            mirror/targets/_wire.py

nginx's `dav_methods PUT DELETE`, bunny.net's storage (`header = AccessKey`), and what people write themselves. There
is no listing, so nothing can be found that nobody remembers, and no way to ask whether the folder is there: whatever
makes folders by itself makes the root, too. There is no renaming either: a server that writes in place shows half a
file to whoever reads at that moment. nginx writes beside and renames; the probe breaks an upload off to find out, and
with `atomic = no` pointers are known to be replaced so.

Answers: mirror/targets/_http.py. 404, 409 and nginx's 500 to a PUT: the folder is missing (`create_full_put_path on`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mirror.targets import Caps, Check, Meta, Secret, TargetError, check_key, meta_for
from mirror.targets._http import CAPS, Answer, Http, Site, clock_step, explain, fetch, half_sent, make_http, read_site
from mirror.targets._probe import FOLDER, Failed, Step, files_steps, public_steps, walk
from mirror.targets._wire import IDLE_SECONDS, WHOLE_SECONDS, way_steps

_DONE: Final = (200, 201, 202, 204)


class PutTarget:
    def __init__(self, *, site: Site, secret: Secret, idle: float = IDLE_SECONDS, whole: float = WHOLE_SECONDS) -> None:
        self.name, self.address, self.site = site.name, site.address, site
        atomic = site.settings.get("atomic", "yes") == "yes"
        self.caps: Caps = dataclasses.replace(CAPS, list=False, atomic=atomic)
        self._web: Http = make_http(site, secret, idle=idle, whole=whole)

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        headers = {"Content-Type": meta.content_type, "Cache-Control": meta.cache_control}
        answer = self._web.ask("PUT", self.site.path(check_key(key)), body=data, headers=headers, what=key)
        if answer.status not in _DONE:
            raise self._failure(answer, key)

    def flush(self) -> None:
        """Nothing to do: there is no request for it."""

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self.put(key, data, meta_for(key, data))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        return fetch(self._web, self.site, check_key(key), cap)

    def list(self, prefix: str = "") -> Iterator[str]:
        raise TargetError(
            f"{self.name}: {self.address}: this server can't say which files it has",
            kind="unsupported",
            hint="what has to be there is known from the archive; use webdav:// where the server speaks it",
        )

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            answer = self._web.ask("DELETE", self.site.path(check_key(key)), what=key)
            if not answer.ok and answer.status not in (404, 410):
                raise self._failure(answer, key)

    def close(self) -> None:
        """Ends also what other threads are waiting for."""
        self._web.close()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _failure(self, answer: Answer, key: str) -> TargetError:
        error = explain(answer, f"{self.name}: {self.address}: {key}")
        if answer.status in (404, 409, 500):
            error.hint = (
                "does the folder exist, may the server write there, is its disk full? "
                "nginx makes folders with create_full_put_path on; its log says which it is"
            )
        return error

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        web = self._web

        def account() -> str:
            # Any request would do; this one changes nothing, and every such server has to answer it.
            answer = web.ask("GET", self.site.path(f"{FOLDER}/nothing"))
            if answer.status in (401, 402, 429) or 300 <= answer.status < 400:
                raise self._failure(answer, "")
            return f"{web.auth.user} is known" if web.auth.user else "taken"

        yield Step("configuration", lambda: self.address)
        yield Step("secrets", lambda: f"there, for {web.auth.user}" if web.auth.user else "there")
        yield from way_steps(web.wires)
        yield Step("authentication", account)
        yield clock_step(web, self.site.root)
        yield from files_steps(self)
        yield Step("half-sent files", self._how_it_writes, required=False)
        if public:
            yield from public_steps(self, public)

    def _how_it_writes(self) -> str:
        """Breaks off in the middle of replacing a file, and looks what readers would have seen."""
        key, old = f"{FOLDER}/whole", b"the old file"
        self.put(key, old, meta_for(key, old))
        try:
            seen = list(half_sent(self.site, self._web, key, old))
        finally:
            self.delete((key,))
        if all(each == old for each in seen):
            return "never seen by readers"
        if self.caps.atomic:
            raise Failed("a file half-sent is seen half", "atomic = no, or another server: nginx and Apache rename")
        return "seen half for a moment, as the settings say"


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> PutTarget:
    site = read_site(name, url, settings, scheme="put", more=("atomic",))
    if settings.get("atomic", "yes") not in ("yes", "no"):
        raise TargetError(f"{name}: atomic {settings['atomic']!r}", kind="config", hint="yes or no")
    return PutTarget(site=site, secret=secret)
