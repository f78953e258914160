"""S3 and compatible stores, Google Cloud Storage, Azure: what is known of each.

A pattern's group `region` is where an endpoint's name tells the region. Sizes are powers of ten where the host says GB
or TB, of two where it says GiB or TiB.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from mirror.providers import CheckName, Limits, Provider

_GIB: Final = 2**30


def _mends(**texts: str) -> MappingProxyType[CheckName, str]:
    """`anonymous_read="…"` for the check "anonymous read"; CORS is written `cors`."""
    names: dict[str, CheckName] = {
        "anonymous_read": "anonymous read",
        "redirect": "redirect",
        "compression": "compression",
        "rewriting": "rewriting",
        "cors": "CORS",
        "cors_ranges": "CORS for ranges",
        "caching": "caching",
        "missing": "missing file in public",
        "bot_check": "bot check",
    }
    return MappingProxyType({names[key]: text for key, text in texts.items()})


_PASTE: Final = "paste what `tamizdat target policy NAME` prints for readers"
_READ: Final = f"let everybody read: {_PASTE}"
_CORS_RULE: Final = "give the bucket a CORS rule: aws s3api put-bucket-cors --endpoint-url {endpoint} --bucket {bucket}"
_CORS: Final = f"{_CORS_RULE} --cors-configuration file://cors.json ({_PASTE})"
_USUAL: Final = _mends(anonymous_read=_READ, cors=_CORS, cors_ranges=_CORS)

PROVIDERS: Final[tuple[Provider, ...]] = (
    Provider(
        id="aws",
        name="Amazon S3",
        kinds=("s3",),
        hosts=(
            r"s3\.amazonaws\.com",
            r"(?:.+\.)?s3[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com(?:\.cn)?",
        ),
        public_hosts=(r".+\.s3-website[.-][a-z0-9-]+\.amazonaws\.com",),
        endpoint="https://s3.{region}.amazonaws.com",
        needs=("region",),
        mends=_USUAL,
        page="s3",
    ),
)
