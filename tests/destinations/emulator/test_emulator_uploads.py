"""Check /dmp/custom_audience/file/upload/: the parts, the file as such, and every line of it."""

from hashlib import md5, sha256
from typing import Any

import pytest

ACME, GLOBEX = "7654321098765432109", "7654321098765432209"
ADA = sha256(b"ada@example.com").hexdigest()
MAID = "d4181bb455a74b3bc8b37c75ac9b2c702eb6b9930bd040b861403b31ca85634d"
IDFA_MD5 = "e0325b8b05ba7d9db78391834c48cec0"
OPERATE = f"No permission to operate advertiser {GLOBEX}. You must be an admin or operator of this advertiser account."
RAW = "7a3cbea0-bdf5-11e4-8dfc-aa07a5b093db"
EMPTY = sha256(b"").hexdigest()
VECTORS = (
    "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b",
    "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd",
    "42d573cfc315801d4cd8eddd5416b416a0bf298b9b9e12d6b07442c91db42bd8",
)


def test_uploaded_file_gets_a_path_of_16_characters(sender: Any) -> None:
    reply = sender.upload(f"{ADA}\n".encode())
    assert (reply["code"], len(reply["data"]["file_path"])) == (0, 16)
    assert sender.show("requests", limit="1")["requests"][0]["items"] == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("people.csv", 0),
        ("people.txt", 0),
        ("people.CSV", 40908),
        ("people.csv.gz", 40908),
        ("people", 40908),
    ],
)
def test_suffix_must_be_csv_or_txt(sender: Any, name: str, code: int) -> None:
    assert sender.upload(f"{ADA}\n".encode(), name)["code"] == code


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"file_signature": "0" * 32}, 40900, "The file_signature does not match the file."),
        ({"file_signature": ""}, 40002, "Missing required field(s): file_signature."),
        ({"calculate_type": ""}, 40002, "Missing required field(s): calculate_type."),
        ({"calculate_type": "FIRST_NORMAL"}, 40002, "Invalid value for calculate_type: not a valid choice."),
        ({"caculate_type": "EMAIL_SHA256"}, 40002, "Invalid value for caculate_type: unknown field."),
        ({"advertiser_id": ""}, 40002, "Missing required field(s): advertiser_id."),
        ({"advertiser_id": "acme"}, 40002, "Invalid value for advertiser_id: not a valid string."),
        (
            {"advertiser_id": GLOBEX},
            40001,
            OPERATE,
        ),
    ],
    ids=["signature", "no_signature", "no_type", "type", "misspelt", "no_account", "account", "foreign"],
)
def test_parts_breaking_a_rule_are_refused(sender: Any, change: dict[str, str], code: int, message: str) -> None:
    reply = sender.upload(f"{ADA}\n".encode(), **change)
    assert (reply["code"], reply["message"]) == (code, message)


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", 40906, "The file is empty."),
        (b"\n\n", 40906, "The file is empty."),
        (b"email_sha256\n", 40915, "The file has a header line only."),
        (b"ada@example.com\n", 40909, "Line 1, EMAIL_SHA256: not hashed with SHA-256."),
        (f"{ADA}\n{IDFA_MD5}\n".encode(), 40909, "Line 2, EMAIL_SHA256: not hashed with SHA-256."),
        (f"phone_sha256\n{ADA}\n".encode(), 40909, "Line 1, EMAIL_SHA256: not hashed with SHA-256."),
        (f'"{ADA}"\n'.encode(), 40909, "Line 1, EMAIL_SHA256: not hashed with SHA-256."),
        (f"{ADA}\r\n".encode(), 40909, "Line 1, EMAIL_SHA256: not hashed with SHA-256."),
        (ADA.upper().encode(), 40915, "Line 1, EMAIL_SHA256: the SHA-256 hash must be lower-case."),
        (EMPTY.encode(), 40915, "Line 1, EMAIL_SHA256: hash of an empty value."),
        (f"{ADA}\n\n{ADA}\n".encode(), 40915, "Line 2 is empty."),
        (f"\ufeff{ADA}\n".encode(), 40915, "The file must be UTF-8 without a byte order mark."),
        ("ada@exämple.com\n".encode(), 40915, "The file holds characters that are no part of a hash."),
    ],
    ids=[
        "nothing",
        "blank_lines",
        "header_only",
        "raw",
        "md5",
        "other_header",
        "quotes",
        "carriage_return",
        "upper_case",
        "empty_hash",
        "gap",
        "byte_order_mark",
        "not_ascii",
    ],
)
def test_content_breaking_a_rule_is_refused(sender: Any, content: bytes, code: int, message: str) -> None:
    reply = sender.upload(content)
    assert (reply["code"], reply["message"]) == (code, message)


def test_file_of_50_megabytes_is_taken_and_one_more_byte_refused(sender: Any) -> None:
    line = f"{ADA}\n".encode()
    lines = 50 * 1024 * 1024 // len(line)
    assert sender.upload(line * (lines + 1))["code"] == 40907
    assert sender.upload(line * lines)["code"] == 0


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("EMAIL_SHA256", f"email_SHA256\n{ADA}\n"),
        ("PHONE_SHA256", f"phone\n{ADA}"),
        ("IDFA_MD5", f"{IDFA_MD5}\n"),
        ("GAID_SHA256", f"{MAID}\n"),
        ("FIRST_MD5", f"{IDFA_MD5}\n"),
        ("MAID_SHA256", f"MAID_SHA256\n{MAID}\n"),
        ("MULTIPLE_TYPES", f"email_SHA256,phone_SHA256,MAID_SHA256\n{ADA},{ADA},\n,{ADA},{MAID}\n"),
        ("MULTIPLE_TYPES", f"maid_md5,MAID,EMAIL_sha256\n{IDFA_MD5},{RAW.upper()},{ADA}"),
    ],
    ids=["header", "short_header", "md5", "gaid", "first", "alias", "three_columns", "raw_device_id"],
)
def test_content_of_its_type_is_taken(sender: Any, kind: str, content: str) -> None:
    assert sender.upload(content.encode(), calculate_type=kind)["code"] == 0


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (f"{ADA}\n", 40909, "The first line of a MULTIPLE_TYPES file must name different columns"),
        (f"email_SHA256,email_sha256\n{ADA},\n", 40909, "The first line of a MULTIPLE_TYPES file must name"),
        (f"email_SHA256,IDFA_SHA256\n{ADA},\n", 40909, "The first line of a MULTIPLE_TYPES file must name"),
        (f"email_SHA256,phone_SHA256\n{ADA}\n", 40915, "Line 2 has 1 fields, the header has 2."),
        (f"email_SHA256,phone_SHA256\n{ADA},\n{ADA},,\n", 40915, "Line 3 has 3 fields, the header has 2."),
        (f"email_SHA256,phone_SHA256\n{ADA},\n,\n", 40915, "Line 3 is empty."),
        (f"email_SHA256,phone_SHA256\n{ADA},+12133734253\n", 40909, "Line 2, PHONE_SHA256: not hashed"),
        (f"email_SHA256,MAID\n{ADA},{MAID}\n", 40915, "Line 2, MAID: not a valid mobile advertising id."),
        ("email_SHA256,phone_SHA256\n", 40915, "The file has a header line only."),
    ],
    ids=["no_header", "twice", "unknown", "few", "many", "empty_row", "raw_phone", "hashed_maid", "header_only"],
)
def test_columns_breaking_a_rule_are_refused(sender: Any, content: str, code: int, message: str) -> None:
    reply = sender.upload(content.encode(), calculate_type="MULTIPLE_TYPES")
    assert reply["code"] == code
    assert reply["message"].startswith(message)
    assert "+1213" not in reply["message"]


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("application/json", b"{}", "Invalid Content-Type: must be multipart/form-data."),
        ("multipart/form-data", b"", "Invalid Content-Type: must be multipart/form-data."),
        ("multipart/form-data; boundary=x", b"", "Invalid request body: not a valid multipart/form-data."),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="advertiser_id"\r\n\r\n1\r\n--x\r\n',
            "Invalid request body: not a valid multipart/form-data.",
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
            "Invalid request body: not a valid multipart/form-data.",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 2 + b"--x--\r\n",
            "Invalid value for a: given twice.",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="advertiser_id"\r\n\r\n1\r\n--x--\r\n',
            "Missing required field(s): file.",
        ),
    ],
    ids=["json", "no_boundary", "nothing", "not_closed", "no_name", "twice", "no_file"],
)
def test_body_that_is_no_form_is_refused(sender: Any, kind: str, body: bytes, message: str) -> None:
    url = f"{sender.emulator.api_url}dmp/custom_audience/file/upload/"
    reply = sender.session.post(url, data=body, headers={"Content-Type": kind}, timeout=5).json()
    assert (reply["code"], reply["message"]) == (40002, message)


def test_analyst_may_not_upload(sender_with: Any) -> None:
    assert sender_with("emulator-token-analyst").upload(f"{ADA}\n".encode())["code"] == 40001


def test_vector_of_two_columns_has_its_signature(sender: Any) -> None:
    rows = (
        "email_SHA256,phone_SHA256,MAID_SHA256",
        f"{VECTORS[0]},{VECTORS[1]},",
        f",{VECTORS[2]},{MAID}",
    )
    content = "".join(f"{row}\n" for row in rows).encode()
    assert md5(content, usedforsecurity=False).hexdigest() == "bb45c7bde6cafc9e2615796b899745d7"
    assert sender.upload(content, calculate_type="MULTIPLE_TYPES")["code"] == 0
