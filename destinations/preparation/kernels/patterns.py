"""Patterns that SQL (RE2) and Python read alike: ASCII classes only, no look-around, always matched in full."""

LOCAL_PART = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
DOMAIN = r"(?:[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
EMAIL = f"{LOCAL_PART}@{DOMAIN}"
EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1.3

UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
NO_UUID = "00000000-0000-0000-0000-000000000000"
"""What iOS and Android give instead of an advertising id where the user limits tracking."""

E164 = r"\+[1-9][0-9]{6,14}"
PHONE_NOISE = (
    r"[\t\n\x{0B}\f\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
    r"().\[\]\x{2010}-\x{2015}\x{2212}-]"
)
"""Blanks, brackets, dots and dashes; RE2's notation, for SQL only."""
NANP = r"1?[2-9][0-9]{9}"

WIRE_NUMBER = r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,5}[1-9])?"
PADDED_NUMBER = r"(?:0|[1-9][0-9]{0,8})\.[0-9]{1,6}0*"
QUANTITY = r"[1-9][0-9]{0,8}"

ISO = (
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)
UNIX = r"[0-9]{9,18}"

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_WORD = "[0-9A-Fa-f]{1,4}"
IPV6 = "|".join(
    [rf"(?:{_WORD}:){{7}}{_WORD}", rf"(?:{_WORD}:){{1,7}}:", rf":(?:(?::{_WORD}){{1,7}}|:)"]
    + [rf"(?:{_WORD}:){{1,{7 - tail}}}(?::{_WORD}){{1,{tail}}}" for tail in range(1, 7)]
)
URL = r"(?i:https?|android-app)://[^/?#\x00-\x20\x7f]+(?:[/?#][^\x00-\x20\x7f]*)?"
LOCALE = r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*"
ASCII = r"[\x00-\x7f]*"
