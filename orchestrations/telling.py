"""Tell people by e-mail what they would otherwise find out too late. What matters stands on the pages all the same."""

from functools import partial

from django.conf import settings
from django.db import transaction

from orchestrations.models import Schedule
from tiktok_hub.mail import mail_send
from tiktok_hub.tenancy.administration import administrators
from tiktok_hub.tenancy.models import Membership

TEXT = """The scheduled run of “{name}” in {tenant} did not start.

{sentence}

Somebody who may start runs there can put the schedule in their own name: open the {noun}, edit it, save it.
{address}
Until then each further run is refused too; this message is sent once.
"""


def owners(schedule: Schedule) -> list[Membership]:
    """Return who is told of a schedule's refusals: its owner, or the administrators.

    An owner who does not belong to the tenant any more is told nothing about it.
    """
    owner = Membership.objects.select_related("user").filter(user=schedule.set_by, user__is_active=True).first()
    return [owner] if owner else list(administrators().select_related("user"))


def owner_tell(schedule: Schedule, sentence: str) -> None:
    """Tell a schedule's owner, once the transaction has ended, that its run was refused."""
    tenant, thing = schedule.tenant, schedule.of
    path = f"{tenant.slug}/orchestrations/{thing._meta.model_name}/{thing.pk}/"
    text = TEXT.format(
        name=thing, noun="orchestration" if schedule.orchestration_id else "group", tenant=tenant, sentence=sentence,
        address=f"\n{settings.HUB_PUBLIC_URL}/{path}\n" if settings.HUB_PUBLIC_URL else "",
    )  # fmt: skip
    for each in owners(schedule):
        subject = f"{tenant}: the scheduled run of “{thing}” did not start"
        transaction.on_commit(partial(mail_send, to=each.user.email, subject=subject, text=text))
