"""Pages of alerts: where messages go, what is told, what is wrong now, and what became of each message."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from destinations.models import destinations_usable_by
from orchestrations.admin.base import OwnPageAdmin, member
from orchestrations.alerts.choices import COLOURS, PERCENT, ChannelKind, DeliveryStatus
from orchestrations.alerts.forms import ChannelForm, RuleForm
from orchestrations.alerts.models import Channel, Delivery, Incident, Rule
from orchestrations.alerts.sending import channel_test
from orchestrations.alerts.services import channel_rotate, channel_save, rule_save
from orchestrations.groups.services import groups_visible_to
from tiktok_hub.admin import shown
from tiktok_hub.mail import mail_possible
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.models import Tenant
from tiktok_hub.tenancy.scope import current_tenant

LATEST = 10
RESTING = "No alerts leave a sandbox."


class AlertAdmin(OwnPageAdmin):
    """What the pages of alerts share."""

    list_before_template = "alerts/before_list.html"

    class Media:
        css = {"all": ("alerts/alerts.css",)}  # noqa: RUF012

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Delete what belongs to it with it: deliveries and incidents, which nobody deletes by themselves."""
        return [str(each) for each in objs], {}, set(), []

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Say on every list of a sandbox that nothing leaves it."""
        resting = RESTING if is_sandbox() else ""
        return super().changelist_view(request, {**(extra_context or {}), "resting": resting})


class SeenAdmin(AlertAdmin):
    """Pages of what nobody makes, changes or deletes by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The hub writes it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It stays as it was written."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It goes by its age."""
        return False

    def seen(self, request: HttpRequest, object_id: str) -> Any:
        """Return one of the objects that this person may see; raise PermissionDenied for who may see none."""
        found = self.object_or_404(request, object_id)
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return found


@admin.register(Channel, site=tenant_site)
class ChannelAdmin(AlertAdmin):
    """Where messages go."""

    form = ChannelForm
    list_display = ("name", "kind", "leads_to", "state", "waits", "sent_at")
    list_filter = ("kind", "enabled")
    search_fields = ("name",)
    change_form_outer_before_template = "alerts/channel.html"
    empty_title = "Nobody is told yet"
    empty_text = (
        "A channel is where alerts go: e-mail addresses, a Slack-compatible webhook, or a program of your own. With "
        "the first one come rules for failed and held runs, credentials and audiences."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """Count what waits for each."""
        waiting = Count("notices", filter=Q(notices__delivery=None))
        return super().get_queryset(request).annotate(waiting=waiting)  # type: ignore[no-any-return]

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """Show the fields of the kind that was chosen, once it is."""
        leads_to = "addresses" if obj is not None and obj.kind == ChannelKind.EMAIL else "webhook_url"
        leads = ["addresses", "webhook_url"] if obj is None else [leads_to]
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": ["name", "kind", "leads_to", "enabled"]})]
        return [(None, {"fields": ["name", "kind", *leads, "tells", "enabled"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> list[str]:
        """Keep the kind of a channel that exists."""
        return ["kind", "leads_to"] if obj else []

    @shown("Leads to")
    def leads_to(self, channel: Channel) -> str:
        """Say where messages go, webhooks without what makes them secret."""
        return channel.target

    @shown("State", label={"works": "success", "fails": "danger", "off": "warning", "new": "info"})
    def state(self, channel: Channel) -> str:
        """Say whether messages arrive."""
        return channel_state(channel)

    @shown("Waiting", ordering="waiting")
    def waits(self, channel: Any) -> str:
        """Say how many alerts wait for the next message."""
        return f"{channel.waiting:,}" if channel.waiting else "–"

    def page_urls(self) -> list[URLPattern]:
        """Return the buttons."""
        return [
            self.object_page("test/", self.test, permission="alerts.test_channel", method="POST"),
            self.object_page("rotate/", self.rotate, permission="alerts.change_channel", method="POST"),
        ]

    @method_decorator((sensitive_post_parameters("webhook_url"), never_cache))
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Add how the channel does."""
        found = self.get_object(request, object_id) if object_id else None
        context: dict[str, Any] = {"resting": RESTING if is_sandbox() else "", "show_save_and_add_another": False}
        if found is not None:
            context |= {
                "state": channel_state(found),
                "latest": list(Delivery.objects.filter(channel=found)[:LATEST]),
                "may_test": request.user.has_perm("alerts.test_channel"),
                "may_rotate": request.user.has_perm("alerts.change_channel") and found.kind == ChannelKind.WEBHOOK,
            }
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Store it with what the tenant's rules tell it."""
        obj.tenant = cast("Tenant", current_tenant())
        channel_save(channel=obj, kinds=form.cleaned_data["tells"])
        if obj.kind == ChannelKind.EMAIL and not mail_possible():
            messages.warning(request, "This installation has no mail server yet: its operator has to set EMAIL_URL.")

    @sensitive_variables()
    def response_add(
        self, request: HttpRequest, obj: Channel, post_url_continue: str | None = None
    ) -> HttpResponseBase:
        """Show a webhook's secret, this once."""
        if obj.kind == ChannelKind.WEBHOOK:
            return self._secret(request, obj, obj.secret.reveal(), rotated=False)
        return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]

    def test(self, request: HttpRequest, channel: Channel) -> HttpResponse:
        """Send a test message now, and say how it went."""
        if is_sandbox():
            messages.error(request, RESTING)
            return redirect(self.url("change", channel))
        sent = channel_test(channel)
        code = f" HTTP status {sent.code}." if sent.code else ""
        told = f"{sent.outcome}{code} It took {sent.seconds or 0:.2f} seconds."
        if sent.status == DeliveryStatus.SENT:
            messages.success(request, f"The test message was sent. {told}")
        else:
            messages.error(request, f"The test message was not sent. {told}")
        return redirect(self.url("change", channel))

    @method_decorator(never_cache)
    @sensitive_variables()
    def rotate(self, request: HttpRequest, channel: Channel) -> HttpResponseBase:
        """Give a signed webhook a new secret, and show it this once."""
        try:
            secret = channel_rotate(channel=channel)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect(self.url("change", channel))
        return self._secret(request, channel, secret, rotated=True)

    @sensitive_variables()
    def _secret(self, request: HttpRequest, channel: Channel, secret: str, *, rotated: bool) -> HttpResponse:
        page = self.page(
            request, "alerts/secret.html", title=channel.name, original=channel, secret=secret, rotated=rotated
        )
        page["Cache-Control"] = "no-store, private"
        return page


@admin.register(Rule, site=tenant_site)
class RuleAdmin(AlertAdmin):
    """What is told to which channels."""

    form = RuleForm
    list_display = ("kind", "applies_to", "tells", "from_percent", "every", "recovery", "enabled")
    list_filter = ("kind", "enabled")
    list_select_related = ("orchestration",)
    change_form_outer_before_template = "alerts/rule.html"
    empty_title = "No alert rule yet"
    empty_text = (
        "Rules say what is told to which channels. The usual ones come with the first alert channel: add a channel "
        "first, and tick what it should hear."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        """Leave out rules of orchestrations that are not open to this person."""
        open_here = _open_here(request)
        return super().get_queryset(request).filter(open_here).prefetch_related("channels")  # type: ignore[no-any-return]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form who asks."""
        form = super().get_form(request, obj, change, **kwargs)
        form.membership = member(request)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        """Ask for a number where the kind goes by one."""
        percent = ["percent"] if obj is None or obj.kind in PERCENT else []
        return [(None, {"fields": ["kind", "orchestration", *percent, "channels", "every", "recovery", "enabled"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Rule | None = None) -> list[str]:
        """Keep what a rule is about: its incidents are about that too."""
        return ["kind", "orchestration"] if obj else []

    @shown("Applies to", ordering="orchestration__name")
    def applies_to(self, rule: Rule) -> str:
        """Name the orchestration."""
        return str(rule.orchestration) if rule.orchestration else "all orchestrations"

    @shown("Tells")
    def tells(self, rule: Rule) -> str:
        """Name the channels."""
        return ", ".join(str(channel) for channel in rule.channels.all()) or "nobody"

    @shown("From", ordering="percent")
    def from_percent(self, rule: Rule) -> str:
        """Say from which number on it is told."""
        return f"{rule.percent} %" if rule.percent is not None else "–"

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        """Store it with its channels."""
        obj.tenant = cast("Tenant", current_tenant())
        rule_save(rule=obj, channels=form.cleaned_data["channels"])


@admin.register(Incident, site=tenant_site)
class IncidentAdmin(SeenAdmin):
    """What is wrong, and what was: open ones first."""

    ordering = (F("closed_at").desc(nulls_first=True), "-last_at", "-pk")
    list_display = ("headline", "state_now", "times", "opened_at", "last_at", "closed_at")
    list_display_links = ("headline",)
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "rule__kind")
    search_fields = ("headline",)
    list_per_page = 50
    empty_title = "Nothing is wrong"
    empty_text = "What an alert rule finds wrong stands here while it lasts, and afterwards with its end."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        """Leave out those of orchestrations that are not open to this person."""
        groups = Q(group=None) | Q(group__in=groups_visible_to(member(request)).values("pk"))
        return super().get_queryset(request).filter(_open_here(request), groups).select_related("rule")  # type: ignore[no-any-return]

    @shown("State", label={"open": "danger", "over": "success"})
    def state_now(self, incident: Incident) -> str:
        """Say whether it lasts."""
        return "over" if incident.closed_at else "open"

    @shown("Times", ordering="count")
    def times(self, incident: Incident) -> str:
        """Say how often it was met."""
        return f"{incident.count:,}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show an incident with what was told of it."""
        incident = self.seen(request, object_id)
        told = incident.notices.select_related("channel", "delivery").order_by("-pk")[:LATEST]
        title = "Incident" if incident.closed_at is None else "Incident, over"
        return self.page(request, "alerts/incident.html", title=title, original=incident, incident=incident, told=told)


@admin.register(Delivery, site=tenant_site)
class DeliveryAdmin(SeenAdmin):
    """What became of each message."""

    list_display = ("created_at", "channel", "title", "state", "attempts", "answered", "outcome")
    list_display_links = ("title",)
    list_select_related = ("channel",)
    list_filter = ("status", "channel", "test")
    search_fields = ("message_id",)
    search_help_text = "Message ID"
    list_per_page = 50
    empty_title = "No message yet"
    empty_text = "Every message that leaves for a channel stands here, with what became of it."

    @shown("Status", ordering="status", label=COLOURS)
    def state(self, delivery: Delivery) -> tuple[str, str]:
        """Return the status with its label."""
        return delivery.status, delivery.get_status_display()

    @shown("HTTP status", ordering="code")
    def answered(self, delivery: Delivery) -> str:
        """Return the last answer's status."""
        return str(delivery.code or "–")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show a message's way."""
        delivery = self.seen(request, object_id)
        colour = COLOURS[delivery.status]
        return self.page(request, "alerts/delivery.html", title=delivery.title, original=delivery, delivery=delivery,
                         colour=colour)  # fmt: skip


def channel_state(channel: Channel) -> str:
    """Say in a word how a channel does."""
    if not channel.enabled:
        return "off"
    if channel.failures:
        return "fails"
    return "works" if channel.sent_at else "new"


def is_sandbox() -> bool:
    """Say whether the opened tenant is a sandbox."""
    tenant = current_tenant()
    return tenant is not None and tenant.sandbox_of_id is not None


def _open_here(request: HttpRequest) -> Q:
    """Return the condition for what concerns no orchestration, or one whose destination is open to this person."""
    return Q(orchestration=None) | Q(orchestration__destination__in=destinations_usable_by(member(request)))
