"""Find out what an uploaded file is, by its bytes and never by its name, and bring text to UTF-8.

Everything streams: an upload may be larger than memory, and a small gzip may hold a very large file.
"""

import codecs
import gzip
import itertools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrations.sources.base import DatasetError

CHUNK = 1 << 20
SAMPLE = 1 << 18
MARKUP = re.compile(rb"<[!?/a-zA-Z]")
TABLES = "Upload CSV, TSV, Parquet or JSON lines; each may be compressed with gzip."

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
STRANGERS = (
    (
        b"PK\x03\x04",
        "a ZIP archive or an Excel workbook",
        "Save the sheet as CSV, or unpack the archive, and upload that.",
    ),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV and upload that."),
    (b"PARE", "an encrypted Parquet file", "Write it without encryption."),
    (b"BZh", "compressed with bzip2", "Compress with gzip, or upload it unpacked."),
    (b"\xfd7zXZ", "compressed with xz", "Compress with gzip, or upload it unpacked."),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard", "Compress with gzip, or upload it unpacked."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it and upload the file inside."),
    (b"SQLite format 3", "an SQLite database", TABLES),
    (b"Obj\x01", "an Avro file", TABLES),
    (b"ORC", "an ORC file", TABLES),
    (b"ARROW1", "an Arrow file", "Write it as Parquet."),
    (b"\x7fELF", "a program", TABLES),
    (b"MZ\x90", "a program", TABLES),
    (b"\xcf\xfa\xed\xfe", "a program", TABLES),
    (b"\xca\xfe\xba\xbe", "a program", TABLES),
    (b"#!", "a script", TABLES),
    (b"GIF8", "a picture", TABLES),
    (b"{\\rtf", "a text document", "Save the table as CSV and upload that."),
    (b"%PDF", "a PDF document", TABLES),
    (b"\x89PNG", "a picture", TABLES),
    (b"\xff\xd8\xff", "a picture", TABLES),
)
# Beginnings that are words as well: `PARENT_ID,…` is a table's header.
WORDS = (b"PARE", b"ORC", b"BZh", b"GIF8")
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Unpacked:
    """A file as it is to be read: `format` csv, json or parquet; text is UTF-8 without byte order mark."""

    path: Path
    format: str
    encoding: str
    sample: str


def unpack(source: Path, scratch: Path, *, max_bytes: int) -> Unpacked:
    """Recognise the file; decompress and decode it into `scratch` where it is not readable as it lies.

    `max_bytes` bounds the file and what it unpacks to. Raises DatasetError.
    """
    size = source.stat().st_size
    if size > max_bytes:
        raise _too_large(max_bytes)
    if not size:
        raise DatasetError("The file is empty.", "Upload a file with a header and rows.")
    head = _head(source, max_bytes)
    compressed = _starts(source, GZIP)
    if head.startswith(PARQUET):
        return Unpacked(
            _copied(source, scratch / "unpacked.parquet", max_bytes) if compressed else source, "parquet", "", ""
        )
    _stranger_check(head)
    encoding = _encoding(head)
    target, encoding = _decoded(source, scratch, encoding, max_bytes)
    with target.open(encoding="utf-8", newline="") as text:
        sample = text.read(SAMPLE)
    if not sample.strip():
        raise DatasetError("The file is empty.", "Upload a file with a header and rows.")
    return Unpacked(target, _text_format(sample), encoding, sample)


def _opened(source: Path) -> IO[bytes]:
    """Open a file, through gzip where its first bytes say so."""
    return gzip.open(source, "rb") if _starts(source, GZIP) else source.open("rb")  # type: ignore[return-value]


def _starts(source: Path, magic: bytes) -> bool:
    """Tell whether a file begins with these bytes."""
    with source.open("rb") as file:
        return file.read(len(magic)) == magic


def _chunks(source: Path, max_bytes: int) -> Iterator[bytes]:
    """Yield the unpacked bytes, never more than `max_bytes`."""
    seen = 0
    try:
        with _opened(source) as file:
            while chunk := file.read(CHUNK):
                seen += len(chunk)
                if seen > max_bytes:
                    raise _too_large(max_bytes)
                yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetError(
            "The gzip file is damaged or was cut off.", "Compress it again, or upload it unpacked."
        ) from error


def _head(source: Path, max_bytes: int) -> bytes:
    """Read the first unpacked bytes; an archive in an archive is refused."""
    head = next(_chunks(source, max_bytes), b"")
    if head.startswith(GZIP) and _starts(source, GZIP):
        raise DatasetError("The file is compressed twice.", "Unpack it once and upload that.")
    return head


def _copied(source: Path, target: Path, max_bytes: int) -> Path:
    """Unpack a compressed binary file."""
    with target.open("wb") as file:
        file.writelines(_chunks(source, max_bytes))
    return target


def _stranger_check(head: bytes) -> None:
    """Refuse known formats that are no tables of ours, by name."""
    binary = any(byte < 9 or 13 < byte < 32 for byte in head[:1024])  # noqa: PLR2004 - control characters
    for magic, what, hint in STRANGERS:
        if head.startswith(magic) and (binary or magic not in WORDS):
            raise DatasetError(f"The file is {what}.", hint)
    if MARKUP.match(head[:200].lstrip(b"\xef\xbb\xbf \t\r\n")):
        raise DatasetError("The file is a web page or XML.", TABLES)


def _encoding(head: bytes) -> str:
    """Guess the encoding from byte order marks and from where zero bytes lie."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) // 5:
        return "utf-16-le" if odd > even else "utf-16-be"
    if 0 in head:
        raise DatasetError("The file is binary, not a table.", TABLES)
    return "utf-8"


def _decoded(source: Path, scratch: Path, encoding: str, max_bytes: int) -> tuple[Path, str]:
    """Give the path of the text in UTF-8, and the encoding it had; a plain UTF-8 file is checked and stays where it
    is.

    What is not UTF-8 is read as Windows-1252, the superset of Latin-1 that spreadsheets write, unless the file had
    proved to be UTF-8 before: then it is damaged.
    """
    if encoding == "utf-8" and not _starts(source, GZIP):
        try:
            for _ in _texts(source, encoding, max_bytes):
                pass
        except _ForeignError:
            return _decoded(source, scratch, "cp1252", max_bytes)
        return source, encoding
    target = scratch / "text"
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            file.writelines(_texts(source, encoding, max_bytes))
    except _ForeignError:
        return _decoded(source, scratch, "cp1252", max_bytes)
    except UnicodeEncodeError as error:
        raise DatasetError("The file holds broken UTF-16 characters.", "Save the file as UTF-8.") from error
    return target, encoding.removesuffix("-sig")


class _ForeignError(Exception):
    """The text is not UTF-8, and nothing before it said that it should be."""


def _texts(source: Path, encoding: str, max_bytes: int) -> Iterator[str]:
    """Decode a file piece by piece; raise DatasetError with the line that does not decode, or `_ForeignError`."""
    lines, foreign = 1, False
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in itertools.chain(_chunks(source, max_bytes), [b""]):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            before = bytes(error.object[: error.start])
            if encoding == "utf-8" and not foreign and before.isascii():
                raise _ForeignError from None
            line = lines + before.count(b"\n")
            raise DatasetError(
                f"Line {line} holds bytes that are not valid {encoding.removesuffix('-sig').upper()} text.",
                "Save the file as UTF-8.",
                line=line,
            ) from None
        if "\x00" in text:
            line = lines + text[: text.index("\x00")].count("\n")
            raise DatasetError(
                f"Line {line} holds a NUL character.", "The file is binary or damaged; export it again.", line=line
            )
        foreign = foreign or not text.isascii()
        lines += text.count("\n")
        yield text


def _text_format(sample: str) -> str:
    """Tell JSON from CSV by the first characters."""
    start = sample.lstrip()
    if start.startswith("{") or (start.startswith("[") and start[1:].lstrip()[:1] in {"{", "]", ""}):
        return "json"
    return "csv"


def _too_large(max_bytes: int) -> DatasetError:
    """Say what the limit is."""
    return DatasetError(
        f"The file holds more than {max_bytes / 1_000_000:,.0f} MB.",
        "Upload fewer columns or rows, or split it in several datasets.",
    )
