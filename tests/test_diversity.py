"""Which network an address is in, offline; and how many mirrors one decision takes away."""

from __future__ import annotations

import gzip
import http.server
import ipaddress
import json
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirror import diversity, networks
from mirror.cli import main
from mirror.config import TargetConfig
from mirror.diversity import Spot, judge
from mirror.errors import TamizdatError
from mirror.networks import Networks, NoNetworks, Row, build, read_rows
from mirror.rdap import registrar_of
from mirror.read import FolderMirror
from signing import front as fronts
from tests.servers.web import web_server

NOW = datetime(2031, 4, 2, 8, 0, 0, tzinfo=UTC)


# --- the table ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("1.1.1.1", "AS13335 Cloudflare, Inc."),
        ("2606:4700:4700::1111", "AS13335 Cloudflare, Inc."),
        ("185.199.108.153", "AS54113 Fastly, Inc."),
        ("88.198.1.1", "AS24940 Hetzner Online GmbH"),
        ("::ffff:8.8.8.8", "AS15169 Google LLC"),
    ],
)
def test_the_table_that_comes_along_knows_large_hosts(address: str, said: str) -> None:
    assert str(Networks.open().find(address)) == said


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "2001:db8::1", "255.255.255.255", "0.0.0.1"])
def test_an_address_nobody_announces_is_in_no_network(address: str) -> None:
    assert Networks.open().find(address) is None


def test_a_table_answers_as_the_list_it_was_made_from() -> None:
    chance = random.Random(5)
    rows: list[Row] = []
    for version, bits in ((4, 32), (6, 128)):
        at = 0
        while True:
            size = 1 << chance.randrange(bits - 14, bits - 6)
            at = -(-at // size) * size + (size if chance.random() < 0.3 else 0)
            if at + size > 1 << bits:
                break
            asn = chance.randrange(1, 4_000_000_000)
            rows.append(Row(at, at + size - 1, version, asn, chance.choice(["NL", "DE", ""]), f"Net {asn}"))
            at += size
    table = Networks(build(rows, date="2031-01-01", source="here"))
    by_version = {version: [row for row in rows if row.version == version] for version in (4, 6)}
    assert min(map(len, by_version.values())) > 100
    for version, bits in ((4, 32), (6, 128)):
        places = [0, (1 << bits) - 1, *(chance.randrange(1 << bits) for _ in range(2000))]
        places += [place for row in by_version[version] for place in (row.first, row.last)]
        for place in places:
            right = next((row for row in by_version[version] if row.first <= place <= row.last), None)
            found = table.find(str((ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address)(place)))
            if right is None:
                assert found is None
            else:
                assert found is not None
                assert (found.asn, found.name, found.country) == (right.asn, right.name, right.country or None)


def test_ranges_that_overlap_are_no_reason_to_fail() -> None:
    rows = [
        Row(0, 99, 4, 1, "", ""),
        Row(50, 149, 4, 2, "", ""),
        Row(60, 70, 4, 3, "", ""),
        Row(150, 160, 4, 2, "", ""),
    ]
    table = Networks(build(rows, date="2031-01-01", source="here"))
    found = [
        network.asn if (network := table.find(str(ipaddress.IPv4Address(at)))) else 0
        for at in (0, 65, 99, 100, 155, 161)
    ]
    assert found == [1, 1, 1, 2, 2, 0]


def test_a_damaged_table_is_said_to_be_damaged() -> None:
    good = build([Row(0, 99, 4, 1, "NL", "One")], date="2031-01-01", source="here")
    for bad in (b"", good[:-5], good + b"x", b"no xz", bytes(100)):
        with pytest.raises(NoNetworks):
            Networks(bad)


IPTOASN = (
    "1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\n"
    "1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n2001::\t2001::ffff\t6939\tUS\tHE\n"
)


def test_lists_of_both_forms_are_read() -> None:
    tabs = list(read_rows(gzip.compress(IPTOASN.encode()), "list"))
    assert [(row.asn, row.country, row.name) for row in tabs] == [(13335, "US", "CLOUDFLARENET"), (6939, "US", "HE")]
    commas = list(read_rows(b'1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."\n', "list"))
    assert [(row.asn, row.country, row.name) for row in commas] == [(13335, "", "Cloudflare, Inc.")]
    assert (commas[0].first, commas[0].last) == (1 << 24, (1 << 24) + 255)


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>\n" * 200, b"\x1f\x8bbroken", bytes(5000)])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(TamizdatError):
        networks.refresh(Path("/nowhere"), data, what="list", date="2031-01-01")


def test_a_refreshed_table_is_used_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f"{ipaddress.IPv4Address(n << 12)}\t{ipaddress.IPv4Address((n << 12) + 4095)}\t{n}\tNL\tNet {n}"
        for n in range(1, 100_500)
    ]
    networks.refresh(tmp_path, "\n".join(lines).encode(), what="mine", date="2099-01-01")
    found = Networks.open(tmp_path).find("0.0.16.1")
    assert found is not None
    assert (str(found), found.country) == ("AS1 Net 1", "NL")
    (tmp_path / "networks.xz").write_bytes(b"damaged")
    with pytest.raises(NoNetworks, match=str(tmp_path)):
        Networks.open(tmp_path)


# --- judging --------------------------------------------------------------------------------------------------------


def spot(name: str, **facts: str) -> Spot:
    return replace(Spot(name=name, public=f"https://{name}.example/", time="2031-04-02T08:00:00Z"), **facts)  # type: ignore[arg-type]


def test_mirrors_that_share_nothing_count_in_full() -> None:
    found = judge([spot("a", network="AS1", country="NL"), spot("b", network="AS2", country="DE"), spot("c")])
    assert (found.mirrors, found.independent, found.weakest, found.advice) == (3, 3, None, ())
    assert "each of its own kind" in found.line()


@pytest.mark.parametrize("dimension", diversity.DIMENSIONS)
def test_mirrors_that_share_one_thing_count_as_one(dimension: str) -> None:
    found = judge([spot("a", **{dimension: "X"}), spot("b", **{dimension: "X"})])
    assert (found.mirrors, found.independent, found.weakest) == (2, 1, dimension)
    assert len(found.advice) == 1
    assert "X" in found.advice[0]
    assert "a, b" in found.advice[0]
    assert f"count as 1 by {dimension}" in found.line()


def test_the_weakest_side_counts_and_only_what_more_than_half_share_is_worth_a_line() -> None:
    found = judge(
        [
            spot("a", network="AS1", country="NL", cdn="Cloudflare"),
            spot("b", network="AS1", country="DE", cdn="Cloudflare"),
            spot("c", network="AS2", country="NL"),
            spot("d", network="AS3", country="FR", cdn="Cloudflare"),
        ]
    )
    assert found.counts == {"network": 3, "cdn": 2, "country": 3}
    assert (found.independent, found.weakest) == (2, "cdn")
    assert len(found.advice) == 1
    assert found.advice[0].startswith("3 of 4 mirrors (a, b, d) are behind Cloudflare")


def test_what_is_not_known_is_held_against_nobody() -> None:
    assert judge([spot("a"), spot("b"), spot("c", country="NL")]).independent == 3
    assert judge([]).line() == ""
    assert judge([spot("a")]).line() == "1 mirror"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("m.news.example.co.uk", "example.co.uk"),
        ("example.org", "example.org"),
        ("one.github.io", "one.github.io"),
        ("other.pages.dev", "other.pages.dev"),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("localhost", None),
        ("a.b.nosuchtoplevel", "b.nosuchtoplevel"),
    ],
)
def test_the_registered_name_is_found(host: str, name: str | None) -> None:
    assert diversity.registered(host) == name


def target(name: str, public: str | None, **more: object) -> TargetConfig:
    return TargetConfig(name=name, url=f"/srv/{name}", public=public, **more)  # type: ignore[arg-type]


def test_a_look_finds_network_country_cdn_and_name() -> None:
    table = Networks.open()
    found = diversity.look(
        target("a", "https://m.example.co.uk/x/"), table, now="t", resolve=lambda host: ["104.16.0.1", "2606:4700::1"]
    )
    assert (found.network, found.cdn, found.domain) == ("AS13335 Cloudflare, Inc.", "Cloudflare", "example.co.uk")
    assert found.country == "US"
    said = target("a", "https://m.example.co.uk/", network="Our own", country="IS", registrar="R")
    told = diversity.look(said, table, now="t", resolve=lambda host: ["104.16.0.1"])
    assert (told.network, told.country, told.registrar) == ("Our own", "IS", "R")
    at_home = diversity.look(target("a", "http://news.home/"), table, now="t", resolve=lambda host: ["192.168.1.4"])
    assert at_home.network == diversity.PRIVATE
    onion = diversity.look(target("t", f"http://{'a' * 56}.onion/"), table, now="t", resolve=lambda host: 1 / 0)  # type: ignore[arg-type, return-value]
    assert (onion.network, onion.country) == ("Tor", None)


def test_what_was_found_is_kept_for_a_day_and_a_resolver_that_fails_moves_nothing(tmp_path: Path) -> None:
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["88.198.1.1"]

    def broken(host: str) -> list[str]:
        raise OSError("no answer")

    mirrors = [target("a", "https://a.example/"), target("usb", None)]
    first = diversity.current(tmp_path, mirrors, now=NOW, resolve=resolve)
    assert list(first) == ["a"]
    assert first["a"].network == "AS24940 Hetzner Online GmbH"
    assert diversity.current(tmp_path, mirrors, now=NOW + timedelta(hours=23), resolve=resolve) == first
    assert diversity.current(tmp_path, mirrors, now=NOW + timedelta(days=9), again=None, resolve=resolve) == first
    assert asked == ["a.example"]
    later = diversity.current(tmp_path, mirrors, now=NOW + timedelta(hours=25), resolve=broken)
    assert later["a"].network == first["a"].network
    assert "no answer" in str(later["a"].problem)
    moved = [target("a", "https://elsewhere.example/")]
    assert diversity.current(tmp_path, moved, now=NOW, resolve=resolve)["a"].domain == "elsewhere.example"
    (tmp_path / "places.json").write_text("{")
    assert diversity.load(tmp_path) == {}


# --- registrars -----------------------------------------------------------------------------------------------------


@pytest.fixture
def registry() -> Iterator[str]:
    good = {
        "entities": [
            {"roles": ["abuse"]},
            {"roles": ["registrar"], "vcardArray": ["vcard", [["fn", {}, "text", "Names  Ltd"]]]},
        ]
    }
    answers = {
        "/domain/a.example": json.dumps(good),
        "/domain/odd.example": '{"entities":[1,{"roles":["registrar"],"vcardArray":[0]}]}',
        "/domain/html.example": "<html>",
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_registry_is_asked_for_the_registrar(registry: str) -> None:
    assert registrar_of("a.example", registry) == "Names Ltd"
    assert registrar_of("nobody.example", registry) is None
    assert registrar_of("odd.example", registry) is None
    with pytest.raises(TamizdatError, match=r"html\.example"):
        registrar_of("html.example", registry)
    with pytest.raises(TamizdatError, match="no registrar found"):
        registrar_of("a.example", "http://127.0.0.1:1")


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_shows_what_mirrors_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"a.example": "104.16.0.1", "b.example": "104.16.9.9", "c.example": "88.198.1.1"}
    monkeypatch.setattr(diversity, "addresses_of", lambda host: [where[host]])
    folder = tmp_path / "p"
    assert main(["init", str(folder), "--name", "P", "--origin", "p.example"]) == 0
    config = folder / "tamizdat.toml"
    assert main(["mirrors", "list", "--config", str(config)]) == 0
    assert "no target has an address" in capsys.readouterr().out
    with config.open("a") as file:
        for name in "abc":
            file.write(f'[target.{name}]\nurl = "/srv/{name}"\npublic = "https://{name}.example/"\n')
    assert main(["mirrors", "list", "--config", str(config)]) == 0
    assert "not looked at yet" in capsys.readouterr().out
    assert main(["mirrors", "check", "--config", str(config)]) == 0
    told = capsys.readouterr().out
    assert "3 mirrors, which count as 2 by network" in told
    assert "2 of 3 mirrors (a, b) are in the network AS13335" in told
    assert main(["mirrors", "list", "--json", "--config", str(config)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["count"], shown["independent"], shown["weakest"]) == (3, 2, "network")
    assert [one["name"] for one in shown["mirrors"]] == ["a", "b", "c"]


def test_status_and_target_add_say_what_a_mirror_shares_and_readers_are_told_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diversity, "addresses_of", lambda host: ["88.198.1.1"])
    folder = tmp_path / "p"
    assert main(["init", str(folder), "--name", "P", "--origin", "p.example"]) == 0
    config = str(folder / "tamizdat.toml")
    (tmp_path / "web").mkdir()
    with web_server(tmp_path / "web") as web:
        port = web.url.rpartition(":")[2]
        assert main(["target", "add", "one", str(tmp_path / "one"), "--no-probe", "--config", config]) == 0
        with (folder / "tamizdat.toml").open("a") as file:
            file.write('[target.two]\nurl = "/srv/two"\npublic = "https://two.example/"\n')
        public = f"http://localhost:{port}/"
        capsys.readouterr()
        added = ["target", "add", "three", str(tmp_path / "web"), "--public", public, "--config", config]
        assert main(added) == 0
        told = capsys.readouterr()
        assert "for readers it is in AS24940 Hetzner Online GmbH, DE" in told.out
        assert "not independent: the same network as two: AS24940" in told.err
        assert main(["seal", "--config", config]) == 0
    main(["status", "--json", "--config", config])
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (shown["diversity"]["mirrors"], shown["diversity"]["independent"]) == (2, 1)
    assert any("one block takes them all" in line for line in shown["advice"])
    edition = FolderMirror(folder / "archive").get("front", 8192)
    assert edition is not None
    stored = fronts.parse(edition).edition
    document = json.loads(gzip.decompress(stored).partition(b"\n\n")[0])
    assert {one["network"] for one in document["mirrors"]} == {"AS24940 Hetzner Online GmbH"}


def test_a_list_of_one_s_own_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "p"
    assert main(["init", str(folder), "--name", "P", "--origin", "p.example"]) == 0
    (tmp_path / "short.tsv").write_text(IPTOASN)
    config = str(folder / "tamizdat.toml")
    assert main(["mirrors", "refresh", "--from", str(tmp_path / "short.tsv"), "--config", config]) == 1
    assert "was it cut short" in capsys.readouterr().err
    assert main(["mirrors", "refresh", "--from", "http://127.0.0.1:1/list", "--config", config]) == 1
    assert "--from FILE" in capsys.readouterr().err
    assert main(["mirrors", "refresh", "--from", str(tmp_path / "none"), "--config", config]) == 2
