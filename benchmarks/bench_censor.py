"""How long reader.html takes to the front page and to an article's text, and how many bytes, whatever a censor does.

    python benchmarks/bench_censor.py [BROWSER …]     default chromium firefox; needs those browsers

Every case of `tests/reader/cases.py`, one after the other, with a new profile each: the reader lies on disk, its
mirrors stand behind a proxy on loopback that cuts, stalls, resets, lies, or is a line of 50 kbit/s with 400 ms there
and back. `shown` and `article` are seconds from opening the file to the state that is right, and to the article's text;
`wire` the bytes that mirrors sent, headers and TLS included. The budgets are for a quiet machine.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from _common import commas, show

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main(names: list[str]) -> None:
    from tests.reader import browsers, cases
    from tests.reader.censor import Censor
    from tests.servers.certificates import make_certificates

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-censor-")))
        scene = cases.Scene(folder / "scene")
        certificates = make_certificates(folder / "certificates", "*.mirrors.test")
        network = stack.enter_context(Censor())
        file = scene.press.reader(folder / "reader.html", mirrors=["https://mirror.example/news"] * 4)
        front = len((scene.tree / "front").read_bytes())
        count = len(scene.press.made)
        show([
            ["file", "bytes", "budget"],
            ["reader.html, all languages", commas(file.stat().st_size), commas(100_000)],
            [f"front, {count} articles in the publication", commas(front), commas(8192)],
        ])  # fmt: skip
        for name in names:
            print(f"\n{name}")
            running = (
                browsers.firefox(proxy=network.url, authority=certificates.ca)
                if name == "firefox"
                else browsers.chromium(proxy=network.url, trusted=[certificates.good])
            )
            rows = [["case", "state", "shown", "article", "budget", "wire", "requests"]]
            with running as browser:
                for case_name, case in cases.CASES.items():
                    stage = cases.Stage(scene, network, certificates, f"{case_name}-{name}")
                    try:
                        with browser.page() as page:
                            told = cases.run(case_name, page, stage, folder)
                    except browsers.BrowserError as error:
                        rows.append([case_name, str(error)[:40], "", "", "", "", ""])
                        continue
                    right = told.state in case.state and told.read == case.reads
                    rows.append([
                        case_name, f"{told.state}" + ("" if right else " !"), _seconds(told.first),
                        _seconds(told.article), _seconds(case.budget), commas(told.bytes), str(told.requests),
                    ])  # fmt: skip
            show(rows)


def _seconds(number: float | None) -> str:
    return "–" if number is None else f"{number:.1f}"


if __name__ == "__main__":
    main(sys.argv[1:] or ["chromium", "firefox"])
