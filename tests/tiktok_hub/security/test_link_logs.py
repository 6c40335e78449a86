"""The secret in a link's address gets into no log."""

import pytest
from django.test import Client

SECRET = "marker-of-a-link"
ADDRESSES = ["/authorize/{}/", "/authorize/secret/{}/", "/invitation/{}/", "/login/new/MQ/{}/", "/authorize/secret/{}"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_link_is_in_no_log(address, caplog, settings):
    settings.HUB_LINK_REQUESTS_PER_MINUTE = 0
    Client().get(address.format(SECRET))
    Client().post(address.format(SECRET), REMOTE_ADDR="198.51.100.1")
    Client(enforce_csrf_checks=True).put(address.format(SECRET))
    assert SECRET not in caplog.text
