"""Addresses of people outside of any tenant; names that begin with `account_` and `mfa_` are those allauth knows."""

from allauth.account.views import ReauthenticateView as ConfirmView
from allauth.mfa.base.views import ReauthenticateView
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path

from tiktok_hub.people.views import account, invitations, login, sign_on

urlpatterns = [
    path("login/", login.LoginView.as_view(), name="login"),
    path("login/", login.LoginView.as_view(), name="account_login"),
    path("login/factor/", login.SecondFactorView.as_view(), name="mfa_authenticate"),
    path("login/forgotten/", login.forgotten, name="password_reset"),
    path("login/forgotten/sent/", login.ForgottenDoneView.as_view(), name="password_reset_done"),
    path("login/new/<uidb64>/<token>/", login.NewPasswordView.as_view(), name="password_reset_confirm"),
    path("sso/", sign_on.choose, name="sso"),
    path("sso/<slug:slug>/", sign_on.start, name="sso_start"),
    path("sso/<slug:slug>/callback/", sign_on.callback, name="sso_callback"),
    path("logout/", login.LogoutView.as_view(), name="logout"),
    path("logout/", login.LogoutView.as_view(), name="account_logout"),
    path("invitation/<str:token>/", invitations.invitation, name="invitation"),
    path("account/", account.account, name="account"),
    path("account/", account.account, name="mfa_index"),
    path("account/password/", account.PasswordView.as_view(), name="account_change_password"),
    path("account/confirm/", ConfirmView.as_view(), name="account_reauthenticate"),
    path("account/confirm/code/", ReauthenticateView.as_view(), name="mfa_reauthenticate"),
    path("account/confirm/key/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("account/app/add/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/", account.account, name="mfa_list_webauthn"),
    path("account/keys/add/", webauthn.add_webauthn, name="mfa_add_webauthn"),
    path("account/keys/<int:pk>/remove/", webauthn.remove_webauthn, name="mfa_remove_webauthn"),
    path("account/codes/", recovery.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/codes/new/", recovery.generate_recovery_codes, name="mfa_generate_recovery_codes"),
]
