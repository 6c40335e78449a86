"""The same product rules as plain Python, row by row: what one would write without an engine.

It is the baseline of the benchmark and the oracle of the property tests, so it shares no code with the product: rules
are written down a second time, from the product's description. Idiomatic rather than tuned: compiled patterns, caches
where a library is slow, one dict per event, `hashlib` and `json`.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers

STANDARD = set(
    """AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct Download
    FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication Subscribe ViewContent
    CompletePayment SubmitForm PlaceAnOrder ClickButton Pageview""".split()
)
TIKTOK_CURRENCIES = set(
    """AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK
    JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PAB PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY
    TWD UAH USD VES VND ZAR""".split()
)
OTHER_CURRENCIES = set("BGN GEL RSD TZS UZS XOF JOD LBP IQD LKR AMD AZN".split())
"""Of ISO 4217; enough for tests."""
CHANNELS = {"email", "website", "phone_call", "in_store", "crm", "other"}
BOOLEANS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}

LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
HOST = r"(?:[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
EMAIL = re.compile(f"{LOCAL}@{HOST}")
HASHED = re.compile("[0-9a-fA-F]{64}")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
NOISE = re.compile(r"[\s().\[\]\u2010-\u2015\u2212-]")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?)? ?(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
URL = re.compile(r"(?i:https?|android-app)://[^/?#\x00-\x20\x7f]+(?:[/?#][^\x00-\x20\x7f]*)?")
LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
CONTROL = re.compile(r"(?<!\\)((?:\\\\)*\\u00)([01][0-9a-f])")

FIFTEEN = Context(prec=15, rounding=ROUND_HALF_UP)
WIDE = Context(prec=400, rounding=ROUND_HALF_UP)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400
TINY = "\ue000"

Issue = tuple[int, str, str, str | None, str]


class RejectedError(Exception):
    """The row cannot be sent."""

    def __init__(self, column: str, reason: str, raw: object = None) -> None:
        super().__init__(reason)
        self.column, self.reason, self.raw = column, reason, raw


@dataclass
class Rules:
    """Settings and context as the rules read them."""

    source: str
    source_id: str
    now: int
    time_zone: str
    country: str | None = None
    max_age_days: int = 28
    fixed_event: str | None = None
    page_url: str | None = None
    limited: bool = False
    test_code: str | None = None
    rows_per_request: int = 1000
    bytes_per_request: int = 5_000_000
    zone: ZoneInfo = field(init=False)

    def __post_init__(self) -> None:
        self.zone = ZoneInfo(self.time_zone)


@dataclass
class Row:
    """A row that passed the rules that concern it alone."""

    number: int
    event: str
    time: int
    event_id: str | None
    user: dict[str, Any]
    item: dict[str, Any]
    line: Decimal | None
    value: str | None
    properties: dict[str, str]
    page: dict[str, str]
    limited: bool | None
    identity: Issue | None
    no_page: Issue | None
    warnings: list[Issue]
    raw: object


def text(value: object) -> str | None:
    """Write any cell as text without surrounding blanks; blank is missing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value == math.floor(value) and abs(value) < 1e18 else repr(value)
    if isinstance(value, Decimal):
        plain = f"{value:f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    if isinstance(value, datetime) and value.microsecond:
        return str(value).rstrip("0")
    return str(value).strip() or None


def sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def email_hash(value: str) -> str:
    if HASHED.fullmatch(value):
        return value.lower()
    if not value.isascii():
        local, _, domain = value.rpartition("@")
        try:
            value = f"{local}@{domain.encode('idna').decode()}"
        except UnicodeError:
            raise ValueError("bad_email") from None
    if not EMAIL.fullmatch(value) or len(value) > 254:
        raise ValueError("bad_email")
    return sha256(value.lower())


@lru_cache(maxsize=100_000)
def national(digits: str, country: str) -> str:
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        raise ValueError("bad_phone") from None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError("bad_phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_hash(value: str, country: str | None) -> str:
    if HASHED.fullmatch(value):
        return value.lower()
    dialled = NOISE.sub("", value.replace("(0)", ""))
    if dialled.startswith("00"):
        dialled = "+" + dialled[2:]
    if not dialled.startswith("+"):
        if not (dialled.isascii() and dialled.isdigit()):
            raise ValueError("bad_phone")
        if country is None:
            raise ValueError("phone_without_country")
        dialled = national(dialled, country)
    if not PHONE.fullmatch(dialled):
        raise ValueError("bad_phone")
    return sha256(dialled)


def external_hash(value: str) -> str:
    return value.lower() if HASHED.fullmatch(value) else sha256(value)


def plain(value: Decimal) -> str:
    """Write a number without exponent, 15 significant digits, at most 10 decimals."""
    if value.adjusted() < -30:
        return "0"
    value = FIFTEEN.plus(value)
    if value != value.quantize(Decimal("1e-10"), context=WIDE):
        value = value.quantize(Decimal("1e-10"), context=WIDE)
    written = f"{value:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def amount(value: object) -> str:
    written = repr(value) if isinstance(value, float) else text(value) or ""
    if not NUMBER.fullmatch(written):
        raise ValueError("bad_number")
    number = Decimal(written)
    if number < 0:
        raise ValueError("negative_number")
    if number >= Decimal("999999999999999500"):
        raise ValueError("number_too_large")
    return plain(number)


def whole(value: object) -> str:
    try:
        written = amount(value)
    except ValueError:
        raise ValueError("bad_quantity") from None
    if not written.isdigit() or not 1 <= int(written) <= 999_999_999:
        raise ValueError("bad_quantity")
    return written


def unix(value: Decimal) -> int:
    for power, limit in ((0, 10**11), (3, 10**14), (6, 10**17), (9, 9 * 10**18)):
        if abs(value) < limit:
            return int((value / Decimal(10) ** power).to_integral_value(ROUND_FLOOR))
    raise ValueError("bad_timestamp")


def seconds(value: object, zone: ZoneInfo) -> int:
    """Read a timestamp as epoch seconds."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=zone)
        return (moment - EPOCH) // timedelta(seconds=1)
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day, tzinfo=zone) - EPOCH) // timedelta(seconds=1)
    if isinstance(value, bool):
        raise ValueError("bad_timestamp")
    if isinstance(value, int | float | Decimal):
        if not math.isfinite(value):
            raise ValueError("bad_timestamp")
        return unix(Decimal(value))
    return moment_of(str(value).strip(), zone)


def moment_of(written: str, zone: ZoneInfo) -> int:
    match = ISO.fullmatch(written)
    if not match:
        if NUMBER.fullmatch(written) and Decimal(written).adjusted() <= 19:
            return unix(Decimal(written))
        raise ValueError("bad_timestamp")
    year, month, day, hour, minute, second, offset = match.groups()
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        raise ValueError("bad_timestamp") from None
    if not offset:
        return (local.replace(tzinfo=zone) - EPOCH) // timedelta(seconds=1)
    since = (local - EPOCH) // timedelta(seconds=1)
    if offset[0] not in "+-":
        return since
    hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
    if hours > 14 or minutes > 59:
        raise ValueError("bad_timestamp")
    return since - (hours * 3600 + minutes * 60) * (-1 if offset[0] == "-" else 1)


def masked(column: str, value: object) -> str | None:
    """Show a value without showing a person."""
    written = repr(value) if isinstance(value, float) else text(value)
    if not written:
        return None
    tail = "•••" + (written[-2:] if len(written) > 6 else "")
    address = written[0] + "•••@" + written.rpartition("@")[2][:1] + "•••"
    ending = re.search(r"\.[A-Za-z]{2,10}\Z", written.rpartition("@")[2])
    address += ending[0] if ending else ""
    if column == "phone":
        return tail
    if column == "email":
        return address if "@" in written else written[0] + "•••"
    if column in ("external_id", "ip", "page_url", "referrer_url"):
        return written[0] + "•••"
    if "@" in written:
        return address
    date_like = re.match(r"[0-9]{4}-[0-9]{2}|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}", written)
    if len(re.sub("[^0-9]", "", written)) > 6 and not date_like:
        return tail
    return written[:40]


class Reader:
    """Applies the rules to one row after the other."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def read(self, number: int, row: Mapping[str, Any]) -> Row:
        """Check and normalise a row; raises RejectedError."""
        rules, web = self.rules, self.rules.source == "web"
        warnings: list[Issue] = []

        def warn(column: str, reason: str, raw: object) -> None:
            warnings.append((number, column, reason, masked(column, raw), "warning"))

        self._same(row)
        event = self._event(row)
        time = self._time(row)
        event_id = text(row.get("event_id"))
        item: dict[str, Any] = {}
        for column in ("content_id", "content_name", "content_category", "brand"):
            if (value := text(row.get(column))) is not None:
                item[column] = value
        price = self._strict(row, "price", amount)
        quantity = self._strict(row, "quantity", whole)
        currency = self._currency(row)
        value = self._strict(row, "value", amount)
        channel = None if web else self._channel(row)
        limited = self._limited(row) if web else None
        line = None
        if price is not None:
            item["price"] = price
            line = Decimal(price) * int(quantity or 1)
            if line >= Decimal(10) ** 18:
                raise RejectedError("price", "number_too_large", row.get("price"))
        if quantity is not None:
            item["quantity"] = quantity

        user, identity = self._user(number, row, warnings)
        if web:
            self._web_user(row, user, warn)
        properties: dict[str, str] = {}
        content_type = text(row.get("content_type"))
        if content_type is not None:
            if content_type.lower() in ("product", "product_group"):
                properties["content_type"] = content_type.lower()
            else:
                warn("content_type", "bad_content_type", row["content_type"])
        if currency:
            properties["currency"] = currency
        for column in ("order_id", "shop_id", "description"):
            if (found := text(row.get(column))) is not None:
                properties[column] = found
        if (query := text(row.get("query"))) is not None:
            properties["search_string"] = query
        if channel:
            properties["event_channel"] = channel
        page, no_page = self._page(number, row, warn) if web else ({}, None)
        if time < rules.now - 7 * DAY:
            warnings.append((number, "timestamp", "older_than_7_days", None, "warning"))
        return Row(
            number, event, time, event_id, user, item, line, value, properties, page, limited, identity, no_page,
            warnings, row,
        )  # fmt: skip

    def _same(self, row: Mapping[str, Any]) -> None:
        given = text(row.get("event_source"))
        if given is not None and given.lower() != self.rules.source:
            raise RejectedError("event_source", "event_source_mismatch", row["event_source"])
        for column in ("event_set_id", "event_source_id"):
            given = text(row.get(column))
            if given is not None and given != self.rules.source_id:
                raise RejectedError("event_set_id", "event_source_id_mismatch", row[column])

    def _event(self, row: Mapping[str, Any]) -> str:
        event = text(row.get("event")) or self.rules.fixed_event
        if not event:
            raise RejectedError("event", "missing_event", row.get("event"))
        if self.rules.source == "offline" and event not in STANDARD:
            raise RejectedError("event", "unknown_event", row.get("event"))
        if len(event) > 50:
            raise RejectedError("event", "event_name_too_long", row.get("event"))
        return event

    def _time(self, row: Mapping[str, Any]) -> int:
        raw = row.get("timestamp")
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            raise RejectedError("timestamp", "missing_timestamp", raw)
        try:
            time = seconds(raw, self.rules.zone)
        except ValueError:
            raise RejectedError("timestamp", "bad_timestamp", raw) from None
        if time > self.rules.now + 600:
            raise RejectedError("timestamp", "timestamp_in_future", raw)
        if time < self.rules.now - self.rules.max_age_days * DAY:
            raise RejectedError("timestamp", "timestamp_too_old", raw)
        return time

    def _strict(self, row: Mapping[str, Any], column: str, read: Any) -> str | None:
        raw = row.get(column)
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        try:
            return str(read(raw))
        except ValueError as error:
            raise RejectedError(column, str(error), raw) from None

    def _currency(self, row: Mapping[str, Any]) -> str | None:
        code = text(row.get("currency"))
        if code is None:
            return None
        code = code.upper()
        if code not in TIKTOK_CURRENCIES:
            reason = "unsupported_currency" if code in OTHER_CURRENCIES else "bad_currency"
            raise RejectedError("currency", reason, row["currency"])
        return code

    def _channel(self, row: Mapping[str, Any]) -> str | None:
        channel = text(row.get("event_channel"))
        if channel is not None and channel.lower() not in CHANNELS:
            raise RejectedError("event_channel", "bad_channel", row["event_channel"])
        return channel and channel.lower()

    def _limited(self, row: Mapping[str, Any]) -> bool | None:
        flag = text(row.get("limited_data_use"))
        if flag is not None and flag.lower() not in BOOLEANS:
            raise RejectedError("limited_data_use", "bad_boolean", row["limited_data_use"])
        return BOOLEANS[flag.lower()] if flag else None

    def _user(self, number: int, row: Mapping[str, Any], warnings: list[Issue]) -> tuple[dict[str, Any], Issue | None]:
        country = text(row.get("country"))
        known = country is not None and country.upper() in phonenumbers.SUPPORTED_REGIONS
        if country is not None and not known:
            warnings.append((number, "country", "bad_country", masked("country", row["country"]), "warning"))
        region = country.upper() if country is not None and known else self.rules.country
        user: dict[str, Any] = {}
        bad: list[Issue] = []
        for column, digest in (
            ("email", email_hash),
            ("phone", lambda value: phone_hash(value, region)),
            ("external_id", external_hash),
        ):
            raws = row.get(column)
            found: dict[str, None] = {}
            for raw in raws[:10] if isinstance(raws, list) else [raws]:
                value = text(raw)
                if value is None:
                    continue
                try:
                    found[digest(value)] = None
                except ValueError as error:
                    bad.append((number, column, str(error), masked(column, raw), "warning"))
            if found:
                user[column] = list(found)
        warnings += bad
        needed = ("email", "phone", "external_id") if self.rules.source == "web" else ("email", "phone")
        if any(column in user for column in needed):
            return user, None
        if bad:
            return user, (*bad[0][:4], "reject")
        return user, (number, "email", "missing_identity", masked("email", _single(row.get("email"))), "reject")

    def _web_user(self, row: Mapping[str, Any], user: dict[str, Any], warn: Any) -> None:
        for column, key in (("tiktok_click_id", "ttclid"), ("cookie_id", "ttp")):
            if (value := text(row.get(column))) is not None:
                user[key] = value
        if (address := text(row.get("ip"))) is not None:
            try:
                ip_address(address)
            except ValueError:
                address = "%"
            if "%" in address:
                warn("ip", "bad_ip", row["ip"])
            else:
                user["ip"] = address
        if (agent := text(row.get("agent"))) is not None:
            user["user_agent"] = agent
        if (locale := text(row.get("locale"))) is not None:
            if LOCALE.fullmatch(locale.replace("_", "-")):
                user["locale"] = locale.replace("_", "-")
            else:
                warn("locale", "bad_locale", row["locale"])

    def _page(self, number: int, row: Mapping[str, Any], warn: Any) -> tuple[dict[str, str], Issue | None]:
        page: dict[str, str] = {}
        no_page: Issue | None = None
        raw = row.get("page_url")
        url = text(raw)
        if url is not None and URL.fullmatch(url):
            page["url"] = url
        elif url is not None and self.rules.page_url:
            warn("page_url", "bad_url", raw)
        elif not self.rules.page_url:
            reason = "missing_page_url" if url is None else "bad_url"
            no_page = (number, "page_url", reason, masked("page_url", raw), "reject")
            if url is not None:
                warn("page_url", "bad_url", raw)
        if (referrer := text(row.get("referrer_url"))) is not None:
            if URL.fullmatch(referrer):
                page["referrer"] = referrer
            else:
                warn("referrer_url", "bad_url", row["referrer_url"])
        if "url" not in page and self.rules.page_url:
            page = {"url": self.rules.page_url} | page
        return page, no_page


def _single(value: object) -> object:
    return (value[0] if value else None) if isinstance(value, list) else value


def number_json(written: str) -> int | float | str:
    """Choose the JSON number that prints as written; tiny ones are marked, since floats print them with exponents."""
    if "." not in written:
        return int(written)
    return TINY + written + TINY if written.startswith("0.0000") else float(written)


def dumps(event: Mapping[str, Any]) -> bytes:
    written = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    if TINY in written:
        written = written.replace(f'"{TINY}', "").replace(f'{TINY}"', "")
    if "\\u00" in written:
        written = CONTROL.sub(lambda match: match[1] + match[2].upper(), written)
    return written.encode()


@dataclass
class Outcome:
    """What a preparation gives: bodies, for each body the (position, row) pairs, and issues."""

    bodies: list[bytes] = field(default_factory=list)
    rows: list[list[tuple[int, int]]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)


def prepare(rows: Iterable[Mapping[str, Any]], rules: Rules) -> Outcome:
    """Prepare rows (numbered from 1) to request bodies."""
    outcome = Outcome()
    reader = Reader(rules)
    events: dict[object, list[Row]] = {}
    ordinals: dict[str, int] = {}
    for number, raw in enumerate(rows, 1):
        try:
            row = reader.read(number, raw)
        except RejectedError as error:
            outcome.issues.append((number, error.column, error.reason, masked(error.column, error.raw), "reject"))
            _place(events, raw, rules)
            _count(ordinals, raw, rules, reader, number)
            continue
        if row.event_id is None:
            row.event_id = _generated(row, rules, ordinals)
            events[number] = [row]
        else:
            events.setdefault((row.event, row.event_id), []).append(row)
    _cut(_finished(events, rules, outcome), rules, outcome)
    return outcome


def _place(events: dict[object, list[Row]], raw: Mapping[str, Any], rules: Rules) -> None:
    """Keep an event's place: it stands where its first row stands, even a rejected one."""
    event_id = text(raw.get("event_id"))
    event = text(raw.get("event")) or rules.fixed_event
    if event_id is not None and event and (event in STANDARD if rules.source == "offline" else len(event) <= 50):
        events.setdefault((event, event_id), [])


def _count(ordinals: dict[str, int], raw: Mapping[str, Any], rules: Rules, reader: Reader, number: int) -> None:
    """Count a rejected row among its equals."""
    if text(raw.get("event_id")) is None:
        event = text(raw.get("event")) or rules.fixed_event or ""
        if rules.source == "offline" and event not in STANDARD or len(event) > 50:
            event = ""
        try:
            time = str(reader._time(raw))
        except RejectedError:
            time = ""
        user, _ = reader._user(number, raw, [])
        _ordinal(ordinals, _key(rules, event, user, time, text(raw.get("order_id")), text(raw.get("content_id"))))


def _key(rules: Rules, event: str, user: Mapping[str, Any], time: str, order: str | None, content: str | None) -> str:
    people = [",".join(user.get(column, [])) for column in ("email", "phone", "external_id")]
    return "\x1f".join([rules.source_id, event, *people, time, order or "", content or ""])


def _ordinal(ordinals: dict[str, int], key: str) -> int:
    ordinals[key] = ordinals.get(key, 0) + 1
    return ordinals[key]


def _generated(row: Row, rules: Rules, ordinals: dict[str, int]) -> str:
    order, content = row.properties.get("order_id"), row.item.get("content_id")
    key = _key(rules, row.event, row.user, str(row.time), order, content)
    ordinal = _ordinal(ordinals, key)
    return sha256(key if ordinal == 1 else f"{key}\x1f{ordinal}")[:32]


def _finished(
    events: Mapping[object, list[Row]], rules: Rules, outcome: Outcome
) -> Iterator[tuple[bytes, list[int], list[Issue]]]:
    for rows in events.values():
        if not rows:
            continue
        if all(row.identity for row in rows):
            outcome.issues += [row.identity for row in rows if row.identity]
            continue
        if all(row.no_page for row in rows):
            outcome.issues += [row.no_page for row in rows if row.no_page]
            continue
        if len(rows) > 1:
            rows = _distinct(rows, outcome)
        yield dumps(_event(rows, rules)), [row.number for row in rows], [w for row in rows for w in row.warnings]


def _distinct(rows: list[Row], outcome: Outcome) -> list[Row]:
    seen: dict[str, Row] = {}
    for row in rows:
        if seen.setdefault(repr(row.raw), row) is not row:
            outcome.issues.append((row.number, "event_id", "duplicate_row", None, "duplicate"))
    return list(seen.values())


def _first(dicts: list[dict[str, Any]], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: found for key in keys if (found := next((d[key] for d in dicts if key in d), None)) is not None}


def _event(rows: list[Row], rules: Rules) -> dict[str, Any]:
    head = rows[0]
    event: dict[str, Any] = {"event": head.event, "event_time": head.time, "event_id": head.event_id}
    users = ("email", "phone", "external_id", "ttclid", "ttp", "ip", "user_agent", "locale")
    event["user"] = _first([row.user for row in rows], users)
    given = _first(
        [row.properties for row in rows],
        ("content_type", "currency", "order_id", "shop_id", "description", "search_string", "event_channel"),
    )
    properties: dict[str, Any] = {}
    contents = [_item(row.item) for row in rows if row.item]
    if contents:
        properties["contents"] = contents
    if contents or "content_type" in given:
        properties["content_type"] = given.pop("content_type", "product")
    value = next((row.value for row in rows if row.value is not None), None)
    if value is None:
        lines = [row.line for row in rows if row.line is not None]
        value = plain(sum(lines, Decimal(0))) if lines else None
    if value is not None or "currency" in given:
        properties["currency"] = given.pop("currency", "USD")
    if value is not None:
        properties["value"] = number_json(value)
    properties |= given
    if properties:
        event["properties"] = properties
    if rules.source == "web":
        event["page"] = _first([row.page for row in rows], ("url", "referrer"))
        flags = [row.limited for row in rows if row.limited is not None]
        if any(flags) if flags else rules.limited:
            event["limited_data_use"] = True
    return event


def _item(item: dict[str, Any]) -> dict[str, Any]:
    return item | {key: number_json(item[key]) for key in ("price", "quantity") if key in item}


def _cut(events: Iterable[tuple[bytes, list[int], list[Issue]]], rules: Rules, outcome: Outcome) -> None:
    top = {"event_source": rules.source, "event_source_id": rules.source_id}
    if rules.test_code:
        top["test_event_code"] = rules.test_code
    prefix, suffix = json.dumps(top, separators=(",", ":"), ensure_ascii=False).encode()[:-1] + b',"data":[', b"]}"
    data: list[bytes] = []
    rows: list[tuple[int, int]] = []
    size = len(prefix) + len(suffix)

    def flush() -> None:
        if data:
            outcome.bodies.append(prefix + b",".join(data) + suffix)
            outcome.rows.append(rows.copy())
        data.clear()
        rows.clear()

    for event, numbers, warnings in events:
        outcome.issues += warnings
        if len(prefix) + len(event) + len(suffix) > rules.bytes_per_request:
            outcome.issues += [(number, "event_id", "event_too_large", None, "reject") for number in numbers]
            continue
        if len(data) == rules.rows_per_request or size + len(event) + 1 > rules.bytes_per_request + 1:
            flush()
            size = len(prefix) + len(suffix)
        rows += [(len(data), number) for number in numbers]
        data.append(event)
        size += len(event) + 1
    flush()
