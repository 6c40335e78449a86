"""Datasets: upload, replace, mark, delete."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from orchestrations.models import Dataset, Query
from tests.orchestrations.admin.conftest import text
from tiktok_hub.tenancy.scope import tenant_scope

BASE = "/acme/orchestrations/dataset/"
CSV = b"id,e_mail,amount\n1,jo@shop.example,3.5\n2,li@shop.example,4.5\n"


def upload(name: str = "Spring Sales.csv", content: bytes = CSV) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def stored(tenant, name: str) -> Dataset | None:
    with tenant_scope(tenant):
        return Dataset.objects.filter(name=name).first()


@pytest.fixture
def sales(acme, bea, person) -> Dataset:
    """A dataset that was uploaded in the browser."""
    person("bea").post(f"{BASE}add/", {"file": upload(), "name": "", "description": "of spring"})
    return stored(acme, "spring_sales")


def test_upload_names_the_table_after_the_file(sales):
    assert (sales.rows, sales.filename, sales.description) == (2, "Spring Sales.csv", "of spring")
    assert [column["name"] for column in sales.columns] == ["id", "e_mail", "amount"]
    assert sales.pii_columns == {"e_mail"}


def test_upload_under_a_taken_name_is_refused(sales, person):
    page = text(person("bea").post(f"{BASE}add/", {"file": upload(), "name": "Spring_Sales", "description": "again"}))
    assert "There is a dataset named “Spring_Sales” already." in page
    assert "again" in page


def test_upload_of_something_unreadable_says_so_and_keeps_what_was_typed(acme, bea, person):
    answer = person("bea").post(
        f"{BASE}add/", {"file": upload("x.parquet", b"PK\x03\x04zip"), "name": "mine", "description": "words I typed"}
    )
    page = text(answer)
    assert "words I typed" in page
    assert answer.context["adminform"].form.errors["file"]
    assert stored(acme, "mine") is None


def test_new_version_replaces_the_rows_and_keeps_the_marks(sales, acme, person):
    more = CSV + b"3,mo@shop.example,9\n"
    person("bea").post(
        f"{BASE}{sales.pk}/change/", {"file": upload(content=more), "description": "of spring", "pii": ["amount"]}
    )
    found = stored(acme, "spring_sales")
    assert (found.rows, found.pii_columns) == (3, {"amount"})
    assert found.path != sales.path


def test_description_changes_without_a_new_file(sales, acme, person):
    person("bea").post(f"{BASE}{sales.pk}/change/", {"description": "of last spring", "pii": ["e_mail", "id"]})
    found = stored(acme, "spring_sales")
    assert (found.description, found.rows, found.pii_columns) == ("of last spring", 2, {"e_mail", "id"})


def test_people_with_restricted_access_cannot_unmark_personal_data(sales, acme, ben, person):
    person("ben").post(f"{BASE}{sales.pk}/change/", {"description": "mine", "pii": []})
    assert stored(acme, "spring_sales").pii_columns == {"e_mail"}


def test_preview_is_masked_for_people_with_restricted_access(sales, ben, person):
    assert "jo@shop.example" in text(person("bea").get(f"{BASE}{sales.pk}/preview/"))
    masked = text(person("ben").get(f"{BASE}{sales.pk}/preview/"))
    assert "jo@shop.example" not in masked
    assert "masked" in masked


@pytest.mark.parametrize("name", ["ada", "olga", "ben", "rita"])
def test_dataset_page_opens_for_every_policy(sales, request, person, name):
    page = text(person(name).get(f"{BASE}{sales.pk}/change/"))
    assert "e_mail" in page
    assert "FROM spring_sales" in page


def test_reader_cannot_upload(rita, person):
    assert person("rita").post(f"{BASE}add/", {"file": upload(), "name": "x", "description": ""}).status_code == 403


def test_dataset_that_a_query_reads_is_not_deleted(sales, acme, ada, person):
    with tenant_scope(acme):
        Query.objects.create(tenant=acme, name="spring", sql="SELECT * FROM Spring_Sales")
    page = text(person("ada").post(f"{BASE}{sales.pk}/delete/", {"post": "yes"}, follow=True))
    assert "is read by “spring”" in page
    assert stored(acme, "spring_sales") is not None


def test_unused_dataset_is_deleted(sales, acme, ada, person):
    person("ada").post(f"{BASE}{sales.pk}/delete/", {"post": "yes"})
    assert stored(acme, "spring_sales") is None
