"""Of real articles hardly one is held back."""

from __future__ import annotations

import gzip
import json

from mirror.extract import extract
from mirror.held import Said, facts_of, judge
from tests.needs import IN_CI, shared

# Held back with good reason, by what the page is: bot checks and lists that were collected as articles, beginnings of
# articles that are all that the page holds (their truth is the beginning), front pages.
RIGHTLY = frozenset(("challenge", "index", "script-only"))


def test_at_most_one_real_article_in_a_hundred_is_held_back(everything: bool) -> None:
    pages = sorted(shared("corpus/dev").glob("*/*.html.gz"))
    assert len(pages) > 500
    chosen = pages if everything and not IN_CI else pages[::9]
    held: list[str] = []
    articles = 0
    for path in chosen:
        truth = json.loads(path.with_name(path.name.removesuffix(".html.gz") + ".json").read_text("utf-8"))
        url = truth.get("url") or f"https://{truth.get('outlet') or 'example.org'}/2020/01/01/some-article"
        found = extract(gzip.decompress(path.read_bytes()), url=url)
        articles += found.state not in RIGHTLY
        if found.article is not None and found.state == "ok":
            # The pages of "readability" are made up: no feed would announce them by the names of test cases.
            title = truth.get("title") if path.parent.name != "readability" else None
            reason = judge(facts_of(found.article), Said(url=url, title=title, claimed=found.claimed))
            if reason is not None:
                held.append(f"{path.parent.name}/{path.name}: {reason}")
        elif found.state not in RIGHTLY:
            held.append(f"{path.parent.name}/{path.name}: {found.state}: {found.reason}")
    assert articles > 0.97 * len(chosen)
    assert len(held) <= max(1, 0.01 * articles), held
