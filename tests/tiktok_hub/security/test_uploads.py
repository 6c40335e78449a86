"""What people upload is a table or nothing, is never too much, and is never shown by a browser."""

import gzip
import io
import zipfile

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from orchestrations.models import Dataset
from tiktok_hub.tenancy.scope import tenant_scope

ADD = "/acme/orchestrations/dataset/add/"
PE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + b"\x00" * 200
CSV = b"id,email\n1,jo@shop.example\n"


def zipped(name: str, content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return sink.getvalue()


HOSTILE = {
    "program for Linux": b"\x7fELF\x02\x01\x01" + b"\x00" * 300,
    "program for Windows": PE,
    "program for macOS": b"\xcf\xfa\xed\xfe" + b"\x00" * 300,
    "shell script": b"#!/bin/sh\nrm -rf /\n",
    "web page": b"<!DOCTYPE html><script>alert(1)</script>",
    "web page without a head": b"  <script>alert(1)</script>\n1,2\n",
    "picture with a script": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "comment before a page": b"<!-- a,b --><html></html>",
    "rich text": b"{\\rtf1\\ansi a,b}",
    "picture": b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
    "PDF": b"%PDF-1.7\na,b\n",
    "archive": zipped("orders.csv", CSV),
    "archive bomb": zipped("orders.csv", bytes(10_000_000)),
    "table and archive in one": CSV + zipped("evil.exe", PE),
    "gzip bomb": gzip.compress(b"a,b\n" + bytes(30_000_000)),
    "gzip in gzip": gzip.compress(gzip.compress(CSV)),
    "program in gzip": gzip.compress(PE),
    "nothing": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_table_is_not_taken_whatever_its_name(acme, bea, client_of, settings, content):
    settings.HUB_UPLOAD_MAX_BYTES = 20_000_000
    answer = client_of(bea).post(ADD, {"file": SimpleUploadedFile("orders.csv", content, "text/csv"), "name": "orders"})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["file"]
    with tenant_scope(acme):
        assert not Dataset.objects.exists()


@pytest.mark.parametrize("header", ["PARENT_ID", "ORCID", "BZhandler", "GIF8", "MZ", "a<b"])
def test_a_table_whose_header_begins_like_another_format_is_taken(acme, bea, client_of, header):
    content = f"{header},email\n1,jo@shop.example\n".encode()
    client_of(bea).post(ADD, {"file": SimpleUploadedFile("orders.csv", content), "name": "orders"})
    with tenant_scope(acme):
        assert Dataset.objects.get().columns[0]["name"] == header


def test_a_body_that_is_too_large_is_refused_before_it_is_read(acme, bea, client_of, settings, tmp_path):
    settings.HUB_UPLOAD_MAX_BYTES, settings.FILE_UPLOAD_TEMP_DIR = 1_000_000, tmp_path
    file = SimpleUploadedFile("orders.csv", bytes(12_000_000))
    answer = client_of(bea).post(ADD, {"file": file, "name": "orders"})
    assert answer.status_code == 413
    assert "HUB_UPLOAD_MAX_BYTES" in answer.content.decode()


@pytest.mark.parametrize("address", ["/login/", "/authorize/secret/x/", "/nowhere/", "/"])
def test_a_stranger_sends_no_files(db, address):
    answer = Client().post(address, {"file": SimpleUploadedFile("x", bytes(11_000_000))})
    assert answer.status_code in {302, 413}


def test_what_is_stored_has_no_address(acme, bea, client_of):
    browser = client_of(bea)
    browser.post(ADD, {"file": SimpleUploadedFile("orders.csv", CSV), "name": "orders"})
    with tenant_scope(acme):
        path = Dataset.objects.get().path
    for address in (default_storage.url(path), *(f"{start}{path}" for start in ("/media/", "/static/", "/acme/"))):
        assert browser.get(address).status_code == 404


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\evil.csv", "<img src=x onerror=alert(1)>.csv", "a\x00b.csv"])
def test_a_files_name_leads_nowhere(acme, bea, client_of, name):
    browser = client_of(bea)
    browser.post(ADD, {"file": SimpleUploadedFile(name, CSV), "name": "orders"})
    with tenant_scope(acme):
        dataset = Dataset.objects.get()
    assert dataset.path.startswith(f"{acme.pk}/datasets/orders-")
    assert "<img src=x" not in browser.get(f"/acme/orchestrations/dataset/{dataset.pk}/change/").content.decode()
