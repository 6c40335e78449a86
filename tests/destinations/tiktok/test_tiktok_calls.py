"""The typed calls: what they ask for and what they make of the answer."""

from urllib.parse import parse_qs, urlsplit

import pytest

from destinations.tiktok import calls
from destinations.tiktok.client import TikTokClient
from destinations.tiktok.errors import ConfigurationError, CredentialError, RetryableError
from destinations.tiktok.limits import MemoryLimiter

ADVERTISER = "7654321098765432109"


def page(key, rows, number=1, total=1):
    """Return an envelope with one page of a list."""
    return {"code": 0, "data": {key: rows, "page_info": {"page": number, "total_page": total}}}


def test_authorization_url_carries_app_state_and_redirect():
    url = calls.authorization_url("https://tiktok.example/portal/auth", "app-1", "st&te", "https://hub.example/cb?x=1")
    query = parse_qs(urlsplit(url).query)
    assert query == {"app_id": ["app-1"], "state": ["st&te"], "redirect_uri": ["https://hub.example/cb?x=1"]}


def test_token_exchange_returns_the_grant(tiktok):
    tiktok.says(0, data={"access_token": "tok", "advertiser_ids": [ADVERTISER, 12], "scope": [4, "31", "x"]})
    grant = calls.token_exchange(tiktok.url, "app-1", "sec", "code-1")
    assert (grant.access_token, grant.advertiser_ids, grant.scopes) == ("tok", (ADVERTISER, "12"), (4, 31))
    assert tiktok.seen[0].path.endswith("/oauth2/access_token/")
    assert tiktok.seen[0].json == {"app_id": "app-1", "secret": "sec", "auth_code": "code-1"}
    assert "access-token" not in tiktok.seen[0].headers


def test_token_exchange_without_a_token_is_no_success(tiktok):
    tiktok.says(0, data={"advertiser_ids": []})
    with pytest.raises(CredentialError, match="without an access token"):
        calls.token_exchange(tiktok.url, "app-1", "sec", "code-1")


def test_token_revoke_names_the_token_in_the_body(tiktok):
    tiktok.says(0)
    calls.token_revoke(tiktok.url, "app-1", "sec", "tok")
    assert tiktok.seen[0].path.endswith("/oauth2/revoke_token/")
    assert tiktok.seen[0].json == {"app_id": "app-1", "secret": "sec", "access_token": "tok"}


def test_advertisers_list_returns_ids_and_names(tiktok, client):
    tiktok.says(0, data={"list": [{"advertiser_id": 12, "advertiser_name": "A"}, {"advertiser_id": "3"}, "odd"]})
    advertisers = calls.advertisers_list(client, "app-1", "sec")
    assert advertisers == [calls.Advertiser("12", "A"), calls.Advertiser("3", "")]
    assert tiktok.seen[0].query == {"app_id": "app-1", "secret": "sec"}


def test_advertisers_info_is_asked_in_chunks(tiktok, client):
    tiktok.says(0, data={"list": [{"advertiser_id": "1", "status": "STATUS_ENABLE", "balance": 3}]})
    infos = calls.advertisers_info(client, [str(number) for number in range(101)])
    assert infos[0] == calls.AdvertiserInfo("1", "", "STATUS_ENABLE", "", "", "", "")
    assert [seen.query["advertiser_ids"].count(",") for seen in tiktok.seen] == [99, 0]


def test_pixels_list_reads_all_pages(tiktok, client):
    row = {"pixel_id": "1", "pixel_code": "C1", "pixel_name": "Shop"}
    tiktok.answers(page("pixels", [row], 1, 2), page("pixels", [{**row, "pixel_code": "C2"}], 2, 2))
    assert [pixel.code for pixel in calls.pixels_list(client, ADVERTISER)] == ["C1", "C2"]
    assert tiktok.seen[1].query == {"advertiser_id": ADVERTISER, "page": "2", "page_size": "20"}


def test_pages_end_where_a_page_is_empty(tiktok, client):
    tiktok.answers(page("pixels", [], 1, 9))
    assert calls.pixels_list(client, ADVERTISER) == []
    assert len(tiktok.seen) == 1


def test_offline_sets_list_returns_the_sets(tiktok, client):
    tiktok.says(0, data={"event_set_list": [{"event_set_id": 7, "name": "Stores", "auto_tracking": True}]})
    assert calls.offline_sets_list(client, ADVERTISER) == [calls.OfflineSet("7", "Stores", True)]
    assert tiktok.seen[0].query == {"advertiser_id": ADVERTISER}


def test_advertiser_role_is_found_in_the_business_center_that_holds_the_account(tiktok, client):
    assets = [{"asset_id": "1", "advertiser_role": "ADMIN"}, {"asset_id": ADVERTISER, "advertiser_role": "ANALYST"}]
    centers = [{"bc_info": {"bc_id": "b1"}}, {"bc_info": {"bc_id": "b2"}}]
    tiktok.answers(page("list", centers), page("list", []), page("list", assets))
    assert calls.advertiser_role(client, ADVERTISER) == "ANALYST"
    assert [seen.query.get("bc_id") for seen in tiktok.seen] == [None, "b1", "b2"]


def test_advertiser_role_goes_on_after_a_business_center_that_refuses(tiktok, client):
    centers = [{"bc_info": {"bc_id": "b1"}}, {"bc_info": {"bc_id": "b2"}}]
    assets = [{"asset_id": ADVERTISER, "advertiser_role": "OPERATOR"}]
    tiktok.answers(page("list", centers), {"code": 40001, "message": "No permission"}, page("list", assets))
    assert calls.advertiser_role(client, ADVERTISER) == "OPERATOR"


@pytest.mark.parametrize(
    "answer",
    [page("list", []), {"code": 40001, "message": "No permission"}, {"code": 40105, "message": ""}],
    ids=["no-center", "no-scope", "token-of-one-pixel"],
)
def test_advertiser_role_is_none_where_it_cannot_be_read(tiktok, client, answer):
    tiktok.answers(answer)
    assert calls.advertiser_role(client, ADVERTISER) is None


def test_advertiser_role_does_not_hide_an_outage(tiktok, client):
    tiktok.answers("", status=503)
    with pytest.raises(RetryableError):
        calls.advertiser_role(client, ADVERTISER)


def test_events_for_something_deleted_name_the_event_source_whatever_the_words(tiktok, client):
    tiktok.says(40007, "Object is gone")
    with pytest.raises(ConfigurationError) as caught:
        calls.events_track(client, b"{}", event_source_id="C1", advertiser_id=ADVERTISER)
    assert caught.value.resolution.key == "event_source_not_found"


def test_events_track_sends_the_body(tiktok, client):
    tiktok.says(0)
    answer = calls.events_track(client, b'{"data":[]}', event_source_id="C1", advertiser_id=ADVERTISER)
    assert (answer.request_id, tiktok.seen[0].path, tiktok.seen[0].body) == (
        "req-1",
        "/open_api/v1.3/event/track/",
        b'{"data":[]}',
    )


@pytest.mark.parametrize(
    ("code", "paused"),
    [(40100, "app:app-1:event/track"), (40132, "source:C1"), (40133, f"advertiser:{ADVERTISER}:event/track")],
)
def test_throttled_events_pause_the_limit_that_tiktok_names(tiktok, code, paused):
    tiktok.says(code, "Too many requests. Please retry in some time.")
    limiter = MemoryLimiter()
    with TikTokClient("t", base_url=tiktok.url, app_id="app-1", limiter=limiter) as client:
        with pytest.raises(RetryableError):
            calls.events_track(client, b"{}", event_source_id="C1", advertiser_id=ADVERTISER)
        buckets = calls.track_buckets("app-1", "C1", ADVERTISER)
    assert [bucket.key for bucket in buckets if limiter.acquire([bucket]) > 0.5] == [paused]


def test_throttling_holds_others_back_no_longer_than_the_client_was_told(tiktok):
    tiktok.says(40132, "The request QPS is limited by pixel_code's value.")
    limiter = MemoryLimiter()
    with TikTokClient("t", base_url=tiktok.url, limiter=limiter, longest_pause=0.2) as client:
        with pytest.raises(RetryableError):
            calls.events_track(client, b"{}", event_source_id="C1", advertiser_id=ADVERTISER)
        buckets = calls.track_buckets("", "C1", ADVERTISER)
    assert max(limiter.acquire([bucket]) for bucket in buckets) <= 0.2


def test_events_wait_no_longer_than_the_clients_patience(tiktok):
    limiter = MemoryLimiter()
    limiter.pause("source:C1", 60)
    with (
        TikTokClient("t", base_url=tiktok.url, limiter=limiter, patience=0.2) as client,
        pytest.raises(RetryableError) as caught,
    ):
        calls.events_track(client, b"{}", event_source_id="C1", advertiser_id=ADVERTISER)
    assert (caught.value.throttled, caught.value.uncertain, tiktok.seen) == (True, False, [])


def test_every_other_endpoint_has_a_limit_of_its_own(tiktok):
    tiktok.says(0)
    limiter = MemoryLimiter()
    limiter.pause("app:a:offline/get", 60)
    with TikTokClient("t", base_url=tiktok.url, app_id="a", limiter=limiter, patience=0.2) as client:
        client.get("pixel/list/")
        with pytest.raises(RetryableError):
            client.get("offline/get/")
    assert [seen.path for seen in tiktok.seen] == ["/open_api/v1.3/pixel/list/"]
