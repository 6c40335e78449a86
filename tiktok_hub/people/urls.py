"""Addresses of people outside of any tenant; names that begin with `account_` and `mfa_` are those allauth knows."""

from allauth.mfa.base.views import ReauthenticateView
from django.urls import include, path

from tiktok_hub.people.views import account, invitations, login

urlpatterns = [
    path("login/", login.LoginView.as_view(), name="login"),
    path("login/", login.LoginView.as_view(), name="account_login"),
    path("login/factor/", login.SecondFactorView.as_view(), name="mfa_authenticate"),
    path("login/forgotten/", login.forgotten, name="password_reset"),
    path("login/forgotten/sent/", login.ForgottenDoneView.as_view(), name="password_reset_done"),
    path("login/new/<uidb64>/<token>/", login.NewPasswordView.as_view(), name="password_reset_confirm"),
    path("logout/", login.LogoutView.as_view(), name="logout"),
    path("logout/", login.LogoutView.as_view(), name="account_logout"),
    path("invitation/<str:token>/", invitations.invitation, name="invitation"),
    path("account/", account.account, name="account"),
    path("account/", account.account, name="mfa_index"),
    path("account/password/", account.PasswordView.as_view(), name="account_change_password"),
    path("account/confirm/", account.ConfirmView.as_view(), name="account_reauthenticate"),
    path("account/confirm/code/", ReauthenticateView.as_view(), name="mfa_reauthenticate"),
    path("account/app/", include("allauth.mfa.totp.urls")),
    path("account/keys/", include("allauth.mfa.webauthn.urls")),
    path("account/codes/", include("allauth.mfa.recovery_codes.urls")),
]
