"""Pictures from outlets, made small and anonymous.

    >>> found = process(data)
    >>> found.main.media_type, found.main.width, len(found.main.data) <= 60 * 1024
    ('image/webp', 1200, True)

What goes in is a stranger's file; what comes out is WebP that we wrote ourselves, pixels and nothing else. Camera,
place, author's name, colour profile, comments and thumbnails of the uncropped original (EXIF, GPS, XMP, IPTC, ICC, text
chunks) do not survive: they can give a source away. Orientation is applied before it is dropped, and colours are
brought to sRGB before the profile is. The same bytes give the same result.

Formats are an allow-list, by content and never by name: JPEG, PNG, WebP, GIF, AVIF. SVG is a program, and is refused.
The size in pixels is read from the header and checked before anything is decoded, so a bomb costs nothing. Of an
animation the first frame is kept. Pictures under 32 pixels on a side are counters and spacers.
"""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirror.errors import TamizdatError

if TYPE_CHECKING:
    from PIL import Image

MAX_INPUT = 20 * 2**20  # bytes of a file that is looked at
MAX_PIXELS = 60_000_000  # 180 MB decoded: the largest camera pictures news sites serve have 50 million
MAX_SIDE = 16_383  # WebP's own limit
MIN_SIDE = 32
MAX_WIDTH = 1200
MAX_BYTES = 60 * 1024
THUMBNAIL_WIDTH = 320  # the lead story on a phone, a list on a dense screen
THUMBNAIL_BYTES = 8 * 1024
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")

_QUALITIES = (80, 72, 64, 55, 46, 38, 30, 22)
_SHRINK = 0.8  # when the lowest quality is still too large, the picture gets smaller instead
_ALONE = threading.Lock()  # `catch_warnings` changes the whole process
_METHOD = 4  # WebP effort; 6 takes three times as long for 2 % fewer bytes


class PictureError(TamizdatError):
    """Not a picture we publish; the message says why, on one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    data: bytes
    width: int
    height: int
    media_type: str = "image/webp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    main: Encoded
    thumbnail: Encoded | None = None


def process(data: bytes, *, max_width: int = MAX_WIDTH, max_bytes: int = MAX_BYTES, thumbnail: bool = True) -> Pictures:
    """The picture as WebP of at most `max_width` pixels and `max_bytes` bytes, and a thumbnail of at most 320 pixels
    and 4 KiB. Raises PictureError and nothing else, whatever the bytes are. One picture at a time: see `_ALONE`."""
    if len(data) > MAX_INPUT:
        raise PictureError(f"the picture has {len(data)} bytes; {MAX_INPUT} are read at most")
    if not data:
        raise PictureError("the picture is empty")
    with _ALONE, warnings.catch_warnings():
        # Pillow warns of odd metadata, large sizes and truncated files; the first two are checked or dropped here, and
        # a truncated file raises.
        warnings.simplefilter("ignore")
        try:
            image = _decoded(data)
            main = _encode(image, max_width=max_width, max_bytes=max_bytes)
            small = _encode(image, max_width=THUMBNAIL_WIDTH, max_bytes=THUMBNAIL_BYTES) if thumbnail else None
        except PictureError:
            raise
        except MemoryError:
            raise PictureError("the picture needs too much memory") from None
        except (
            Exception
        ) as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, KeyError … on bad files
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise PictureError(f"the picture cannot be read: {reason}") from None
    return Pictures(main=main, thumbnail=small)


def _decoded(data: bytes) -> Image.Image:
    """Upright sRGB pixels without metadata; RGBA only where something shows through."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    known = [name for name in FORMATS if name in _available()]
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=known)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise PictureError(f"not a picture in {', '.join(known)}") from None
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise PictureError(f"{width} by {height} pixels is too small for a picture")
    if width * height > MAX_PIXELS or max(width, height) > 4 * MAX_SIDE:
        raise PictureError(f"{width} by {height} pixels are more than {MAX_PIXELS}")
    if image.format == "JPEG":
        image.draft(
            "RGB", (2 * MAX_WIDTH, 2 * MAX_WIDTH)
        )  # decodes at a half, a quarter or an eighth where that is enough
    image.seek(0)
    image.load()
    upright = ImageOps.exif_transpose(image)
    return _to_srgb(upright, image.info.get("icc_profile"))


def _available() -> set[str]:
    from PIL import Image, features

    Image.preinit()
    Image.init()
    return {name for name in Image.OPEN if name != "AVIF" or features.check("avif")}


def _to_srgb(image: Image.Image, profile: object) -> Image.Image:
    from PIL import Image, ImageCms

    through = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    if isinstance(profile, bytes) and profile and image.mode in ("RGB", "RGBA", "L", "CMYK"):
        try:
            mode = "RGBA" if image.mode == "RGBA" else "RGB"
            changed = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=mode
            )
            image = changed if changed is not None else image
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile: the numbers as they are
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        low, high = image.convert("F").getextrema()
        # Pillow types what these give as float or tuple; of a one-band picture it is a number.
        span = (float(high) - float(low)) or 1.0  # type: ignore[arg-type]
        image = image.convert("F").point(lambda value: (value - float(low)) * (255.0 / span)).convert("L")  # type: ignore[arg-type]
    image = image.convert("RGBA" if through else "RGB")
    if through:
        alpha = image.getchannel("A")
        if alpha.getextrema() == (255, 255):
            image = image.convert("RGB")
    # A new image: `info` (where Pillow keeps EXIF, XMP, comments and profiles) does not come along.
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    return clean


def _encode(image: Image.Image, *, max_width: int, max_bytes: int) -> Encoded:
    from PIL import Image

    width, height = image.size
    scale = min(1.0, max_width / width, MAX_SIDE / max(width, height))
    while True:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        scaled = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        found = _quality_that_fits(scaled, max_bytes)
        if found is not None:
            return Encoded(data=found, width=size[0], height=size[1])
        if max(size) <= MIN_SIDE:
            raise PictureError(f"the picture does not fit into {max_bytes} bytes")
        scale *= _SHRINK


def _quality_that_fits(image: Image.Image, max_bytes: int) -> bytes | None:
    """The best quality whose result fits, found by halving (sizes fall with quality); None when none does."""
    low, high = 0, len(_QUALITIES) - 1
    found: bytes | None = None
    while low <= high:
        middle = (low + high) // 2 if found is not None or low else 0
        out = io.BytesIO()
        image.save(out, "WEBP", quality=_QUALITIES[middle], method=_METHOD, exif=b"", xmp=b"", icc_profile=b"")
        data = out.getvalue()
        if len(data) <= max_bytes:
            found, high = data, middle - 1
        else:
            low = middle + 1
    return found
