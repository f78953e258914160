"""Ready configurations for web servers (and Tor) that serve a target's folder the way readers need it.

Each is a text beside this file (`nginx.in` …). A line that begins with `@any@`, `@http@`, `@https@` or `@onion@` (or
several, with commas) is for those cases alone; `@ROOT@`, `@HOST@`, `@PORT@` … are replaced. Case `any` is the one that
lies ready in `deploy/`, to be changed by hand.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final
from urllib.parse import unquote, urlsplit

from mirror.errors import UsageError

KINDS: Final = ("nginx", "apache", "caddy", "lighttpd", "nginx-onion", "tor")
ROOT: Final = "/srv/tamizdat-mirror"
HOST: Final = "mirror.example"
_LINE: Final = re.compile(r"@([a-z,]+)@")
_PATH: Final = re.compile(r"/[^\x00-\x1f\x7f\"'\\\\{}$;#*?]*")
_NAME: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE
)


def make(kind: str, *, root: str | None = None, public: str | None = None) -> str:
    """The configuration of this kind for the folder `root` and the address `public`; without an address, one to be
    changed by hand. Raises UsageError for what a web server's configuration cannot say."""
    if kind not in KINDS:
        raise UsageError(f"nothing is known of {kind!r}", hint=f"one of {', '.join(KINDS)}")
    root = (root or ROOT).rstrip("/") or "/"
    if root == "/":
        raise UsageError("/ would serve everything on that machine", hint="--root with the mirror's folder")
    if not _PATH.fullmatch(root):
        raise UsageError(f"{root!r}: a web server's configuration can't hold that path", hint="choose a plainer one")
    onion = kind == "nginx-onion" or re.match(r"https?://[^/]+\.onion(:\d+)?(/|$)", public or "") is not None
    if onion and kind not in ("nginx-onion", "tor"):
        raise UsageError("an onion address is answered by nginx here", hint="--for nginx-onion, and --for tor")
    case, host, port = _case(public) if not onion else ("onion", "_", 80)
    names = {
        **{"ROOT": root, "HOST": host, "PORT": str(port)},
        "SITE": f"http://{host}{'' if port == 80 else f':{port}'}" if case == "http" else host,
        "SSL_MODULES": " ssl http2" if case == "https" else "",
    }
    if case == "https" and port != 443:
        names["SITE"] = f"{host}:{port}"
    if kind == "tor":
        case = "any"
    text = files(__name__).joinpath(f"{kind.partition('-')[0]}.in").read_text("utf-8")
    lines = []
    for line in text.splitlines():
        matched = _LINE.match(line)
        if matched is None:
            lines.append(line)
        elif case in matched[1].split(","):
            lines.append(line[matched.end() :])
    return re.sub(r"@([A-Z_]+)@", lambda found: names[found[1]], "\n".join(lines) + "\n")


def _case(public: str | None) -> tuple[str, str, int]:
    if public is None:
        return "any", HOST, 80
    try:
        parts = urlsplit(public)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{public}: {error}", hint="write it like https://mirror.example/") from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _NAME.fullmatch(host):
        raise UsageError(f"{public!r} has no host's name", hint="write it like https://mirror.example/")
    if parts.path.strip("/"):
        raise UsageError(
            f"{public}: a mirror below a path",
            hint=f"give it a name of its own, such as mirror.{host}; that is what is written",
        )
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def root_of(url: str) -> str | None:
    """The folder on its own machine that a target's address names; None where it has none: below a home, or when the
    account is put into the folder, so that the address ends in `/`."""
    path = url if url.startswith("/") else unquote(urlsplit(url).path) if re.match(r"(file|sftp|rsync):", url) else ""
    return path if path.strip("/") and not path.startswith("/~") else None
