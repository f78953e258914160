"""What people paste for the address of a place is taken for what they mean, or they are told what to write."""

# ruff: noqa: E501 - a case stands on one line

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.errors import UsageError
from mirror.pasted import Unclear, recognise

R2 = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("given", "url", "settings"),
    [
        ("https://eu-central-1.console.aws.amazon.com/s3/buckets/news?region=eu-central-1&prefix=a/b/", "s3://news/a/b", {"region": "eu-central-1"}),
        ("https://s3.console.aws.amazon.com/s3/buckets/news", "s3://news", {}),
        ("https://news.s3.eu-west-3.amazonaws.com/x", "s3://news/x", {"endpoint": "https://s3.eu-west-3.amazonaws.com"}),
        ("https://s3.eu-west-3.amazonaws.com/news/x", "s3://news/x", {"endpoint": "https://s3.eu-west-3.amazonaws.com"}),
        ("http://news.s3-website.eu-central-1.amazonaws.com/", "s3://news", {"region": "eu-central-1"}),
        ("arn:aws:s3:::news/x/*", "s3://news/x", {}),
        (f"https://{R2}.r2.cloudflarestorage.com/news", "s3://news", {"endpoint": f"https://{R2}.r2.cloudflarestorage.com"}),
        (f"https://dash.cloudflare.com/{R2}/r2/default/buckets/news/settings", "s3://news", {"endpoint": f"https://{R2}.r2.cloudflarestorage.com"}),
        (f"https://dash.cloudflare.com/{R2}/r2/eu/buckets/news", "s3://news", {"endpoint": f"https://{R2}.eu.r2.cloudflarestorage.com"}),
        ("https://s3.us-west-004.backblazeb2.com/news", "s3://news", {"endpoint": "https://s3.us-west-004.backblazeb2.com"}),
        ("https://news.fra1.digitaloceanspaces.com", "s3://news", {"endpoint": "https://fra1.digitaloceanspaces.com"}),
        ("gs://news/p", "gcs://news/p", {}),
        ("https://console.cloud.google.com/storage/browser/news;tab=objects?project=x", "gcs://news", {}),
        ("https://storage.googleapis.com/news/p", "gcs://news/p", {}),
        ("https://acc.blob.core.windows.net/con/p", "azblob://con/p", {"account": "acc"}),
        ("https://acc.z6.web.core.windows.net/", "azblob://$web", {"account": "acc"}),
        ("git@github.com:Owner/repo.git", "git+ssh://git@github.com/Owner/repo.git", {}),
        ("https://gitlab.com/o/r/-/tree/main", "git+ssh://git@gitlab.com/o/r.git#main", {}),
        ("https://owner.github.io/repo", "git+ssh://git@github.com/owner/repo.git", {}),
        ("ssh://git@codeberg.org/o/r.git", "git+ssh://git@codeberg.org/o/r.git", {}),
        ("https://git.example/o/r.git", "git+ssh://git@git.example/o/r.git", {}),
        ("git+https://gitlab.com/o/r.git#pages", "git+https://gitlab.com/o/r.git#pages", {}),
        ("user@host.example:/var/www", "sftp://user@host.example/var/www", {}),
        ("ssh://user@host:2222/x", "sftp://user@host:2222/x", {}),
        ("rsync -av --delete ./ user@host:/srv/www/", "rsync://user@host/srv/www/", {}),
        ("https://cloud.example/remote.php/dav/files/me/Mirror/", "webdav://cloud.example/remote.php/dav/files/me/Mirror", {"user": "me"}),
        ("https://cloud.example/index.php/apps/files/?dir=/My%20mirror&fileid=3", "webdav://cloud.example/remote.php/webdav/My%20mirror", {}),
        ("davs://cloud.example/x", "webdav://cloud.example/x", {}),
        ("ftp://user@host/path", "ftps://user@host/path", {}),
        ("drive:folder", "rclone:drive:folder", {}),
        ("rclone:drive:folder", "rclone:drive:folder", {}),
        ("/srv/x", "/srv/x", {}),
        ("~/mirror", "~/mirror", {}),
        ("  'out/mirror'\n", "out/mirror", {}),
        ("s3://bucket/p", "s3://bucket/p", {}),
    ],
)  # fmt: skip
def test_what_is_pasted_is_understood(given: str, url: str, settings: dict[str, str]) -> None:
    found = recognise(given)
    assert (found.url, dict(found.settings), found.password) == (url, settings, None)


@pytest.mark.parametrize(
    ("given", "public"),
    [
        ("git@github.com:Owner/repo.git", "https://owner.github.io/repo/"),
        ("https://github.com/owner/owner.github.io", "https://owner.github.io/"),
        ("https://codeberg.org/o/pages", "https://o.codeberg.page/"),
        ("git+https://gitlab.com/o/r.git#pages", "https://o.gitlab.io/r/"),
        ("gs://news/p", "https://storage.googleapis.com/news/p"),
        ("https://acc.blob.core.windows.net/con/p", "https://acc.blob.core.windows.net/con/p"),
        ("git@git.example:o/r.git", None),
        ("/srv/x", None),
    ],
)
def test_where_readers_find_it_follows_where_it_can(given: str, public: str | None) -> None:
    assert recognise(given).public == public


@pytest.mark.parametrize(
    ("given", "url", "password"),
    [
        ("ftp://user:pa:s@s@host/path", "ftps://user@host/path", "pa:s@s"),
        ("sftp://user:secret@host/path", "sftp://user@host/path", "secret"),
        ("https://me:p%40ss@cloud.example/remote.php/webdav/x", "webdav://cloud.example/remote.php/webdav/x", "p@ss"),
        ("https://acc.blob.core.windows.net/con?sv=1&sig=a%2Fb%3D", "azblob://con", "sv=1&sig=a%2Fb%3D"),
    ],
)
def test_a_password_in_an_address_is_taken_out_and_shown_to_nobody(given: str, url: str, password: str) -> None:
    found = recognise(given)
    assert (found.url, found.password) == (url, password)
    assert password not in repr(found)


@pytest.mark.parametrize(
    ("given", "told", "hint"),
    [
        ("", "no address", "a folder"),
        ("sftp user@host.example", "which folder", "sftp://user@host.example/home/user/mirror"),
        ("user@host:www", "which folder", "/home/user/www"),
        ("https://pub-0123456789abcdef0123456789abcdef.r2.dev", "where readers read", "--public"),
        ("https://s3.fr-par.scw.cloud", "without a bucket", "s3://BUCKET"),
        ("https://portal.azure.com/#home", "which container", "blob.core.windows.net"),
        ("https://acc.blob.core.windows.net/", "which container", "CONTAINER"),
        ("https://cloud.example/s/abcdefghijkl", "link to share", "remote.php/dav"),
        ("http://abc.onion/", "fed by a folder", "--public http://abc.onion/"),
        ("C:\\mirror", "a drive of Windows", "/mnt/usb"),
        ("https://mirror.example/x", "several things", "webdav://mirror.example/x"),
        ("mirror.example", "several things", "put://mirror.example"),
        ("sftp://h:99999/x", "Port out of range", "correct"),
        ("news!", "no kind of target", "providers"),
    ],
)
def test_what_cannot_be_understood_is_answered_with_what_to_write(given: str, told: str, hint: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        recognise(given)
    assert hint in str(caught.value.hint)
    assert isinstance(caught.value, Unclear) is ("several things" in told)


BEGINNINGS = ("", "https://", "http://", "s3://", "ftp://a:b@", "sftp://", "ssh://git@", "git+ssh://", "arn:aws:s3:::")


@given(st.tuples(st.sampled_from(BEGINNINGS), st.text(max_size=40)).map("".join))
def test_nothing_pasted_ends_in_anything_but_an_address_or_one_line(given: str) -> None:
    told = ""
    try:
        told = recognise(given).url
    except UsageError as error:
        told = str(error)
    assert told
    assert "\n" not in told
