"""Lists an object store in a process of its own: what to list comes as JSON on the standard input, keys go out as JSON,
one a line, at last `true`, or an object with the error's text.

While opendal's blocking operator lists (and only then) it holds the interpreter's lock, network and all: a server that
hangs would stop every thread of the process, those that push elsewhere included. Here it stops nobody, and whoever
waits can end it. Run as a file, so that it loads nothing of ours.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Final

MEMORY: Final = 4 * 2**30  # bytes of addresses; what a page of a thousand keys takes doesn't show in it


def main() -> None:
    import opendal
    from opendal import layers

    # A page without end: opendal reads it whole, so this process may run out of memory, and no other.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    asked = json.load(sys.stdin)
    try:
        operator = opendal.Operator(asked["scheme"], **asked["options"])
        operator = operator.layer(layers.TimeoutLayer(timeout=asked["seconds"], io_timeout=asked["seconds"]))
        for entry in operator.list(asked["top"], recursive=True):
            sys.stdout.write(json.dumps(entry.path) + "\n")
    except Exception as error:
        sys.stdout.write(json.dumps({"error": str(error)[:20_000]}) + "\n")
    else:
        sys.stdout.write("true\n")


if __name__ == "__main__":
    main()
