"""Check and keep uploaded files of ids until they expire (TikTok doc 1747012327159809, file formats).

*Assumed*: UTF-8 without a byte order mark, lines end with a line feed, no quotes; a header line is optional where all
values have one type; content that does not fit the calculate_type is 40909, otherwise broken content 40915. A file is
kept as it came: some 65 bytes a line until it expires.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from destinations.emulator.checks import FieldError
from destinations.emulator.digests import digest_check
from destinations.emulator.errors import (
    FILE_CALCULATE_TYPE,
    FILE_EXPIRED,
    FILE_INVALID,
    FILE_NOT_EXIST,
    NOT_HASHED,
    ApiError,
)
from destinations.emulator.members import Row

SINGLE_TYPES = (
    "EMAIL_SHA256",
    "PHONE_SHA256",
    "IDFA_SHA256",
    "IDFA_MD5",
    "GAID_SHA256",
    "GAID_MD5",
    "FIRST_SHA256",
    "FIRST_MD5",
)
ALIASES = ("MAID_SHA256", "MAID_MD5")
"""Types of an upload only: such a file fits any audience of device ids with the same hash."""
MULTIPLE_TYPES = "MULTIPLE_TYPES"
UPLOAD_TYPES = (*SINGLE_TYPES, *ALIASES, MULTIPLE_TYPES)
CREATE_TYPES = (*SINGLE_TYPES, MULTIPLE_TYPES)
HEADERS = ("EMAIL_SHA256", "PHONE_SHA256", "MAID", "MAID_SHA256", "MAID_MD5")
PATH_LENGTH = 16


@dataclass
class Upload:
    """A checked file of one ad account; `content` is dropped when it expires."""

    file_path: str
    advertiser_id: str
    calculate_type: str
    expires: float
    lines: int
    content: bytes

    def fits(self, calculate_type: str) -> bool:
        """Tell whether an audience of a type can be made of this file."""
        if self.calculate_type in ALIASES:
            kind, _, method = calculate_type.partition("_")
            return kind in {"IDFA", "GAID", "FIRST"} and self.calculate_type == f"MAID_{method}"
        return self.calculate_type == calculate_type

    def rows(self, calculate_type: str) -> Iterator[Row]:
        """Give the ids line by line, under the types of the header or the audience's only one."""
        return file_rows(self.content, self.calculate_type, calculate_type)


class Uploads:
    """Uploaded files by path. Not thread-safe: the caller holds the state's lock."""

    def __init__(self) -> None:
        """Start without files."""
        self._all: dict[str, Upload] = {}

    def keep(self, advertiser_id: str, calculate_type: str, content: bytes, lines: int, expires: float) -> Upload:
        """Keep a checked file under a new path of 16 characters."""
        made = Upload(secrets.token_hex(PATH_LENGTH // 2), advertiser_id, calculate_type, expires, lines, content)
        self._all[made.file_path] = made
        return made

    def drop_expired(self, now: float) -> None:
        """Free the memory of expired files, whose paths are remembered."""
        for upload in self._all.values():
            if upload.expires <= now:
                upload.content = b""

    def find(self, file_path: str, advertiser_id: str, now: float) -> Upload:
        """Look up a file; 40905 when the ad account has not uploaded it, 40910 when it is too old."""
        found = self._all.get(file_path)
        if found is None or found.advertiser_id != advertiser_id:
            raise ApiError(FILE_NOT_EXIST, f"The file {file_path} does not exist.")
        if found.expires <= now:
            raise ApiError(FILE_EXPIRED, f"The file {file_path} has expired. Please upload it again.")
        return found


def file_check(content: bytes, calculate_type: str) -> int:
    """Check every line of a file; give the number of lines with ids."""
    if content.startswith(b"\xef\xbb\xbf"):
        raise ApiError(FILE_INVALID, "The file must be UTF-8 without a byte order mark.")
    lines = sum(1 for _ in file_rows(content, calculate_type, calculate_type))
    if not lines:
        raise ApiError(FILE_INVALID, "The file has a header line only.")
    return lines


def file_rows(content: bytes, file_type: str, calculate_type: str) -> Iterator[Row]:
    """Read a file line by line; raise ApiError for the first line that does not fit `file_type`."""
    try:
        lines = content.decode("ascii").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ApiError(FILE_INVALID, "The file holds characters that are no part of a hash.") from error
    if file_type == MULTIPLE_TYPES:
        return _columns(lines)
    header = int(_has_header(lines[0], file_type))
    return _values(lines[header:], calculate_type, header)


def _has_header(line: str, file_type: str) -> bool:
    """Tell whether the first line of a file of one type is a header: the type, or its kind alone."""
    return line.upper() in {file_type, file_type.partition("_")[0]}


def _values(lines: list[str], kind: str, header: int) -> Iterator[Row]:
    read = digest_check(kind)
    for number, line in enumerate(lines, 1 + header):
        try:
            yield [(kind, read(line))]
        except FieldError as error:
            raise _bad_line(number, kind, line, error) from None


def _columns(lines: list[str]) -> Iterator[Row]:
    names = lines[0].upper().split(",")
    if set(names) - set(HEADERS) or len(set(names)) != len(names):
        raise ApiError(
            FILE_CALCULATE_TYPE,
            "The first line of a MULTIPLE_TYPES file must name different columns of email_SHA256, phone_SHA256, MAID,"
            " MAID_SHA256, MAID_MD5.",
        )
    columns = [(name, digest_check(name)) for name in names]
    for number, line in enumerate(lines[1:], 2):
        cells = line.split(",")
        if len(cells) != len(columns):
            raise ApiError(FILE_INVALID, f"Line {number} has {len(cells)} fields, the header has {len(columns)}.")
        row: Row = []
        for (kind, read), cell in zip(columns, cells, strict=True):
            if cell:
                try:
                    row.append((kind, read(cell)))
                except FieldError as error:
                    raise _bad_line(number, kind, cell, error) from None
        if not row:
            raise ApiError(FILE_INVALID, f"Line {number} is empty.")
        yield row


def _bad_line(number: int, kind: str, value: str, error: FieldError) -> ApiError:
    if not value:
        return ApiError(FILE_INVALID, f"Line {number} is empty.")
    code = FILE_CALCULATE_TYPE if error.code == NOT_HASHED else FILE_INVALID
    return ApiError(code, f"Line {number}, {kind}: {error.problem}")
