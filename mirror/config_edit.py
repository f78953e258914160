"""The configuration edited without losing a comment: outlets and targets added, removed and paused.

Each function changes the lines it must and no others, proves that by parsing the result and comparing, and replaces the
file atomically with its mode kept.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from mirror.config import FILE_NAME, parse, read
from mirror.config_checks import checked, quoted
from mirror.errors import ConfigError, UsageError
from mirror.toml_positions import Path as Place
from mirror.toml_positions import Positions, locate

Section = Literal["outlet", "target"]


def default_text(name: str, origin: str, passphrase: str | None = None) -> str:
    """The commented configuration of a new publication. Raises ConfigError when name or origin will not do."""
    text = resources.files("mirror").joinpath("tamizdat.toml.in").read_text("utf-8")
    text = text.replace("@NAME@", _toml(name)).replace("@ORIGIN@", _toml(origin))
    if passphrase is not None:
        text = re.sub(r"^# passphrase = .*$", lambda _: f"passphrase = {_toml(passphrase)}", text, flags=re.MULTILINE)
    parse(text, Path(FILE_NAME))
    return text


def add_outlet(
    path: str | Path,
    *,
    id: str,
    name: str,
    url: str,
    feeds: Sequence[str] = (),
    sitemaps: Sequence[str] = (),
    wordpress: Sequence[str] = (),
    telegram: Sequence[str] = (),
    lists: Sequence[str] = (),
    sections: Sequence[str] = (),
    articles: Sequence[str] = (),
    exclude: Sequence[str] = (),
    language: str | None = None,
    allow_private: bool = False,
) -> None:
    """Writes `[outlet.ID]` behind the last outlet. Raises UsageError when the id is taken, ConfigError as `load`."""
    table: dict[str, Any] = {"name": name, "url": url}
    given = {
        **{"feeds": feeds, "sitemaps": sitemaps, "wordpress": wordpress, "telegram": telegram, "lists": lists},
        **{"sections": sections, "articles": articles, "exclude": exclude},
    }
    table |= {key: list(values) for key, values in given.items() if values}
    if language:
        table["language"] = language
    if allow_private:
        table["allow_private"] = True
    _add(Path(path), "outlet", id, table)


def add_target(
    path: str | Path,
    *,
    name: str,
    url: str,
    public: str | None = None,
    light: bool = False,
    packs: bool = False,
    min_interval: str | None = None,
    since: datetime | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Writes `[target.NAME]` behind the last target; raises as `add_outlet`. A secret in `settings` is a reference."""
    table: dict[str, Any] = {"url": url}
    if public:
        table["public"] = public
    if since:
        table["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if light:
        table["light"] = True
    if packs:
        table["packs"] = True
    if min_interval:
        table["min_interval"] = min_interval
    if settings:
        table["settings"] = dict(settings)
    _add(Path(path), "target", name, table)


def remove_outlet(path: str | Path, id: str) -> None:
    """Takes `[outlet.ID]` and the comment right above it out. Raises UsageError when there is none."""
    _remove(Path(path), "outlet", id)


def remove_target(path: str | Path, name: str) -> None:
    """Takes `[target.NAME]` with its settings out; raises as `remove_outlet`."""
    _remove(Path(path), "target", name)


def set_paused(path: str | Path, section: Section, name: str, paused: bool) -> None:
    """Sets `paused` of one outlet or target. Raises UsageError when there is none."""
    path = Path(path)

    def change(text: str, data: dict[str, Any]) -> str:
        _existing(path, data, section, name)["paused"] = paused
        return _with_value(text, (section, name), "paused", paused)

    _edit(path, change)


def set_passphrase(path: str | Path, reference: str) -> None:
    """Sets where the passphrase of the keys is. Raises ConfigError as `load`."""

    def change(text: str, data: dict[str, Any]) -> str:
        data.setdefault("keys", {})["passphrase"] = reference
        return _with_value(text, ("keys",), "passphrase", reference)

    _edit(Path(path), change)


def write(path: str | Path, text: str, *, new_mode: int = 0o600) -> None:
    """Replaces a file with this text, atomically and durably, keeping its mode and owner; a new one gets `new_mode`.

    New configurations are private by default: they say whose mirrors these are, and who is read.
    """
    path = Path(path).resolve()  # a link stays a link: what it points at is replaced
    try:
        about = path.stat()
        mode, owner, group = stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid
    except FileNotFoundError:
        mode, owner, group = new_mode, -1, -1
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            os.fchmod(handle, mode)
            with contextlib.suppress(PermissionError):
                os.fchown(handle, owner, group)
            file.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def unless_failed(path: Path) -> Iterator[None]:
    """The configuration is what it was, byte for byte, when what is tried with a change to it fails."""
    before = path.read_bytes().decode()
    try:
        yield
    except BaseException:
        write(path, before)
        raise


def _add(path: Path, section: Section, name: str, table: Mapping[str, Any]) -> None:
    def change(text: str, data: dict[str, Any]) -> str:
        tables = data.setdefault(section, {})
        if name in tables:
            raise UsageError(f'{path}: there is a {section} "{name}" already', hint="give another name, or remove it")
        tables[name] = copy.deepcopy(dict(table))
        positions = locate(text)
        ends = [_section_end(text, positions, place) for place in positions.headers if place[0] == section]
        at = max(ends, default=len(text))
        between = "" if text[:at].endswith("\n\n") or not at else "\n"
        return text[:at] + between + _rendered(section, name, table) + text[at:]

    _edit(path, change)


def _remove(path: Path, section: Section, name: str) -> None:
    def change(text: str, data: dict[str, Any]) -> str:
        _existing(path, data, section, name)
        del data[section][name]
        if not data[section]:
            del data[section]
        positions = locate(text)
        mine = [place for place in positions.headers if place[:2] == (section, name)]
        if not mine:
            return _with_library(text, lambda document: document[section].pop(name))
        for place in reversed(mine):  # from the end of the file, so that earlier offsets stay true
            start = _comment_start(text, positions.headers[place].start)
            before, after = text[:start], text[_section_end(text, positions, place) :]
            if not before.strip() or before.endswith("\n\n"):
                after = after.lstrip("\n")  # of the empty lines that meet here, one is enough
            text = before + after if after else before.rstrip("\n") + "\n"
        return text

    _edit(path, change)


def _existing(path: Path, data: Mapping[str, Any], section: Section, name: str) -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = data.get(section, {})
    if name not in tables:
        close = difflib.get_close_matches(name, tables, n=1)
        listed = ", ".join(tables) or "none"
        raise UsageError(
            f"{path}: no {section} {quoted(name)}" + (f', did you mean "{close[0]}"?' if close else ""),
            hint=f"there: {listed}",
        )
    return tables[name]


def _edit(path: Path, change: Callable[[str, dict[str, Any]], str]) -> None:
    """Applies `change`, which is given the text and its parsed copy, alters the copy and returns the new text.

    The result is written only if it parses to exactly the altered copy and passes all checks.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY) if path.parent.is_dir() else None
    try:
        if folder is not None:
            fcntl.flock(folder, fcntl.LOCK_EX)  # two editors at once: the second sees what the first wrote
        text = read(path)
        line_end = "\r\n" if "\r\n" in text else "\n"
        text = text.replace("\r\n", "\n")
        text += "" if text.endswith("\n") or not text else "\n"
        wanted = checked(text, path)
        changed = change(text, wanted)
        try:
            result = checked(changed, path)
        except ConfigError as error:  # its line would be one that is not in the file
            message = str(error).removeprefix(f"{path}:").lstrip("0123456789: ")
            raise UsageError(f"{path}: not changed: {message}", hint=error.hint) from None
        if _normal(result) != _normal(wanted):
            raise ConfigError(
                "this file is laid out in a way the tool cannot edit", path=str(path), hint="edit by hand"
            )
        write(path, changed.replace("\n", line_end))
    finally:
        if folder is not None:
            os.close(folder)


def _normal(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` without empty sections: `[outlet]` with nothing in it means what no `[outlet]` means."""
    return {key: value for key, value in data.items() if value or key not in ("outlet", "target")}


def _with_value(text: str, table: tuple[str, ...], key: str, value: object) -> str:
    """With `key` of `table` set: where it stands, else as a line of its own behind the table's other keys."""
    positions = locate(text)
    written = positions.values.get((*table, key))
    if written:
        return text[: written.start] + _toml(value) + text[written.end :]
    if table in positions.headers:
        at = _keys_end(text, positions, table)
        return text[:at] + f"{key} = {_toml(value)}\n" + text[at:]

    def change(document: Any) -> None:
        for part in table:
            document = document.setdefault(part, {})
        document[key] = value

    return _with_library(text, change)


def _with_library(text: str, change: Callable[[Any], object]) -> str:
    """For inline and dotted tables, which have no lines of their own: tomlkit keeps the rest of the layout.

    It is not used for `[outlet.ID]` tables because it takes the comment above a table for the end of the one before.
    """
    import tomlkit

    document = tomlkit.parse(text)
    change(document)
    return tomlkit.dumps(document)


# A comment belongs to the table header right below it, else to the lines right above it; one with empty lines around it
# belongs to neither and stays where it is.


def _region(text: str, positions: Positions, header: Place) -> tuple[int, int]:
    """From this header to the next one, or to the end of the text."""
    start = positions.headers[header].start
    return start, min((span.start for span in positions.headers.values() if span.start > start), default=len(text))


def _keys_end(text: str, positions: Positions, header: Place) -> int:
    """Behind the line of the last key that stands directly under this header."""
    start, end = _region(text, positions, header)
    ends = [span.end for span in positions.values.values() if start <= span.start < end]
    return _line_end(text, max(ends, default=positions.headers[header].end))


def _section_end(text: str, positions: Positions, header: Place) -> int:
    """Behind the last key under this header and the comment lines right below that key."""
    end = limit = _keys_end(text, positions, header)
    while text[limit : limit + 1] and text[limit:].lstrip(" \t").startswith("#"):
        limit = _line_end(text, limit)
    # The comment goes on to the next header: then it is that one's.
    return end if text[limit:].lstrip(" \t").startswith("[") else limit


def _comment_start(text: str, header: int) -> int:
    """Where the comment lines right above the header at this offset begin; its own line when there are none."""
    start = text.rfind("\n", 0, header) + 1
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].lstrip(" \t").startswith("#"):
            break
        start = above
    return start


def _line_end(text: str, at: int) -> int:
    """Behind the newline of the line that `at` is in."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _toml(value: object) -> str:
    import tomlkit

    return tomlkit.item(value).as_string()


def _rendered(section: Section, name: str, table: Mapping[str, Any]) -> str:
    """`[section.name]` with its keys, and tables inside it as tables behind them."""
    import tomlkit

    def key(text: str) -> str:
        return tomlkit.key(text).as_string()

    lines = [f"[{section}.{key(name)}]"]
    lines += [f"{key(inner)} = {_toml(value)}" for inner, value in table.items() if not isinstance(value, dict)]
    for inner, values in table.items():
        if isinstance(values, dict):
            lines += ["", f"[{section}.{key(name)}.{key(inner)}]"]
            lines += [f"{key(setting)} = {_toml(value)}" for setting, value in values.items()]
    return "\n".join(lines) + "\n"
