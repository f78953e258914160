"""Pictures from outlets, made small and anonymous.

    >>> found = process(data)
    >>> found.main.media_type, found.main.width, len(found.main.data) <= 60 * 1024
    ('image/webp', 1200, True)

What goes in is a stranger's file; what comes out is WebP that we wrote ourselves, pixels and nothing else. Camera,
place, author's name, colour profile, comments and thumbnails of the uncropped original (EXIF, GPS, XMP, IPTC, ICC, text
chunks) do not survive: they can give a source away. Orientation is applied before it is dropped, and colours are
brought to sRGB before the profile is. The same bytes give the same result.

How strongly a picture is compressed is decided by how it looks, not by its bytes alone: as strongly as keeps the
structural similarity (SSIM) of its brightness at `GOOD`, and at `GOOD_CORNER` in the worst twentieth of it, where text
and faces are. Where that needs more bytes than allowed, the quality sinks as far as it must; only when the likeness
falls below `POOR` is a smaller one tried, and taken when it looks better in the original's place. Graphics with few
colours are kept without loss where that costs nothing. Bytes and likeness follow from quality closely enough to find
the right one with two or three attempts.

Formats are an allow-list, by content and never by name: JPEG, PNG, WebP, GIF, AVIF. SVG is a program, and is refused.
The size in pixels is read from the header and checked before anything is decoded, so a bomb costs nothing. Of an
animation the first frame is kept that is not of one colour. Pictures under 32 pixels on a side are counters and
spacers.
"""

from __future__ import annotations

import io
import math
import threading
import warnings
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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

GOOD = 0.96  # SSIM; of WebP at quality 60 to 75 on photographs
GOOD_CORNER = 0.86
POOR = 0.88  # below this, fewer pixels look better than the same number of worse ones
FIRST, LOWEST, HIGHEST = 62, 6, 86  # qualities; above, WebP's files grow fast and gain little
ATTEMPTS = 4
MAX_COLOURS = 4096  # of a picture that may be a graphic
MAX_FRAMES = 8  # looked at for one that shows something
_BLOCK = 8  # pixels; SSIM is of blocks side by side, with the constants of Wang et al. 2004 for 8 bits
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_SHRINK = 0.8
_ALONE = threading.Lock()  # `catch_warnings` changes the whole process
_METHOD = 2  # WebP effort; 4 takes twice as long for 7 % fewer bytes


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
            image = _decoded(data, max_width)
            image = _scaled(image, max_width)
            main = _encode(image, max_bytes=max_bytes)
            small = _encode(_scaled(image, THUMBNAIL_WIDTH), max_bytes=THUMBNAIL_BYTES, poor=0.0) if thumbnail else None
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


def _decoded(data: bytes, max_width: int = MAX_WIDTH) -> Image.Image:
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
        # Decodes at a half, a quarter or an eighth where that is enough, either side being the upright picture's width.
        image.draft("RGB", (min(max_width, width), min(max_width, height)))
    _seek_something(image)
    upright = ImageOps.exif_transpose(image)
    return _to_srgb(upright, image.info.get("icc_profile"))


def _seek_something(image: Image.Image) -> None:
    """Loads the first frame that is not of one colour; of the first few when they all are, the first."""
    frames = min(getattr(image, "n_frames", 1), MAX_FRAMES)
    for frame in range(frames):
        image.seek(frame)
        image.load()
        if frames == 1 or any(low != high for low, high in _extremes(image)):
            return
    image.seek(0)
    image.load()


def _extremes(image: Image.Image) -> list[tuple[float, float]]:
    found = image.convert("RGB").getextrema()
    return [(float(low), float(high)) for low, high in found]  # type: ignore[misc]


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


def _scaled(image: Image.Image, max_width: int, scale: float = 1.0) -> Image.Image:
    from PIL import Image

    width, height = image.size
    scale *= min(1.0, max_width / width, MAX_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _encode(image: Image.Image, *, max_bytes: int, poor: float = POOR) -> Encoded:
    """As it is where that looks better than `poor`; otherwise in whichever size looks best in the original's place."""
    likeness = Likeness(image)
    best: tuple[float, Encoded] | None = None
    scale = 1.0
    while True:
        scaled = image if scale == 1.0 else _scaled(image, image.width, scale)
        found = _compressed(scaled, likeness if scale == 1.0 else Likeness(scaled), max_bytes)
        if found is not None:
            shown = found.likeness if scale == 1.0 else likeness.of(found.data)[0]
            if best is not None and shown <= best[0]:
                break
            best = shown, Encoded(data=found.data, width=scaled.width, height=scaled.height)
            if found.likeness >= poor:
                break
        if max(scaled.size) <= MIN_SIDE:
            break
        scale *= _SHRINK
    if best is None:
        raise PictureError(f"the picture does not fit into {max_bytes} bytes")
    return best[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    data: bytes
    quality: int
    likeness: float
    corner: float

    @property
    def good(self) -> bool:
        return self.likeness >= GOOD and self.corner >= GOOD_CORNER


def _compressed(image: Image.Image, likeness: Likeness, max_bytes: int) -> _Attempt | None:
    """The smallest that looks good; the best-looking that fits when none of those does; None when none fits at all."""
    best = _attempts(image, likeness, max_bytes)
    if image.getcolors(MAX_COLOURS) is not None:
        exact = _webp(image, quality=60, lossless=True)
        if len(exact) <= max_bytes and (best is None or not best.good or len(exact) <= 1.1 * len(best.data)):
            return _Attempt(data=exact, quality=100, likeness=1.0, corner=1.0)
    return best


def _attempts(image: Image.Image, likeness: Likeness, max_bytes: int) -> _Attempt | None:
    """The next quality to try follows from the last attempt: of a picture's files, the logarithm of the size rises by
    0.008 to 0.023 with each step of quality, and that of what is missing to a likeness of 1 falls by about 0.018."""
    low, high, quality = LOWEST, HIGHEST, FIRST
    best: _Attempt | None = None
    for number in range(ATTEMPTS):
        data = _webp(image, quality=quality)
        if len(data) > max_bytes:
            high = quality - 1
            wanted = quality - 1 - math.log(len(data) / max_bytes) / 0.014
        else:
            mean, corner = likeness.of(data)
            tried = _Attempt(data=data, quality=quality, likeness=mean, corner=corner)
            if best is None or (tried.good if best.good else tried.quality > best.quality):
                best = tried
            steps = min(_distance(GOOD, mean), _distance(GOOD_CORNER, corner))
            wanted = quality - steps
            if tried.good:
                high = quality - 1
            else:
                low = quality + 1
                wanted = min(wanted + 2, quality + math.log(max_bytes / len(data)) / 0.020)
            if abs(wanted - quality) < (7 if tried.good else 3):
                break
        if low > high:
            break
        # The last one must fit, whatever it looks like, or the picture shrinks.
        last = best is None and number == ATTEMPTS - 2
        quality = LOWEST if last else min(max(round(wanted), low), high)
    return best


def _distance(wanted: float, found: float) -> float:
    """Steps of quality from a likeness that was found down to the one that is wanted; negative: up."""
    return math.log((1 - wanted) / max(1 - found, 1e-4)) / 0.018


def _webp(image: Image.Image, *, quality: int, lossless: bool = False) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, lossless=lossless, method=_METHOD, exif=b"", xmp=b"", icc_profile=b"")
    return out.getvalue()


class Likeness:
    """How much a compressed picture looks like the original: SSIM of the brightness, in blocks of 8 by 8 pixels."""

    def __init__(self, original: Image.Image) -> None:
        self._first = original.convert("L").convert("F")
        self._mean = self._first.reduce(_BLOCK)
        self._square = _product(self._first, self._first).reduce(_BLOCK)

    def of(self, data: bytes) -> tuple[float, float]:
        """The mean over all blocks, and the value that a twentieth of them stay below. A picture of another size is
        brought to the original's, as a reader's screen does."""
        from PIL import Image, ImageMath

        with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
            grey = image.convert("L")
        if grey.size != self._first.size:
            grey = grey.resize(self._first.size, Image.Resampling.BICUBIC)
        second = grey.convert("F")
        mean = second.reduce(_BLOCK)

        def formula(of: dict[str, Any]) -> Any:
            both = of["first"] * of["second"]
            squares = of["first"] * of["first"] + of["second"] * of["second"]
            spread = of["square"] + of["other"] - squares
            return ((both * 2 + _C1) * ((of["mixed"] - both) * 2 + _C2)) / ((squares + _C1) * (spread + _C2))

        blocks = ImageMath.lambda_eval(
            formula,
            first=self._mean,
            second=mean,
            square=self._square,
            other=_product(second, second).reduce(_BLOCK),
            mixed=_product(self._first, second).reduce(_BLOCK),
        )
        values = sorted(array("f", blocks.tobytes()))
        return sum(values) / len(values), values[len(values) // 20]


def _product(first: Image.Image, second: Image.Image) -> Image.Image:
    from PIL import ImageMath

    made: Image.Image = ImageMath.lambda_eval(lambda of: of["a"] * of["b"], a=first, b=second)
    return made
