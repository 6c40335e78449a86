"""Fixtures for all tests: two tenants with their people, and a running emulator."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as django_settings
from django.test import Client

from destinations.emulator.server import EmulatorServer, running
from orchestrations.streams.collecting import collector
from tests.collecting import database_refuse, longest_first
from tests.walls import flush_allowed
from tiktok_hub.tenancy.choices import Policy
from tiktok_hub.tenancy.models import Membership, Tenant, User
from tiktok_hub.tenancy.scope import tenant_scope


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See that what runs on one database only does not depend on it, and begin with what takes longest."""
    database_refuse(items)
    longest_first(items)


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """Keep SQLite in a file: threads of a run have connections of their own."""
    database = django_settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        database["TEST"]["NAME"] = str(django_settings.HUB_DATA_DIR / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """Let tests that commit be followed by Django's flush, which the database would refuse.

    In the end nobody may hold a connection.
    """
    with flush_allowed():
        yield
    collector.close()


@pytest.fixture(autouse=True)
def _plain_settings(settings):
    """Make pages renderable without collected static files, and passwords cheap."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def acme(db) -> Tenant:
    """The brand that most tests are about."""
    return Tenant.objects.create(slug="acme", name="Acme Retail", time_zone="America/New_York", default_country="US")


@pytest.fixture
def globex(db) -> Tenant:
    """The other brand, whose things do not exist for anybody at Acme."""
    return Tenant.objects.create(slug="globex", name="Globex", time_zone="Europe/Berlin", default_country="DE")


def person(tenant: Tenant, email: str, policy: Policy, **options: bool) -> User:
    """Make somebody with a membership; the password is `password`."""
    user = User.objects.create_user(email, "password", name=email.split("@")[0].title())
    with tenant_scope(tenant):
        Membership.objects.create(tenant=tenant, user=user, policy=policy, **options)
    return user


@pytest.fixture
def ada(acme) -> User:
    """Administrator of Acme."""
    return person(acme, "ada@acme.example", Policy.ADMINISTRATOR)


@pytest.fixture
def olga(acme) -> User:
    """Operator of Acme."""
    return person(acme, "olga@acme.example", Policy.OPERATOR)


@pytest.fixture
def ben(acme) -> User:
    """Business user of Acme with restricted PII access."""
    return person(acme, "ben@acme.example", Policy.BUSINESS_USER, restrict_pii=True)


@pytest.fixture
def bea(acme) -> User:
    """Business user of Acme who may see personal data."""
    return person(acme, "bea@acme.example", Policy.BUSINESS_USER)


@pytest.fixture
def rita(acme) -> User:
    """Somebody at Acme who may only read."""
    return person(acme, "rita@acme.example", Policy.READ_ONLY)


@pytest.fixture
def charlie(globex) -> User:
    """Administrator of the other brand."""
    return person(globex, "charlie@globex.example", Policy.ADMINISTRATOR)


@pytest.fixture
def root(db) -> User:
    """Platform superuser."""
    return User.objects.create_superuser("root@hub.example", "password", name="Root")


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """Return a logged-in browser of somebody."""

    def client(user: User) -> Client:
        browser = Client()
        browser.force_login(user)
        return browser

    return client


@pytest.fixture
def emulator(settings) -> Iterator[EmulatorServer]:
    """A TikTok of one's own, over real HTTP, that the settings point at."""
    with running() as emulator:
        settings.TIKTOK_API_URL = emulator.api_url
        settings.TIKTOK_AUTH_URL = emulator.auth_url
        yield emulator


@pytest.fixture
def membership_in() -> Callable[[User, Tenant], Membership]:
    """Return somebody's membership of a tenant."""

    def find(user: User, tenant: Tenant) -> Membership:
        with tenant_scope(tenant):
            return Membership.objects.select_related("user").get(user=user)

    return find
