"""Take a multipart/form-data body apart (RFC 7578), strictly: every part named, no name twice, a closing boundary."""

import re
from typing import NamedTuple

from destinations.emulator.errors import PARAMETER, ApiError
from destinations.emulator.wire import Call

_BOUNDARY = re.compile(r'multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\Z', re.IGNORECASE)
_DISPOSITION = re.compile(r'form-data((?:\s*;\s*[a-z]+\*?=(?:"[^"\r\n]*"|[^\s;"]+))*)\s*\Z', re.IGNORECASE)
_PARAMETER = re.compile(r'([a-z]+)=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)


class Part(NamedTuple):
    """One part: its bytes, and the file name when it is a file."""

    content: bytes
    filename: str | None


def multipart_parts(call: Call) -> dict[str, Part]:
    """Give the parts of a body by name; raise 40002 when it is not multipart/form-data."""
    found = _BOUNDARY.match(call.headers.get("content-type", "").strip())
    if found is None:
        raise ApiError(PARAMETER, "Invalid Content-Type: must be multipart/form-data.")
    line = b"--" + (found[1] or found[2]).encode("latin-1")
    pieces = (b"\r\n" + call.body).split(b"\r\n" + line)
    if len(pieces) < 3 or pieces[0] or pieces[-1].rstrip(b"\r\n") != b"--":
        raise ApiError(PARAMETER, "Invalid request body: not a valid multipart/form-data.")
    parts: dict[str, Part] = {}
    for piece in pieces[1:-1]:
        name, part = _part(piece)
        if name in parts:
            raise ApiError(PARAMETER, f"Invalid value for {name}: given twice.")
        parts[name] = part
    return parts


def _part(piece: bytes) -> tuple[str, Part]:
    head, blank, content = piece.partition(b"\r\n\r\n")
    headers = dict(line.partition(":")[::2] for line in head.decode("utf-8", "replace").split("\r\n") if line)
    disposition = next((value for key, value in headers.items() if key.lower() == "content-disposition"), "")
    found = _DISPOSITION.match(disposition.strip())
    values = {key.lower(): quoted or bare for key, quoted, bare in _PARAMETER.findall(found[1] if found else "")}
    if not blank or not values.get("name"):
        raise ApiError(PARAMETER, "Invalid request body: not a valid multipart/form-data.")
    return values["name"], Part(content, values.get("filename"))
