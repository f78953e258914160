"""The sample's pictures: small landscapes drawn on demand, the same on every machine, and JPEG as a camera makes them.

`photograph(name, width)` is a JPEG with EXIF data that must never reach a reader: an invented camera, its serial
number, its owner, and a place (in the middle of an ocean). `SECRETS` are the strings to look for.
"""

from __future__ import annotations

import io
import math
import random
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

WIDTH, HEIGHT = 1280, 800
SECRETS = ("Lantern Camera Works", "serial 0451-SAMPLE", "Photographer At Home")
Colour = tuple[int, int, int]

# Sky from top to horizon, far hills, near hills, light: dawn, day, dusk, night, rain.
MOODS: dict[str, tuple[Colour, Colour, Colour, Colour, Colour]] = {
    "dawn": ((62, 88, 130), (246, 196, 158), (122, 132, 158), (38, 52, 76), (255, 226, 176)),
    "day": ((98, 152, 190), (226, 236, 228), (132, 164, 150), (54, 88, 76), (255, 250, 232)),
    "dusk": ((44, 42, 84), (226, 122, 92), (92, 74, 110), (30, 28, 52), (255, 206, 138)),
    "night": ((10, 16, 38), (44, 62, 98), (26, 36, 66), (8, 12, 26), (255, 222, 150)),
    "rain": ((92, 106, 116), (176, 186, 184), (112, 132, 128), (50, 68, 66), (232, 230, 210)),
}
# What stands in front, and the mood.
SCENES = {
    "clock": ("dial", "dawn"),
    "workshop": ("dial", "dusk"),
    "court": ("columns", "day"),
    "seeds": ("terraces", "day"),
    "regatta": ("boats", "night"),
    "lighthouse": ("tower", "dusk"),
    "lamp": ("lens", "night"),
    "tugboat": ("boats", "dusk"),
    "bakery": ("houses", "dawn"),
    "observatory": ("dome", "night"),
    "bookshop": ("houses", "night"),
    "shelves": ("books", "dusk"),
    "rain": ("terraces", "rain"),
    "school": ("columns", "dawn"),
    "umbrella": ("houses", "rain"),
    "birds": ("birds", "dawn"),
    "newspapers": ("books", "dawn"),
}


def mix(one: Colour, other: Colour, part: float) -> Colour:
    a, b, c = (round(x + (y - x) * part) for x, y in zip(one, other, strict=True))
    return a, b, c


class Scene:
    """A canvas of twice the size (edges get smooth when it is reduced) with what to draw on it."""

    def __init__(self, name: str) -> None:
        from PIL import Image, ImageDraw

        motif, mood = SCENES[name]
        self.top, self.horizon, self.far, self.near, self.light = MOODS[mood]
        self.w, self.h = WIDTH * 2, HEIGHT * 2
        self.chance = random.Random(name)  # noqa: S311 - a drawing, not a secret
        column = Image.new("RGB", (1, 256))
        column.putdata([mix(self.top, self.horizon, min(1.0, y / 180)) for y in range(256)])
        self.image = column.resize((self.w, self.h), Image.Resampling.BICUBIC)
        self.draw = ImageDraw.Draw(self.image)
        self.sun()
        for layer in range(3):
            self.hills(0.56 + layer * 0.07, mix(self.far, self.near, layer / 3), seed=layer)
        self.water(mix(self.near, self.horizon, 0.25))
        getattr(self, motif)()
        if mood == "rain":
            self.rain()

    def box(self, x: float, y: float, rx: float, ry: float | None = None) -> tuple[float, float, float, float]:
        ry = rx if ry is None else ry
        return (x - rx) * self.w, y * self.h - ry * self.w, (x + rx) * self.w, y * self.h + ry * self.w

    def sun(self) -> None:
        from PIL import Image

        x, y = self.chance.uniform(0.2, 0.8), self.chance.uniform(0.2, 0.36)
        halo = Image.radial_gradient("L").point([round(110 * max(0.0, 1 - v / 180) ** 2) for v in range(256)])
        left, top, right, bottom = (round(side) for side in self.box(x, y, 0.3))
        mask = halo.resize((right - left, bottom - top))
        self.image.paste(self.light, (left, top), mask)
        self.draw.ellipse(self.box(x, y, 0.042), fill=self.light)

    def hills(self, level: float, colour: Colour, seed: int) -> None:
        waves = [(self.chance.uniform(1, 7), self.chance.uniform(0, 7), self.chance.uniform(0.01, 0.04)) for _ in "abc"]
        ridge = [
            (x, self.h * (level - sum(a * math.sin(f * x / self.w * 3 + p) for f, p, a in waves)))
            for x in range(0, self.w + 16, 16)
        ]
        self.draw.polygon([*ridge, (self.w, self.h), (0, self.h)], fill=colour)

    def water(self, colour: Colour) -> None:
        self.draw.rectangle((0, self.h * 0.78, self.w, self.h), fill=colour)
        for _ in range(90):
            y = self.chance.uniform(0.785, 1) * self.h
            x, length = self.chance.uniform(0, self.w), self.chance.uniform(40, 320)
            self.draw.line((x, y, x + length, y), fill=mix(colour, self.light, self.chance.uniform(0.1, 0.4)), width=4)

    def dial(self) -> None:
        self.draw.ellipse(self.box(0.5, 0.5, 0.235), fill=self.near)
        for step in range(40):
            gold = mix((206, 164, 86), (250, 226, 160), step / 40)
            self.draw.ellipse(self.box(0.5 - step * 0.0006, 0.5 - step * 0.001, 0.22 - step * 0.001), fill=gold)
        for tick in range(48):
            angle = tick * math.tau / 48
            inner = 0.165 if tick % 4 else 0.15
            points = [
                (self.w * (0.5 + r * math.sin(angle)), self.h * 0.5 - self.w * r * math.cos(angle))
                for r in (inner, 0.185)
            ]
            self.draw.line(points, fill=self.near, width=6 if tick % 4 else 16)
        self.draw.line((self.w * 0.5, self.h * 0.5, self.w * 0.58, self.h * 0.29), fill=self.near, width=26)
        self.draw.ellipse(self.box(0.5, 0.5, 0.014), fill=self.near)

    def columns(self) -> None:
        stone, shade = mix(self.light, self.far, 0.15), mix(self.light, self.near, 0.45)
        self.draw.polygon(
            [(self.w * 0.2, self.h * 0.42), (self.w * 0.5, self.h * 0.26), (self.w * 0.8, self.h * 0.42)], fill=stone
        )
        self.draw.rectangle((self.w * 0.21, self.h * 0.42, self.w * 0.79, self.h * 0.8), fill=shade)
        for place in range(8):
            x = self.w * (0.23 + place * 0.0745)
            self.draw.rectangle((x, self.h * 0.44, x + self.w * 0.034, self.h * 0.8), fill=stone)
        for step in range(3):
            y = self.h * (0.8 + step * 0.025)
            self.draw.rectangle((self.w * (0.19 - step * 0.02), y, self.w * (0.81 + step * 0.02), y + 44), fill=stone)

    def terraces(self) -> None:
        for row in range(7):
            y = 0.64 + row * 0.055
            self.hills(y, mix(mix(self.far, (112, 150, 70), 0.6), self.near, row / 8), seed=row)
            for plant in range(36):
                x = self.w * (plant + self.chance.uniform(0, 0.6)) / 36
                top = self.h * (y + 0.05)
                leaf = mix((150, 178, 84), self.near, self.chance.uniform(0, 0.6))
                self.draw.ellipse((x, top, x + 30, top + 22), fill=leaf)

    def boats(self) -> None:
        for place in range(9):
            x = self.w * (0.06 + place * 0.105 + self.chance.uniform(-0.02, 0.02))
            y = self.h * self.chance.uniform(0.8, 0.93)
            size = (y / self.h - 0.72) * 900
            hull = [(x - size, y), (x + size, y), (x + size * 0.7, y + size * 0.4), (x - size * 0.7, y + size * 0.4)]
            self.draw.polygon(hull, fill=mix(self.near, (0, 0, 0), 0.4))
            self.draw.line((x, y, x, y - size * 1.5), fill=mix(self.near, (0, 0, 0), 0.4), width=8)
            for glow in range(6, 0, -1):
                r = size * 0.05 * glow
                colour = mix(self.light, self.far, glow / 8)
                self.draw.ellipse((x - r, y - size * 1.2 - r, x + r, y - size * 1.2 + r), fill=colour)
            self.draw.line((x, y + size * 0.5, x, y + size * 1.3), fill=self.light, width=6)

    def houses(self) -> None:
        x = 0.0
        while x < self.w:
            width, top = self.chance.uniform(150, 330), self.h * self.chance.uniform(0.4, 0.62)
            wall = mix(self.near, self.far, self.chance.uniform(0, 0.5))
            self.draw.rectangle((x, top, x + width, self.h * 0.84), fill=wall)
            self.draw.polygon([(x - 12, top), (x + width / 2, top - 110), (x + width + 12, top)], fill=self.near)
            for row in range(int((self.h * 0.8 - top) // 130)):
                for col in range(int(width // 85)):
                    lit = self.chance.random() < 0.4
                    left, up = x + 26 + col * 85, top + 46 + row * 130
                    pane = self.light if lit else mix(wall, self.near, 0.6)
                    self.draw.rectangle((left, up, left + 42, up + 62), fill=pane)
            x += width + 6

    def dome(self) -> None:
        for _ in range(420):
            x, y, r = self.chance.uniform(0, self.w), self.chance.uniform(0, self.h * 0.5), self.chance.uniform(1, 5)
            self.draw.ellipse((x, y, x + r, y + r), fill=mix(self.light, (255, 255, 255), 0.5))
        wall = mix(self.far, self.light, 0.22)
        self.draw.rectangle(
            (self.w * 0.38, self.h * 0.56, self.w * 0.62, self.h * 0.82), fill=mix(wall, self.near, 0.3)
        )
        self.draw.pieslice(self.box(0.5, 0.57, 0.135), 180, 360, fill=wall)
        self.draw.polygon(
            [
                (self.w * 0.5, self.h * 0.57),
                (self.w * 0.53, self.h * 0.57),
                (self.w * 0.57, self.h * 0.385),
                (self.w * 0.545, self.h * 0.365),
            ],
            fill=self.near,
        )
        self.draw.rectangle((self.w * 0.48, self.h * 0.68, self.w * 0.52, self.h * 0.82), fill=self.light)

    def tower(self) -> None:
        x = self.w * 0.62
        self.draw.polygon(
            [(x, self.h * 0.28), (0, self.h * 0.1), (0, self.h * 0.24)], fill=mix(self.light, self.top, 0.6)
        )
        rock = [
            (self.w * 0.4, self.h),
            (self.w * 0.5, self.h * 0.74),
            (self.w * 0.76, self.h * 0.72),
            (self.w * 0.9, self.h),
        ]
        self.draw.polygon(rock, fill=self.near)
        body = [(x - 90, self.h * 0.74), (x - 56, self.h * 0.32), (x + 56, self.h * 0.32), (x + 90, self.h * 0.74)]
        self.draw.polygon(body, fill=mix(self.light, self.horizon, 0.3))
        self.draw.polygon(
            [(x - 78, self.h * 0.6), (x - 68, self.h * 0.47), (x + 68, self.h * 0.47), (x + 78, self.h * 0.6)],
            fill=(164, 62, 54),
        )
        self.draw.rectangle((x - 46, self.h * 0.25, x + 46, self.h * 0.32), fill=self.light)
        self.draw.polygon([(x - 64, self.h * 0.25), (x, self.h * 0.2), (x + 64, self.h * 0.25)], fill=self.near)

    def lens(self) -> None:
        for ring in range(16, 0, -1):
            glass = mix(self.light, (86, 130, 132), ring / 17)
            self.draw.ellipse(self.box(0.5, 0.5, ring * 0.015, ring * 0.018), fill=glass, outline=self.near, width=5)
        for rib in range(-3, 4):
            x = self.w * (0.5 + rib * 0.066)
            self.draw.line((x, self.h * 0.06, x, self.h * 0.94), fill=mix(self.near, (120, 96, 50), 0.4), width=14)

    def books(self) -> None:
        self.draw.rectangle((0, 0, self.w, self.h), fill=mix(self.near, (70, 48, 34), 0.5))
        for shelf in range(4):
            floor, x = self.h * (0.24 + shelf * 0.245), 30.0
            while x < self.w - 40:
                width, height = self.chance.uniform(26, 84), self.chance.uniform(230, 345)
                hues = ((142, 58, 52), (58, 92, 110), (186, 148, 84), (78, 104, 74), (214, 200, 172), (88, 66, 96))
                spine = mix(self.chance.choice(hues), self.near, self.chance.uniform(0, 0.4))
                self.draw.rectangle((x, floor - height, x + width, floor), fill=spine)
                self.draw.line(
                    (x + 8, floor - height * 0.8, x + width - 8, floor - height * 0.8), fill=self.light, width=5
                )
                x += width + self.chance.choice((3, 3, 3, 40))
            self.draw.rectangle((0, floor, self.w, floor + 34), fill=mix((96, 68, 46), self.near, 0.3))

    def birds(self) -> None:
        for _ in range(110):
            x, y = self.chance.uniform(0.05, 0.95), self.chance.gauss(0.42, 0.13)
            size = self.chance.uniform(10, 44)
            cx, cy = x * self.w, y * self.h
            wings = [(cx - size, cy - size * 0.5), (cx, cy), (cx + size, cy - size * 0.6)]
            self.draw.line(wings, fill=self.near, width=max(4, int(size / 6)), joint="curve")

    def rain(self) -> None:
        for _ in range(420):
            x, y = self.chance.uniform(0, self.w), self.chance.uniform(0, self.h)
            self.draw.line((x, y, x - 14, y + 70), fill=mix(self.horizon, (255, 255, 255), 0.3), width=2)


@lru_cache(maxsize=4)
def landscape(name: str) -> Image.Image:
    """The picture at full size."""
    from PIL import Image

    return Scene(name).image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


@lru_cache(maxsize=64)
def photograph(name: str, width: int = WIDTH) -> bytes:
    """The picture as a camera's JPEG, EXIF and all. `KeyError` for a name that is none of `SCENES`."""
    from PIL import Image

    image = landscape(name)
    if width != WIDTH:
        image = image.resize((width, width * HEIGHT // WIDTH), Image.Resampling.LANCZOS)
    exif: Any = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x013B] = SECRETS
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "S", (48.0, 52.0, 36.0), "W", (123.0, 23.0, 36.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82, exif=exif, comment=SECRETS[2].encode())
    return buffer.getvalue()
