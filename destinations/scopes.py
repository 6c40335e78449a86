"""Say in words what TikTok's numeric permission scopes allow, and which a credential needs.

Numbers and names: TikTok's scope list as kept in the business API's documentation (portal/docs, "Permission scopes").
"""

from collections.abc import Iterable

from destinations.choices import CredentialType

AUDIENCES_ALL, AUDIENCES_READ, AUDIENCES_WRITE = 3, 30, 31

WORDS: dict[int, str] = {
    100: "Read ad accounts",
    150: "Read Business Centers",
    153: "Read Business Center assets",
    AUDIENCES_READ: "Read custom audiences",
    AUDIENCES_WRITE: "Create and update custom audiences",
    32: "Share custom audiences",
    50: "Report app events",
    51: "Report pixel events",
    7224195155857866754: "Report conversion events",
    800: "Read pixels",
    801: "Create and update pixels",
    802: "Read pixel statistics",
    7050363942434095105: "Create and manage offline event sets",
    7050363942434127873: "Report offline events one by one",
    7068127621543919617: "Report offline events in bulk",
    7224195155857833986: "Read offline event sets",
    7294180478502846465: "Read CRM event sets",
    700: "Read apps",
}

# Those without which nothing can be sent; a parent scope may stand for its children, so a missing one is a warning.
NEEDED: dict[str, tuple[int, ...]] = {
    CredentialType.EVENTS: (7224195155857866754, 100),
    CredentialType.AUDIENCES: (AUDIENCES_READ, AUDIENCES_WRITE, 100),
}

PURPOSES: dict[str, str] = {
    CredentialType.EVENTS: "send conversion events, such as purchases in a store or on a web site, to TikTok",
    CredentialType.AUDIENCES: "keep custom audiences up to date at TikTok",
}

# Where an account holder finds a token to hand over (TikTok's help centre, "Events API: generate an access token").
TOKEN_STEPS: dict[str, tuple[str, ...]] = {
    CredentialType.EVENTS: (
        "Open TikTok Events Manager and choose the pixel or the offline event set.",
        "Open its Settings and look for Events API.",
        "Press Generate access token and copy what it shows.",
    ),
    CredentialType.AUDIENCES: (
        "Open My Apps on TikTok's developer portal and choose the app that may manage audiences.",
        "Authorise it for the ad account, as Ad Account Operator or Admin.",
        "Copy the long-term access token that it gets.",
    ),
}

GRANTED: dict[str, tuple[str, ...]] = {
    CredentialType.EVENTS: (
        "Report conversion events to the ad accounts you tick",
        "See the names of these ad accounts, their pixels and event sets",
        "See your role on these ad accounts in a Business Center",
    ),
    CredentialType.AUDIENCES: (
        "Create custom audiences in the ad accounts you tick, and add and remove people",
        "See the names of these ad accounts and the state of their audiences",
        "See your role on these ad accounts in a Business Center",
    ),
}


def scopes_words(scopes: Iterable[int]) -> list[str]:
    """Return granted scopes in words, those without a name by number."""
    return [WORDS.get(scope, f"Scope {scope}") for scope in scopes]


def scopes_missing(kind: str, scopes: Iterable[int]) -> list[str]:
    """Return the permissions, in words, that a credential of this type probably lacks."""
    granted = set(scopes)
    return [WORDS[scope] for scope in NEEDED.get(kind, ()) if scope not in granted]
