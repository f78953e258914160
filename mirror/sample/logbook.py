"""The long article's middle: a lighthouse log of a year, a paragraph a week, the same on every machine.

It exists to be long. The numbers keep it from compressing away, so that its bundle passes the size of one piece and has
to be split into parts.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

from mirror.model import Block, Heading, Paragraph

FIRST, LAST = date(2025, 10, 1), date(2026, 9, 30)
FROZEN = {date(2026, 2, 9), date(2026, 2, 10), date(2026, 2, 11)}
_MONTHS = "January February March April May June July August September October November December"
MONTHS = _MONTHS.split(" ")
WINDS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")
REMARKS = (
    "Goat on the roof of the oil store",
    "Goat down from the roof, by her own decision",
    "Trimmed the spare wick, which nobody has asked for since 1961",
    "Polished the seaward panes; gulls had opinions",
    "Mail boat late, with an apology and a cheese",
    "Fog bell from two in the afternoon until I lost count",
    "A whale, or a very confident rock",
    "Painted eleven steps of the stair",
    "Ran out of paint at the twelfth step",
    "Someone waved from the ferry. Waved back with the flag for W, to be correct",
    "Rain indoors, third window. Bucket",
    "Bucket emptied twice",
    "Heard geese going over in the dark",
    "Lens clock four seconds slow; forgave it two and mended two",
    "Bread failed",
    "Bread succeeded",
    "A trawler asked on the radio for the football. Told them",
    "Letter from my sister, who asks whether I am eating",
    "Found a bottle on the landing. No message, very good bottle",
    "Washed the flags and hung them out, which was read by a passing yacht as a request for tugs",
    "Swept the gallery",
    "Ice on the landing; went about on all fours like the goat",
    "Northern lights from ten to half past, green, unhurried",
    "The inspector came, inspected the goat, and left",
    "Read the same page three times because of the wind",
    "Seal on the slipway all day, would not be spoken to",
    "A bride and groom photographed from the west wall. She held on to him and he to the rail",
    "Counted the stairs again: still one hundred and nineteen",
    "Grease for the turntable came at last",
    "Two boys rowed out to ask if I was a ghost. Gave them tea",
    "Swallows in the boathouse",
    "Swallows gone",
    "Mended the gate",
    "Goat mended the hole in her education about gates",
    "Moon so bright the lamp looked embarrassed",
    "Thunder to the south, none of it ours",
    "Potatoes in",
    "Potatoes out; more stones than potatoes",
    "A small bird came to the glass and rested till morning",
    "Nothing at all, beautifully",
    "Sea over the wall at high water",
    "Barometer fell so fast I tapped it to see if it was unwell",
    "Shipping forecast read by somebody new, rather fast",
    "Wrote to the office about the damp, again",
    "The office replied about a different lighthouse",
    "Sharpened everything",
    "School visit, fourteen children, one tooth lost and later found",
    "Lamp lit four minutes early on account of gloom",
    "Dolphins, at least six, going somewhere",
    "A kite caught on the vane; no child attached",
)


_SYLLABLES = (
    "al an ar ba bel bor ca cor da del dor el en fa fen ga gar hal hel in is jo ka kel la len lo lun ma mar mi mo na "
    "nor ol or os pel qui ra ren ri ro sa sel si sol ta tan tel to tor un ur va vel vi vor wen ya yen za zel"
)
SYLLABLES = _SYLLABLES.split(" ")


def vessel(chance: random.Random) -> str:
    """A ship's name that nobody has to know."""
    return "".join(chance.choice(SYLLABLES) for _ in range(chance.choice((2, 3, 3)))).capitalize()


def logbook() -> list[Block]:
    """The year as headings (months) and paragraphs (about a week each)."""
    chance = random.Random("Skerry Head")  # noqa: S311 - a story, not a secret
    blocks: list[Block] = []
    pressure, water = 1012.0, 11.5
    week: list[str] = []
    day = FIRST
    while day <= LAST:
        if day.day == 1:
            blocks.append(Heading(level=2, content=(f"{MONTHS[day.month - 1]} {day.year}",)))
        pressure = min(1041.0, max(968.0, pressure + chance.gauss(0, 5)))
        water = min(17.5, max(1.5, water + chance.gauss(0, 0.3) + (0.05 if 3 <= day.month <= 8 else -0.05)))
        entry = (
            f"{day.day} {MONTHS[day.month - 1]}: {chance.choice(WINDS)} {chance.randint(0, 9)}, {pressure:.1f} mb, "
            f"water {water:.1f}°, seen {chance.randint(1, 29)} km. "
            f"Passed: {', '.join(vessel(chance) for _ in range(chance.randint(3, 6)))}."
        )
        if day not in FROZEN:
            week.append(entry if day == LAST else f"{entry} {chance.choice(REMARKS)}.")
        day += timedelta(days=1)
        if week and (len(week) == 7 or day.day == 1):
            blocks.append(Paragraph(content=(" ".join(week),)))
            week = []
    return blocks
