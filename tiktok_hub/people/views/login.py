"""Log in by e-mail and password, then by second factor; log out; ask for a new password."""

from collections.abc import Callable
from typing import Any, cast

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.mfa.base.views import AuthenticateView
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm as DjangoAuthenticationForm
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from unfold.forms import AuthenticationForm

from tiktok_hub.acting import Via, acting_as, client_ip
from tiktok_hub.audit.choices import Action
from tiktok_hub.limits import Limit, limited
from tiktok_hub.mail import mail_possible
from tiktok_hub.people.forms import ForgottenForm, NewPasswordForm
from tiktok_hub.people.journal import person_record
from tiktok_hub.people.lockout import lockout_allows, lockout_forget, lockout_response
from tiktok_hub.people.pages import site_origin, theme
from tiktok_hub.people.posting import post_later
from tiktok_hub.tenancy.models import User

View = Callable[..., HttpResponse]


class Themed:
    """Give a page what the theme reads."""

    request: HttpRequest
    title = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the theme's and the page's title."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**theme(self.request), **context, "title": self.title}


class LoginView(Themed, auth_views.LoginView):
    """The one log-in page, in the theme's look."""

    template_name = "people/login.html"
    form_class = AuthenticationForm
    title = "Log in"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send people on who are in; those whom only single sign-on let in may give their password."""
        user = request.user
        self.redirect_authenticated_user = isinstance(user, User) and user.confined_to is None
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say which ways in there are."""
        context = super().get_context_data(**kwargs)
        return {**context, "app_path": self.request.get_full_path(), "mail_possible": mail_possible()}

    def form_valid(self, form: DjangoAuthenticationForm) -> HttpResponse:
        """Go on to the second factor, or in."""
        user = form.get_user()
        if self.request.user.is_authenticated:
            logout(self.request)
        record_authentication(self.request, user, method="password", reauthenticated=True)
        return perform_login(self.request, Login(user=user, redirect_url=self.get_success_url()))  # type: ignore[no-any-return]


class LogoutView(auth_views.LogoutView):
    """Log out and go back to the log-in page."""

    next_page = "login"


class SecondFactorView(AuthenticateView):  # type: ignore[misc]
    """Ask for the second factor after the password; guesses count towards the lock-out."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check it, unless this place has guessed too often."""
        user = self.stage.login.user
        if not lockout_allows(request, user):
            return lockout_response(request, None, {"username": user.email})
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response


class ForgottenView(Themed, auth_views.PasswordResetView):
    """Send a link for a new password; the answer is the same, and as fast, for addresses that nobody has."""

    template_name = "people/forgotten.html"
    form_class = ForgottenForm
    success_url = reverse_lazy("password_reset_done")
    title = "Forgotten password"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say where the hub cannot send mail."""
        return {**super().get_context_data(**kwargs), "mail_possible": mail_possible()}

    def form_valid(self, form: Any) -> HttpResponse:
        """Send the link in the background, so that the time tells nobody whether there was somebody to send to."""
        for user in form.get_users(form.cleaned_data["email"]):
            uid = urlsafe_base64_encode(force_bytes(user.pk))
            path = reverse("password_reset_confirm", args=[uid, default_token_generator.make_token(user)])
            link = f"{site_origin(self.request)}{path}"
            post_later(to=user.email, subject="A new password for tiktok_hub", text=_MAIL.format(link=link))
        return redirect(str(self.success_url))


class ForgottenDoneView(Themed, auth_views.PasswordResetDoneView):
    """Say that a link is on its way, if there is an account."""

    template_name = "people/forgotten_done.html"
    title = "Look into your mail"


class NewPasswordView(Themed, auth_views.PasswordResetConfirmView):
    """Set a new password with the link from the mail; every session of the person ends."""

    template_name = "people/new_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("login")
    title = "New password"

    def form_valid(self, form: Any) -> HttpResponse:
        """Store it, and forget failures: the mailbox has proved who this is."""
        response = super().form_valid(form)
        lockout_forget(form.user)
        with acting_as(form.user, Via.LINK, client_ip(self.request)):
            person_record(Action.PASSWORD_CHANGED, form.user)
        return response


_tries = limited(lambda: Limit("forgotten", settings.HUB_LINK_REQUESTS_PER_MINUTE, 60))
forgotten = _tries(cast("View", ForgottenView.as_view()))

_MAIL = """Somebody asked for a new password for your account on tiktok_hub.

Open this link to set one. It works once, for an hour:

{link}

If it was not you, ignore this message: your password stays as it is.
"""
