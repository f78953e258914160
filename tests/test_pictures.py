"""Pictures: what is refused, what is stripped, what fits."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, PngImagePlugin, features

from mirror.pictures import GOOD, GOOD_CORNER, MAX_BYTES, THUMBNAIL_BYTES, Likeness, PictureError, process


def picture(width: int = 800, height: int = 600, *, mode: str = "RGB", noise: int = 40) -> Image.Image:
    """A landscape of gradients with some noise: compresses like a photograph."""
    chance = random.Random(7)
    image = Image.new("RGB", (width, height))
    image.paste(Image.linear_gradient("L").resize((width, height)).convert("RGB"))
    spots = Image.new("L", (max(1, width // 4), max(1, height // 4)))
    spots.putdata([chance.randrange(noise) for _ in range(spots.width * spots.height)])
    red, green, blue = image.split()
    mixed = Image.merge("RGB", (red, spots.resize((width, height)), blue if noise < 100 else green))
    return mixed.convert(mode)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def webp_chunks(data: bytes) -> list[bytes]:
    found, place = [], 12
    while place + 8 <= len(data):
        found.append(data[place : place + 4])
        (size,) = struct.unpack("<I", data[place + 4 : place + 8])
        place += 8 + size + size % 2
    return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_every_allowed_format_becomes_webp_within_the_limits(kind: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    found = process(saved(picture(1600, 900), kind))
    assert found.main.media_type == "image/webp"
    assert (found.main.width, found.main.height) == (1200, 675)
    assert len(found.main.data) <= MAX_BYTES
    assert opened(found.main.data).size == (1200, 675)
    assert found.thumbnail is not None
    assert found.thumbnail.width == 320
    assert len(found.thumbnail.data) <= THUMBNAIL_BYTES


def test_a_small_picture_is_not_blown_up() -> None:
    found = process(saved(picture(300, 200), "JPEG"))
    assert (found.main.width, found.main.height) == (300, 200)


def test_noise_gets_smaller_until_it_fits() -> None:
    chance = random.Random(1)
    image = Image.frombytes("RGB", (900, 900), chance.randbytes(900 * 900 * 3))
    found = process(saved(image, "PNG"), max_bytes=20_000)
    assert len(found.main.data) <= 20_000
    assert found.main.width < 900
    assert found.thumbnail is not None
    assert len(found.thumbnail.data) <= THUMBNAIL_BYTES


def test_camera_place_author_profile_and_comments_are_gone() -> None:
    image = picture(400, 300)
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif[0x013B] = "SecretAuthor"
    exif.get_ifd(0x8825).update({1: "N", 2: (55.0, 45.0, 0.0)})
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretXmp</x:xmpmeta>"
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "SecretAuthor")
    text.add_itxt("XML:com.adobe.xmp", "SecretXmp")
    for data in (
        saved(image, "JPEG", exif=exif, icc_profile=profile, xmp=xmp, comment=b"SecretComment"),
        saved(image, "PNG", exif=exif, icc_profile=profile, pnginfo=text),
        saved(image, "WEBP", exif=exif, icc_profile=profile, xmp=xmp),
        saved(image, "GIF", comment=b"SecretComment", xmp=xmp),
    ):
        assert b"Secret" in data
        found = process(data)
        assert found.thumbnail is not None
        for out in (found.main.data, found.thumbnail.data):
            assert b"Secret" not in out
            assert not {b"EXIF", b"XMP ", b"ICCP"} & set(webp_chunks(out))
            again = opened(out)
            assert not again.getexif()
            assert not {"exif", "xmp", "icc_profile", "comment"} & set(again.info)


def test_a_photograph_taken_sideways_is_turned_before_its_orientation_is_dropped() -> None:
    image = Image.new("RGB", (400, 200), "white")
    image.paste("red", (0, 0, 100, 200))  # the left quarter
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: left becomes top
    found = process(saved(image, "JPEG", exif=exif, quality=95))
    assert (found.main.width, found.main.height) == (200, 400)
    again = opened(found.main.data).convert("RGB")
    red, green, _ = again.getpixel((100, 30))
    assert red > 200
    assert green < 100
    assert min(again.getpixel((100, 300))) > 200


def test_of_an_animation_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    found = process(saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100))
    again = opened(found.main.data)
    assert getattr(again, "n_frames", 1) == 1
    assert again.convert("RGB").getpixel((32, 32))[0] > 200


def test_an_animation_that_begins_with_nothing_shows_its_first_picture() -> None:
    blank = Image.new("RGB", (64, 64), "white")
    shown = picture(64, 64)
    for kind in ("GIF", "WEBP", "PNG"):
        data = saved(blank, kind, save_all=True, append_images=[blank.copy(), shown, blank], duration=[90, 80, 70, 60])
        low, high = opened(process(data).main.data).convert("L").getextrema()
        assert high - low > 100, kind
    nothing = saved(blank, "GIF", save_all=True, append_images=[Image.new("RGB", (64, 64), "black")], duration=100)
    assert opened(process(nothing).main.data).convert("L").getpixel((9, 9)) == 255


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def test_what_cameras_and_editors_hide_around_the_pixels_is_gone() -> None:
    plain = saved(picture(400, 300), "JPEG")
    hidden = (
        segment(0xE2, b"MPF\0SecretSecondPicture"),
        segment(0xEB, b"JP\0\1\0\0\0\1SecretC2PA"),
        segment(0xED, b"Photoshop 3.0\0SecretIPTC"),
        segment(0xE2, b"ICC_PROFILE\0\1\1SecretProfile"),
        segment(0xFE, b"SecretComment"),
    )
    data = plain[:2] + b"".join(hidden) + plain[2:] + b"SecretTrailer" + plain
    assert data.count(b"Secret") == 6
    found = process(data)
    assert found.thumbnail is not None
    assert b"Secret" not in found.main.data + found.thumbnail.data
    assert process(plain).main.data == found.main.data
    for out in (found.main.data, found.thumbnail.data):
        assert set(webp_chunks(out)) <= {b"VP8 ", b"VP8L", b"VP8X", b"ALPH"}
        assert struct.unpack("<I", out[4:8])[0] + 8 == len(out)


def likeness(first: Image.Image, second: Image.Image) -> tuple[float, float]:
    """SSIM from its definition (Wang et al. 2004), in plain sums over blocks of 8 by 8."""
    one, two = (list(image.convert("L").tobytes()) for image in (first, second))
    width, height = first.size
    found = []
    for top in range(0, height, 8):
        for left in range(0, width, 8):
            spots = [y * width + x for y in range(top, min(top + 8, height)) for x in range(left, min(left + 8, width))]
            a, b = [one[spot] for spot in spots], [two[spot] for spot in spots]
            mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
            spread_a = sum((value - mean_a) ** 2 for value in a) / len(a)
            spread_b = sum((value - mean_b) ** 2 for value in b) / len(b)
            shared = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True)) / len(a)
            c1, c2 = 6.5025, 58.5225
            above = (2 * mean_a * mean_b + c1) * (2 * shared + c2)
            found.append(above / ((mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2)))
    found.sort()
    return sum(found) / len(found), found[len(found) // 20]


@pytest.mark.parametrize("quality", [5, 40, 90])
@pytest.mark.parametrize("size", [(160, 120), (101, 67)])
def test_likeness_is_what_its_definition_says(quality: int, size: tuple[int, int]) -> None:
    image = picture(*size)
    data = saved(image, "WEBP", quality=quality)
    assert Likeness(image).of(data) == pytest.approx(likeness(image, opened(data).convert("RGB")), abs=0.002)


def screenshot(width: int = 1200, height: int = 1600) -> Image.Image:
    """Small text in columns, with a picture in it."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    chance = random.Random(3)
    words = ["council", "bridge", "Tuesday", "money", "river", "of", "the", "and", "1,250"]
    for y in range(10, height, 40):
        for x in range(10, width, 400):
            draw.text((x, y), " ".join(chance.choice(words) for _ in range(9)), fill="black")
    image.paste(picture(320, 240, noise=12), (300, 300))
    return image


def test_small_text_stays_readable_within_the_bytes() -> None:
    original = screenshot()
    found = process(saved(original, "PNG"), thumbnail=False)
    assert len(found.main.data) <= MAX_BYTES
    mean, corner = Likeness(original).of(found.main.data)
    half = saved(original.resize((600, 800), Image.Resampling.LANCZOS), "WEBP", lossless=True)
    assert mean > 0.9
    assert corner > Likeness(original).of(half)[1] + 0.2


def test_a_photograph_is_compressed_to_a_likeness_and_not_to_a_size() -> None:
    original = picture(800, 600, noise=12)
    found = process(saved(original, "PNG"), thumbnail=False)
    mean, corner = Likeness(original).of(found.main.data)
    assert GOOD <= mean < 0.995
    assert corner >= GOOD_CORNER
    assert len(found.main.data) < MAX_BYTES / 2


def test_a_chart_of_few_colours_is_kept_exactly() -> None:
    chart = Image.new("RGB", (900, 500), "white")
    draw = ImageDraw.Draw(chart)
    for number in range(12):
        draw.rectangle((40 + number * 70, 480 - number * 35, 90 + number * 70, 480), fill=(200, 30 + number * 15, 40))
        draw.text((40 + number * 70, 20), f"{2015 + number}", fill="black")
    found = process(saved(chart, "PNG"), thumbnail=False)
    assert opened(found.main.data).convert("RGB").tobytes() == chart.tobytes()
    assert webp_chunks(found.main.data) == [b"VP8L"]


def test_what_shines_through_still_does_and_what_does_not_loses_the_channel() -> None:
    clear = picture(200, 200).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize((200, 200)))
    assert opened(process(saved(clear, "PNG")).main.data).mode == "RGBA"
    solid = picture(200, 200).convert("RGBA")
    assert opened(process(saved(solid, "PNG")).main.data).mode == "RGB"


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16", "CMYK"])
def test_every_kind_of_pixel_can_be_read(mode: str) -> None:
    image = picture(100, 80)
    image = image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)
    found = process(saved(image, "JPEG" if mode == "CMYK" else "PNG"))
    assert (found.main.width, found.main.height) == (100, 80)


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    body = zlib.compress(bytes(1000), 9)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(PictureError, match="pixels"):
        process(png_header(9_000, 9_000))
    with pytest.raises(PictureError):
        process(png_header(100_000, 100_000))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"<html>not a picture</html>",
        b"%PDF-1.7",
        b"\xff\xd8\xff",
        b"%!PS-Adobe-3.0 EPSF-3.0",
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        process(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "TGA"])
def test_formats_outside_the_list_are_refused(kind: str) -> None:
    with pytest.raises(PictureError, match="not a picture in"):
        process(saved(picture(100, 100), kind))


@pytest.mark.parametrize("size", [(1, 1), (31, 400), (400, 2)])
def test_counters_and_spacers_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match="too small"):
        process(saved(Image.new("RGB", size), "PNG"))


def test_a_picture_cut_short_is_refused() -> None:
    data = saved(picture(400, 300), "JPEG")
    with pytest.raises(PictureError):
        process(data[: len(data) // 2])


def test_the_same_bytes_give_the_same_result() -> None:
    data = saved(picture(700, 500), "JPEG")
    assert process(data) == process(data)


def test_no_thumbnail_is_made_when_none_is_wanted() -> None:
    assert process(saved(picture(100, 100), "PNG"), thumbnail=False).thumbnail is None


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=12),
    cut=st.integers(0, 400),
)
def test_damaged_files_raise_only_our_error_and_never_warn(kind: str, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(saved(picture(60, 40), kind))
    for place, value in changes:
        data[place % len(data)] = value
    if cut < len(data):
        data = data[: len(data) - cut]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            size = len(process(bytes(data)).main.data)
        except PictureError:
            size = 0
    assert size <= MAX_BYTES
