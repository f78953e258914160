"""Real browsers for the reader's trials, each driven by its own protocol over a websocket: no driver in between.

Drivers change what a file from disk may do: Firefox' Remote Agent turns `security.fileuri.strict_origin_policy` off
unless `remote.prefs.recommended` is false, other tools start Chromium with dozens of switches. Here both start with
the settings that readers have, but for updates and telemetry, and with the test's proxy for every host that isn't
loopback. A script that is put into a page to ask something is nothing the page's CSP knows of; what asks by `eval`
inside would fail.

    page.py       what a tab can be asked and told, whatever shows it
    browser.py    a browser and its visitors: starting, profiles, ending
    cdp.py        Chromium, also as old as phones have it, by the DevTools protocol
    bidi.py       Firefox by WebDriver BiDi
    channel.py    the websocket

`Browser.visitor()` is a new profile for the price of a context, and has pages: `open`, `evaluate`, `wait` (by polling),
`click` and `fill` what has a role and a name as somebody with a screen reader would find it, `files` and `drop`,
`downloaded`, `look` (size, dark, print), `shot`. `problems` are exceptions and errors that scripts logged, `notices`
what the browser itself said (something blocked or not loaded), `requests` the addresses asked for.
"""

from __future__ import annotations

from tests.reader.browsers.bidi import firefox
from tests.reader.browsers.browser import Browser, Visitor
from tests.reader.browsers.cdp import ChromiumPage, chromium, old_chromium
from tests.reader.browsers.channel import BrowserError
from tests.reader.browsers.page import DESKTOP, PHONE, Page

__all__ = [
    "DESKTOP",
    "PHONE",
    "Browser",
    "BrowserError",
    "ChromiumPage",
    "Page",
    "Visitor",
    "chromium",
    "firefox",
    "old_chromium",
]
