"""How values of an audience's columns are read: one table of cases per type, through to the request."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from destinations.preparation.errors import PreparationError
from tests.destinations.preparation.audience_helpers import positions_of, prepare_audience

HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
UUID = "7a3cbea0-bdf5-11e4-8dfc-aa07a5b093db"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("given", "audience", "events"),
    [
        ("a@b.co", "a@b.co", "a@b.co"),
        ("A.B@B.CO", "ab@b.co", "a.b@b.co"),
        ("a+b+c.d@b.co", "a@b.co", "a+b+c.d@b.co"),
        ("a.b.c+x@sub.domain.co", "abc@sub.domain.co", "a.b.c+x@sub.domain.co"),
        ("\u00a0a.b@b.co\u2003", "ab@b.co", "a.b@b.co"),
        ("A.b+t@MÜNCHEN.de", "ab@xn--mnchen-3ya.de", "a.b+t@xn--mnchen-3ya.de"),
        ("o'n.eil@b.co", "o'neil@b.co", "o'n.eil@b.co"),
    ],
    ids=["plain", "dot", "tags", "dots-in-domain-stay", "spaces", "idn", "quote"],
)
@pytest.mark.parametrize("rule", ["audience", "events"])
def test_email_follows_the_rule(tmp_path: Path, given: str, audience: str, events: str, rule: str) -> None:
    made = prepare_audience([{"email": given}], tmp_path, types=["EMAIL"], email_rule=rule)
    assert positions_of(made.requests[0]) == [[sha256(audience if rule == "audience" else events)]]


@pytest.mark.parametrize(
    ("column", "given", "reason"),
    [
        ("email", "+tag@b.co", "bad_email"),
        ("email", "+@b.co", "bad_email"),
        ("email", "+tag@münchen.de", "bad_email"),
        ("email", "a@b", "bad_email"),
        ("email", HASH[:-1], "bad_email"),
        ("phone", "ext. 12", "bad_phone"),
        ("phone", "0612345678", "phone_without_country"),
        ("idfa", "00000000-0000-0000-0000-000000000000", "bad_device_id"),
        ("aaid", f"{{{UUID}}}", "bad_device_id"),
        ("aaid", UUID.replace("-", ""), "bad_device_id"),
        ("idfa", UUID[:-1] + "g", "bad_device_id"),
        ("idfa", UUID + "\n0", "bad_device_id"),
        ("email", " \u00a0", "missing_identity"),
        ("aaid", None, "missing_identity"),
    ],
)
def test_row_without_a_good_id_is_rejected(tmp_path: Path, column: str, given: str | None, reason: str) -> None:
    table = pa.table({column: pa.array([given], pa.string())})
    made = prepare_audience(table, tmp_path, types=[column.upper()])
    assert (made.reasons, made.requests) == ([(1, reason, "reject")], [])


@pytest.mark.parametrize("column", ["email", "phone", "idfa", "aaid"])
@pytest.mark.parametrize("given", [HASH, HASH.upper(), f" {HASH}\n"], ids=["lower", "upper", "spaces"])
def test_hash_passes_in_lower_case(tmp_path: Path, column: str, given: str) -> None:
    made = prepare_audience([{column: given}], tmp_path, types=[column.upper()])
    assert positions_of(made.requests[0]) == [[HASH]]


@pytest.mark.parametrize(
    ("row", "default", "normalised"),
    [
        ({"phone": "(213) 373-4253", "country": "us"}, None, "+12133734253"),
        ({"phone": "0612345678", "country": "FR"}, "US", "+33612345678"),
        ({"phone": "0612345678", "country": None}, "FR", "+33612345678"),
        ({"phone": "0612345678", "country": "XX"}, "FR", "+33612345678"),
        ({"phone": "0044 20 7946 0018", "country": None}, None, "+442079460018"),
        ({"phone": "+86 138 0000 0000", "country": None}, None, "+8613800000000"),
    ],
    ids=["row", "row-wins", "default", "bad-country", "international", "china"],
)
def test_phone_is_completed_by_a_country(
    tmp_path: Path, row: dict[str, object], default: str | None, normalised: str
) -> None:
    made = prepare_audience([row], tmp_path, types=["PHONE"], country=default)
    assert positions_of(made.requests[0]) == [[sha256(normalised)]]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"email": "a@b.co", "phone": "0612345678"}, "phone_without_country"),
        ({"email": "a@b", "phone": "+33612345678"}, "bad_email"),
        ({"email": "a@b.co", "phone": "n/a"}, "bad_phone"),
        ({"email": "a@b.co", "phone": "+33612345678", "country": "France"}, "bad_country"),
    ],
)
def test_bad_value_beside_a_good_id_is_dropped_with_a_warning(
    tmp_path: Path, row: dict[str, object], reason: str
) -> None:
    made = prepare_audience([row], tmp_path)
    assert made.reasons == [(1, reason, "warning")]
    assert made.tallies[None]["rows_in_people"] == 1


@pytest.mark.parametrize(
    ("column", "given", "shown"),
    [
        ("email", "jane.doe.example.com", "j•••"),
        ("email", "jane@doe@example.com", "j•••@e•••.com"),
        ("phone", "12133734253", "•••53"),
        ("phone", "n/a", "•••"),
        ("idfa", UUID[:-1], "7•••"),
    ],
)
def test_bad_value_is_shown_masked(tmp_path: Path, column: str, given: str, shown: str) -> None:
    made = prepare_audience([{column: given}], tmp_path, types=[column.upper()])
    assert [value for _, _, _, value, _ in made.issues] == [shown]


def test_unselected_columns_are_not_read(tmp_path: Path) -> None:
    made = prepare_audience([{"email": "a@b.co", "phone": "n/a", "idfa": "x"}], tmp_path, types=["EMAIL"])
    assert (made.issues, positions_of(made.requests[0])) == ([], [[sha256("a@b.co")]])


def test_selected_type_without_column_leaves_its_place_empty(tmp_path: Path) -> None:
    made = prepare_audience([{"email": "a@b.co"}], tmp_path, types=["EMAIL", "AAID"])
    assert positions_of(made.requests[0]) == [[sha256("a@b.co"), None]]


def test_device_ids_of_the_engines_own_type_are_read(tmp_path: Path) -> None:
    table = pa.table({"idfa": pa.array([bytes.fromhex(UUID.replace("-", ""))], pa.uuid())})
    made = prepare_audience(table, tmp_path, types=["IDFA"])
    assert positions_of(made.requests[0]) == [[sha256(UUID)]]


def test_phone_given_as_a_number_is_read(tmp_path: Path) -> None:
    made = prepare_audience([{"phone": 2133734253}], tmp_path, types=["PHONE"], country="US")
    assert positions_of(made.requests[0]) == [[sha256("+12133734253")]]


def test_list_column_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match="email holds several values per row.*unnest"):
        prepare_audience([{"email": ["a@b.co", "c@b.co"]}], tmp_path, types=["EMAIL"])


@pytest.mark.parametrize("types", [[], ["NAME"], ["EMAIL", "email"]])
def test_unknown_types_are_refused(tmp_path: Path, types: list[str]) -> None:
    with pytest.raises(PreparationError, match="user_id_types"):
        prepare_audience([{"email": "a@b.co"}], tmp_path, types=types)


@pytest.mark.parametrize(("mode", "transport"), [("replace", "streaming"), ("delete", "file")])
def test_mode_that_does_not_go_with_the_transport_is_refused(tmp_path: Path, mode: str, transport: str) -> None:
    with pytest.raises(PreparationError):
        prepare_audience([{"email": "a@b.co"}], tmp_path, mode=mode, transport=transport)
