"""Read the fields of a request strictly: required ones present, known ones valid, unknown ones refused."""

from collections.abc import Mapping
from typing import Any

from destinations.emulator.api import Job
from destinations.emulator.body import json_object
from destinations.emulator.checks import Check, FieldError, MissingError, check_text
from destinations.emulator.errors import PARAMETER, ApiError

ID_BYTES = 32


def body_fields(job: Job, checks: Mapping[str, Check], required: tuple[str, ...]) -> dict[str, Any]:
    """Read the JSON body of a POST; raise ApiError with TikTok's wording for the first field that is wrong."""
    return checked(json_object(job.call), checks, required)


def checked(values: dict[str, Any], checks: Mapping[str, Check], required: tuple[str, ...]) -> dict[str, Any]:
    """Check fields that were read already."""
    for name in required:
        if name not in values:
            raise refusal(MissingError("missing.", path=(name,)))
    for name, value in values.items():
        check = checks.get(name)
        if check is None:
            raise refusal(FieldError("unknown field.", path=(name,)))
        try:
            check(value)
        except FieldError as error:
            raise refusal(error.under(name)) from None
    return values


def refusal(error: FieldError) -> ApiError:
    """Word a FieldError as TikTok does: the field's path without indices."""
    name = ".".join(part for part in error.path if isinstance(part, str))
    if isinstance(error, MissingError):
        return ApiError(error.code, f"Missing required field(s): {name}.")
    return ApiError(error.code, f"Invalid value for {name}: {error.problem}")


def check_id(value: object) -> None:
    """Accept an id of TikTok: a string of digits."""
    if type(value) is not str or not (value.isascii() and value.isdigit() and len(value) <= ID_BYTES):
        raise FieldError("not a valid string.")


def text_within(most: int) -> Check:
    """Make a checker for a text of 1 to `most` characters."""

    def check_length(value: object) -> None:
        check_text(value)
        if len(str(value)) > most:
            raise FieldError(f"length must be between 1 and {most}.")

    return check_length


def number_within(least: int, most: int) -> Check:
    """Make a checker for a whole JSON number in a range."""

    def check_number(value: object) -> None:
        if type(value) is not int:
            raise FieldError("not a valid integer.")
        if not least <= value <= most:
            raise FieldError(f"must be between {least} and {most}.")

    return check_number


def some_of(check: Check, most: int) -> Check:
    """Make a checker for a list of 1 to `most` different members."""

    def check_members(value: object) -> None:
        if type(value) is not list:
            raise FieldError("not a valid list.")
        if not 1 <= len(value) <= most:
            raise FieldError(f"length must be between 1 and {most}.")
        for index, member in enumerate(value):
            try:
                check(member)
            except FieldError as error:
                raise error.under(index) from None
        if len(set(value)) != len(value):
            raise FieldError("must not hold a value twice.")

    return check_members


def query_list(job: Job, name: str, check: Check) -> list[Any] | None:
    """Read a list that stands as JSON text in the query of a GET; None when absent."""
    value = job.call.json_parameter(name)
    if value is None and name not in job.call.query:
        return None
    checked({name: value}, {name: check}, ())
    return list(value)


def query_known(job: Job, *names: str) -> None:
    """Refuse a query parameter the endpoint does not have."""
    unknown = sorted(job.call.query.keys() - set(names))
    if unknown:
        raise ApiError(PARAMETER, f"Invalid value for {unknown[0]}: unknown field.")
