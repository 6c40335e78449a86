"""Audience, its readings, what a run means for it, and the lock under which audiences are found or created."""

from django.db import models
from django.utils import timezone

from orchestrations.choices import AudienceStatus
from tiktok_hub.tenancy.models import TenantModel


class Audience(TenantModel):
    """A custom audience of one ad account that runs keep equal to a query's result.

    `audience_id` is TikTok's, blank until the audience was found or created. `state_path` is the storage key of what
    TikTok was told so far (digests only), blank when it was told nothing; `state_of` is the id of the audience that was
    told: where another one has taken its place, the state is void. `people` and `ids` (id type → number) count it,
    `unsure` the ids of which a lost connection left it open whether TikTok holds them. `status`, `size`
    (`cover_num`, matched users), `expires_at` and `problem` are what TikTok said when it was last read, at `read_at`;
    `next_reading_at` is when it is asked again.
    """

    advertiser_id = models.CharField(max_length=30)
    name = models.CharField(max_length=70)
    transport = models.CharField(max_length=20)
    audience_id = models.CharField(max_length=30, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    state_path = models.CharField(max_length=300, blank=True)
    state_of = models.CharField(max_length=30, blank=True)
    state_at = models.DateTimeField(null=True)
    people = models.BigIntegerField(default=0)
    ids = models.JSONField(default=dict)
    unsure = models.BigIntegerField(default=0)

    status = models.CharField(max_length=20, choices=AudienceStatus.choices, default=AudienceStatus.NEW)
    size = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)
    read_at = models.DateTimeField(null=True)
    next_reading_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ("name", "advertiser_id")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "advertiser_id", "name", "transport"], name="audience_once_per_account"
            )
        ]
        permissions = [("download_audience", "Can export what an audience was told")]

    def __str__(self) -> str:
        return f"{self.name} ({self.advertiser_id})"


class AudienceReading(TenantModel):
    """What TikTok said about an audience at one time: a point of its curve."""

    audience = models.ForeignKey(Audience, models.CASCADE, related_name="readings")
    read_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=20, choices=AudienceStatus.choices)
    size = models.BigIntegerField(null=True)
    told = models.BigIntegerField(default=0)
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ("read_at",)
        indexes = [models.Index(fields=["audience", "read_at"], name="reading_by_audience")]

    def __str__(self) -> str:
        return f"{self.audience}: {self.size} on {self.read_at}"


class RunAudience(TenantModel):
    """What one run means for one audience: a run has as many as its destination has advertisers.

    Counts are people: `before` the run, to be `added`, `removed` and left `unchanged` by it, and `after` it when all
    goes well. `anew` says that the audience was not found at TikTok any more and is filled anew. `error` is what
    stopped the delivery to this audience; `folded` says that the verdicts are part of the audience's state.
    """

    run = models.ForeignKey("orchestrations.Run", models.CASCADE, related_name="audiences")
    audience = models.ForeignKey(Audience, models.RESTRICT, related_name="runs")
    number = models.PositiveSmallIntegerField()
    before = models.BigIntegerField(default=0)
    added = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    after = models.BigIntegerField(default=0)
    anew = models.BooleanField(default=False)
    used_audiences = models.PositiveIntegerField(null=True)
    error = models.JSONField(default=dict)
    folded = models.BooleanField(default=False)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="run_audience_once")]

    def __str__(self) -> str:
        return f"{self.audience} in run {self.run_id}"


class Claim(models.Model):
    """A lock that all workers and tenants share: who holds `token` until `until` may look for or create an audience.

    `key` is made of the ad account and the audience's name: the same ad account may be in two tenants' hands.
    """

    key = models.CharField(max_length=64, unique=True)
    token = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.key
