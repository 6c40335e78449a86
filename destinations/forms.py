"""Forms for credentials and destinations; a destination's settings become fields by what its plugin declares."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_variables
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from destinations.models import Credential, Destination
from destinations.services import CredentialCheck, DestinationCheckError, Step, destination_validate
from destinations.services.credentials import token_look, token_put
from destinations.specs.base import Setting, SettingKind, SettingRequired, SettingsError, Spec

PREFIX = "setting_"
DESCRIPTION = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
LATER = "May stay empty here: an orchestration then has to give it."


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name a credential, and optionally paste a token into it; the token never comes back out."""

    token = forms.CharField(
        label="Paste a token",
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off", "spellcheck": "false", "data-1p-ignore": ""}),
        help_text="Instead of an authorization link: an access token from TikTok Events Manager or your own app. "
        "It replaces the present one, is checked at TikTok, stored encrypted, and never shown again.",
    )
    found: CredentialCheck | None = None

    class Meta:
        model = Credential
        fields = ("name", "description")
        widgets = DESCRIPTION

    def clean_name(self) -> str:
        """Keep names apart within the tenant, which the model's own check cannot see before saving."""
        return name_clean(self.instance, str(self.cleaned_data["name"]))

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Look at a pasted token at TikTok, once everything else is right."""
        cleaned = super().clean() or self.cleaned_data
        token = str(cleaned.get("token") or "")
        if token and not self.errors:
            try:
                self.found = token_look(credential=self.instance, token=token)
            except ValidationError as error:
                self.add_error("token", error)
        return cleaned

    @sensitive_variables()
    def token_put(self, by: str) -> None:
        """Put the pasted token into the credential, if there was one; saving is the caller's."""
        if self.found is not None:
            token = str(self.cleaned_data["token"])
            token_put(credential=self.instance, token=token, found=self.found, by=by)


class DestinationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Configure a destination: `spec` is its plugin, whose settings are fields with the prefix `setting_`.

    The connection is tested as a part of validation: when a step fails nothing is saved, the typed values stay, and
    `steps` says where it failed.
    """

    spec: Spec
    steps: list[Step]

    class Meta:
        model = Destination
        fields = ("name", "description", "admin_only", "pii_setting")
        widgets = DESCRIPTION

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.steps = []
        if not self.instance.pk:
            self.instance.plugin = self.spec.key
        for setting in self.spec.settings:
            if setting.name in self.instance.settings and not setting.secret:
                self.initial.setdefault(PREFIX + setting.name, _shown(setting, self.instance.settings[setting.name]))
        self._credentials_offer()

    def clean_name(self) -> str:
        """Keep names apart within the tenant, which the model's own check cannot see before saving."""
        return name_clean(self.instance, str(self.cleaned_data["name"]))

    def _credentials_offer(self) -> None:
        """Offer the credentials of the plugin's type; the only one is chosen already."""
        field = self.fields["credential"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Credential.objects.filter(type=self.spec.credential_type)
            if not self.instance.pk and field.queryset.count() == 1:
                self.initial.setdefault("credential", field.queryset.get().pk)

    def _post_clean(self) -> None:
        """Check the settings and test the connection, once the rest of the form is right."""
        super()._post_clean()  # type: ignore[misc]
        try:
            if not self.errors:
                destination_validate(destination=self.instance, values=self.values())
            else:
                self.spec.settings_clean(self.values())
        except SettingsError as error:
            for name, sentence in error.errors.items():
                if PREFIX + name not in self.errors:
                    self.add_error(PREFIX + name if PREFIX + name in self.fields else None, sentence)
        except DestinationCheckError as error:
            self.steps = error.steps
            self.add_error(None, f"Nothing was saved. {error}")

    def values(self) -> dict[str, object]:
        """Return the typed settings by machine name; a secret one left empty stays what it is."""
        typed = {setting.name: self.cleaned_data.get(PREFIX + setting.name) for setting in self.spec.settings}
        kept = {setting.name for setting in self.spec.settings if setting.secret and not typed[setting.name]}
        return {**typed, **{name: self.instance.settings.get(name) for name in kept}}


def name_clean(instance: Credential | Destination, name: str) -> str:
    """Return the name if nothing else of the tenant's bears it; else raise ValidationError."""
    model = type(instance)
    if model.objects.filter(name=name).exclude(pk=instance.pk).exists():
        raise ValidationError(f"There is another {model._meta.verbose_name} named “{name}”. Choose another name.")
    return name


def setting_fields(spec: Spec) -> dict[str, forms.Field]:
    """Return one form field for each setting of a plugin, keyed by its name in the form."""
    replaceable = {setting.instead_of for setting in spec.settings}
    fields = {PREFIX + setting.name: setting_field(setting) for setting in spec.settings}
    for name in replaceable & {setting.name for setting in spec.settings}:
        fields[PREFIX + name].required = False
    return fields


def setting_field(setting: Setting) -> forms.Field:
    """Return the form field of one setting. What it may hold is checked by the plugin, in the same words everywhere."""
    only = {"data-only-for": " ".join(setting.only_for)} if setting.only_for else {}
    required = setting.required == SettingRequired.ALWAYS
    common: dict[str, Any] = {"label": setting.label, "required": required, "help_text": _help(setting)}
    if setting.kind == SettingKind.BOOLEAN:
        switch = UnfoldBooleanSwitchWidget(attrs=only)
        return forms.BooleanField(widget=switch, initial=bool(setting.default), **{**common, "required": False})
    if setting.kind == SettingKind.LIST and setting.choices:
        boxes = UnfoldAdminCheckboxSelectMultipleWidget()
        return forms.MultipleChoiceField(choices=setting.choices, widget=boxes, initial=setting.default, **common)
    if setting.kind == SettingKind.CHOICE:
        choices = [] if setting.default else [("", "Choose …")]
        widget = UnfoldAdminSelectWidget(attrs=only, choices=[*choices, *setting.choices])
        return forms.CharField(widget=widget, initial=setting.default, **common)
    return forms.CharField(widget=_text_widget(setting, only), initial=_shown(setting, setting.default), **common)


def _text_widget(setting: Setting, attrs: Mapping[str, str]) -> forms.Widget:
    widget: forms.Widget
    length = 2 if setting.kind == SettingKind.COUNTRY else setting.max_length
    if setting.secret:
        widget = UnfoldAdminPasswordWidget(attrs={**attrs, "autocomplete": "off"})
    elif setting.kind == SettingKind.INTEGER:
        widget = UnfoldAdminIntegerFieldWidget(attrs={**attrs, "min": setting.minimum, "max": setting.maximum})
    else:
        limit = {"maxlength": str(length)} if length else {}
        limit |= {"data-list": setting.instead_of} if setting.kind == SettingKind.LIST else {}
        widget = UnfoldAdminTextInputWidget(attrs={**attrs, **limit, "autocomplete": "off", "spellcheck": "false"})
    return widget


def _help(setting: Setting) -> str:
    later = LATER if setting.required == SettingRequired.AT_ORCHESTRATION else ""
    text = " ".join(filter(None, (setting.help, later)))
    return format_html('{}<span data-choices-for="{}"></span>', text, setting.name)


def _shown(setting: Setting, value: object) -> object:
    """Return a setting's value as its field shows it: a list without choices is typed with commas."""
    return ", ".join(map(str, value)) if isinstance(value, list) and not setting.choices else value
