"""Guessing passwords ends in a lock-out that is kept in the database and passes by itself."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone

from tests.tiktok_hub.people.helpers import entries, log_in
from tiktok_hub.audit.choices import Action

HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def _three_tries(settings):
    settings.AXES_FAILURE_LIMIT = 3


def guess(email: str, times: int, place: str = HOME) -> int:
    """Try wrong passwords and return the last status."""
    for number in range(times):
        answer = Client(REMOTE_ADDR=place).post("/login/", {"username": email, "password": f"wrong {number}"})
    return answer.status_code


def test_too_many_wrong_passwords_lock_out(ada):
    assert [guess(ada.email, 2), guess(ada.email, 1)] == [200, 429]
    assert log_in(Client(REMOTE_ADDR=HOME), ada).status_code == 429


def test_the_page_says_when_to_try_again(ada):
    guess(ada.email, 3)
    answer = log_in(Client(REMOTE_ADDR=HOME), ada)
    again = timezone.now() + timedelta(minutes=15)
    assert f"Try again at {again:%H:}" in answer.content.decode()
    assert 14 * 60 < int(answer["Retry-After"]) <= 15 * 60


def test_trying_while_locked_out_does_not_make_it_longer(ada):
    guess(ada.email, 3)
    before = AccessAttempt.objects.get().attempt_time
    guess(ada.email, 1)
    assert AccessAttempt.objects.get().attempt_time == before


def test_a_lock_out_passes(ada):
    guess(ada.email, 3)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert log_in(Client(REMOTE_ADDR=HOME), ada).status_code == 302


def test_strangers_are_locked_out_like_people(db):
    assert guess("nobody@acme.example", 3) == 429


def test_somebody_elsewhere_can_still_log_in(ada, olga):
    guess(ada.email, 3)
    assert log_in(Client(REMOTE_ADDR=ELSEWHERE), ada).status_code == 302
    assert log_in(Client(REMOTE_ADDR=HOME), olga).status_code == 302


def test_a_place_that_tries_many_people_is_locked_out_for_all(ada):
    for number in range(15):
        guess(f"somebody{number}@acme.example", 1)
    assert log_in(Client(REMOTE_ADDR=HOME), ada).status_code == 429


def test_a_success_does_not_forgive_what_the_place_tried_on_others(ada, olga):
    guess(ada.email, 2)
    log_in(Client(REMOTE_ADDR=HOME), olga)
    assert guess(ada.email, 1) == 429


def test_behind_a_proxy_the_place_is_the_one_that_the_proxy_names(settings, ada):
    settings.HUB_BEHIND_PROXY = True
    for _ in range(3):
        Client(headers={"X-Forwarded-For": "1.2.3.4, 192.0.2.9"}).post(
            "/login/", {"username": ada.email, "password": "wrong"}
        )
    assert AccessAttempt.objects.get().ip_address == "192.0.2.9"


def test_a_lock_out_stands_in_the_log(ada, acme):
    guess(ada.email, 3)
    assert [entry.ip for entry in entries(acme, Action.LOCKED_OUT)] == [HOME]


def test_what_was_typed_is_kept_as_a_digest_only(db):
    guess("My-Secret-Passw0rd", 1)
    attempt = AccessAttempt.objects.get()
    assert "secret" not in f"{attempt.username} {attempt.post_data} {attempt.get_data}".lower()
