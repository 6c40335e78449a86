"""Delete credentials and destinations, but never what something still uses."""

from collections.abc import Iterable

from destinations.models import Credential, Destination


class InUseError(Exception):
    """Something cannot be deleted while the named others use it."""

    def __init__(self, thing: str, users: Iterable[object], kind: str) -> None:
        self.users = [str(user) for user in users]
        names = ", ".join(f"“{name}”" for name in self.users)
        super().__init__(f"{thing} cannot be deleted while {kind} use it: {names}. Change or delete these first.")


def credential_usage_check(*, credential: Credential) -> None:
    """Raise InUseError naming the destinations that use a credential."""
    users = list(credential.destinations.all())
    if users:
        raise InUseError(f"The credential “{credential}”", users, "destinations")


def credential_delete(*, credential: Credential) -> None:
    """Delete a credential with its links; InUseError while destinations use it."""
    credential_usage_check(credential=credential)
    credential.delete()


def destination_usage_check(*, destination: Destination) -> None:
    """Raise InUseError naming the orchestrations that send to a destination."""
    users = _pointing_to(destination)
    if users:
        raise InUseError(f"The destination “{destination}”", users, "orchestrations")


def destination_delete(*, destination: Destination) -> None:
    """Delete a destination; InUseError while orchestrations send to it."""
    destination_usage_check(destination=destination)
    destination.delete()


def _pointing_to(destination: Destination) -> list[object]:
    """Return what points to a destination; orchestrations live in an app that this one does not know."""
    accessors = [relation.get_accessor_name() for relation in destination._meta.related_objects]
    return [user for name in accessors if name for user in getattr(destination, name).all()]
