"""What somebody pasted for the address of a place to push to: which kind of target is meant, and what else it says.

    https://eu-central-1.console.aws.amazon.com/s3/buckets/news?region=eu-central-1    s3://news, its region
    https://ACCOUNT.r2.cloudflarestorage.com/news, dash.cloudflare.com/…/r2/…          s3://news, its endpoint
    https://news.s3.us-west-004.backblazeb2.com, gs://news, arn:aws:s3:::news          likewise
    https://ACCOUNT.blob.core.windows.net/CONTAINER                                    azblob://CONTAINER
    git@github.com:owner/repo.git, https://codeberg.org/owner/repo                     git+ssh://…, where its pages are
    user@host:/path, sftp user@host, scp://…                                           sftp://user@host/path
    https://cloud.example/remote.php/dav/files/USER/Mirror, …/apps/files/?dir=/Mirror  webdav://…
    ftp://user@host/path                                                               ftps://…
    https://mirror.example/                                                            nobody can tell: it is asked

Pure: no network. What looks like a password is never kept in the address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from mirror.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """`url` is an address that `mirror.targets` knows. `told` says in a few words what it was taken for; `public` is
    where readers would find it, when that follows; `password` was in what was pasted and must go elsewhere."""

    url: str
    told: str
    settings: Mapping[str, str] = field(default_factory=dict)
    public: str | None = None
    password: str | None = field(default=None, repr=False)


class Unclear(UsageError):
    """An address that can mean several kinds; the hint lists them."""


# Kinds whose addresses are written as they are used; anything else is looked at below.
_OURS: Final = re.compile(
    r"(s3|gcs|azblob|sftp|rsync|webdav|put|ftps|git|rclone|memory|file)(\+[a-z]+)?:", re.IGNORECASE
)
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_SCP: Final = re.compile(
    r"(?:(?:sftp|scp|ssh|rsync)\s+(?:-\S+\s+)*)?([\w.+-]+)@([\w.-]+|\[[0-9a-f:]+\])(?::(?!//)(\S*))?", re.I
)
_GIT_HOSTS: Final[Mapping[str, tuple[str, str]]] = {
    "github.com": ("GitHub Pages", "https://{owner}.github.io/{repo}/"),
    "gitlab.com": ("GitLab Pages", "https://{owner}.gitlab.io/{repo}/"),
    "codeberg.org": ("Codeberg Pages", "https://{owner}.codeberg.page/{repo}/"),
}


def recognise(given: str) -> Pasted:
    """What was meant. Raises UsageError with what to write instead, Unclear when only the operator can know."""
    text = given.strip().strip("<>\"'").strip()
    if not text or re.search(r"[\x00-\x1f\x7f]", text):
        raise UsageError("no address given", hint="a folder, or an address such as s3://bucket/prefix")
    for rule in _RULES:
        found = rule(text)
        if found is not None:
            return found
    raise UsageError(
        f"{_shown(text)}: no kind of target has such an address",
        hint="tamizdat target providers lists hosts; a folder is written from / on",
    )


def _shown(text: str) -> str:
    """An address for messages: its beginning, without a login and without a query, which may hold a signature."""
    return re.sub(r"//[^/\s]*@", "//", text).partition("?")[0][:100]


def _git_place(host: str, owner: str, repo: str, branch: str | None, *, ssh: bool) -> Pasted:
    repo = repo.removesuffix(".git")
    name, template = _GIT_HOSTS.get(host, ("a git repository", ""))
    public = template.format(owner=owner.lower(), repo=repo) if template else None
    if public and repo.lower() == urlsplit(public).hostname:
        public = f"https://{repo.lower()}/"  # the repository named like the site is its root
    elif host == "codeberg.org" and repo == "pages":
        public = f"https://{owner.lower()}.codeberg.page/"
    fragment = f"#{branch}" if branch else ""
    url = f"git+ssh://git@{host}/{owner}/{repo}.git" if ssh else f"git+https://{host}/{owner}/{repo}.git"
    return Pasted(url=url + fragment, told=f"{name}, repository {owner}/{repo}", public=public)


def _folder(text: str) -> Pasted | None:
    if re.match(r"[A-Za-z]:[\\/]", text):
        raise UsageError(f"{text}: a drive of Windows", hint="mount it here and give its path, such as /mnt/usb/mirror")
    if text.startswith(("/", "./", "../", "~")) or re.fullmatch(r"\.|\.\.|[\w-]+(?:/[\w. -]+)*/?", text):
        return Pasted(url=text, told="a folder")
    return None


def _git(text: str) -> Pasted | None:
    short = re.fullmatch(r"(?:git clone )?git@([\w.-]+):([\w./~-]+?)/([\w.-]+?)(?:\.git)?/?(?:#([\w./-]+))?", text)
    if short:
        return _git_place(short[1].lower(), short[2], short[3], short[4], ssh=True)
    long = re.fullmatch(r"(?:git\+)?(ssh)://git@([\w.-]+)(?::\d+)?/(.+)/([\w.-]+?)(?:\.git)?(?:#([\w./-]+))?", text)
    if long and not text.startswith("git+"):
        return _git_place(long[2].lower(), long[3], long[4], long[5], ssh=True)
    web = re.fullmatch(
        r"https?://(?:[^@/]*@)?(?:www\.)?([\w.-]+)/([\w.-]+)/([\w.-]+?)(?:\.git)?(?:/(?:-/)?(?:tree|src/branch)/([\w./-]+?))?"
        r"/?(?:[?#].*)?", text, re.IGNORECASE,
    )  # fmt: skip
    if web and (web[1].lower() in _GIT_HOSTS or text.rstrip("/").endswith(".git")):
        return _git_place(web[1].lower(), web[2], web[3], web[4], ssh=True)
    pages = re.match(r"https://([\w-]+)\.(github\.io|gitlab\.io|codeberg\.page)(/[\w.-]+)?", text, re.IGNORECASE)
    if pages:
        host = {"github.io": "github.com", "gitlab.io": "gitlab.com", "codeberg.page": "codeberg.org"}[pages[2].lower()]
        alone = "pages" if host == "codeberg.org" else f"{pages[1]}.{pages[2]}"
        return _git_place(host, pages[1], (pages[3] or f"/{alone}")[1:], None, ssh=True)
    return None


def _ours(text: str) -> Pasted | None:
    if not _OURS.match(text):
        return None
    if text.lower().startswith("file:"):
        return Pasted(url=text, told="a folder")
    parts = _split(text)
    if parts.password is not None:
        return _without_password(text)
    kind = text.partition(":")[0]
    return Pasted(url=text, told=kind, public=_public_of(text))


def _public_of(url: str) -> str | None:
    """Where the pages of a git repository are, if its host is known."""
    matched = re.fullmatch(r"git\+(?:ssh|https)://(?:git@)?([\w.-]+)/([\w.-]+)/([\w.-]+?)(?:\.git)?(?:#.*)?", url)
    if matched and matched[1] in _GIT_HOSTS:
        return _git_place(matched[1], matched[2], matched[3], None, ssh=True).public
    return None


def _without_password(text: str) -> Pasted:
    """The address without what stands between the user's name and the @, which is handed over apart."""
    scheme, _, rest = text.partition("://")
    login, _, place = (
        rest.partition("@") if rest.count("@") == 1 else (rest.rpartition("@")[0], "@", rest.rpartition("@")[2])
    )
    user, _, password = login.partition(":")
    inner = recognise(f"{scheme}://{user}@{place}")
    return Pasted(
        url=inner.url, told=inner.told, settings=inner.settings, public=inner.public, password=unquote(password)
    )


def _split(text: str):  # type: ignore[no-untyped-def]  # urlsplit's own type
    try:
        parts = urlsplit(text)
        _ = parts.port
        return parts
    except ValueError as error:
        raise UsageError(f"{_shown(text)}: {error}", hint="correct the address") from None


def _tail(path: str) -> str:
    path = unquote(path).strip("/")
    return f"/{path}" if path else ""


# S3 in the shape https://ENDPOINT/BUCKET/PREFIX or https://BUCKET.ENDPOINT/PREFIX.
_S3_ENDPOINTS: Final = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}?)\.)??"
    r"(?P<endpoint>s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
    r"|[0-9a-f]{32}\.(?:eu\.|fedramp\.)?r2\.cloudflarestorage\.com"
    r"|s3\.[a-z0-9-]+\.backblazeb2\.com"
    r"|s3(?:\.[a-z0-9-]+)?\.wasabisys\.com"
    r"|[a-z]{3}\d\.digitaloceanspaces\.com|[a-z]{3}\d\.your-objectstorage\.com"
    r"|s3\.[a-z]{2}-[a-z]{3}\.scw\.cloud|[a-z]{2}-[a-z]+-\d\.linodeobjects\.com"
    r"|s3\.[a-z0-9-]+\.(?:io\.)?cloud\.ovh\.(?:net|us)|sos-[a-z]{2}-[a-z]+-\d\.exo\.io"
    r"|gateway\.storjshare\.io|s3\.[a-z0-9-]+\.idrivee2(?:-\d+)?\.com)",
    re.IGNORECASE,
)


def _objects(text: str) -> Pasted | None:
    arn = re.fullmatch(r"arn:aws(?:-cn|-us-gov)?:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/.*)?)", text)
    if arn:
        return Pasted(url=f"s3://{arn[1]}{_tail(arn[2].removesuffix('*'))}", told=f"Amazon S3, bucket {arn[1]}")
    bare = re.fullmatch(r"(gs|az|azure|wasb|r2|b2|minio)://([^/?#]+)([^?#]*)", text, re.IGNORECASE)
    if bare:
        scheme = {"gs": "gcs", "r2": "s3", "b2": "s3", "minio": "s3"}.get(bare[1].lower(), "azblob")
        settings = {"provider": bare[1].lower()} if bare[1].lower() in ("r2", "b2") else {}
        public = f"https://storage.googleapis.com/{bare[2]}{_tail(bare[3])}" if scheme == "gcs" else None
        return Pasted(
            url=f"{scheme}://{bare[2]}{_tail(bare[3])}", told=f"bucket {bare[2]}", settings=settings, public=public
        )
    return _bucket_page(text) if _WEB.match(text) else None


def _bucket_page(text: str) -> Pasted | None:
    parts = _split(text)
    host, path, query = (parts.hostname or "").lower(), parts.path, parse_qs(parts.query)
    found = _console(host, path, query) or _google(host, path) or _azure(host, path, parts.query)
    if found:
        return found
    reading = re.fullmatch(r"(.+)\.s3-website[.-]([a-z0-9-]+)\.amazonaws\.com", host)
    if reading:
        region = {"region": reading[2]}
        return Pasted(
            url=f"s3://{reading[1]}{_tail(path)}", told=f"Amazon S3, bucket {reading[1]}", settings=region,
            public=f"https://{reading[1]}.s3.{reading[2]}.amazonaws.com{_tail(path)}",
        )  # fmt: skip
    if re.fullmatch(r"pub-[0-9a-f]{32}\.r2\.dev|f\d{3}\.backblazeb2\.com", host):
        raise UsageError(
            f"{host} is where readers read a bucket, not where it is pushed to",
            hint="target add NAME s3://BUCKET --set provider=r2 --set account=… (or b2), and this address as --public",
        )
    matched = _S3_ENDPOINTS.fullmatch(host)
    if not matched:
        return None
    inside = _tail(path)
    bucket = matched["bucket"]
    if not bucket:
        bucket, _, rest = inside.strip("/").partition("/")
        inside = f"/{rest}" if rest else ""
    endpoint = f"https://{matched['endpoint'].lower()}"
    if not bucket:
        raise UsageError(
            f"{_shown(text)}: an S3 endpoint without a bucket",
            hint=f"target add NAME s3://BUCKET --set endpoint={endpoint}",
        )
    return Pasted(
        url=f"s3://{bucket}{inside}", told=f"S3, bucket {bucket} at {endpoint}", settings={"endpoint": endpoint}
    )


def _console(host: str, path: str, query: Mapping[str, list[str]]) -> Pasted | None:
    """Addresses that stand in the browser's bar while one looks at a bucket."""
    if re.fullmatch(r"(?:s3|[a-z0-9-]+)\.console\.aws\.amazon\.com", host):
        found = re.search(r"/s3/(?:buckets|object|home/buckets)/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])", path)
        if found:
            region = query.get("region", [host.partition(".")[0]])[0]
            settings = {"region": region} if re.fullmatch(r"[a-z]{2}(?:-[a-z]+)+-\d", region) else {}
            prefix = _tail(query.get("prefix", [""])[0])
            return Pasted(url=f"s3://{found[1]}{prefix}", told=f"Amazon S3, bucket {found[1]}", settings=settings)
    if host == "dash.cloudflare.com":
        found = re.match(r"/([0-9a-f]{32})/r2/(?:([a-z]+)/)?buckets/([a-z0-9-]{3,63})", path)
        if found:
            area = "" if found[2] in (None, "default") else f"{found[2]}."
            endpoint = f"https://{found[1]}.{area}r2.cloudflarestorage.com"
            return Pasted(
                url=f"s3://{found[3]}", told=f"Cloudflare R2, bucket {found[3]}", settings={"endpoint": endpoint}
            )
    return None


def _google(host: str, path: str) -> Pasted | None:
    place = None
    if host == "console.cloud.google.com":
        found = re.match(r"/storage/browser/(?:_details/)?([a-z0-9][a-z0-9._-]+)([^;?]*)", path)
        place = (found[1], found[2]) if found else None
    elif host in ("storage.googleapis.com", "storage.cloud.google.com"):
        bucket, _, rest = path.strip("/").partition("/")
        place = (bucket, rest) if bucket else None
    elif host.endswith(".storage.googleapis.com"):
        place = (host.removesuffix(".storage.googleapis.com"), path)
    if place is None:
        return None
    bucket, inside = place[0], _tail(place[1])
    return Pasted(
        url=f"gcs://{bucket}{inside}", told=f"Google Cloud Storage, bucket {bucket}",
        public=f"https://storage.googleapis.com/{bucket}{inside}",
    )  # fmt: skip


def _azure(host: str, path: str, query: str) -> Pasted | None:
    found = re.fullmatch(
        r"([a-z0-9]{3,24})(?:\.z\d+\.web|\.blob)\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)", host
    )
    if not found:
        if host == "portal.azure.com":
            raise UsageError(
                "the portal's address doesn't say which container",
                hint="give https://ACCOUNT.blob.core.windows.net/CONTAINER (Storage account → Endpoints)",
            )
        return None
    container, _, inside = unquote(path).strip("/").partition("/")
    if ".web." in host:
        container, inside = "$web", _tail(path).strip("/")
    if not container:
        raise UsageError(f"{host}: which container?", hint=f"give https://{host}/CONTAINER")
    password = query if re.search(r"(?:^|&)sig=", query) else None  # as it is: the signature is over it
    tail = f"/{inside}" if inside else ""
    return Pasted(
        url=f"azblob://{container}{tail}", told=f"Azure, container {container}", settings={"account": found[1]},
        public=f"https://{host}{path.rstrip('/')}", password=password,
    )  # fmt: skip


def _dav(text: str) -> Pasted | None:
    dav = re.match(r"davs?://", text, re.IGNORECASE)
    if dav:
        scheme = "webdav" if text.lower().startswith("davs") else "webdav+http"
        return recognise(f"{scheme}://{text[dav.end() :]}")
    if not _WEB.match(text):
        return None
    parts = _split(text)
    host = parts.netloc.rpartition("@")[2]
    scheme = "webdav" if parts.scheme.lower() == "https" else "webdav+http"
    if re.search(r"/(?:remote|public)\.php/|/dav/|/webdav(?:/|$)", parts.path):
        user = re.search(r"/dav/files/([^/]+)", parts.path)
        login = parts.username or (unquote(user[1]) if user else None)
        settings = {"user": login} if login else {}
        return Pasted(
            url=f"{scheme}://{host}{parts.path.rstrip('/')}",
            told="WebDAV",
            settings=settings,
            password=None if parts.password is None else unquote(parts.password),
        )
    front = re.match(r"(.*?)/(?:index\.php/)?apps/files", parts.path)
    if front:
        folder = _tail(parse_qs(parts.query).get("dir", ["/"])[0])
        return Pasted(
            url=f"{scheme}://{host}{front[1]}/remote.php/webdav{quote(folder)}",
            told=f"Nextcloud or ownCloud, folder {folder or '/'}",
        )
    if re.search(r"(?:/index\.php)?/s/[A-Za-z0-9]{10,}$", parts.path):
        raise UsageError(
            "that is a link to share a folder, not the folder",
            hint=f"open the folder itself, and give {scheme}://{host}/remote.php/dav/files/USER/FOLDER",
        )
    return None


def _ssh(text: str) -> Pasted | None:
    linked = re.fullmatch(r"(?:ssh|scp)://([^/]+)(/.*)?", text, re.IGNORECASE)
    if linked:
        return recognise(f"sftp://{linked[1]}{linked[2] or '/'}")
    words = [word for word in text.split() if _SCP.fullmatch(word)] if text.startswith("rsync ") else []
    matched = _SCP.fullmatch(words[-1] if words else text)
    if not matched:
        return None
    user, host, path = matched[1], matched[2], matched[3] or ""
    if not path.startswith("/"):
        raise UsageError(
            f"{user}@{host}: which folder there?",
            hint=f"give the whole path: sftp://{user}@{host}/home/{user}/{path or 'mirror'}",
        )
    kind = "rsync" if words else "sftp"
    return Pasted(url=f"{kind}://{user}@{host}{path}", told=f"a server over SSH ({kind}), folder {path}")


def _ftp(text: str) -> Pasted | None:
    if not text.lower().startswith("ftp://"):
        return None
    return recognise(f"ftps://{text[6:]}")


def _web(text: str) -> Pasted | None:
    if not _WEB.match(text):
        return None
    parts = _split(text)
    place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    if (parts.hostname or "").endswith(".onion"):
        raise UsageError(
            "that is where readers read; an onion service is fed by a folder",
            hint=f"target add NAME /srv/mirror --public {parts.scheme}://{place} (or sftp://… to the machine it is on)",
        )
    plain = "" if parts.scheme.lower() == "https" else "+http"
    raise Unclear(
        f"{_shown(text)}: a web address can be several things",
        hint=f"s3://BUCKET --set endpoint={parts.scheme}://{parts.netloc.rpartition('@')[2]} (an S3 server), "
        f"webdav{plain}://{place} (WebDAV), put{plain}://{place} (HTTP PUT); where readers read goes with --public",
    )


def _rclone(text: str) -> Pasted | None:
    if re.fullmatch(r"[A-Za-z0-9_][\w -]*:[^/\\:].*|[A-Za-z0-9_][\w-]*:", text) and "@" not in text:
        return Pasted(url=f"rclone:{text}", told=f"rclone's remote {text.partition(':')[0]}")
    return None


def _name_alone(text: str) -> Pasted | None:
    if re.fullmatch(r"[\w-]+(\.[\w-]+)+(/\S*)?", text):
        return _web(f"https://{text}")
    return None


_RULES: Final[tuple[Callable[[str], Pasted | None], ...]] = (
    _folder,
    _git,
    _ours,
    _objects,
    _dav,
    _ftp,
    _ssh,
    _web,
    _rclone,
    _name_alone,
)
