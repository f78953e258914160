"""Our extraction and trafilatura's alone over a folder of pages: pages per CPU second, and predictions to be scored.

    python benchmarks/bench_extract.py [CORPUS] [--split dev] [--write FOLDER] [--only ours|trafilatura] [--limit N]

CORPUS/<split>/<source>/<id>.html.gz with <id>.json beside it. Both tools run in one process, in turns on the same
pages, so that a noisy machine slows both. `--write` puts FOLDER/{ours,trafilatura}/<split>/<source>/<id>.json there:
text, title, published, authors, language; ours also state, lead and pictures. Where a page's truth lists its pictures,
ours are held against them: found at all, found as cover, captions word for word or nearly (one within the other, 60 %
of it).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
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
        "published": article.published,
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
    arguments = parser.parse_args()

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
    spent = dict.fromkeys(tools, 0.0)
    slowest = dict.fromkeys(tools, (0.0, ""))
    states: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    for tool in tools.values():  # imports and caches are not what is measured
        tool(gzip.decompress(pages[0].read_bytes()), "https://example.org/2020/01/01/a")
    for page in pages:
        data = gzip.decompress(page.read_bytes())
        truth = json.loads(page.with_name(page.name.removesuffix(".html.gz") + ".json").read_text("utf-8"))
        url = truth.get("url") or f"https://{truth.get('outlet') or 'example.org'}/2020/01/01/some-article"
        for name, tool in tools.items():
            begun = time.process_time()
            found = tool(data, url)
            took = time.process_time() - begun
            spent[name] += took
            slowest[name] = max(slowest[name], (took, f"{page.parent.name}/{page.name}"))
            if name == "ours":
                states[found["state"]] += 1
                count_pictures(truth, found, pictures)
            if arguments.write:
                place = arguments.write / name / arguments.split / page.parent.name
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
