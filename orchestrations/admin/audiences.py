"""Audiences: the list, the page of one with its numbers and its curve, and what can be done about what it was told."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from destinations.models import destinations_usable_by
from destinations.tiktok.errors import TikTokError
from orchestrations.admin.audience_facts import changes, curve, facts, ids_told, keepers, matched, running
from orchestrations.admin.audience_words import settling, standing
from orchestrations.admin.base import OwnPageAdmin, attempt, back, member
from orchestrations.admin.explaining import explained
from orchestrations.audiences.readings import audience_read
from orchestrations.audiences.upkeep import audience_forget, audience_verify
from orchestrations.choices import COLOURS
from orchestrations.forms.explaining import ExplainForm
from orchestrations.models import Audience, Orchestration, RunAudience
from orchestrations.runs.downloads import audience_response
from orchestrations.templatetags.orchestration_tags import count
from tiktok_hub.admin import shown
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.services import audit_record
from tiktok_hub.shell import tenant_site
from tiktok_hub.tenancy.models import Membership
from tiktok_hub.tenancy.policies import is_admin

LAST_RUNS = 15
VIEW, CHANGE, DOWNLOAD = (f"orchestrations.{action}_audience" for action in ("view", "change", "download"))


def audiences_visible_to(membership: Membership) -> QuerySet[Audience]:
    """Return the opened tenant's audiences that somebody may see: all for administrators and operators.

    Others see those that runs to destinations open to them have kept.
    """
    audiences: QuerySet[Audience] = Audience.objects.all()
    if is_admin(membership):
        return audiences
    kept = RunAudience.objects.filter(run__orchestration__destination__in=destinations_usable_by(membership))
    return audiences.filter(pk__in=kept.values("audience"))


@admin.register(Audience, site=tenant_site)
class AudienceAdmin(OwnPageAdmin):
    """What runs keep at TikTok; nobody makes, edits or deletes an audience by hand."""

    ordering = ("name", "pk")
    list_display = ("name", "advertiser", "people_told", "size_matched", "state", "last_changed", "last_read")
    list_filter = ("status", "transport")
    list_per_page = 50
    search_fields = ("name", "advertiser_id", "audience_id")
    search_help_text = "Name, advertiser or audience ID"
    list_before_template = "orchestrations/audience/before_list.html"
    empty_title = "No audience yet"
    empty_text = (
        "An audience appears here with the first run of an orchestration whose destination keeps one. Create a "
        "destination of the plugin TikTok Ads, then an orchestration that sends a query to it."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Audience]:
        """Return the audiences that this person may see."""
        return super().get_queryset(request).filter(pk__in=audiences_visible_to(member(request)).values("pk"))

    @shown("Advertiser", ordering="advertiser_id")
    def advertiser(self, audience: Audience) -> str:
        """Return the ad account."""
        return audience.advertiser_id

    @shown("People told", ordering="people")
    def people_told(self, audience: Audience) -> str:
        """Return how many people TikTok was told."""
        return count(audience.people)

    @shown("Size at TikTok", ordering="size")
    def size_matched(self, audience: Audience) -> str:
        """Return how many members TikTok has matched."""
        return count(audience.size)

    @shown("Status", ordering="status", label=COLOURS)
    def state(self, audience: Audience) -> tuple[str, str]:
        """Return the status with its label."""
        return audience.status, audience.get_status_display()

    @shown("Last changed", ordering="state_at")
    def last_changed(self, audience: Audience) -> Any:
        """Return when TikTok was last told something."""
        return audience.state_at

    @shown("Last read", ordering="read_at")
    def last_read(self, audience: Audience) -> Any:
        """Return when TikTok was last asked about it."""
        return audience.read_at

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Runs make audiences."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Audience | None = None) -> bool:
        """Nobody edits an audience in a form."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Audience | None = None) -> bool:
        """Audiences are deleted at TikTok, never by us."""
        return False

    def page_urls(self) -> list[URLPattern]:
        """Return the hash explainer, the buttons of an audience and the pages that ask first."""
        return [
            self.address("explain/", self.explain, "explain"),
            self.object_page("read/", self.read, name="read", permission=CHANGE, method="POST"),
            self.object_page("verify/", self.verify_ask, name="verify", permission=CHANGE),
            self.object_page("verify/now/", self.verify, name="verify_now", permission=CHANGE, method="POST"),
            self.object_page("export/", self.export_ask, name="export", permission=DOWNLOAD),
            self.object_page("export.csv", self.export, name="export_csv", permission=DOWNLOAD, method="POST"),
            self.object_page("forget/", self.forget_ask, name="forget", permission=CHANGE),
            self.object_page("forget/now/", self.forget, name="forget_now", permission=CHANGE, method="POST"),
        ]

    @method_decorator([never_cache, sensitive_post_parameters("value")])
    def explain(self, request: HttpRequest) -> HttpResponseBase:
        """Show how a value becomes a digest, and whether an audience was told it."""
        if not request.user.has_perm(VIEW):
            raise PermissionDenied
        tenant, restricted = member(request).tenant, member(request).restrict_pii
        known = Audience.objects.none() if restricted else audiences_visible_to(member(request)).order_by("name")
        options: dict[str, Any] = {"audiences": known}
        if request.method == "POST":
            form = ExplainForm(request.POST, **options)
        else:
            chosen = {"audience": request.GET.get("audience"), "country": tenant.default_country}
            form = ExplainForm(initial=chosen, **options)
        result = (
            explained(form.cleaned_data, tenant.default_country, restricted=restricted) if form.is_valid() else None
        )
        return self.page(
            request,
            "orchestrations/audience/explain.html",
            title="Hash explainer",
            form=form,
            shown=result,
            restricted=restricted,
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the audience."""
        audience = self.object_or_404(request, object_id)
        open_here = destinations_usable_by(member(request))
        own = RunAudience.objects.filter(audience=audience, run__orchestration__destination__in=open_here)
        targets = list(own.select_related("run__orchestration").order_by("-run_id")[:LAST_RUNS])
        return self.page(
            request, "orchestrations/audience/page.html", title=str(audience), original=audience, audience=audience,
            standing=standing(audience, request), settling=settling(audience), ids=ids_told(audience),
            matched=matched(audience), curve=curve(audience), changes=changes(targets),
            facts=facts(audience, targets), targets=targets,
            keepers=keepers(audience, Orchestration.objects.filter(destination__in=open_here)),
            active=running(audience), can_change=request.user.has_perm(CHANGE),
            can_download=request.user.has_perm(DOWNLOAD), raw=is_admin(member(request)),
        )  # fmt: skip

    def read(self, request: HttpRequest, audience: Audience) -> HttpResponse:
        """Ask TikTok about the audience now."""
        try:
            reading = attempt(request, lambda: audience_read(audience=audience))
        except TikTokError as error:
            messages.error(request, f"TikTok could not be asked: {error.sentence}")
        else:
            if reading is not None:
                messages.success(request, f"TikTok says: {reading.get_status_display().lower()}.")
        return back(self.url("change", audience))

    def verify_ask(self, request: HttpRequest, audience: Audience) -> HttpResponse:
        """Say what a verification looks at."""
        return self.page(
            request, "orchestrations/audience/verify.html", title=f"Verify what {audience.name} was told",
            original=audience, audience=audience,
        )  # fmt: skip

    def verify(self, request: HttpRequest, audience: Audience) -> HttpResponse:
        """Verify what TikTok was told, and say what was found."""
        findings = audience_verify(audience=audience)
        return self.page(
            request, "orchestrations/audience/verify.html", title=f"Verify what {audience.name} was told",
            original=audience, audience=audience, findings=findings, good=all(each.good for each in findings),
        )  # fmt: skip

    def export_ask(self, request: HttpRequest, audience: Audience) -> HttpResponse:
        """Say what the file holds."""
        return self.page(
            request, "orchestrations/audience/export.html", title=f"Export what {audience.name} was told",
            original=audience, audience=audience, ids=sum(part.count for part in ids_told(audience)),
        )  # fmt: skip

    def export(self, request: HttpRequest, audience: Audience) -> HttpResponseBase:
        """Stream the digests that TikTok was told as CSV."""
        return audience_response(audience)

    def forget_ask(self, request: HttpRequest, audience: Audience) -> HttpResponse:
        """Say what it means to forget."""
        return self.page(
            request, "orchestrations/audience/forget.html", title=f"Forget what {audience.name} was told",
            original=audience, audience=audience, active=running(audience),
        )  # fmt: skip

    def forget(self, request: HttpRequest, audience: Audience) -> HttpResponse:
        """Forget what TikTok was told."""
        try:
            with transaction.atomic():
                audience_forget(audience=audience)
                audit_record(Action.AUDIENCE_FORGOTTEN, audience)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, "What TikTok was told is forgotten. The next run sends everybody.")
        return back(self.url("change", audience))
