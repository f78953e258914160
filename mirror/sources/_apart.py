"""Documents of strangers, read where they can do no harm.

A feed or a sitemap is read in this process when it is small, which nearly all are: a child costs more than reading it.
What is larger goes to the sandbox, with the limits of a page: a document that loops or swells is one problem of one
outlet, and the others go on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from mirror.sources import NotUnderstood, Parsed

if TYPE_CHECKING:
    from mirror.net import Response

LARGE = 200_000  # bytes; of this size the slowest document known takes a tenth of a second


class Reader(Protocol):
    """The part of a source that reads one document."""

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed: ...


async def parsed(source: Reader, answer: Response) -> Parsed:
    """What the document says. Raises `NotUnderstood`, also when reading it took too much."""
    if len(answer.body) <= LARGE:
        # In a thread: other outlets are waiting.
        return await asyncio.to_thread(source.parse, answer.body, content_type=answer.content_type, url=answer.url)
    from mirror.sandbox import SandboxError, shared

    try:
        async with shared() as sandbox:
            made = await sandbox.call(reading, source, answer.body, answer.content_type, answer.url)
    except SandboxError as error:
        raise NotUnderstood(str(error)) from None
    if isinstance(made, str):
        raise NotUnderstood(made)
    return made


def reading(source: Reader, body: bytes, content_type: str, url: str) -> Parsed | str:
    """In the child; what it is instead comes as a value, since children's errors are told apart by their kind."""
    try:
        return source.parse(body, content_type=content_type, url=url)
    except NotUnderstood as error:
        return str(error)
