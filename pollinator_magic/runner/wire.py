"""How a rich output travels inside the text of a log.

A terminal, and every viewer that knows control sequences, shows one short readable line; who knows this module gets a
picture in its place. An output is a JSON object, compressed and cut into operating system commands (ECMA-48, OSC),
which terminals swallow, around the readable text:

    OSC 5470;P;<id>;<number>;<base64> BEL      the parts of the payload, numbered from 0
    OSC 5470;B;<id>;<parts>;<crc32> BEL        the readable text begins
    OSC 5470;E;<id> BEL                        the readable text has ended

Every command is shorter than what a pipe writes at once, so that the lines of other ranks may come between two commands
but never into one. A payload that does not arrive whole leaves its readable text.
"""

from __future__ import annotations

import base64
import json
import zlib

OSC = "\x1b]5470;"
BEL = "\x07"
PART = 3000
"""Characters of base64 in one command: with everything around it, it stays below the 4096 bytes of PIPE_BUF."""

DISPLAY = "display"
"""`{"data": {type: content}, "metadata": {…}, "display_id": "" or a name, "update": bool}`."""
STORED = "stored"
"""`{"file": path below the result directory, "types": […], "size": bytes, "display_id": …, "update": …}`: one whose
content, a JSON object as of DISPLAY, was too large for the log."""
RAISED = "raised"
"""`{"name": class, "value": message, "traceback": text, "line": line of the cell or null}`; ends the program."""


def encode(kind: str, payload: dict[str, object], text: str, ident: str) -> str:
    """Return an output as log text; `text` is what others read, `ident` eight hexadecimal digits of its own."""
    packed = zlib.compress(json.dumps([kind, payload]).encode("ascii"), 6)
    content = base64.b64encode(packed).decode("ascii")
    parts = [content[start : start + PART] for start in range(0, len(content), PART)]
    pieces = [f"{OSC}P;{ident};{number};{part}{BEL}" for number, part in enumerate(parts)]
    pieces.append(f"{OSC}B;{ident};{len(parts)};{zlib.crc32(packed):08x}{BEL}")
    return "".join(pieces) + text + f"{OSC}E;{ident}{BEL}\n"
