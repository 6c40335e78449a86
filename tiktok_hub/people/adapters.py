"""What allauth asks the hub: how people log in, how second factors are kept, how identity providers are reached."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib.auth import authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from requests import Session

from tiktok_hub import outbound
from tiktok_hub.acting import client_ip
from tiktok_hub.crypto import decrypt, encrypt
from tiktok_hub.people.sessions import session_free
from tiktok_hub.tenancy.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Log in by password and second factor; nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse: people are invited."""
        return False

    def get_login_stages(self) -> list[str]:
        """Ask for the second factor after the password, and for nothing else."""
        return ["allauth.mfa.stages.AuthenticateStage"]

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Open a session that is the person's own."""
        super().login(request, user)
        session_free(request)

    def reauthenticate(self, user: AbstractBaseUser, password: str) -> bool:
        """Check the password again, counting failures as at log-in."""
        found = authenticate(context.request, username=user.get_username(), password=password)
        return found is not None and found.pk == user.pk

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the rest of the hub sees."""
        return client_ip(request) or "unknown"


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Keep the secrets of second factors as ciphertext, under the hub's own keys."""

    def encrypt(self, text: str) -> str:
        """Return the ciphertext."""
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return what was encrypted; raise SecretUnreadableError when no key fits."""
        return decrypt(encrypted_text)

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, object]:
        """Name the person to the authenticator."""
        return {**super().get_public_key_credential_user_entity(user), "display_name": str(user)}


class SignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Reach identity providers as any address that people entered."""

    def get_requests_session(self) -> Session:
        """Return a session that does not reach into the hub's own network."""
        return outbound.session()
