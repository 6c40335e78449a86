"""Delete credentials and destinations, but never what something still uses."""

from collections.abc import Iterable

from destinations.models import Credential, Destination


class InUseError(Exception):
    """Something cannot be deleted while the named others use it."""

    def __init__(self, thing: str, users: Iterable[object], kind: str) -> None:
        self.users = [str(user) for user in users]
        names = ", ".join(f"“{name}”" for name in self.users)
        super().__init__(f"{thing} cannot be deleted while {kind} use it: {names}. Change or delete these first.")


def credential_delete(*, credential: Credential) -> None:
    """Delete a credential with its links; raise InUseError naming the destinations that use it."""
    users = list(credential.destinations.all())
    if users:
        raise InUseError(f"The credential “{credential}”", users, "destinations")
    credential.delete()


def destination_delete(*, destination: Destination) -> None:
    """Delete a destination; raise InUseError naming the orchestrations that send to it."""
    users = destination_users(destination)
    if users:
        raise InUseError(f"The destination “{destination}”", users, "orchestrations")
    destination.delete()


def destination_users(destination: Destination) -> list[object]:
    """Return everything that points to a destination, whichever app it lives in."""
    if destination.pk is None:
        return []
    users: list[object] = []
    for relation in destination._meta.related_objects:
        name = relation.get_accessor_name()
        if name and relation.one_to_many:
            users += list(getattr(destination, name).all())
    return users
