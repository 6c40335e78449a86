"""What an audience was told can be verified, doubted, exported, looked into and forgotten."""

from collections.abc import Callable

import pyarrow as pa
import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from orchestrations.audiences.upkeep import (
    audience_doubt,
    audience_export,
    audience_forget,
    audience_knows,
    audience_verify,
)
from orchestrations.choices import AudienceStatus, RunStage, RunStatus
from orchestrations.models import Audience, AudienceReading, Run, RunAudience
from tests.orchestrations.audiences.made import (
    STATE,
    Id,
    audience_made,
    batch_made,
    digest,
    people,
    state_held,
    table_give,
)
from tiktok_hub.tenancy.scope import tenant_scope

IDS: list[Id] = [
    ("EMAIL", "a@mail.example", 1, True),
    ("EMAIL", "b@mail.example", 2, False),
    ("PHONE", "+14155550137", 1, True),
    ("AAID", "11111111-2222-4333-8444-555555555555", 3, True),
]


@pytest.fixture
def audience(acme) -> Audience:
    """An audience that TikTok was told some ids for."""
    return audience_made(acme, IDS, audience_id="71")


def rows(*ids: tuple[int | None, bytes | None]) -> pa.Table:
    """Make a state of some kinds and digests."""
    return pa.Table.from_pylist([{"kind": k, "digest": d, "person": 1, "sure": True} for k, d in ids], schema=STATE)


def test_whole_state_is_found_good(audience):
    with tenant_scope(audience.tenant):
        findings = audience_verify(audience=audience)
    assert [finding.label for finding in findings if not finding.good] == []
    assert {"Structure", "Digests", "Uniqueness", "People", "EMAIL ids", "Unsure ids"} <= {f.label for f in findings}


GOOD = digest("x")
DAMAGE: dict[str, tuple[Callable[[Audience], object], str]] = {
    "file is gone": (lambda audience: default_storage.delete(audience.state_path), "File"),
    "file is no table": (
        lambda audience: default_storage.save(audience.state_path, ContentFile(b"PAR1 nonsense")), "File",
    ),
    "other columns": (lambda audience: table_give(audience, pa.table({"digest": [GOOD]})), "Structure"),
    "unknown type": (lambda audience: table_give(audience, rows((9, GOOD))), "Structure"),
    "short digest": (lambda audience: table_give(audience, rows((0, GOOD[:31]))), "Digests"),
    "no digest": (lambda audience: table_give(audience, rows((0, None))), "Digests"),
    "id twice": (lambda audience: table_give(audience, rows((0, GOOD), (0, GOOD))), "Uniqueness"),
    "other counts": (lambda audience: table_give(audience, rows((0, GOOD))), "People"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(audience, damage):
    harm, label = DAMAGE[damage]
    with tenant_scope(audience.tenant):
        harm(audience)
        findings = audience_verify(audience=audience)
    assert label in {finding.label for finding in findings if not finding.good}


def test_same_digest_of_two_types_is_no_duplicate(audience):
    with tenant_scope(audience.tenant):
        table_give(audience, rows((2, GOOD), (3, GOOD)))
        findings = {finding.label: finding.good for finding in audience_verify(audience=audience)}
    assert findings["Uniqueness"]


@pytest.mark.parametrize(("people_noted", "good"), [(0, True), (7, False)])
def test_nothing_told_is_good_when_the_database_says_so_too(acme, people_noted, good):
    audience = audience_made(acme, people=people_noted)
    with tenant_scope(acme):
        assert all(finding.good for finding in audience_verify(audience=audience)) == good


def test_verifying_changes_nothing(audience):
    before, path = state_held(audience), audience.state_path
    with tenant_scope(audience.tenant):
        audience_verify(audience=audience)
    assert (state_held(audience), audience.state_path) == (before, path)


def test_doubt_makes_every_id_unsure_and_keeps_it(audience, django_capture_on_commit_callbacks):
    before, old = state_held(audience), audience.state_path
    with tenant_scope(audience.tenant), django_capture_on_commit_callbacks(execute=True):
        audience_doubt(audience=audience)
    after = state_held(audience)
    assert (set(after), set(after.values())) == (set(before), {False})
    assert (audience.people, audience.unsure, audience.ids) == (3, 4, {"EMAIL": 2, "PHONE": 1, "AAID": 1})
    assert not default_storage.exists(old)


def test_doubt_brings_back_what_a_run_removed(audience):
    gone: list[Id] = [("EMAIL", "left@mail.example", 9, True)]
    with tenant_scope(audience.tenant):
        batch_made(RunAudience.objects.get(), 1, "delete", gone)
        audience_doubt(audience=audience)
    assert state_held(audience)["EMAIL", digest("left@mail.example")] is False
    assert (audience.people, audience.unsure) == (4, 5)


def test_doubt_leaves_out_what_tiktok_has_carried_out(audience):
    with tenant_scope(audience.tenant):
        batch_made(RunAudience.objects.get(), 1, "delete", [("EMAIL", "left@mail.example", 9, True)])
        AudienceReading.objects.create(tenant=audience.tenant, audience=audience, status=AudienceStatus.READY)
        audience_doubt(audience=audience)
    assert ("EMAIL", digest("left@mail.example")) not in state_held(audience)


def test_doubt_about_nothing_does_nothing(acme):
    audience = audience_made(acme)
    with tenant_scope(acme):
        audience_doubt(audience=audience)
    assert audience.state_path == ""


def test_export_writes_types_digests_and_sureness(audience):
    with tenant_scope(audience.tenant):
        lines = "".join(audience_export(audience)).splitlines()
    assert lines[0] == "type,digest,sure"
    assert sorted(lines[1:]) == sorted(f"{k},{digest(v).hex()},{str(sure).lower()}" for k, v, _, sure in IDS)


def test_export_of_many_ids_comes_in_pieces(acme):
    audience = audience_made(acme, people(120_000))
    with tenant_scope(acme):
        pieces = list(audience_export(audience))
    assert len(pieces) > 2
    assert sum(piece.count("\n") for piece in pieces) == 120_001


def test_export_of_nothing_is_a_head(acme):
    audience = audience_made(acme)
    with tenant_scope(acme):
        assert list(audience_export(audience)) == ["type,digest,sure\n"]


def test_ids_are_looked_up_with_their_sureness(audience):
    asked = [digest(value) for value in ("a@mail.example", "b@mail.example", "nobody@mail.example")]
    with tenant_scope(audience.tenant):
        known = audience_knows(audience, asked)
    assert known == {("EMAIL", asked[0]): True, ("EMAIL", asked[1]): False}


def test_nothing_is_known_where_nothing_was_told(acme):
    audience = audience_made(acme)
    with tenant_scope(acme):
        assert audience_knows(audience, [GOOD]) == {}


def test_forgetting_drops_the_state_and_its_file(audience, django_capture_on_commit_callbacks):
    old = audience.state_path
    with tenant_scope(audience.tenant), django_capture_on_commit_callbacks(execute=True):
        audience_forget(audience=audience)
    seen = (audience.state_path, audience.state_at, audience.people, audience.ids, audience.unsure)
    assert seen == ("", None, 0, {}, 0)
    assert not default_storage.exists(old)


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.HELD])
def test_nothing_is_forgotten_while_a_run_is_not_finished(audience, status):
    with tenant_scope(audience.tenant):
        Run.objects.update(status=status, stage=RunStage.DELIVERING)
        with pytest.raises(ValidationError, match="not finished yet"):
            audience_forget(audience=audience)
    assert len(state_held(audience)) == len(IDS)
