"""Hosts of static pages that are fed by git: what is known of each."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from mirror.providers import Limits, Provider

_GB: Final = 10**9
_MIB: Final = 2**20
_NO_TOUCH: Final = "this host sets its headers itself: nothing can be changed there"

PROVIDERS: Final[tuple[Provider, ...]] = (
    Provider(
        id="github-pages",
        name="GitHub Pages",
        kinds=("git",),
        hosts=(r"github\.com", r"ssh\.github\.com"),
        public_hosts=(r"[a-z0-9-]+\.github\.io",),
        # Repository: a push 2 GB, a file 100 MiB, 6 pushes a minute. Pages: 1 GB (recommended for the repository too),
        # 100 GB a month, 10 builds an hour (soft). Its caches keep everything for ten minutes.
        limits=Limits(
            bytes=_GB,
            object_bytes=100 * _MIB,
            traffic_bytes_per_month=100 * _GB,
            pushes_per_hour=10,
            pointer_seconds=600,
        ),
        min_interval="10m",  # six an hour: there is room for withdrawals, which don't wait
        price="free for public repositories (2026-11)",
        cdn="Fastly",
        mends=MappingProxyType(
            {
                "anonymous read": "repository → Settings → Pages → Deploy from a branch → gh-pages, / (root) → Save; "
                "the first build takes some minutes",
                "caching": "nothing to change: GitHub keeps every file for ten minutes",
                "TLS for readers": "repository → Settings → Pages → Enforce HTTPS; with a domain of your own wait "
                "until its certificate is there",
                "redirect": "with a domain of your own the address is that domain, not …github.io",
                "CORS": _NO_TOUCH,
            }
        ),
        console=(
            "make an account for this purpose alone, and a public repository, empty",
            "ssh-keygen -t ed25519 -N '' -f mirror.key; repository → Settings → Deploy keys → Add: mirror.key.pub, "
            "Allow write access",
            "after the first push: Settings → Pages → Deploy from a branch → gh-pages, / (root)",
        ),
        page="github-pages",
        advice="readers get news up to ten minutes late; the whole of github.io falls or stands together",
        sources=(
            "docs.github.com/pages/getting-started-with-github-pages/github-pages-limits",
            "docs.github.com/repositories/creating-and-managing-repositories/repository-limits",
        ),
    ),
    Provider(
        id="gitlab-pages",
        name="GitLab Pages",
        kinds=("git",),
        hosts=(r"gitlab\.com", r"altssh\.gitlab\.com"),
        public_hosts=(r"[a-z0-9-]+\.gitlab\.io",),
        # The site: 1 GB (artifacts of a job, compressed, 1 GB) and 200,000 entries. Repository 10 GB, push 5 GiB.
        limits=Limits(files=200_000, bytes=_GB, pushes_per_hour=1),
        min_interval="1h",
        price="free; each push costs a build of the 400 compute minutes a month (2026-11)",
        mends=MappingProxyType(
            {
                "anonymous read": "project → Build → Pipelines: has the job `pages` passed? Settings → General → "
                "Visibility → Pages: Everyone. Deploy → Pages shows the address; untick `Use unique domain` for the "
                "plain one",
                "redirect": "Deploy → Pages: use the address shown there",
                "CORS": _NO_TOUCH,
                "caching": _NO_TOUCH,
            }
        ),
        console=(
            "make an account (a phone number or a card is asked for before builds run) and a public project, empty",
            "Settings → Access tokens → Add: role Maintainer, scope write_repository (or Settings → Repository → "
            "Deploy keys, Grant write permissions)",
            "Settings → Repository → Protected branches: let that token push to `pages`",
        ),
        page="gitlab-pages",
        advice="each push is a build: readers get news up to an hour late",
        sources=("docs.gitlab.com/user/gitlab_com", "gitlab-org/gitlab#405048", "gitlab-org/gitlab#500273"),
    ),
    Provider(
        id="codeberg-pages",
        name="Codeberg Pages",
        kinds=("git",),
        hosts=(r"codeberg\.org",),
        public_hosts=(r"(?:[a-z0-9-]+\.)?codeberg\.page",),
        # Git storage of one account: 750 MiB in all; what is there for oneself alone: 100 MiB.
        limits=Limits(bytes=750 * _MIB),
        price="free, by donations; for free content only (2026-11)",
        mends=MappingProxyType(
            {
                "anonymous read": "the repository must be public, and its branch called `pages`; the address is "
                "https://USER.codeberg.page/REPOSITORY/",
                "CORS": _NO_TOUCH,
                "caching": _NO_TOUCH,
            }
        ),
        console=(
            "make an account and a public repository, empty; its licence must be a free one",
            "repository → Settings → Deploy keys → Add: mirror.key.pub, Enable write access",
        ),
        page="codeberg-pages",
        advice="a small association: keep the mirror small (light), and ask before it grows beyond 100 MiB",
        sources=(
            "blog.codeberg.org/new-storage-limits-on-codeberg-what-you-need-to-know.html",
            "docs.codeberg.org/getting-started/faq",
        ),
    ),
)
