"""The schemas as contract: what they hold, what they refuse, that the compiled checks say what jsonschema says."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import schemas
from mirror import model
from mirror.pack import to_document
from schemas import MAX_DEPTH, SchemaError, check, source
from schemas.compiled import Compiler, Unsupported
from tests.needs import program
from tests.schemas.articles import EDITION, EVERYTHING, EVIDENCE, PAGE, PART, TIME, TRUST, articles

NAMES = ("bundle", "edition", "page", "part", "trust", "evidence")
GOOD: dict[str, Any] = {
    "bundle": to_document(EVERYTHING),
    "edition": EDITION,
    "page": PAGE,
    "part": PART,
    "trust": TRUST,
    "evidence": EVIDENCE,
}
SOURCES = {name: source(name) for name in NAMES}
REGISTRY: Registry[Any] = Registry().with_resources(
    (document["$id"], Resource.from_contents(document)) for document in SOURCES.values()
)
JUDGES = {name: Draft202012Validator(document, registry=REGISTRY) for name, document in SOURCES.items()}


def refusal(name: str, document: object) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        check(name, document)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isascii()
    return caught.value


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


# --- the files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_a_schema_and_closed_and_limited(name: str) -> None:
    Draft202012Validator.check_schema(SOURCES[name])
    assert SOURCES[name]["$id"] == f"urn:tamizdat:schema:{name}"
    for node in nodes(SOURCES[name]):
        assert "format" not in node
        match node.get("type"):
            case "object" if "maxProperties" in node:  # names are the document's own: limited, not closed
                assert node["additionalProperties"]["type"] == "string", node
            case "object":
                assert node["additionalProperties"] is False, node
                assert set(node["required"]) <= set(node["properties"])
            case "array":
                assert "maxItems" in node, node
                assert "items" in node, node
            case "string":
                assert "maxLength" in node, node
                assert "pattern" in node, node
            case "integer":
                assert "minimum" in node, node
                assert "maximum" in node, node


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_good_for_both_validators(name: str) -> None:
    check(name, GOOD[name])
    JUDGES[name].validate(GOOD[name])


def test_the_examples_use_every_key_the_schemas_know() -> None:
    def keys(document: Any) -> Iterator[str]:
        if isinstance(document, dict):
            yield from document
        for value in (
            document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
        ):
            yield from keys(value)

    used = {key for document in GOOD.values() for key in keys(document)}
    known = {key for document in SOURCES.values() for node in nodes(document) for key in node.get("properties", {})}
    assert used - set(EVIDENCE["files"]) == known


def test_importing_the_package_loads_no_validator_and_checking_neither() -> None:
    code = (
        "import sys, json, schemas; schemas.check('page', json.loads(sys.argv[1]));"
        "print([name for name in ('jsonschema', 'referencing', 'mirror', 'signing') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, json.dumps(PAGE)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_name_without_a_schema_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        check("bundel", {})


# --- types and schemas -----------------------------------------------------------------------------------------------

DEFINITIONS = {
    model.Link: "link",
    model.Styled: "styled",
    model.InlineCode: "inline_code",
    model.Break: "break",
    model.Paragraph: "paragraph",
    model.Heading: "heading",
    model.Quote: "quote",
    model.List: "list",
    model.Cell: "cell",
    model.Table: "table",
    model.Picture: "picture",
    model.Embed: "embed",
    model.Rule: "rule",
    model.Code: "code",
    model.Update: "update",
    model.Note: "note",
    model.Footnote: "footnote",
    model.Footnotes: "footnotes",
    model.Removed: "removed",
    model.Resource: "resource",
    model.Part: "part",
}


def optional_fields(kind: type) -> set[str]:
    """Fields that may be None or false and are absent then."""
    return {
        field.name
        for field in dataclasses.fields(kind)
        if field.default in (None, False) or str(field.type).endswith("| None")
    }


@pytest.mark.parametrize(("kind", "name"), DEFINITIONS.items(), ids=DEFINITIONS.values())
def test_every_type_has_the_keys_of_its_definition(kind: type, name: str) -> None:
    definition = SOURCES["bundle"]["$defs"][name]
    fields = {field.name for field in dataclasses.fields(kind)}
    if kind is model.Styled:
        fields.remove("style")  # it is the type
    typed = set() if name in ("cell", "resource", "part", "footnote", "removed") else {"type"}
    assert set(definition["properties"]) == fields | typed
    assert set(definition["required"]) == (fields - optional_fields(kind)) | typed


def test_an_article_has_the_keys_of_its_bundle() -> None:
    fields = {field.name for field in dataclasses.fields(model.Article)}
    schema = SOURCES["bundle"]
    own = {"v", "kind"}
    assert set(schema["properties"]) == (fields - {"outlet_name"}) | own
    assert set(schema["required"]) == (fields - {"outlet_name"} - optional_fields(model.Article)) | own


def test_no_type_of_the_model_is_forgotten() -> None:
    kinds = {kind for kind in vars(model).values() if dataclasses.is_dataclass(kind)}
    assert kinds == {*DEFINITIONS, model.Article, model.Draft, model.PictureRef}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(articles())
def test_any_article_is_good(article: model.Article) -> None:
    document = to_document(article)
    check("bundle", document)
    assert JUDGES["bundle"].is_valid(document)


# --- what is refused -------------------------------------------------------------------------------------------------


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    entries = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in entries:
        yield from places(value, (*path, key))


def cases(name: str) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """A good document for every place in the good one, and where that place is in it: of its blocks it has only the one
    that the place is in, as jsonschema takes long for the others."""
    whole = GOOD[name]
    for path in places(whole):
        if path[:1] == ("blocks",) and len(path) > 1:
            yield {**whole, "blocks": [whole["blocks"][path[1]]]}, ("blocks", 0, *path[2:])
        else:
            yield {**whole, "blocks": whole["blocks"][:1]} if "blocks" in whole else whole, path


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    if not path:
        return value
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


@pytest.mark.parametrize("name", NAMES)
def test_no_object_takes_an_unknown_key_or_lacks_a_required_one(name: str) -> None:
    for document, path in cases(name):
        node = at(document, path)
        if not isinstance(node, dict) or node is GOOD["evidence"]["files"]:
            continue
        error = refusal(name, put(document, path, {**node, "onclick": "x"}))
        assert error.pointer == "".join(f"/{key}" for key in (*path, "onclick"))
        for key in node:
            less = put(document, path, {other: value for other, value in node.items() if other != key})
            assert JUDGES[name].is_valid(less) == accepted(name, less)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value", [None, 1.5, [], {}, "", True, -1, 10**20, "x\ny", ["x"], {"type": "paragraph"}], ids=repr
)
def test_a_value_of_another_kind_is_judged_as_jsonschema_judges_it(name: str, value: object) -> None:
    for document, path in cases(name):
        changed = put(document, path, value)
        assert JUDGES[name].is_valid(changed) == accepted(name, changed), path
        if value is None:
            assert not accepted(name, changed)


def accepted(name: str, document: object) -> bool:
    try:
        check(name, document)
    except SchemaError as error:
        # What jsonschema cannot know.
        if not re.search("is no (picture|thumbnail|date)", error.message):
            return False
        return JUDGES[name].is_valid(document)
    return True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.sampled_from(["link", "code", TIME]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "content", "text", "url", "blocks", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), articles(), JSON)
def test_any_mutated_article_is_judged_as_jsonschema_judges_it(
    data: st.DataObject, article: model.Article, value: object
) -> None:
    document = to_document(article)
    path = data.draw(st.sampled_from(list(places(document))))
    changed = put(document, path, value)
    assert JUDGES["bundle"].is_valid(changed) == accepted("bundle", changed)


BAD_URLS = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,<script>",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://example.org/",
    "//example.org/",
    "/relative",
    "https:",
    "https://",
    "https:///path",
    "https://user@example.org/",
    "https://user:pass@example.org/",
    "https://example.org\\@evil.example/",
    "https://example.org/ space",
    "https://example.org/\ttab",
    "https://example.org/\n",
    "https://example.org\n",
    " https://example.org/",
    "https://example.org/\u202efdp.exe",
    "https://example.org/\u2066x",
    "https://example.org/\u00a0",
    "https://example.org/\ufeff",
    "https://exa\u200bmple.org/",
    'https://example.org/"onload="x',
    "https://example.org/<script>",
    "https://example.org/`x`",
    "https://example.org:123456/",
    "https://example.org/" + "x" * 2048,
]
GOOD_URLS = [
    "https://example.org",
    "http://example.org/",
    "https://example.org?q",
    "https://example.org#f",
    "http://127.0.0.1:8080/a",
    "http://[::1]:8080/a",
    "https://xn--mgba3a4f16a.ir/",
    "https://fa.wikipedia.org/wiki/\u0627\u06cc\u0631\u0627\u0646\u200c\u0632\u0645\u06cc\u0646",
    "https://\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444/",
    "https://example.org/a?b[]=c&d=(e)'f'@g;h=%20",
]


def test_only_plain_web_addresses_are_addresses() -> None:
    for url in BAD_URLS:
        for document in (
            put(GOOD["bundle"], ("url",), url),
            put(GOOD["bundle"], ("blocks", 1, "content", 1, "url"), url),
        ):
            refusal("bundle", document)
        refusal("edition", put(EDITION, ("outlets", 0, "articles", 0, "url"), url))
        refusal("edition", put(EDITION, ("mirrors", 0, "url"), url))
    for url in GOOD_URLS:
        check("bundle", put(GOOD["bundle"], ("url",), url))


def test_texts_hold_format_characters_but_no_controls() -> None:
    for good in (
        "\u200c",
        "\u200d",
        "\u200e\u200f\u061c",
        "\u202b\u202c",
        "\u2067x\u2069",
        "\u00ad",
        "😀",
        "a\u0301",
        "<b>&amp;",
    ):
        check("bundle", put(GOOD["bundle"], ("title",), good))
        check("bundle", put(GOOD["bundle"], ("blocks", 1, "content", 0), good))
    for bad in (
        "\0",
        "a\n",
        "\n",
        "\t",
        "\r",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\x9b",
        "\ud800",
        "\udfff",
        "\ufffe",
        "\uffff",
        "",
    ):
        for path in (("title",), ("lead",), ("authors", 0), ("blocks", 1, "content", 0), ("resources", 0, "alt")):
            refusal("bundle", put(GOOD["bundle"], path, bad))
    check("bundle", put(GOOD["bundle"], ("blocks", 8, "text"), "a\n\tb\n\n"))
    refusal("bundle", put(GOOD["bundle"], ("blocks", 8, "text"), "a\r\n"))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("v",), 2, "must be 1"),
        (("v",), True, "must be 1"),
        (("v",), 1.0, "must be 1"),
        (("kind",), "edition", "article"),
        (("published",), None, "null"),
        (("published",), "2027-02-30T00:00:00Z", "no date"),
        (("published",), "0000-01-01T00:00:00Z", "no date"),
        (("published",), "2027-03-01T24:00:00Z", "form"),
        (("published",), "2027-03-01T08:15:00+00:00", "characters"),
        (("published",), "٢٠٢٧-03-01T08:15:00Z", "form"),
        (("fetched",), TIME + "\n", "characters"),
        (("direction",), "auto", "one of ltr, rtl"),
        (("salt",), "0" * 31, "form"),
        (("replaces",), "A" * 64, "form"),
        (("outlet", "id"), "Example", "form"),
        (("outlet", "id"), "-x", "form"),
        (("outlet", "id"), "x\n", "form"),
        (("blocks", 2, "level"), 1, "2 to 4"),
        (("blocks", 0, "resource"), 1, "resource 1 is no picture"),
        (("blocks", 0, "resource"), 3, "resource 3 is no picture"),
        (("blocks", 9, "blocks", 4, "resource"), 2, "resource 2 is no picture"),
        (("resources", 0, "thumbnail"), 0, "resource 0 is no thumbnail"),
        (("resources", 0, "thumbnail"), 9, "resource 9 is no thumbnail"),
        (("resources", 0, "media_type"), "image/svg+xml", "one of"),
        (("resources", 0, "cover"), False, "must be true"),
        (("blocks", 1), "<p>html</p>", "must be an object"),
        (("blocks", 1), {"type": "html", "content": ["x"]}, "none of paragraph"),
        (("blocks", 1), {"type": ["paragraph"]}, "none of paragraph"),
        (("blocks", 3, "blocks", 0), {"type": "picture", "resource": 0}, "none of paragraph, list"),
        (("blocks", 1, "content", 1, "content", 0), 5, "text or an object"),
        (("parts", 0, "size"), 12289, "1 to 12288"),
        (("generator",), "tamizdat\u00a00.1", "form"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: tuple[Any, ...], value: object, words: str) -> None:
    error = refusal("bundle", put(GOOD["bundle"], path, value))
    assert words in error.message
    assert error.pointer.startswith("".join(f"/{step}" for step in path))
    assert error.name == "bundle"


def test_a_hostile_key_cannot_repaint_the_terminal() -> None:
    error = refusal("bundle", {**GOOD["bundle"], "\x1b[2J\u202e/~" + "x" * 5000: 1})
    assert error.pointer.startswith("/\\x1b[2J\\u202e~1~0")
    assert len(str(error)) < 200


# --- hostile documents do not hang or crash --------------------------------------------------------------------------


def nested(depth: int) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "paragraph", "content": ["x"]}
    for _ in range(depth):
        block = {"type": "list", "ordered": False, "items": [[block]]}
    return put(GOOD["bundle"], ("blocks",), [block])


def test_nesting_has_an_end_long_before_the_stack() -> None:
    check("bundle", nested(14))
    assert MAX_DEPTH == 48
    for depth in (15, 1000):
        assert "nested more than 48 deep" in refusal("bundle", nested_quick(depth)).message


def nested_quick(depth: int) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "paragraph", "content": ["x"]}
    for _ in range(depth):
        block = {"type": "list", "ordered": False, "items": [[block]]}
    return {**GOOD["bundle"], "blocks": [block]}


def test_a_document_of_a_million_lists_is_refused_at_once() -> None:
    started = time.process_time()  # jsonschema would take minutes
    refusal("bundle", {**GOOD["bundle"], "blocks": [[[]] * 1000 for _ in range(1000)]})
    refusal("bundle", {**GOOD["bundle"], "tags": ["x"] * 1_000_000})
    assert time.process_time() - started < 10


def test_no_pattern_can_be_made_to_run_away() -> None:
    patterns = {node["pattern"] for document in SOURCES.values() for node in nodes(document) if "pattern" in node}
    assert len(patterns) > 8
    hostile = [
        "a" * 100_000,
        "https://" + "a." * 50_000,
        "https://a/" + "/" * 100_000 + " ",
        "https://" + "a" * 253 + ":" + "1" * 100_000,
        "https://[" + ":" * 100_000,
        "a-" * 50_000 + "\n",
        "en" + "-abcdefgh" * 10_000 + "!",
        "+" * 100_000,
        "x+" * 50_000,
        "\n" * 100_000,
    ]
    started = time.process_time()
    for pattern in patterns:
        for text in hostile:
            re.search(pattern, text)
    assert time.process_time() - started < 10


def test_a_typical_article_is_checked_hundreds_of_times_a_second() -> None:
    text = "Some words of an ordinary sentence in an article. " * 12
    paragraph = {
        "type": "paragraph",
        "content": [text, {"type": "link", "url": "https://a.example/x", "content": ["link"]}, text],
    }
    document = {**GOOD["bundle"], "blocks": [paragraph] * 30}
    check("bundle", document)
    started = time.process_time()
    for _ in range(20):
        check("bundle", document)
    assert (time.process_time() - started) / 20 < 1 / 100  # a tenth of what it is, for noisy machines


# --- other programs read the same files ------------------------------------------------------------------------------


def test_the_patterns_mean_the_same_to_javascript() -> None:
    patterns = sorted(
        {node["pattern"] for document in SOURCES.values() for node in nodes(document) if "pattern" in node}
    )
    texts = [*BAD_URLS, *GOOD_URLS, "x", "x\n", "a\r\n", "\x85", "😀", "\u200c", TIME, TIME + "\n", "fa-IR"]
    script = """
      const {patterns, texts} = JSON.parse(require("fs").readFileSync(0, "utf8"));
      console.log(JSON.stringify(patterns.map(p => texts.map(t => new RegExp(p, "u").test(t)))));
    """
    done = subprocess.run(
        [program("node"), "-e", script],
        input=json.dumps({"patterns": patterns, "texts": texts}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [[bool(re.search(pattern, text)) for text in texts] for pattern in patterns]


# --- the compiler ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "number"}},
        {"type": "string", "format": "uri"},
        {"type": "number"},
        {"type": ["string", "integer"]},
        {"anyOf": [{"type": "string"}]},
        {"oneOf": [{"type": "string"}]},
        {
            "oneOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}],
            "$defs": {"a": {"type": "object", "additionalProperties": False}},
        },
        {"$ref": "#/$defs/nowhere"},
        {"const": {"a": 1}},
        {"type": "array", "uniqueItems": True},
        {"minLength": 1},
        {"$ref": "#/$defs/a", "pattern": "x", "$defs": {"a": {"type": "string"}}},
        {},
    ],
    ids=repr,
)
def test_a_keyword_the_compiler_does_not_know_is_never_skipped(schema: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        Compiler([{"$id": "urn:x", **schema}]).compile("urn:x")


def test_a_schema_beyond_the_compiler_is_checked_by_jsonschema() -> None:
    validate = schemas._general({"type": "object", "patternProperties": {"^x": {"type": "number"}}})
    validate({"x1": 1.5})
    with pytest.raises(schemas.Refused) as caught:
        validate({"x1": "a"})
    assert caught.value.path == ["x1"]


def test_before_signing_and_for_one_article_jsonschema_is_asked_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {**SOURCES["part"]["examples"][0]} if SOURCES["part"].get("examples") else None
    good = document or {"v": 1, "kind": "part", "blocks": [{"type": "rule"}], "salt": "ab" * 16}
    schemas.check_twice("part", good)
    monkeypatch.setattr(schemas, "check", lambda _name, _document: None)  # ours asleep: the other one must notice
    with pytest.raises(schemas.SchemaError, match="surprise"):
        schemas.check_twice("part", {**good, "surprise": 1})


def test_of_two_threads_that_compile_a_schema_neither_gets_a_half_built_check(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler([{"$id": "urn:one", "type": "object", "properties": {}, "additionalProperties": False}])
    began, go, real = threading.Event(), threading.Event(), Compiler._node

    def slow(self: Compiler, node: Any, home: str) -> Any:
        began.set()
        assert go.wait(20)
        return real(self, node, home)

    monkeypatch.setattr(Compiler, "_node", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(compiler.compile, "urn:one")
        assert began.wait(20)
        second = pool.submit(lambda: compiler.compile("urn:one")({}))
        time.sleep(0.05)
        go.set()
        first.result(20)({})
        second.result(20)
