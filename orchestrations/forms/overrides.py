"""The part of a form that chooses a destination and fills in the settings that this leaves to whoever uses it."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from destinations.models import Destination
from destinations.specs.base import Setting, SettingKind, SettingRequired
from tiktok_hub.tenancy.models import Membership

PREFIX = "setting_"


def settings_left(destination: Destination | None) -> list[Setting]:
    """Return the settings that an orchestration may fill in or override."""
    if destination is None:
        return []
    return [each for each in destination.spec.settings if each.required == SettingRequired.AT_ORCHESTRATION]


class OverridesForm(forms.ModelForm):  # type: ignore[type-arg]
    """Choose a destination; `membership`, set by the page, decides which are offered.

    `chosen` is the destination as chosen in the form, else the stored one; its settings are fields with the prefix
    `setting_`.
    """

    membership: Membership | None = None
    chosen: Destination | None = None

    # Declared, and without choices until the form is made: those can be asked for inside a tenant only.
    destination: "forms.ModelChoiceField[Destination]" = forms.ModelChoiceField(
        None, empty_label="Choose a destination…", widget=UnfoldAdminSelectWidget()
    )

    def overrides_add(self, destinations: QuerySet[Destination], stored: Mapping[str, Any]) -> None:
        """Offer destinations, and add a field for each setting that the chosen one leaves open."""
        self.fields["destination"].queryset = destinations  # type: ignore[attr-defined]
        typed = self.data if self.is_bound else self.initial
        chosen: Any = typed.get("destination")
        pk = str(getattr(chosen, "pk", chosen) or "")
        self.chosen = destinations.filter(pk=int(pk)).first() if pk.isdigit() else None
        for setting in settings_left(self.chosen):
            self.fields[PREFIX + setting.name] = self._setting_field(setting, stored.get(setting.name))

    def _setting_field(self, setting: Setting, stored: Any) -> forms.Field:
        """Make a field from a declaration; validation is the declaration's own, at the end."""
        inherited = self.chosen.settings.get(setting.name) if self.chosen else None
        options: dict[str, Any] = {
            "label": setting.label, "required": False, "help_text": setting.help,
            "initial": self.initial.get(PREFIX + setting.name, stored),
        }  # fmt: skip
        if setting.kind == SettingKind.BOOLEAN:
            return forms.NullBooleanField(**options, widget=UnfoldBooleanWidget())
        if setting.kind == SettingKind.CHOICE:
            blank = f"As on the destination: {inherited}" if inherited else "Choose…"
            choices = [("", blank), *setting.choices]
            return forms.ChoiceField(**options, choices=choices, widget=UnfoldAdminSelectWidget())
        if setting.kind == SettingKind.LIST and isinstance(options["initial"], list):
            options["initial"] = ", ".join(options["initial"])
        placeholder = f"{inherited} (from the destination)" if inherited else "Required here"
        return forms.CharField(**options, widget=UnfoldAdminTextInputWidget(attrs={"placeholder": placeholder}))

    @property
    def setting_fields(self) -> list[forms.BoundField]:
        """Return the bound fields of the settings, as the template shows them."""
        return [self[name] for name in self.fields if name.startswith(PREFIX)]

    def settings_typed(self) -> dict[str, Any]:
        """Return the settings that were filled in; blank ones are left to the destination."""
        typed = {
            name.removeprefix(PREFIX): self.cleaned_data.get(name) for name in self.fields if name.startswith(PREFIX)
        }
        return {name: value for name, value in typed.items() if value not in (None, "")}

    def errors_place(self, error: ValidationError) -> None:
        """Put each sentence at its field; those about settings of the destination itself go to the top."""
        for name, sentences in getattr(error, "message_dict", {None: error.messages}).items():
            places = (name, f"{PREFIX}{name}", f"{PREFIX}audience_name" if name == "settings" else None)
            at = next((each for each in places if each in self.fields), None)
            self.add_error(at, sentences if at else [f"{name}: {each}" if name else each for each in sentences])
