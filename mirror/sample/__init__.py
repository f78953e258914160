"""A news outlet of our own making, on loopback: for the demonstration, for tests, for trying things out.

*The Harbour Lantern* of Port Veyra, an invented town on an invented archipelago, comes out in English, Russian, Persian
and Chinese. Everything in it is made up and harmless. Its pages are as bad as real ones: consent layers, donation
boxes, newsletters, trackers, lazy pictures, four different markups. Among the articles: one with a table and a list
(`hleb`, `houniao`), a live blog (`regatta-live`), one too long for one piece (`logbook`), and one held back until
`publish` (`seed-library`).

    with serve() as outlet:
        outlet.url                      "http://127.0.0.1:40123": /, /en/, /ru/, /fa/, /zh/; feed.xml, atom.xml …
        outlet.edit("tide-clock", "…")  an article changes
        outlet.publish("seed-library")  one more comes out
        outlet.ground_truth()           what an extractor should find
        outlet.hits, .tracker_hits      who asked for what; the trackers should stay without a visitor
"""

from __future__ import annotations

from mirror.sample.server import Hit, SampleOutlet, Truth, TruthPicture

__all__ = ["Hit", "SampleOutlet", "Truth", "TruthPicture", "serve"]


def serve(port: int = 0) -> SampleOutlet:
    """Start the outlet on 127.0.0.1 (`port` 0: a free one). `OSError` when the port is taken."""
    return SampleOutlet(port)
