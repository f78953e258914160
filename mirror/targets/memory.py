"""The reference target: a dictionary. What the shared suite expects is easiest to read here.

`memory:` in a configuration would forget everything at exit, so it is for tests and for trying things out; every
`memory:NAME` of one process is the same store.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping

from mirror.targets import Caps, Check, Meta, Secret, TargetError, check_key, meta_for, refuse_unknown

_STORES: dict[str, dict[str, tuple[bytes, Meta]]] = {}
CAPS = Caps(workers=4, headers=True, retries=True)


class MemoryTarget:
    caps = CAPS

    def __init__(
        self, *, name: str, store: dict[str, tuple[bytes, Meta]] | None = None, room: int | None = None
    ) -> None:
        """`room` is how many bytes fit in; None for no limit."""
        self.name = name
        self.address = f"memory:{name}"
        self.files = {} if store is None else store
        self._room = room
        self._lock = threading.Lock()

    def probe(self, public: str | None = None) -> Iterator[Check]:
        key, meta = "tamizdat-probe", meta_for("front")
        self.put(key, b"1", meta)
        yield Check(name="put", ok=self.get(key) == b"1", detail="kept in memory, gone at exit")
        self.delete((key,))
        yield Check(name="delete", ok=self.get(key) is None, detail="deleted what the probe wrote")

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        check_key(key)
        with self._lock:
            if self._room is not None:
                others = sum(len(stored) for other, (stored, _) in self.files.items() if other != key)
                if others + len(data) > self._room:
                    message = f"{self.name}: {key}: no room for {len(data)} bytes"
                    raise TargetError(message, kind="quota", hint="make room, or give the target more")
            self.files[key] = (bytes(data), meta)

    def flush(self) -> None:
        pass

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self.put(key, data, meta_for(key, data))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        check_key(key)
        with self._lock:
            found = self.files.get(key)
        if found is None:
            return None
        if cap is not None and len(found[0]) > cap:
            message = f"{self.name}: {key} has {len(found[0])} bytes, at most {cap} were expected"
            raise TargetError(message, kind="too_large")
        return found[0]

    def list(self, prefix: str = "") -> Iterator[str]:
        with self._lock:
            keys = sorted(self.files)
        return (key for key in keys if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            check_key(key)
            with self._lock:
                self.files.pop(key, None)

    def close(self) -> None:
        pass


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> MemoryTarget:
    refuse_unknown(name, settings, ())
    return MemoryTarget(name=name, store=_STORES.setdefault(url.partition(":")[2], {}))
