"""Pages about sandboxes, in production: list, create, differences, promote, pull, delete."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern

from orchestrations.admin.base import OwnPageAdmin, member
from tiktok_hub.admin import shown
from tiktok_hub.sandboxes.comparing import Standing
from tiktok_hub.sandboxes.forms import PromoteForm, PullForm, SandboxForm
from tiktok_hub.sandboxes.models import Sandbox
from tiktok_hub.sandboxes.permissions import ADD, CHANGE, DELETE, VIEW
from tiktok_hub.sandboxes.promoting import Promotion, PromotionBlockedError, promotion_make, sandbox_promote
from tiktok_hub.sandboxes.services import pull_changes, sandbox_create, sandbox_delete, sandbox_pull
from tiktok_hub.sandboxes.shown import groups_shown, item_shown
from tiktok_hub.shell import root_url, tenant_site


@admin.register(Sandbox, site=tenant_site)
class SandboxAdmin(OwnPageAdmin):
    """The sandboxes of the opened tenant; a sandbox has none."""

    list_display = ("twin", "short_name", "rows_copied", "created_by", "created_at", "pulled_at", "promoted_at")
    list_select_related = ("twin", "created_by")
    empty_title = "No sandbox yet"
    empty_text = (
        "A sandbox is a copy of this tenant's configuration to try changes in. Nothing in it runs by itself, and what "
        "proves good is promoted back in one step."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sandbox]:
        """Read the sandbox's tenant along."""
        return super().get_queryset(request).select_related("tenant", "twin")  # type: ignore[no-any-return]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask the policies; in a sandbox there is nothing to see."""
        return _allowed(request, VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask the policies; there is no sandbox of a sandbox."""
        return _allowed(request, ADD)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave no form of Django's own."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave no page of Django's own: ours asks for the name."""
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Ask the policies."""
        return _allowed(request, VIEW)

    @shown("Short name")
    def short_name(self, sandbox: Sandbox) -> str:
        """Return the first part of its addresses."""
        return sandbox.twin.slug

    @shown("Rows copied")
    def rows_copied(self, sandbox: Sandbox) -> str:
        """Return how many rows of each dataset were copied."""
        return f"first {sandbox.rows:,}" if sandbox.rows else "none"

    def page_urls(self) -> list[URLPattern]:
        """Return the pages about one sandbox; those that Django would have give way."""
        return [
            self.object_page("", self.detail, permission=VIEW),
            self.object_page("change/", self.to_detail, permission=VIEW, name="change"),
            self.object_page("promote/", self.promote, permission=CHANGE, method="POST"),
            self.object_page("pull/", self.pull, permission=CHANGE),
            self.object_page("pull/now/", self.pull_now, permission=CHANGE, method="POST"),
            self.object_page("delete/", self.delete, permission=DELETE, name="delete"),
            self.object_page("delete/now/", self.delete_now, permission=DELETE, method="POST"),
        ]

    def to_detail(self, request: HttpRequest, sandbox: Sandbox) -> HttpResponse:
        """Lead from the list to the page."""
        return redirect(self.url("detail", sandbox))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:  # fmt: skip
        """Say what a sandbox gets, and make it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SandboxForm(member(request), request.POST or None)
        if form.is_valid():
            wish = {"production": member(request).tenant, "membership": member(request), **form.cleaned_data}
            try:
                sandbox = sandbox_create(**wish)
            except (ValidationError, PermissionDenied) as error:
                form_say(form, error)
            else:
                messages.success(request, f"“{sandbox}” is made.")
                return redirect(self.url("detail", sandbox))
        return self.page(
            request, "sandboxes/add.html", title="Add sandbox", form=form, slug=member(request).tenant.slug
        )

    def detail(self, request: HttpRequest, sandbox: Sandbox) -> HttpResponse:
        """Show how it deviates from production, and the way to promote that."""
        return self.detail_page(request, sandbox)

    def detail_page(self, request: HttpRequest, sandbox: Sandbox, form: PromoteForm | None = None) -> HttpResponse:
        """Show the page, with what was typed where a promotion did not work."""
        remove = form is not None and bool(form.data.get("remove"))
        promotion = promotion_make(sandbox=sandbox, membership=member(request), remove=remove)
        return self.page(
            request, "sandboxes/detail.html", title=str(sandbox), sandbox=sandbox, promotion=promotion,
            groups=groups_shown(promotion.comparison.deviations), form=form or PromoteForm(),
            **_counts(promotion), address=root_url(f"{sandbox.twin.slug}/"), may=_may(request),
        )  # fmt: skip

    def promote(self, request: HttpRequest, sandbox: Sandbox) -> HttpResponse:
        """Promote, or say what blocks it."""
        form = PromoteForm(request.POST)
        if form.is_valid():
            try:
                done = sandbox_promote(sandbox=sandbox, membership=member(request), **form.cleaned_data)
            except PromotionBlockedError:
                messages.error(request, "Nothing was promoted: what blocks it is listed below.")
            except (ValidationError, PermissionDenied) as error:
                form_say(form, error)
            else:
                messages.success(request, f"Promoted from “{sandbox}”: {counted(len(done.changes))}.")
                return redirect(self.url("detail", sandbox))
        return self.detail_page(request, sandbox, form)

    def pull(self, request: HttpRequest, sandbox: Sandbox) -> HttpResponse:
        """Show what a pull would do to the sandbox; the choices are part of the address until it is done."""
        given = request.GET if "preview" in request.GET else None
        return self.pull_page(request, sandbox, PullForm(member(request), given))

    def pull_page(self, request: HttpRequest, sandbox: Sandbox, form: PullForm) -> HttpResponse:
        """Show the page, with what was chosen."""
        keep, remove = bool(form.data.get("keep")), bool(form.data.get("remove"))
        comparison, changes = pull_changes(sandbox, keep=keep, remove=remove)
        touched = {(change.section, change.name) for change in changes}
        own = {each.key for standing in (Standing.OURS, Standing.BOTH) for each in comparison.of(standing)}
        lost = [change for change in changes if (change.section, change.name) in own & touched]
        rest = [change for change in changes if change not in lost]
        return self.page(
            request, "sandboxes/pull.html", title=f"Pull into {sandbox}", sandbox=sandbox, form=form,
            lost=[item_shown(change) for change in lost], rest=[item_shown(change) for change in rest],
            seen=comparison.fingerprint,
        )  # fmt: skip

    def pull_now(self, request: HttpRequest, sandbox: Sandbox) -> HttpResponse:
        """Pull, or say why not."""
        form = PullForm(member(request), request.POST)
        if form.is_valid():
            wish = {**form.cleaned_data, "seen": request.POST.get("seen", "")}
            try:
                done = sandbox_pull(sandbox=sandbox, membership=member(request), **wish)
            except (ValidationError, PermissionDenied) as error:
                form_say(form, error)
            else:
                messages.success(request, f"Pulled from production into “{sandbox}”: {counted(len(done))}.")
                return redirect(self.url("detail", sandbox))
        return self.pull_page(request, sandbox, form)

    def delete(self, request: HttpRequest, sandbox: Sandbox, error: str = "") -> HttpResponse:
        """Ask for the name."""
        typed = request.POST.get("typed", "")
        context = {"sandbox": sandbox, "error": error, "typed": typed}
        return self.page(request, "sandboxes/delete.html", title=f"Delete {sandbox}", **context)

    def delete_now(self, request: HttpRequest, sandbox: Sandbox) -> HttpResponse:
        """Delete it, or say why not."""
        name = str(sandbox)
        try:
            sandbox_delete(sandbox=sandbox, membership=member(request), typed=request.POST.get("typed", ""))
        except ValidationError as error:
            return self.delete(request, sandbox, " ".join(error.messages))
        messages.success(request, f"“{name}” is deleted. Its audit log stays.")
        return redirect(self.url("changelist"))


def counted(number: int) -> str:
    """Return a number of changes in words."""
    return "nothing to change" if not number else "1 change" if number == 1 else f"{number} changes"


def form_say(form: Form, error: ValidationError | PermissionDenied) -> None:
    """Put an error where it belongs in a form: at its field, else above."""
    known: Mapping[str, list[str]] = getattr(error, "message_dict", {})
    for name, sentences in known.items():
        form.add_error(name if name in form.fields else None, sentences)
    if not known:
        form.add_error(None, error.messages if isinstance(error, ValidationError) else str(error))


def _allowed(request: HttpRequest, permission: str) -> bool:
    return member(request).tenant.sandbox_of_id is None and request.user.has_perm(permission)


def _may(request: HttpRequest) -> dict[str, bool]:
    return {"change": request.user.has_perm(CHANGE), "delete": request.user.has_perm(DELETE)}


def _counts(promotion: Promotion) -> dict[str, int]:
    ours = [each for each in promotion.comparison.of(Standing.OURS) if each.travels]
    removals = sum(each.change.removed for each in ours)
    return {"ready": len(ours) - removals, "removals": removals}
