"""One kernel per kind of column: a pure function from a column's name to SQL expressions.

A kernel tests the clean form first and cleans only what fails it: a branch of CASE costs nothing for the rows that do
not take it.
"""

from collections.abc import Callable

from destinations.preparation.fields import Kind
from destinations.preparation.kernels import identity, numbers, times, web, words
from destinations.preparation.kernels.base import LAYERS, Column, Kernel, Setup

KERNELS: dict[Kind, Callable[[Column, Setup], Kernel]] = {
    Kind.EMAIL: identity.email,
    Kind.PHONE: identity.phone,
    Kind.EXTERNAL_ID: identity.external_id,
    Kind.DEVICE_ID: identity.device_id,
    Kind.TEXT: words.text,
    Kind.NUMBER: numbers.number,
    Kind.QUANTITY: numbers.quantity,
    Kind.TIMESTAMP: times.timestamp,
    Kind.EVENT_NAME: words.event_name,
    Kind.CURRENCY: words.currency,
    Kind.CHOICE: words.choice,
    Kind.BOOLEAN: words.boolean,
    Kind.IP: web.ip,
    Kind.URL: web.url,
    Kind.LOCALE: web.locale,
    Kind.COUNTRY: words.country,
    Kind.SAME: words.same,
}

__all__ = ["KERNELS", "LAYERS", "Column", "Kernel", "Setup"]
