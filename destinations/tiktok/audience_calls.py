"""Offer TikTok's endpoints for custom audiences as typed functions: read, create, stream people, upload files.

TikTok docs: list 1739940506015746, get 1739940507792385, file upload 1739940567842818, create 1739940570793985,
update 1739940572667906, segments 1739940583739393. Errors are those of `errors.py`; no error ever holds a body. A
retry starts from what the caller knows: 40905 and 40910 (`error.code`) mean that the file must be uploaded again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, Literal

from destinations.tiktok.client import TikTokClient
from destinations.tiktok.envelope import Answer, undecided
from destinations.tiktok.errors import ConfigurationError, RejectedError, TikTokError
from destinations.tiktok.limits import Bucket, audience_buckets
from destinations.tiktok.reading import MOST_PAGES, page_number, rows_of, text_of
from destinations.tiktok.resolutions import ResolutionKey, resolution_get

#: The type of audience that each transport feeds; neither can feed the other's.
AUDIENCE_TYPE = {"streaming": "Partner", "file": "Customer File Audience"}
#: Most audiences of an ad account (TikTok's help pages), fewest matched members of one that can be used.
MOST_AUDIENCES, FEWEST_MEMBERS = 400, 1_000
#: TikTok shortens longer names of streaming audiences (doc 1739940583739393), so that they are not found again.
NAME_LENGTH = 70
#: Return codes of a file that TikTok has no longer.
FILE_GONE = frozenset({40905, 40910})

_LIST, _GET = "dmp/custom_audience/list/", "dmp/custom_audience/get/"
_CREATE, _UPDATE = "dmp/custom_audience/create/", "dmp/custom_audience/update/"
_UPLOAD, _AUDIENCE, _MAPPING = "dmp/custom_audience/file/upload/", "segment/audience/", "segment/mapping/"
_PAGE = 100
_READS = 3

_GONE = ("The audience no longer exists at TikTok.", ResolutionKey.AUDIENCE_NOT_FOUND)
_OTHER_IDS = ("The audience at TikTok was made of other kinds of ids.", ResolutionKey.AUDIENCE_OF_OTHER_IDS)
_FULL = ("The ad account holds as many audiences as TikTok allows.", ResolutionKey.AUDIENCE_LIMIT)
#: What a return code means on one endpoint: nothing else of these requests can be gone, or be of another kind.
_MEANINGS = {(_MAPPING, 40007): _GONE, (_UPDATE, 40007): _GONE, (_UPDATE, 40909): _OTHER_IDS}

FileAction = Literal["APPEND", "REMOVE", "REPLACE"]


@dataclass(frozen=True, slots=True)
class RemoteAudience:
    """A custom audience as TikTok shows it.

    `size` counts matched users, hours behind (None before TikTok has counted). `is_valid` is false while it is being
    calculated and when it has expired; `expired_at` is the moment it does, UTC. `message` is TikTok's status text,
    `error_message` what went wrong with its last file. `is_creator` is false for one shared by another account.
    """

    id: str
    name: str
    type: str
    calculate_type: str
    size: int | None
    is_valid: bool
    is_expiring: bool
    expired_at: datetime | None
    message: str
    error_message: str
    is_creator: bool


def audiences_list(client: TikTokClient, advertiser_id: str) -> list[RemoteAudience]:
    """Return all audiences of an ad account, owned and shared.

    An audience that is overlooked would be created a second time. So a list that cannot be read is a
    `RetryableError`, and one that changed while its pages were read (fewer came than TikTok counts) is read again.
    """
    found: dict[str, RemoteAudience] = {}
    for _ in range(_READS):
        counted = 0
        for data in _list_pages(client, advertiser_id):
            found.update((row.id, row) for row in map(_audience, data["list"]))
            counted = page_number(data, "total_number") or 0
        if len(found) >= counted:
            break
    return list(found.values())


def audiences_get(client: TikTokClient, advertiser_id: str, ids: Sequence[str]) -> list[RemoteAudience]:
    """Return some audiences as they are now; those that are deleted, foreign or unknown are left out."""
    found = []
    for start in range(0, len(ids), _PAGE):
        asked = {"advertiser_id": advertiser_id, "custom_audience_ids": list(ids[start : start + _PAGE])}
        answer = client.get(_GET, {**asked, "history_size": 1}, buckets=_buckets(client, _GET, advertiser_id))
        for row in rows_of(answer.data.get("list")):
            details = row.get("audience_details")
            found.append(_audience(details if isinstance(details, dict) else row))
    return [row for row in found if row.id]


def audience_create(client: TikTokClient, advertiser_id: str, name: str) -> str:
    """Create an audience to stream people into and return its id.

    Names are not unique at TikTok: look for the name first, and again after an uncertain `RetryableError`.
    """
    wanted = {"advertiser_id": advertiser_id, "action": "create", "custom_audience_name": name_checked(name)}
    answer = _post_create(client, _AUDIENCE, wanted, advertiser_id)
    return _needed(answer, "audience_id")


def mapping_send(client: TikTokClient, body: bytes, *, advertiser_id: str) -> Answer:
    """Add people to streamed audiences or delete them, when the rate limits allow it.

    TikTok takes all or nothing of it, and the request may be repeated: what is there is not added twice.
    """
    return _post(client, _MAPPING, body, advertiser_id)


def file_upload(client: TikTokClient, advertiser_id: str, content: bytes, calculate_type: str) -> Answer:
    """Upload one file (CSV, at most 50 MB); `data["file_path"]` names it for this ad account until it expires."""
    signature = md5(content, usedforsecurity=False).hexdigest()
    fields = {"advertiser_id": advertiser_id, "calculate_type": calculate_type, "file_signature": signature}
    buckets = _buckets(client, _UPLOAD, advertiser_id)
    answer = client.upload(_UPLOAD, fields, content, filename="people.csv", buckets=buckets)
    _needed(answer, "file_path")
    return answer


def file_audience_create(
    client: TikTokClient, *, advertiser_id: str, name: str, files: Sequence[str], calculate_type: str
) -> Answer:
    """Create an audience of uploaded files; `data["custom_audience_id"]` is its id. TikTok then works on it a while.

    As with `audience_create`, look for the name first.
    """
    wanted = {
        "advertiser_id": advertiser_id,
        "custom_audience_name": name_checked(name),
        "file_paths": _files(files),
        "calculate_type": calculate_type,
        "audience_sub_type": "NORMAL",
    }
    answer = _post_create(client, _CREATE, wanted, advertiser_id)
    _needed(answer, "custom_audience_id")
    return answer


def file_audience_update(
    client: TikTokClient, *, advertiser_id: str, audience_id: str, files: Sequence[str], action: FileAction
) -> Answer:
    """Append uploaded files to an audience, remove them from it, or replace it by them.

    The action is always sent: without one TikTok replaces all members. While TikTok works on an audience, and for one
    that has too few members, it answers "not editable", a `RetryableError`.
    """
    wanted = {
        "advertiser_id": advertiser_id,
        "custom_audience_id": audience_id,
        "file_paths": _files(files),
        "action": action,
    }
    return _post(client, _UPDATE, wanted, advertiser_id)


def name_checked(name: str) -> str:
    """Return an audience's name, or raise ConfigurationError for one that TikTok would not keep as it is."""
    if name.strip() and len(name) <= NAME_LENGTH:
        return name
    raise ConfigurationError(f"The Audience name must have 1 to {NAME_LENGTH} characters; this one has {len(name)}.")


def _list_pages(client: TikTokClient, advertiser_id: str) -> Iterator[dict[str, Any]]:
    """Yield the answers of all pages; each has a list of rows with ids."""
    buckets = _buckets(client, _LIST, advertiser_id)
    seen: set[str] = set()
    for page in range(1, MOST_PAGES + 1):
        asked = {"advertiser_id": advertiser_id, "page": page, "page_size": _PAGE}
        answer = client.get(_LIST, asked, buckets=buckets)
        rows, last = _listed(answer), page_number(answer.data, "total_page")
        yield {**answer.data, "list": rows}
        ids = {text_of(row["audience_id"]) for row in rows}
        # Where TikTok does not count its pages, they end with one that is empty or brings nothing new.
        if ids <= seen if last is None else not rows or page >= last:
            return
        seen |= ids


def _listed(answer: Answer) -> list[dict[str, Any]]:
    """Return the rows of one page; raise where they cannot be told, unless TikTok counts none."""
    rows = answer.data.get("list")
    if rows is None and page_number(answer.data, "total_number") == 0:
        return []
    if not isinstance(rows, list) or any(not isinstance(row, dict) or not row.get("audience_id") for row in rows):
        raise undecided("a list of audiences of an unknown shape", status=200, request_id=answer.request_id)
    return rows


def _audience(row: Mapping[str, Any]) -> RemoteAudience:
    return RemoteAudience(
        id=text_of(row.get("audience_id")),
        name=text_of(row.get("name")),
        type=text_of(row.get("audience_type") or row.get("type")),
        calculate_type=text_of(row.get("calculate_type")),
        size=_number(row.get("cover_num")),
        is_valid=row.get("is_valid") is True,
        is_expiring=row.get("is_expiring") is True,
        expired_at=_moment(row.get("expired_time")),
        message=text_of(row.get("msg")),
        error_message=text_of(row.get("error_msg")),
        is_creator=row.get("is_creator") is not False,
    )


def _number(value: object) -> int | None:
    text = text_of(value)
    return int(text) if text.isdecimal() and not isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    """Read a time as TikTok writes it, GMT."""
    try:
        return datetime.strptime(text_of(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _post(client: TikTokClient, path: str, payload: Mapping[str, Any] | bytes, advertiser_id: str) -> Answer:
    try:
        return client.post(path, payload, buckets=_buckets(client, path, advertiser_id))
    except ConfigurationError as error:
        if meaning := _MEANINGS.get((path, error.code or 0)):
            error.sentence, error.resolution = meaning[0], resolution_get(meaning[1])
        raise


def _post_create(client: TikTokClient, path: str, payload: Mapping[str, Any], advertiser_id: str) -> Answer:
    """Create an audience; a refusal by an ad account that is full says so, whatever TikTok's words for it are."""
    try:
        return _post(client, path, payload, advertiser_id)
    except RejectedError as error:
        if not _is_full(client, advertiser_id):
            raise
        sentence, resolution = _FULL
        said = {"code": error.code, "message": error.message, "request_id": error.request_id, "status": error.status}
        raise ConfigurationError(sentence, resolution=resolution, **said) from error  # type: ignore[arg-type]


def _is_full(client: TikTokClient, advertiser_id: str) -> bool:
    """Say whether an ad account has as many audiences of its own as it may; no where TikTok does not let us count."""
    try:
        return sum(row.is_creator for row in audiences_list(client, advertiser_id)) >= MOST_AUDIENCES
    except TikTokError:
        return False


def _needed(answer: Answer, name: str) -> str:
    """Return a text of an answer; without it nobody knows what TikTok has done."""
    if value := text_of(answer.data.get(name)):
        return value
    raise undecided(f"an answer without {name}", status=200, request_id=answer.request_id)


def _files(files: Sequence[str]) -> list[str]:
    if not files:
        raise ValueError("An audience cannot be changed by no files.")
    return list(files)


def _buckets(client: TikTokClient, path: str, advertiser_id: str) -> tuple[Bucket, ...]:
    return audience_buckets(client.app_id, path, advertiser_id, client.level)
