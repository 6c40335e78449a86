"""The pages of audiences: who sees them, what they say, what can be done on them, and a value that is kept nowhere."""

import logging
import shutil
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from destinations.models import Destination
from orchestrations.choices import AudienceStatus, RunPurpose, RunStage, RunStatus
from orchestrations.models import Audience, AudienceReading, Orchestration, Run, RunAudience
from tests.leaks.traces import Traces
from tests.orchestrations.admin.conftest import text
from tests.orchestrations.audiences.made import TikTok, audience_made, digest, people, run_made
from tiktok_hub.tenancy.scope import tenant_scope

LIST = "/acme/orchestrations/audience/"
EVERYBODY, ADMINS = ["ada", "olga", "bea", "rita"], ["ada", "olga"]
MAIL = "zqmarker@shop.example"


@pytest.fixture
def audience(acme) -> Audience:
    """An audience of 1,234 people that TikTok has matched 640 of."""
    return audience_made(
        acme, people(1_234), audience_id="7123456789012345678", status=AudienceStatus.TOO_SMALL, size=640,
        read_at=timezone.now(), expires_at=timezone.now() + timedelta(days=300),
    )  # fmt: skip


def address(audience: Audience, page: str = "change/") -> str:
    return f"{LIST}{audience.pk}/{page}"


def held(audience: Audience) -> Audience:
    """Read the audience anew."""
    with tenant_scope(audience.tenant):
        return Audience.objects.get(pk=audience.pk)


@pytest.mark.parametrize("name", EVERYBODY)
def test_audience_page_opens_for_every_policy(audience, person, name):
    page = text(person(name).get(address(audience)))
    assert "1,234" in page
    assert "640" in page


@pytest.mark.parametrize("name", ["ben", "charlie"])
@pytest.mark.parametrize("page", ["change/", "verify/", "export/", "forget/"])
def test_audience_does_not_exist_where_no_open_destination_keeps_it(audience, person, name, page):
    assert person(name).get(address(audience, page)).status_code == 404


@pytest.mark.parametrize(("name", "rows"), [("bea", 1), ("ben", 0)])
def test_list_leaves_out_what_no_open_destination_keeps(audience, person, name, rows):
    assert person(name).get(LIST).context["cl"].result_count == rows


def test_audience_is_seen_by_people_with_restricted_access_where_the_destination_says_so(acme, person):
    audience = audience_made(acme, people(3), access={"pii_setting": True})
    assert person("ben").get(address(audience)).status_code == 200


def test_audience_of_an_admin_only_destination_is_for_admins(acme, person):
    audience = audience_made(acme, people(3), access={"admin_only": True})
    assert [person(name).get(address(audience)).status_code for name in EVERYBODY] == [200, 200, 404, 404]


def test_audience_that_nobody_keeps_any_more_is_for_admins(audience, person):
    with tenant_scope(audience.tenant):
        Run.objects.all().delete()
    assert [person(name).get(address(audience)).status_code for name in EVERYBODY] == [200, 200, 404, 404]


@pytest.mark.parametrize("name", ["ada", "rita"])
@pytest.mark.parametrize("page", ["add/", "delete/"])
def test_nobody_adds_or_deletes_audiences_by_hand(audience, person, name, page):
    url = f"{LIST}add/" if page == "add/" else address(audience, page)
    assert person(name).get(url).status_code == 403
    assert person(name).post(url, {"post": "yes"}).status_code == 403
    person(name).post(address(audience), {"name": "other"})
    assert held(audience).name == "members"


POSTS = ["read/", "verify/now/", "forget/now/", "export.csv"]


@pytest.mark.parametrize("page", POSTS)
@pytest.mark.parametrize("name", ["bea", "rita"])
def test_actions_are_for_administrators_and_operators(audience, person, name, page):
    assert person(name).post(address(audience, page)).status_code == 403
    assert held(audience).people == 1_234


@pytest.mark.parametrize("page", POSTS)
def test_actions_need_a_post(audience, person, page):
    assert person("ada").get(address(audience, page)).status_code == 405


@pytest.mark.parametrize(("name", "offers"), [("ada", True), ("olga", True), ("bea", False), ("rita", False)])
def test_page_offers_what_a_policy_may_do(audience, person, name, offers):
    page = text(person(name).get(address(audience)))
    for button in ("audience-read", "audience-verify", "audience-export", "audience-forget"):
        assert (f'id="{button}"' in page) == offers


def test_list_shows_numbers_and_needs_no_more_queries_for_more_audiences(acme, person):
    browser, counts = person("bea"), []
    for lot in range(2):
        for number in range(3):
            audience_made(acme, people(7), name=f"audience {lot} {number}")
        browser.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_empty_list_says_how_audiences_come_about(acme, person):
    assert "No audience yet" in text(person("rita").get(LIST))


@pytest.mark.parametrize("status", AudienceStatus.values)
def test_every_status_is_explained(audience, person, status):
    with tenant_scope(audience.tenant):
        Audience.objects.update(status=status)
    page = text(person("bea").get(address(audience)))
    assert str(AudienceStatus(status).label) in page
    steps = status in {"too_small", "expiring", "expired", "not_editable", "failed", "deleted"}
    assert ('<ol class="oc-list"><li>' in page) == steps


def test_too_small_audience_says_how_far_it_is(audience, person):
    assert "360 are missing" in text(person("rita").get(address(audience)))


def test_words_of_tiktok_about_a_failure_are_for_administrators(audience, person):
    with tenant_scope(audience.tenant):
        Audience.objects.update(status=AudienceStatus.FAILED, problem="words-of-tiktok")
    seen = {name: text(person(name).get(address(audience))) for name in EVERYBODY}
    assert [name for name, page in seen.items() if "words-of-tiktok" in page] == ADMINS


def test_page_says_why_it_could_not_be_read(audience, person):
    with tenant_scope(audience.tenant):
        Audience.objects.update(problem="TikTok does not answer.")
    assert "The last attempt did not succeed: TikTok does not answer." in text(person("bea").get(address(audience)))


def test_curve_is_drawn_from_the_second_reading_on(audience, person):
    for number in range(2):
        with tenant_scope(audience.tenant):
            at = timezone.now() - timedelta(days=2 - number)
            AudienceReading.objects.create(
                tenant=audience.tenant, audience=audience, read_at=at, status="ready", size=600 + number, told=1_000
            )
        assert ("Needed by an ad group" in text(person("bea").get(address(audience)))) == bool(number)


def test_who_came_with_each_run_is_drawn_and_stands_in_a_table(audience, person):
    page = text(person("bea").get(address(audience)))
    assert "People added to and removed from the audience" in page
    assert '<td class="oc-num">1,234</td>' in page


def test_page_lists_runs_and_what_they_changed(audience, person):
    page = text(person("bea").get(address(audience)))
    assert "members-daily</a>" in page
    assert "+1,234" in page


def test_runs_to_closed_destinations_are_not_listed(audience, person):
    with tenant_scope(audience.tenant):
        other = Orchestration.objects.get()
        closed = Destination.objects.create(
            tenant=audience.tenant, name="closed", plugin="tiktok-ads", credential=other.destination.credential,
            settings=other.destination.settings, admin_only=True,
        )  # fmt: skip
        hidden = Orchestration.objects.create(
            tenant=audience.tenant, name="secret-plan", query=other.query, destination=closed, settings=other.settings
        )
        run_made(audience, hidden)
    assert "secret-plan" in text(person("ada").get(address(audience)))
    assert "secret-plan" not in text(person("bea").get(address(audience)))


def test_orchestration_that_keeps_another_audience_now_is_marked(audience, person):
    assert "keeps another audience now" not in text(person("bea").get(address(audience)))
    with tenant_scope(audience.tenant):
        Orchestration.objects.update(settings={"audience_name": "others"})
    assert "keeps another audience now" in text(person("bea").get(address(audience)))


def test_plan_is_marked_as_one(audience, person):
    with tenant_scope(audience.tenant):
        Run.objects.update(purpose=RunPurpose.PLAN)
    assert "plan, nothing was sent" in text(person("bea").get(address(audience)))


def test_read_now_asks_tiktok(emulator, acme, person):
    tiktok = TikTok(emulator, acme)
    audience = audience_made(acme, people(3), audience_id=tiktok.streamed(1_500), next_reading_at=None)
    tiktok.later()
    page = text(person("olga").post(address(audience, "read/"), follow=True))
    assert "TikTok says: ready." in page
    assert (held(audience).size, held(audience).status) == (1_500, AudienceStatus.READY)


def test_read_now_says_why_tiktok_cannot_be_asked(emulator, acme, person):
    tiktok = TikTok(emulator, acme)
    audience = audience_made(acme, audience_id=tiktok.streamed(3))
    tiktok.steer("faults", [{"match": {}, "action": {"code": 40105, "message": "raw-words"}}])
    page = text(person("ada").post(address(audience, "read/"), follow=True))
    assert "TikTok could not be asked" in page
    assert "raw-words" not in page


def test_verification_says_what_it_looks_at_then_what_it_found(audience, person):
    browser = person("ada")
    assert "What is looked at" in text(browser.get(address(audience, "verify/")))
    assert "All is as it should be" in text(browser.post(address(audience, "verify/now/")))
    default_storage.delete(held(audience).state_path)
    assert "Something is wrong" in text(browser.post(address(audience, "verify/now/")))


def test_export_asks_first_and_gives_digests(audience, person):
    browser = person("olga")
    assert "1,234 ids" in text(browser.get(address(audience, "export/")))
    response = browser.post(address(audience, "export.csv"))
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert (len(lines), lines[0]) == (1_235, "type,digest,sure")
    assert "no-store" in response["Cache-Control"]


def test_forgetting_says_what_it_means_then_forgets(audience, person):
    browser = person("ada")
    assert "cannot be removed by us any more" in text(browser.get(address(audience, "forget/")))
    assert held(audience).people == 1_234
    assert "The next run sends everybody" in text(browser.post(address(audience, "forget/now/"), follow=True))
    assert (held(audience).people, held(audience).state_path) == (0, "")


def test_nothing_is_forgotten_during_a_run(audience, person):
    with tenant_scope(audience.tenant):
        Run.objects.update(status=RunStatus.HELD, stage=RunStage.DELIVERING)
    browser = person("ada")
    assert 'id="forget-now" disabled' in text(browser.get(address(audience, "forget/")))
    assert "not finished yet" in text(browser.post(address(audience, "forget/now/"), follow=True))
    assert held(audience).people == 1_234


def explain(browser, **form: object):
    """Post a value to the hash explainer."""
    return browser.post(f"{LIST}explain/", {"kind": "EMAIL", "country": "", **form})


@pytest.mark.parametrize("name", [*EVERYBODY, "ben"])
def test_explainer_is_for_everybody(acme, person, name):
    page = text(explain(person(name), value=" Jane.Doe+x@Mail.example "))
    assert digest("jane.doe+x@mail.example").hex() in page
    assert digest("janedoe@mail.example").hex() in page


def test_explainer_says_when_both_rules_agree(acme, person):
    assert "Both rules give the same" in text(explain(person("bea"), value="jane@mail.example"))
    assert "Both rules give the same" not in text(explain(person("bea"), value="j.ane@mail.example"))


@pytest.mark.parametrize(
    ("typed", "country", "normal"),
    [("(415) 555-0137", "", "+14155550137"), ("030 123456", "de", "+4930123456"), ("+4930123456", "", "+4930123456")],
)
def test_explainer_writes_phones_as_they_are_hashed(acme, person, typed, country, normal):
    page = text(explain(person("bea"), kind="PHONE", value=typed, country=country))
    assert normal in page
    assert digest(normal).hex() in page


def test_explainer_hashes_device_ids_in_small_letters(acme, person):
    typed = "AAAAAAAA-2222-4333-8444-555555555555"
    assert digest(typed.lower()).hex() in text(explain(person("bea"), kind="DEVICE", value=typed))


@pytest.mark.parametrize(("kind", "value"), [("EMAIL", "nobody"), ("PHONE", "abc"), ("DEVICE", "12")])
def test_explainer_says_what_is_wrong_with_a_value(acme, person, kind, value):
    page = text(explain(person("bea"), kind=kind, value=value))
    assert "oc-errorline" in page
    assert "oc-digests" not in page


@pytest.mark.parametrize(
    ("value", "words"),
    [("known@mail.example", ">told<"), ("lost@mail.example", "told, but unsure"), ("new@mail.example", "not told")],
)
def test_explainer_looks_into_what_an_audience_was_told(acme, person, value, words):
    ids = [("EMAIL", "known@mail.example", 1, True), ("EMAIL", "lost@mail.example", 2, False)]
    audience = audience_made(acme, ids)
    assert words in text(explain(person("bea"), value=value, audience=audience.pk))


def test_explainer_looks_into_no_audience_that_somebody_may_not_see(audience, globex, person):
    theirs = audience_made(globex, people(1), name="globex-only")
    for name, pk in (("ben", audience.pk), ("bea", theirs.pk)):
        page = text(explain(person(name), value="person0@mail.example", audience=pk))
        assert "Select a valid choice" in page
        assert ">told<" not in page


def test_explainer_has_the_audience_chosen_that_it_was_opened_from(audience, person):
    page = text(person("bea").get(f"{LIST}explain/?audience={audience.pk}"))
    assert f'<option value="{audience.pk}" selected>' in page


def test_explainer_takes_no_value_from_an_address(acme, person):
    assert "zqmarker" not in text(person("bea").get(f"{LIST}explain/?value={MAIL}&kind=EMAIL"))


def test_explainer_never_gives_a_value_back_into_its_field(acme, person):
    page = text(explain(person("bea"), value=MAIL))
    assert f'value="{MAIL}"' not in page
    assert 'autocomplete="off"' in page


def test_answer_of_the_explainer_is_not_to_be_stored(acme, person):
    assert "no-store" in explain(person("bea"), value=MAIL)["Cache-Control"]


@pytest.fixture
def _empty_storage() -> None:
    """Start without the files that other tests of this process left, some of them damaged on purpose."""
    for folder in ("storage", "work"):
        shutil.rmtree(django_settings.HUB_DATA_DIR / folder, ignore_errors=True)


@pytest.mark.usefixtures("_empty_storage")
@pytest.mark.parametrize("value", [MAIL, "zqmarker(at)nowhere", "zqmarker@bücher.example"])
def test_value_is_left_nowhere(audience, person, caplog, value):
    caplog.set_level(logging.DEBUG)
    traces, browser = Traces(), person("bea")
    with CaptureQueriesContext(connection) as queries:
        assert "zqmarker" in text(explain(browser, value=value))
        assert "zqmarker" in text(explain(person("ada"), value=value, audience=audience.pk))
    traces.add("log records", [(record.getMessage(), record.args, record.exc_text) for record in caplog.records])
    traces.add("queries", queries.captured_queries)
    traces.add("session", list(browser.session.items()))
    traces.database()
    traces.files()
    assert sorted(traces.leaks(["zqmarker", digest(value).hex()])) == []


def test_explainer_masks_values_for_people_with_restricted_access(audience, person):
    page = text(explain(person("ben"), value="zqmarker@shop.example"))
    assert "z•••@s•••.example" in page
    assert "your access to personal data is restricted" in page
    assert "zqmarker" not in page


def test_explainer_tells_people_with_restricted_access_nothing_of_who_is_in_an_audience(audience, person):
    page = text(explain(person("ben"), value=MAIL, audience=audience.pk))
    assert "Select a valid choice" in page
    assert "TikTok has it" not in page


@pytest.mark.parametrize("value", [MAIL, "zqmarker@bücher.example"])
def test_report_of_a_failure_hides_the_value(acme, person, settings, monkeypatch, value):
    settings.ADMINS = [("Operator", "operator@hub.example")]
    monkeypatch.setattr("destinations.preparation.explain.duckdb", None)  # a fault that nobody foresees
    browser = person("bea")
    browser.raise_request_exception = False
    response = explain(browser, value=value)
    assert response.status_code == 500
    assert len(mail.outbox) == 1
    assert "zqmarker" not in mail.outbox[0].body + str(mail.outbox[0].alternatives) + text(response)


def test_overview_names_audiences_and_runs_that_need_attention(audience, person):
    with tenant_scope(audience.tenant):
        run = RunAudience.objects.get().run
        Run.objects.update(status=RunStatus.HELD, hold={"reason": "empty_result", "sentence": "Nobody is left."})
    page = text(person("bea").get("/acme/"))
    assert "Needs attention" in page
    for words in (address(audience), "360 are missing", f"/run/{run.pk}/change/", "Nobody is left."):
        assert words in page


@pytest.mark.parametrize("name", ["ben", "bea"])
def test_overview_names_nothing_that_is_closed_to_somebody(acme, person, name):
    access = {"admin_only": True}
    audience_made(acme, people(3), status=AudienceStatus.DELETED, access=access)
    assert "Needs attention" not in text(person(name).get("/acme/"))


def test_overview_is_quiet_about_good_audiences(acme, person):
    audience_made(acme, people(3), status=AudienceStatus.READY, size=2_000)
    assert "Needs attention" not in text(person("ada").get("/acme/"))
