"""Write the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from tiktok_hub.acting import acting
from tiktok_hub.audit.chain import chain_seal
from tiktok_hub.audit.choices import Action
from tiktok_hub.audit.models import Entry
from tiktok_hub.tenancy.models import Tenant, User
from tiktok_hub.tenancy.scope import current_tenant, hub_scope, tenant_scope

Change = dict[str, Any]


def audit_record(
    action: Action,
    obj: models.Model | None = None,
    *,
    changes: Iterable[Change] = (),
    name: str | None = None,
    user: User | None = None,
    tenant: Tenant | None = None,
) -> Entry:
    """Note what is done, by whom and from where, in the transaction in which it is done.

    `name` stands for the object's own; `user` for the person at work (`tiktok_hub.acting`); `tenant` for the opened
    one, without which the entry is the installation's. Values in `changes` must be shown as they may be read:
    secrets as dots, no personal data of rows. Whatever is opened, the entry can be written: its own tenant is opened
    for the writing alone.
    """
    who = acting()
    person = user or who.user
    tenant = tenant or current_tenant()
    entry = Entry(
        tenant=tenant, action=action, via=who.via, ip=who.ip, changes=list(changes),
        actor_id=person.pk if person else None, actor=person.email if person else "",
        object_type=obj._meta.label_lower if obj is not None else "",
        object_id=str(obj.pk or "") if obj is not None else "",
        object_name=(str(obj) if name is None and obj is not None else name or "")[:300],
    )  # fmt: skip
    with tenant_scope(tenant) if tenant else hub_scope():
        entry.save(force_insert=True)
    _seal_later(entry)
    return entry


@dataclass
class _Sealing:
    """Entries of one chain that get their places together when the transaction has ended."""

    tenant_id: int | None
    entry_ids: list[int]

    def __call__(self) -> None:
        """Seal those that were kept: a savepoint may have been rolled back."""
        chain_seal(self.tenant_id, self.entry_ids)


def _seal_later(entry: Entry) -> None:
    """Seal an entry after the transaction. An error there is logged only: what is told of has happened."""
    for _, function, _ in transaction.get_connection().run_on_commit:
        if isinstance(function, _Sealing) and function.tenant_id == entry.tenant_id:
            function.entry_ids.append(entry.pk)
            return
    transaction.on_commit(_Sealing(entry.tenant_id, [entry.pk]), robust=True)
