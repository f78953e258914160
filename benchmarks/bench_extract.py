"""Our extraction and trafilatura's alone over a folder of pages: pages per CPU second, and predictions to be scored.

    python benchmarks/bench_extract.py [CORPUS] [--split dev] [--write FOLDER] [--only ours|trafilatura] [--limit N]
                                       [--scorer SCRIPT] [--worst 20]

CORPUS/<split>/<source>/<id>.html.gz with <id>.json beside it. Both tools run in one process, in turns on the same
pages, so that a noisy machine slows both. `--write` puts FOLDER/{ours,trafilatura}/<split>/<source>/<id>.json there:
text, title, published (by the page's own clock, as far as it tells it), authors, language; ours also state, lead and
pictures. Where a page's truth names no address, that in the wrapper of its file is taken, if there is one. Where it
lists the page's pictures, ours are held against them: found at all, found as cover, captions word for word or nearly
(one within the other, 60 % of it).

With a scorer (`score_extraction.py` of the shared tools is taken when it is there) both tools' texts are scored
against the truth, by source and by language: P, R and F1 of the text, `part` the share of pages of which a part is
missing (R < .8, P >= .85), `over` that of pages with more than the article (P < .7, R >= .9), `chrome` that of pages
with a line known to be page furniture. Then the worst pages, each with what went wrong as far as that can be told by
counting: lines too many (paragraphs, lines that stand in lists of the page, short lines) and lines missing (which of
them the page's HTML does not hold in one piece).
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from mirror.charset import decode
from mirror.extract import extract, images
from mirror.extract.blocks import text_of_blocks

Prediction = dict[str, Any]


def ours(data: bytes, url: str) -> Prediction:
    found = extract(data, url=url)
    article = found.article
    if article is None:
        return {"state": found.state, "reason": found.reason, "text": ""}
    return {
        "state": found.state,
        "reason": found.reason,
        "text": text_of_blocks(article.blocks),
        "title": article.title,
        "lead": article.lead,
        "published": found.dated or article.published,
        "authors": list(article.authors),
        "language": article.language,
        "pictures": [
            {
                "urls": list(ref.candidates),
                "cover": ref.cover,
                "alt": ref.alt,
                "caption": ref.caption,
                "credit": ref.credit,
            }
            for ref in article.pictures
        ],
    }


def trafilatura(data: bytes, url: str) -> Prediction:
    from trafilatura import bare_extraction

    found = bare_extraction(decode(data), url=url, include_comments=False, with_metadata=True)
    if found is None or isinstance(found, dict):
        return {"text": ""}
    return {
        "text": found.text,
        "title": found.title,
        "published": found.date,
        "authors": [name.strip() for name in (found.author or "").split(";") if name.strip()],
        "language": found.language,
    }


def letters(text: str | None) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text or "")).casefold()


def count_pictures(truth: Prediction, found: Prediction, counts: Counter[str]) -> None:
    """Adds what of a page's annotated pictures was found."""
    pictures = found.get("pictures") or []
    captions = [(letters(one["caption"]), letters(f"{one['caption'] or ''}{one['credit'] or ''}")) for one in pictures]
    covered = False  # a slide show over the text is several covers there, and a cover with further pictures here
    for wanted in truth.get("images") or []:
        kind = "covers" if wanted["is_cover"] else "in text"
        counts[kind] += 1
        found_it = any(
            images.same_picture(url, other)
            for one in pictures
            if one["cover"] or covered or not wanted["is_cover"]
            for url in one["urls"]
            for other in wanted["urls"]
        )
        counts[kind + " found"] += found_it
        covered = covered or (found_it and wanted["is_cover"])
        caption = letters(wanted["caption"])
        if caption:
            counts["captions"] += 1
            counts["captions found"] += any(
                own
                and (caption in whole or own in caption)
                and min(len(own), len(caption)) >= 0.6 * max(len(own), len(caption))
                for own, whole in captions
            )


Row = dict[str, Any]
NEWS = ("scrapinghub", "fundus")  # the sources whose figures are given together as well


def score(scorer: Path, folder: Path, corpus: Path, split: str, sources: str | None) -> list[Row]:
    """The scorer's row for every page."""
    found = folder.parent / f"{folder.name}.scores.json"
    command = [
        sys.executable,
        str(scorer),
        str(folder),
        "--corpus",
        str(corpus),
        "--split",
        split,
        "--json",
        str(found),
    ]
    subprocess.run(command + (["--sources", sources] if sources else []), check=True, stdout=subprocess.DEVNULL)
    rows: list[Row] = json.loads(found.read_text("utf-8"))["rows"]
    return rows


def figures(rows: Sequence[Row]) -> str:
    told = [row for row in rows if row["body"]]
    if not told:
        return ""
    precision = mean(row["p"] for row in told if row["p"] is not None)
    recall = mean(row["r"] for row in told)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    part = mean(row["r"] < 0.8 and (row["p"] or 0) >= 0.85 for row in told)
    over = mean((row["p"] or 0) < 0.7 and row["r"] >= 0.9 for row in told)
    lines = [row["neg"] > 0 for row in rows if row["neg"] is not None]
    furniture = f"{mean(lines):.3f}" if lines else "-"
    return f"{precision:.3f} {recall:.3f} {f1:.3f}  {part:.3f} {over:.3f} {furniture:>6}"


def mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else 0.0


def show_scores(scores: dict[str, list[Row]]) -> None:
    first = next(iter(scores.values()))
    for kind in ("source", "language"):
        print(f"\n{kind:<13} pages" + "".join(f"   {tool:<38}" for tool in scores))
        print(" " * 19 + "   P     R     F1     part  over  chrome " * len(scores))
        counts = Counter(row[kind] for row in first if row["body"])
        groups: list[tuple[str, Callable[[Row], bool]]] = [
            (name, lambda row, kind=kind, name=name: row[kind] == name)  # type: ignore[misc]  # defaults bind the loop's names
            for name, _ in counts.most_common()
        ]
        if kind == "source":
            groups += [("+".join(NEWS), lambda row: row["source"] in NEWS), ("all", lambda row: True)]
        for name, belongs in groups:
            number = sum(1 for row in first if row["body"] and belongs(row))
            told = [figures([row for row in rows if belongs(row)]) for rows in scores.values()]
            if number:
                print(f"{name[:13]:<13} {number:5}   " + "   ".join(told))


def show_worst(rows: Sequence[Row], folder: Path, corpus: Path, count: int) -> None:
    print(f"\nthe worst {count} pages of ours")
    for row in sorted((row for row in rows if row["body"]), key=lambda row: row["f"])[:count]:
        place = corpus / row["id"]
        truth = json.loads(place.with_name(place.name + ".json").read_text("utf-8"))
        found = json.loads((folder / f"{row['id']}.json").read_text("utf-8"))
        data = gzip.decompress(place.with_name(place.name + ".html.gz").read_bytes())
        score_ = f"P {row['p'] or 0:.2f} R {row['r']:.2f}"
        print(f"  {row['id']} ({row['language']}) {score_}: {explanation(truth, found, decode(data))}")


def explanation(truth: Prediction, found: Prediction, page: str) -> str:
    """What went wrong with a page, by counting lines."""
    if not found.get("text"):
        return f"held back as {found.get('state')}: {found.get('reason')}"
    wanted = letters(f"{truth['body_text']} {truth.get('lead') or ''} {truth.get('title') or ''}")
    got, source = letters(found["text"]), letters(html.unescape(re.sub(r"<[^>]*>", "", page)))
    listed = letters(" ".join(re.findall(r"<li\b[^>]*>(.*?)</li>", page, re.DOTALL | re.IGNORECASE)))
    many = [key for line in found["text"].split("\n") if (key := letters(line)) and key not in wanted]
    few = [key for line in truth["body_text"].split("\n") if (key := letters(line)) and key not in got]
    told: list[str] = []
    if many:
        in_lists = sum(key in listed for key in many)
        short = sum(len(key) < 60 for key in many) - sum(len(key) < 60 and key in listed for key in many)
        long = len(many) - in_lists - short
        told.append(f"{len(many)} lines too many ({long} paragraphs, {in_lists} in lists, {short} short)")
    if few:
        absent = sum(key not in source for key in few)
        told.append(f"{len(few)} lines missing ({absent} of them are not in the page as one piece)")
    return "; ".join(told) or "the same lines, but repeated or in another order"


def address_of(data: bytes, outlet: str) -> str:
    """The address in a page's wrapper (`<text id="http://…" title=…>`), else one made up that tells nothing."""
    found = re.match(rb'\s*<text id="(https?://[^"\s]{4,500})"', data)
    return found[1].decode("utf-8", "replace") if found else f"https://{outlet}/articles/some-article"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parent.parent.parent / "shared"
    usual = Path(os.environ.get("TAMIZDAT_SHARED", beside)) / "corpus"
    parser.add_argument("corpus", type=Path, nargs="?", default=usual)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--sources", help="comma-separated folders; all when left out")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", choices=("ours", "trafilatura"))
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--scorer", type=Path, default=usual.parent / "tools" / "score_extraction.py")
    parser.add_argument("--worst", type=int, default=20)
    arguments = parser.parse_args()

    scorer: Path | None = arguments.scorer if arguments.scorer.is_file() and not arguments.limit else None
    if not arguments.corpus.is_dir():
        print(f"{arguments.corpus}: no corpus of pages here; nothing measured")
        return 0
    tools: dict[str, Callable[[bytes, str], Prediction]] = {"ours": ours, "trafilatura": trafilatura}
    if arguments.only:
        tools = {arguments.only: tools[arguments.only]}
    pages = sorted((arguments.corpus / arguments.split).glob("*/*.html.gz"))
    if arguments.sources:
        pages = [page for page in pages if page.parent.name in arguments.sources.split(",")]
    if arguments.limit:
        pages = pages[:: max(1, len(pages) // arguments.limit)]
    scratch = tempfile.TemporaryDirectory() if scorer is not None and arguments.write is None else None
    written: Path | None = Path(scratch.name) if scratch is not None else arguments.write
    spent = dict.fromkeys(tools, 0.0)
    slowest = dict.fromkeys(tools, (0.0, ""))
    states: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    for page in pages[:: max(1, len(pages) // 20)]:  # imports and caches are not what is measured
        for tool in tools.values():
            tool(gzip.decompress(page.read_bytes()), "https://example.org/articles/a")
    for turn, page in enumerate(pages):
        data = gzip.decompress(page.read_bytes())
        truth = json.loads(page.with_name(page.name.removesuffix(".html.gz") + ".json").read_text("utf-8"))
        url = truth.get("url") or address_of(data, truth.get("outlet") or "example.org")
        for name, tool in list(tools.items())[:: 1 if turn % 2 else -1]:
            begun = time.process_time()
            found = tool(data, url)
            took = time.process_time() - begun
            spent[name] += took
            slowest[name] = max(slowest[name], (took, f"{page.parent.name}/{page.name}"))
            if name == "ours":
                states[found["state"]] += 1
                count_pictures(truth, found, pictures)
            if written is not None:
                place = written / name / arguments.split / page.parent.name
                place.mkdir(parents=True, exist_ok=True)
                text = json.dumps(found, ensure_ascii=False)
                (place / (page.name.removesuffix(".html.gz") + ".json")).write_text(text, "utf-8")
    for name, seconds in spent.items():
        print(
            f"{name}: {len(pages)} pages, {seconds:.1f} CPU s, {len(pages) / seconds:.1f} pages per CPU second, "
            f"slowest {slowest[name][0]:.2f} s ({slowest[name][1]})"
        )
    if len(spent) == 2:
        print(f"ours takes {spent['ours'] / spent['trafilatura']:.2f} times as long as trafilatura alone")
    if states:
        print("states:", ", ".join(f"{state} {count}" for state, count in states.most_common()))
    for kind in ("in text", "covers", "captions"):
        if pictures[kind]:
            got, all_ = pictures[kind + " found"], pictures[kind]
            print(f"pictures, {kind}: {got} of {all_} ({got / all_:.3f})")
    if scorer is not None and written is not None:
        scores = {
            name: score(scorer, written / name, arguments.corpus, arguments.split, arguments.sources) for name in tools
        }
        show_scores(scores)
        if "ours" in scores:
            show_worst(scores["ours"], written / "ours", arguments.corpus, arguments.worst)
    if scratch is not None:
        scratch.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main())
