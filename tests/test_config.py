"""tamizdat.toml: what it means, where its mistakes are, and that editing it loses nothing."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
import re
import stat
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mirror import config, config_edit, secrets
from mirror.config import Config
from mirror.errors import ConfigError, TamizdatError, UsageError
from mirror.toml_positions import locate
from tests.needs import ROOT

SMALL = """\
[publication]
name = "Example"
origin = "example.org"
"""

FULL = """\
# The whole of it.
[publication]
name = "Пример"
origin = "news.example.org"

[keys]
folder = "/srv/keys"
passphrase = "file:/srv/passphrase"

[edition]
due = "36h"

[fetch]
contact = "press@example.org"
user_agent = "Other/1"
deadline = 30
concurrency = 4
per_host_delay = "500ms"
max_page = "2MiB"
max_picture = 1000
egress = "socks5h://proxy.example:1080"

[pictures]
enabled = false
max_width = 800
max_bytes = "100 kB"

[limits]
reserve = "1GiB"

[publish]
deadline = "5m"
filling = 0
workers = 8
retries = 1

[audit]
sample = 5
sweep = "3d"
deadline = "90s"
workers = 4
repair = false
egress = "tor"

[mirrors]
drop_after = "6h"
return_after = "2h"
return_looks = 3
keep_at_least = 1

# The paper.
[outlet.paper]
name = "The Paper"  # its own spelling
url = "https://paper.example/"
feeds = [
  "https://paper.example/feed.xml",  # main
  "https://paper.example/culture.xml",
]
sitemaps = ["https://paper.example/news.xml"]
wordpress = ["https://paper.example/wp-json/"]
telegram = ["@paper_example", "https://relay.example/s/paper_example"]
lists = ["lists/paper.txt", "https://paper.example/list.csv"]
sections = ["https://paper.example/politics/"]
articles = ["/news/*"]
exclude = ["/news/horoscope/*"]
language = "fa"
allow_private = true
robots = "ignore"
max_new = 7
text = "feed"
backfill = 50
keep = ["article"]
drop = [".donate", "#x"]
pictures = true
evidence = true
paused = true
egress = "tor"
headers = { X-Mirror = "tamizdat", X-Token = "env:PAPER_TOKEN" }
cookies = "file:paper.cookies"
user_agent = "Paper/2"

[[outlet.paper.rules]]  # before it was rebuilt
since = "2019-01-01"
keep = [".old"]

[[outlet.paper.rules]]
since = "2024-06-01"
drop = [".wall", "div > p:first-child"]

[outlet.plain]
name = "Plain"
url = "http://plain.example"
# a remark on plain

# ---- where it goes ----

# Fast.
[target.bucket]
url = "s3://bucket/prefix"
public = "https://bucket.example/"
since = "2030-01-02T03:04:05Z"
network = "Example Cloud"
country = "NL"
registrar = "Names Ltd"
note = "thanks"
light = true
listed = "never"
packs = true
audit_egress = "socks5h://127.0.0.1:9150"
workers = 3
deadline = "90s"
min_interval = "10m"
bandwidth = "1MiB"

[target.bucket.settings]
region = "eu"
retries = 3
path_style = true
secret_key = "env:BUCKET_SECRET"

[target.disk]
url = "/srv/mirror"
paused = true

# The end.
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tamizdat.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistake(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config.parse(text, Path("tamizdat.toml"))
    return caught.value


# ── meaning ──


def test_a_small_configuration_has_useful_defaults(tmp_path: Path) -> None:
    found = config.load(written(tmp_path, SMALL))
    assert found.folder == tmp_path
    assert found.keys.folder == tmp_path / "keys"
    assert found.edition.due == 86400
    assert found.fetch.concurrency == 8
    assert found.pictures.enabled
    assert (found.outlets, found.targets, found.mirrors) == ({}, {}, ())


def test_every_setting_arrives_in_its_field(tmp_path: Path) -> None:
    found = config.load(written(tmp_path, FULL))
    assert found.publication.name == "Пример"
    assert found.keys.folder == Path("/srv/keys")
    assert found.edition.due == 36 * 3600
    assert found.fetch == config.FetchConfig(
        contact="press@example.org",
        user_agent="Other/1",
        deadline=30.0,
        concurrency=4,
        per_host_delay=0.5,
        max_page=2 * 1024**2,
        max_picture=1000,
        egress="socks5h://proxy.example:1080",
        folder=tmp_path,
    )
    assert found.pictures == config.PicturesConfig(enabled=False, max_width=800, max_bytes=100_000)
    assert found.limits.reserve == 1024**3
    assert found.publish == config.PublishConfig(deadline=300.0, filling=0.0, workers=8, retries=1)
    assert found.audit == config.AuditConfig(
        sample=5, sweep=3 * 86400, deadline=90.0, workers=4, repair=False, egress="tor"
    )
    assert found.listing == config.MirrorsConfig(
        drop_after=6 * 3600, return_after=7200, return_looks=3, keep_at_least=1
    )
    paper = found.outlets["paper"]
    assert paper.feeds == ("https://paper.example/feed.xml", "https://paper.example/culture.xml")
    assert (paper.robots, paper.max_new, paper.drop, paper.paused) == ("ignore", 7, (".donate", "#x"), True)
    assert (paper.text, paper.backfill) == ("feed", 50)
    assert (paper.egress, paper.cookies, paper.user_agent) == ("tor", "file:paper.cookies", "Paper/2")
    assert [(one.since, one.body, one.drop) for one in paper.rules] == [
        ("2019-01-01", (".old",), ()),
        ("2024-06-01", (), (".wall", "div > p:first-child")),
    ]
    assert paper.headers == {"X-Mirror": "tamizdat", "X-Token": "env:PAPER_TOKEN"}
    assert paper.wordpress == ("https://paper.example/wp-json/",)
    assert paper.telegram == ("@paper_example", "https://relay.example/s/paper_example")
    assert paper.lists == (str(tmp_path / "lists/paper.txt"), "https://paper.example/list.csv")
    assert paper.sections == ("https://paper.example/politics/",)
    assert (paper.articles, paper.exclude) == (("/news/*",), ("/news/horoscope/*",))
    bucket = found.targets["bucket"]
    assert (bucket.workers, bucket.bandwidth, bucket.deadline, bucket.light) == (3, 1024**2, 90.0, True)
    assert bucket.min_interval == 600.0
    assert (bucket.listed, bucket.audit_egress) == ("never", "socks5h://127.0.0.1:9150")
    assert bucket.settings == {
        "region": "eu",
        "retries": "3",
        "path_style": "true",
        "secret_key": "env:BUCKET_SECRET",
    }
    assert list(found.outlets) == ["paper", "plain"]


def test_pictures_can_be_switched_for_all_outlets_and_for_one(tmp_path: Path) -> None:
    found = config.load(written(tmp_path, FULL))
    assert found.outlets["paper"].pictures  # says so itself
    assert not found.outlets["plain"].pictures  # [pictures] enabled = false


def test_the_mirror_list_is_the_public_targets_that_are_not_paused() -> None:
    text = SMALL + "".join(
        f'[target.{name}]\nurl = "/srv/{name}"\n{more}\n'
        for name, more in (
            ("a", 'public = "https://a.example/"\ncountry = "NL"'),
            ("b", 'public = "https://b.example/"\npaused = true'),
            ("c", ""),
            ("d", f'public = "http://{"d" * 56}.onion/"'),
        )
    )
    mirrors = config.parse(text, Path("t.toml")).mirrors
    assert [(mirror.url[:12], mirror.kind, mirror.country) for mirror in mirrors] == [
        ("https://a.ex", "https", "NL"),
        ("http://ddddd", "onion", None),
    ]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [('"90s"', 90), ('"15m"', 900), ('"24h"', 86400), ('"7d"', 604800), ("3600", 3600), ('"1.5h"', 5400), ("90.4", 90)],
)
def test_a_duration_is_a_number_with_a_unit_or_seconds(said: str, seconds: int) -> None:
    assert config.parse(f"{SMALL}[edition]\ndue = {said}\n", Path("t.toml")).edition.due == seconds


@pytest.mark.parametrize(
    "said", ['"24"', '"h"', '"24 hours"', '"-1h"', '"59s"', "0", "-5", '"500d"', "nan", "inf", "true"]
)
def test_what_is_no_sensible_duration_is_refused(said: str) -> None:
    assert '"due" must be' in str(mistake(f"{SMALL}[edition]\ndue = {said}\n"))


_FOUND_OUTSIDE = {"outlet": {"id"}, "target": {"name"}, "fetch": {"folder"}}
"""Fields that no key sets: they come from the table's own name and the file's place."""


def test_the_dataclasses_have_exactly_the_schemas_keys() -> None:
    schema = json.loads((ROOT / "schemas/config.schema.json").read_text("utf-8"))
    kinds: dict[str, Any] = {
        "publication": config.PublicationConfig,
        "keys": config.KeysConfig,
        "edition": config.EditionConfig,
        "fetch": config.FetchConfig,
        "pictures": config.PicturesConfig,
        "limits": config.LimitsConfig,
        "publish": config.PublishConfig,
        "audit": config.AuditConfig,
        "mirrors": config.MirrorsConfig,
        "outlet": config.OutletConfig,
        "target": config.TargetConfig,
    }
    tables = {name: schema["properties"][name] for name in kinds if name not in ("outlet", "target")}
    tables |= {name: schema["$defs"][name] for name in ("outlet", "target")}
    for name, kind in kinds.items():
        fields = {field.name for field in dataclasses.fields(kind)} - _FOUND_OUTSIDE.get(name, set())
        properties = set(tables[name]["properties"])
        assert fields == properties, name
        unset = dataclasses.MISSING
        required = {f.name for f in dataclasses.fields(kind) if f.default is unset and f.default_factory is unset}
        assert required & properties == set(tables[name].get("required", [])), name


def test_every_key_of_the_schema_is_used_in_this_files_full_example() -> None:
    """So that a key added to the schema cannot be forgotten in `test_every_setting_arrives_in_its_field`."""
    schema = json.loads((ROOT / "schemas/config.schema.json").read_text("utf-8"))
    data = tomllib.loads(FULL)
    for name, table in schema["properties"].items():
        if name in ("outlet", "target"):
            used = {key for entry in data[name].values() for key in entry}
            assert used == set(schema["$defs"][name]["properties"]), name
        else:
            assert set(data[name]) == set(table["properties"]), name


def test_a_title_says_what_every_value_must_be() -> None:
    """Messages are made of the schema's titles; one that is missing would read "something else"."""

    def untitled(schema: Any, at: str) -> list[str]:
        if not isinstance(schema, dict):
            return []
        here = [] if "title" in schema or "$ref" in schema or "type" not in schema else [at]
        return here + [name for key, inner in schema.items() for name in untitled(inner, f"{at}/{key}")]

    schema = json.loads((ROOT / "schemas/config.schema.json").read_text("utf-8"))
    assert untitled(schema, "#") == []


# ── mistakes ──


X = SMALL
OUTLET = '[outlet.x]\nname = "x"\n'
TARGET = '[target.t]\nurl = "/a"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X + "[fetch]\nconcurency = 3\n", '5:1: unknown key "concurency", did you mean "concurrency"?'),
        (X + "[fetsch]\n", '4:1: unknown key "fetsch", did you mean "fetch"?'),
        (X + "colour = 1\n", '4:1: unknown key "colour"'),
        (X + 'edition.due = "24h"\n', '4:1: unknown key "edition"'),
        (X + "[fetch]\n  concurrency = '8'\n", '5:3: "concurrency" must be a whole number from 1 to 64, not text'),
        (X + "[fetch]\nconcurrency = 65\n", '5:1: "concurrency" must be a whole number from 1 to 64'),
        ("", "1:1: needs a table [publication]"),
        ('[publication]\nname = "x"\n', '1:1: [publication] needs "origin"'),
        ("publication = 3\n", '1:1: "publication" must be a table, not a number'),
        (X + OUTLET, '4:1: [outlet.x] needs "url"'),
        (X + '[outlet."Big News"]\n', '4:1: "Big News" must be 1 to 32 lower-case letters'),
        (
            X + OUTLET + 'url = "https://x.example/"\nfeeds = [\n "https://x.example/f",\n "ftp://x" ]\n',
            '9:2: "feeds" must be an http:// or https:// address',
        ),
        (X + OUTLET + 'url = "https://u:p@x.example/"\n', '6:1: "url" must be an http://'),
        (X + OUTLET + 'url = "https://x.example/"\nlists = ["../secret.txt"]\n', '7:10: "lists" must hold files below'),
        (X + OUTLET + 'url = "https://x.example/"\nlists = ["/etc/passwd"]\n', '7:10: "lists" must hold files below'),
        (X + OUTLET + 'url = "https://x.example/"\nlists = ["ftp://x/"]\n', '7:10: "lists" must hold files or web'),
        (X + OUTLET + 'url = "https://x.example/"\ntelegram = ["a b"]\n', '7:13: "telegram" must be a channel'),
        (X + OUTLET + 'url = "https://x.example/"\narticles = ["news/*"]\n', '7:13: "articles" must be a pattern'),
        (X + "outlet.x = 3\n", '4:1: unknown key "outlet"'),
        (X + "[outlet]\nx = { name = 'x', url = 'https://x.example/', robot = 1 }\n", '5:47: unknown key "robot"'),
        (X + TARGET + '"l\\u0069ght" = 1\n', '6:1: "light" must be true or false, not a number'),
        (X + TARGET + '[target.s]\nurl = "/a"\n', '7:1: "s" and "t" push to the same place'),
        (X + "[edition]\ndue = 2030-01-01\n", '5:1: "due" must be a duration such as "15m", "24h" or "7d"'),
        ('[publication]\nname = "a\\nb"\norigin = "x.org"\n', '2:1: "name" must be one line'),
        ('[publication]\nname = "a"\norigin = "x.org\\n"\n', "3:1:"),
        (X + "[fetch\n", "4:7: not TOML: "),
        (X + "name = 'again'\n", "4:15: not TOML: "),
        (X + 'x = "unfinished', "4"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_line_and_column(text: str, expected: str) -> None:
    assert str(mistake(text)).startswith(f"tamizdat.toml:{expected}")


def test_several_mistakes_are_counted_and_the_first_is_shown() -> None:
    error = mistake(SMALL + "[fetch]\nb = 1\n[edition]\ndue = true\n[limits]\nc = 1\n")
    assert str(error).startswith('tamizdat.toml:5:1: unknown key "b" (and 2 more below)')
    assert error.hint is not None
    assert "contact" in error.hint
    assert error.status == 2


def test_a_file_that_cannot_be_read_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tamizdat\.toml: no such file"):
        config.load(tmp_path / "tamizdat.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"[publication]\nname = '\xe9'\n")
    with pytest.raises(ConfigError, match=r"latin\.toml:2: not UTF-8"):
        config.load(tmp_path / "latin.toml")
    with pytest.raises(ConfigError, match=r"nested too deeply|not TOML"):
        config.parse("x = " + "[" * 100_000, Path("t.toml"))


def test_the_configuration_is_found_by_argument_then_here_then_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        config.find(None, {})
    assert "init" in str(caught.value.hint)
    assert config.find(None, {"TAMIZDAT_CONFIG": "/etc/t.toml"}) == Path("/etc/t.toml")
    written(tmp_path, SMALL)
    assert config.find(None, {"TAMIZDAT_CONFIG": "/etc/t.toml"}) == Path("tamizdat.toml")
    assert config.find("other.toml", {}) == Path("other.toml")
    assert config.find(tmp_path, {}) == tmp_path / "tamizdat.toml"


# ── secrets ──

HIDDEN = "hunter2-AKIAIOSFODNN7"


@pytest.mark.parametrize(
    "name", ["secret_key", "secret_access_key", "access_key", "password", "pass", "pwd", "token", "session_token",
             "passphrase", "api-key", "account_key", "credential", "private_key", "bearer", "authorization"],
)  # fmt: skip
def test_an_inline_secret_is_refused_without_being_shown(name: str) -> None:
    error = mistake(f'{SMALL}[target.t]\nurl = "/a"\n[target.t.settings]\n{name} = "{HIDDEN}"\n')
    assert f'7:1: "{name}" must be a reference to the secret' in str(error)
    assert HIDDEN not in f"{error} {error.hint} {error!r}"


@pytest.mark.parametrize(
    "line",
    [f'secret_key = {HIDDEN}', f'secret_key = "{HIDDEN}', f'url = "https://u:{HIDDEN}@x.example/"',
     f'secret = "{HIDDEN}"', f'url = "https://x.example/?token={HIDDEN}"', f'light = "{HIDDEN}"',
     f'public = "https://u:{HIDDEN}@x.example/"',
     f'[target.t.settings]\nkey = "-----BEGIN PRIVATE KEY-----{HIDDEN}"',
     f'[target.t.settings]\npassword = 123\nx = "{HIDDEN}\\n"',
     f'[target.t.settings]\nkey = """\n{HIDDEN}\n"""', f'url = "sftp://u:{HIDDEN}@[x"'],
)  # fmt: skip
def test_no_message_repeats_a_value(line: str) -> None:
    url = "" if line.startswith("url") else 'url = "/a"\n'
    error = mistake(f"{SMALL}[target.t]\n{url}{line}\n")
    assert HIDDEN not in f"{error} {error.hint} {error!r}"


@pytest.mark.parametrize("name", ["passive", "key_id", "known_hosts", "endpoint", "host_key"])
def test_what_is_no_secret_may_be_written_plainly(name: str) -> None:
    text = f'{SMALL}[target.t]\nurl = "sftp://user@host/"\n[target.t.settings]\n{name} = "plain"\n'
    assert config.parse(text, Path("t.toml")).targets["t"].settings == {name: "plain"}


def test_a_secret_comes_from_the_environment(tmp_path: Path) -> None:
    assert secrets.resolve("env:S", folder=tmp_path, environ={"S": "x y\n"}).reveal() == "x y\n"
    for reference in ("env:T", "env:", "env:A B", "env:=S"):
        with pytest.raises(secrets.SecretError):
            secrets.resolve(reference, folder=tmp_path, environ={"S": "x"})


@pytest.mark.parametrize(
    ("content", "expected"), [("s", "s"), ("s\n", "s"), ("s\r\n", "s"), ("s\n\n", "s\n"), (" s ", " s ")]
)
def test_a_secret_comes_from_a_private_file_without_its_last_newline(
    tmp_path: Path, content: str, expected: str
) -> None:
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_bytes(content.encode())
    assert secrets.resolve("file:secret", folder=tmp_path).reveal() == expected
    assert secrets.resolver(tmp_path)(f"file:{file}") == expected


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777, 0o620])
def test_a_secret_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_text(HIDDEN)
    file.chmod(mode)
    with pytest.raises(secrets.SecretError) as caught:
        secrets.resolve("file:secret", folder=tmp_path)
    assert f"{mode:04o}" in str(caught.value)
    assert caught.value.hint == f"chmod 600 {file}"
    assert HIDDEN not in str(caught.value)


def test_a_secret_file_must_be_a_small_text(tmp_path: Path) -> None:
    for name, content in (
        ("empty", b""),
        ("newline", b"\n"),
        ("zero", b"a\0b"),
        ("binary", b"\xff"),
        ("big", b"a" * 70_000),
    ):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
        with pytest.raises(secrets.SecretError, match=f"file:{tmp_path / name}: "):
            secrets.resolve(f"file:{name}", folder=tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", ".", "missing", "\0"):
        with pytest.raises(secrets.SecretError):
            secrets.resolve(f"file:{name}", folder=tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to another account needs root")
def test_a_secret_file_of_another_account_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s")
    file.chmod(0o600)
    os.chown(file, 65534, 65534)
    with pytest.raises(secrets.SecretError, match="another account"):
        secrets.resolve("file:secret", folder=tmp_path)


def test_a_secret_comes_from_a_systemd_credential(tmp_path: Path) -> None:
    (tmp_path / "s3").write_text("s\n")
    (tmp_path / "s3").chmod(0o440)  # as the service manager leaves it
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert secrets.resolve("cred:s3", folder=Path("/"), environ=environ).reveal() == "s"
    for reference in ("cred:../s3", "cred:..", "cred:/etc/passwd", "cred:none"):
        with pytest.raises(secrets.SecretError):
            secrets.resolve(reference, folder=Path("/"), environ=environ)
    with pytest.raises(secrets.SecretError, match="CREDENTIALS_DIRECTORY is not set"):
        secrets.resolve("cred:s3", folder=Path("/"), environ={})


def test_what_is_no_reference_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(secrets.SecretError) as caught:
        secrets.resolve(HIDDEN, folder=tmp_path)
    assert HIDDEN not in str(caught.value)


def test_a_secret_never_shows_itself() -> None:
    secret = secrets.Secret(HIDDEN)
    assert HIDDEN not in f"{secret} {secret!r} {secret!s} {[secret]}" + "%s" % secret  # noqa: UP031
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)


# ── positions ──

TRICKY = [
    FULL,
    'a."b.c".\'d\' = 1\n"\\u0041" = 2\n[x . "y z"]\nk = """a"""""\n# [no]\nl = \'\'\'\'a\'\'\'\n',
    "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[[a.e]]\nf = [1, [2, {g = 4}], # x ]\n 5, ]\n[[a.e]]\nf = []\n",
    "d = 1979-05-27 07:32:00 # now\ne = [1979-05-27T07:32:00Z, 07:32:00]\nf = {a.b = 1, \"c,}\" = 'x,]}' }\ng = -inf\n",
    's = """\nline "quoted" \\""" \n # no\n"""\nt = \'\'\'\n[no]\n\'\'\'\nu = "a\\\\"\nv = ""\nw = \'\'\nx = """"""\n',
    "\r\n[a]\r\nb = [\r\n 1,\r\n]\r\n\r\n[a.b2]\r\n'q\"' = true\r\n",
    "empty = {}\nnested = [[], [[]]]\nspaced   =\t[ ]  # c\n",
    "",
]


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, (*path, index))]
    return [(path, value)]


def agrees(text: str) -> None:
    """Every scalar of the parsed document is written where `locate` says, and every key too."""
    data = tomllib.loads(text)
    found = locate(text)
    lines = text.split("\n")
    for path, value in leaves(data):
        span = found.values[path]
        written_there = tomllib.loads(f"v = {text[span.start : span.end]}")["v"]
        assert written_there == value
        assert text.count("\n", 0, span.start) + 1 == span.line
        assert lines[span.line - 1][span.column - 1 :].startswith(text[span.start : span.end].split("\n", 1)[0])
        if isinstance(path[-1], str):
            key = found.keys[path]
            assert list(tomllib.loads(f"{text[key.start : key.end]} = 1")) == [path[-1]]
    assert set(found.values) >= {path for path, _ in leaves(data)}


@pytest.mark.parametrize("text", TRICKY)
def test_positions_agree_with_the_parser(text: str) -> None:
    agrees(text)


_keys = st.one_of(st.sampled_from(["a", "b", "a-b", "1", "é", 'q"', "a.b", "", "]", "#", "="]), st.text(max_size=4))
_values = st.recursive(
    st.one_of(
        st.text(max_size=8), st.integers(-(2**40), 2**40), st.booleans(), st.floats(allow_nan=False), st.datetimes()
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_keys, _values, max_size=4))
@example({"a": {"b": [{"c": 1}, {"c": {"d": "\n"}}]}})
def test_positions_agree_with_whatever_a_toml_library_writes(data: dict[str, Any]) -> None:
    import tomlkit

    text = tomlkit.dumps(data)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # the writer's mistake, not ours
    agrees(text)


# ── editing ──


def comments(text: str) -> list[str]:
    return re.findall(r"# .*", text)


def test_the_text_of_a_new_configuration_loads_and_its_comments_tell_the_truth(tmp_path: Path) -> None:
    text = config_edit.default_text('A "quoted" имя \\', "example.org")
    found = config.load(written(tmp_path, text))
    assert found.publication.name == 'A "quoted" имя \\'
    # "# due = "24h"" shows what holds when nothing is said: saying it changes nothing.
    said = re.sub(r"^# ([a-z_]+ = .*)$", r"\1", text, flags=re.MULTILINE)
    assert said != text
    with_examples = config.parse(said, found.path)
    assert with_examples.fetch.contact == "https://example.org/about"
    assert dataclasses.replace(with_examples, fetch=found.fetch) == found
    assert dataclasses.replace(with_examples.fetch, contact=None) == found.fetch
    # The two example tables at the end are valid as well.
    tables = "\n".join(re.findall(r"^#   (\S.*)$", text, flags=re.MULTILINE))
    tables = re.sub(r'^(\w+ = (?:".*?"|\[.*?\]|\w+)) .*$', r"\1", tables, flags=re.MULTILINE)
    example_config = config.parse(SMALL + tables, found.path)
    assert example_config.outlets["news"].robots == "obey"
    assert example_config.targets["bucket"].settings == {"secret_key": "env:BUCKET_SECRET"}


def test_a_bad_name_or_origin_is_refused_before_a_file_is_made() -> None:
    for name, origin in (
        ("", "example.org"),
        ("x", "Example.org"),
        ("x", "a b"),
        ("x", "a/b"),
        ("a\nb", "a.org"),
        ("x", "a..b"),
    ):
        with pytest.raises(ConfigError):
            config_edit.default_text(name, origin)


def test_an_outlet_added_stands_behind_the_last_outlet_and_comments_stay_where_they_belong(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    config_edit.add_outlet(
        path,
        id="new",
        name='N "x"',
        url="https://n.example/",
        feeds=["https://n.example/f"],
        language="ru",
        allow_private=True,
    )
    expected = FULL.replace(
        "# a remark on plain\n",
        '# a remark on plain\n\n[outlet.new]\nname = "N \\"x\\""\nurl = "https://n.example/"\n'
        'feeds = ["https://n.example/f"]\nlanguage = "ru"\nallow_private = true\n',
    )
    assert path.read_text() == expected
    assert config.load(path).outlets["new"].feeds == ("https://n.example/f",)
    config_edit.remove_outlet(path, "new")
    assert path.read_text() == FULL


def test_a_target_added_has_its_settings_in_a_table_of_their_own(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    config_edit.add_target(
        path,
        name="z",
        url="s3://z/",
        public="https://z.example/",
        light=True,
        since=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        settings={"region": "eu", "secret_key": "file:keys/z"},
    )
    added = (
        '\n[target.z]\nurl = "s3://z/"\npublic = "https://z.example/"\nsince = "2030-01-02T03:04:05Z"\nlight = true\n'
        '\n[target.z.settings]\nregion = "eu"\nsecret_key = "file:keys/z"\n'
    )
    assert path.read_text() == FULL.replace("\n# The end.\n", added + "\n# The end.\n")
    config_edit.remove_target(path, "z")
    assert path.read_text() == FULL


def test_what_is_removed_takes_only_its_own_comment_along(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    config_edit.remove_outlet(path, "plain")
    assert set(comments(FULL)) - set(comments(path.read_text())) == {"# a remark on plain"}
    config_edit.remove_target(path, "bucket")
    text = path.read_text()
    assert set(comments(FULL)) - set(comments(text)) == {"# a remark on plain", "# Fast."}
    assert "\n\n\n" not in text
    config_edit.remove_target(path, "disk")
    config_edit.remove_outlet(path, "paper")
    assert not config.load(path).outlets
    assert path.read_text().endswith("# ---- where it goes ----\n\n# The end.\n")


def test_a_comment_above_a_table_is_not_lost_with_the_table_before(tmp_path: Path) -> None:
    outlets = (
        '[outlet.a]\nname = "a"\nurl = "https://a.example/"\n# on b\n[outlet.b]\nname = "b"\nurl = "https://b.example/"'
    )
    path = written(tmp_path, SMALL + outlets)  # no newline at the end either
    config_edit.remove_outlet(path, "a")
    assert path.read_text() == SMALL + '# on b\n[outlet.b]\nname = "b"\nurl = "https://b.example/"\n'


def test_pausing_changes_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    config_edit.set_paused(path, "target", "bucket", True)
    assert path.read_text() == FULL.replace('bandwidth = "1MiB"\n', 'bandwidth = "1MiB"\npaused = true\n')
    config_edit.set_paused(path, "target", "bucket", False)
    assert path.read_text() == FULL.replace('bandwidth = "1MiB"\n', 'bandwidth = "1MiB"\npaused = false\n')
    config_edit.set_paused(path, "outlet", "paper", False)
    config_edit.set_paused(path, "outlet", "plain", True)
    found = config.load(path)
    assert [outlet.paused for outlet in found.outlets.values()] == [False, True]
    assert comments(path.read_text()) == comments(FULL)


INLINE = (
    SMALL
    + """
[outlet]
a = { name = "a", url = "https://a.example/" } # one
b.name = "b"
b.url = "https://b.example/" # two
"""
)


def test_tables_without_lines_of_their_own_can_be_edited_too(tmp_path: Path) -> None:
    path = written(tmp_path, INLINE)
    config_edit.set_paused(path, "outlet", "a", True)
    config_edit.set_paused(path, "outlet", "b", True)
    assert [outlet.paused for outlet in config.load(path).outlets.values()] == [True, True]
    config_edit.add_outlet(path, id="c", name="c", url="https://c.example/")
    config_edit.remove_outlet(path, "a")
    assert list(config.load(path).outlets) == ["b", "c"]
    assert "# two" in path.read_text()


def test_an_edit_that_would_leave_an_invalid_file_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    edits: list[Callable[[], None]] = [
        lambda: config_edit.add_outlet(path, id="paper", name="x", url="https://x.example/"),
        lambda: config_edit.add_outlet(path, id="Not An Id", name="x", url="https://x.example/"),
        lambda: config_edit.add_outlet(path, id="x", name="x", url="ftp://x.example/"),
        lambda: config_edit.add_target(path, name="x", url="/x", settings={"secret_key": HIDDEN}),
        lambda: config_edit.add_target(path, name="x", url="/x", settings={"a b": "c"}),
        lambda: config_edit.add_target(path, name="x", url="/srv/mirror"),
        lambda: config_edit.remove_outlet(path, "papper"),
        lambda: config_edit.remove_target(path, "paper"),
        lambda: config_edit.set_paused(path, "target", "none", True),
    ]
    for edit in edits:
        with pytest.raises(UsageError) as caught:
            edit()
        assert HIDDEN not in str(caught.value)
        assert path.read_text() == FULL
    with pytest.raises(UsageError, match='did you mean "paper"'):
        config_edit.remove_outlet(path, "papper")
    assert os.listdir(tmp_path) == ["tamizdat.toml"]


def test_a_broken_file_is_not_edited(tmp_path: Path) -> None:
    path = written(tmp_path, FULL + "x = [\n")
    with pytest.raises(ConfigError, match="not TOML"):
        config_edit.set_paused(path, "target", "bucket", True)
    with pytest.raises(ConfigError, match="no such file"):
        config_edit.set_paused(tmp_path / "nowhere" / "tamizdat.toml", "target", "bucket", True)
    assert path.read_text() == FULL + "x = [\n"


def test_mode_line_ends_and_links_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_bytes(FULL.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    link = tmp_path / "tamizdat.toml"
    link.symlink_to(real)
    config_edit.add_outlet(link, id="new", name="n", url="https://n.example/")
    config_edit.set_paused(link, "outlet", "new", True)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    data = real.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") > FULL.count("\n")


def test_a_new_file_is_private(tmp_path: Path) -> None:
    config_edit.write(tmp_path / "t.toml", SMALL)
    assert stat.S_IMODE((tmp_path / "t.toml").stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, FULL)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        config_edit.set_paused(path, "target", "bucket", True)
    assert path.read_text() == FULL
    assert os.listdir(tmp_path) == ["tamizdat.toml"]


def test_two_editors_at_once_lose_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)

    def add(index: int) -> None:
        config_edit.add_outlet(path, id=f"o{index}", name="n", url=f"https://n{index}.example/")

    threads = [threading.Thread(target=add, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(config.load(path).outlets) == 8


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_sequence_of_edits_keeps_every_free_standing_comment(tmp_path: Path, data: st.DataObject) -> None:
    path = written(tmp_path, FULL + "\n# ---- really ----\n")
    kept = ["# The whole of it.", "# ---- where it goes ----", "# The end.", "# ---- really ----"]
    for step in range(data.draw(st.integers(1, 6))):
        found = config.load(path)
        names = [("outlet", name) for name in found.outlets] + [("target", name) for name in found.targets]
        what = data.draw(st.sampled_from(["outlet", "target", *(["remove", "pause"] if names else [])]))
        if what == "outlet":
            config_edit.add_outlet(path, id=f"n{step}", name="# [x]", url="https://n.example/")
        elif what == "target":
            config_edit.add_target(path, name=f"n{step}", url=f"/srv/{step}", settings={"k": "v"})
        else:
            section, name = data.draw(st.sampled_from(names))
            if what == "pause":
                config_edit.set_paused(
                    path, "outlet" if section == "outlet" else "target", name, data.draw(st.booleans())
                )
            else:
                (config_edit.remove_outlet if section == "outlet" else config_edit.remove_target)(path, name)
        text = path.read_text()
        config.parse(text, path)
        assert [comment for comment in comments(text) if comment in kept] == kept


def test_all_errors_are_the_tools_own() -> None:
    assert issubclass(secrets.SecretError, TamizdatError)
    assert issubclass(ConfigError, UsageError)


def test_reading_the_configuration_imports_no_editor() -> None:
    """tomlkit is for editing alone: `run` and `status` start without it."""
    said = "import sys, mirror.config; print(sorted({'tomlkit', 'mirror.config', 'jsonschema'} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "['mirror.config']\n"


def test_three_hundred_outlets_load_quickly(tmp_path: Path) -> None:
    outlets = "".join(
        f'[outlet.o{index}]\nname = "O"\nurl = "https://o{index}.example/"\nfeeds = ["https://o{index}.example/f"]\n'
        for index in range(300)
    )
    path = written(tmp_path, SMALL + outlets)
    start = time.process_time()
    found: Config = config.load(path)
    assert len(found.outlets) == 300
    assert time.process_time() - start < 5  # 0.1 s alone; far more means something quadratic
