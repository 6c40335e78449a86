"""How an orchestration keeps its audiences, as its page says it: the mode, the guard, and the audiences themselves."""

from dataclasses import dataclass

from django.http import HttpRequest

from orchestrations.admin.base import member
from orchestrations.admin.run_people import MODES, audience_url
from orchestrations.audiences.targets import KEEPING, audience_keys, mode_of
from orchestrations.choices import SyncMode
from orchestrations.models import Audience, Orchestration
from tiktok_hub.tenancy.policies import is_admin

SAMPLES = {
    SyncMode.MIRROR: "A sample only adds its people: nobody leaves the audience for not being among them.",
    SyncMode.REPLACE: "A sample only adds its people: nobody leaves the audience for not being among them.",
    SyncMode.REMOVE: "A sample removes its people from the audience.",
}
FILES = "TikTok takes files only while an audience has 1,000 matched members: a sample for a new one is refused."


@dataclass(frozen=True, slots=True)
class Kept:
    """One audience: `audience` is None before the first run, `url` empty for people who may not open its page."""

    advertiser_id: str
    name: str
    audience: Audience | None
    url: str


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the audiences follow the query; `sample` says what a sample does to them."""

    sentence: str
    guard: str
    deleted: str
    sample: str
    audiences: list[Kept]


def keeping_shown(orchestration: Orchestration, request: HttpRequest) -> Keeping | None:
    """Return what to show about an orchestration's audiences; None where its destination keeps none."""
    if not orchestration.destination.spec.keeps_audience:
        return None
    mode = mode_of(orchestration)
    settings = orchestration.settings_merged
    file = settings.get("transport") == "file"
    return Keeping(
        sentence=MODES[mode][1], guard=_guard(orchestration, mode), deleted=orchestration.get_when_deleted_display(),
        sample=" ".join(filter(None, [SAMPLES.get(SyncMode(mode), ""), FILES if file and mode in KEEPING else ""])),
        audiences=_kept(orchestration, settings, request),
    )  # fmt: skip


def _guard(orchestration: Orchestration, mode: str) -> str:
    """Say when a run waits for somebody; nobody leaves an audience to which people are only added."""
    if mode == SyncMode.ADD:
        return ""
    empty = " or when the query returns nobody" if mode in KEEPING else ""
    return f"when more than {orchestration.max_removal_percent} % of the people would leave{empty}"


def _kept(orchestration: Orchestration, settings: dict[str, object], request: HttpRequest) -> list[Kept]:
    """Return the audiences in the order of the ad accounts, also those that no run has looked for yet.

    Who is no administrator sees the pages of audiences that runs of destinations open to them have kept.
    """
    own = set(Audience.objects.filter(runs__run__orchestration=orchestration).values_list("pk", flat=True))
    kept = []
    for key in audience_keys(settings):
        audience = Audience.objects.filter(**key).first()
        visible = audience is not None and (audience.pk in own or is_admin(member(request)))
        url = audience_url(audience, request) if audience and visible else ""
        kept.append(Kept(key["advertiser_id"], key["name"], audience, url))
    return kept
