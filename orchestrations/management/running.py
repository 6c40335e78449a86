"""What the commands about runs share: finding things, waiting, and saying how it went."""

import json
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from orchestrations.choices import RunStatus
from orchestrations.management.bar import ProgressBar
from orchestrations.models import Orchestration, Run
from orchestrations.runs.results import rejects_write, run_result, run_text
from orchestrations.runs.services import run_active
from orchestrations.sources.base import did_you_mean
from tiktok_hub.acting import Via, acting_as
from tiktok_hub.hub.broker import BrokerError, broker_ping
from tiktok_hub.hub.locks import LockedError
from tiktok_hub.hub.process import Child
from tiktok_hub.hub.runner import hub_holder
from tiktok_hub.hub.services import ServicesError, services_running
from tiktok_hub.tenancy.administration import administrator_first
from tiktok_hub.tenancy.models import Membership, Tenant
from tiktok_hub.tenancy.scope import hub_scope, tenant_scope

POLL_SECONDS = 0.2
#: How long a hub may be away, as for a restart, before those who wait for a run beside it are told.
HUBLESS_SECONDS = 30.0
USAGE, INTERRUPTED = 2, 130
EXIT: dict[str, int] = {
    RunStatus.SUCCEEDED: 0,
    RunStatus.SUCCEEDED_WITH_ERRORS: 3,
    RunStatus.HELD: 4,
    RunStatus.FAILED: 1,
    RunStatus.CANCELLED: 1,
}
EXIT_HELP = "Exit status: 0 succeeded, 3 succeeded with errors, 4 held, 1 failed or cancelled, 2 wrong use."


class RunCommand(BaseCommand):
    """A command about one run; every failure is one sentence, and with `--json` an object on stdout as well."""

    as_json = False

    def wait_arguments(self, parser: CommandParser) -> None:
        """Declare the options of commands that can wait for a run's end."""
        parser.add_argument("--wait", action="store_true", help="stay until the run has ended; starts what it needs")
        parser.add_argument("--timeout", type=positive_float, metavar="SECONDS", help="wait no longer than this")
        parser.add_argument(
            "--user", metavar="EMAIL", help="whose name it runs in; else an administrator of the tenant"
        )

    def result_arguments(self, parser: CommandParser) -> None:
        """Declare how the result is told."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object instead of text")
        parser.add_argument(
            "--rejects", type=Path, metavar="FILE",
            help="write the rows that did not arrive there as CSV; else into the data folder, when there are any",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the command's work; turn what prevents it into one sentence."""
        self.as_json = bool(options.get("as_json"))
        try:
            with acting_as(None, Via.COMMAND):
                status = self.work(**options)
        except ValidationError as error:
            self.refuse(" ".join(sentences(error)))
        except PermissionDenied as error:
            self.refuse(str(error))
        except (ServicesError, BrokerError, LockedError) as error:
            self.refuse(str(error), status=1)
        except (OperationalError, ProgrammingError) as error:
            reason = str(error).partition("\n")[0]
            self.refuse(f"The database cannot be used ({reason}). Is it migrated (manage.py migrate)?", status=1)
        if status:
            raise SystemExit(status)

    def work(self, **options: Any) -> int:
        """Do the command's work and return the exit status."""
        raise NotImplementedError

    def refuse(self, sentence: str, *, status: int = USAGE) -> NoReturn:
        """End the command with a sentence on stderr."""
        if self.as_json:
            kind = "UsageError" if status == USAGE else "OperationError"
            self.stdout.write(json.dumps({"error": {"class": kind, "code": None, "sentence": sentence}}))
        raise CommandError(sentence, returncode=status)

    def tenant(self, slug: str) -> Tenant:
        """Return a tenant by its short name."""
        tenant = Tenant.objects.filter(slug=slug).first()
        return tenant or self.unknown("tenant", slug, Tenant.objects.values_list("slug", flat=True))

    def orchestration(self, name: str) -> Orchestration:
        """Return an orchestration of the opened tenant by its name."""
        rows = Orchestration.objects.select_related("query", "destination__credential", "tenant")
        found = rows.filter(name=name).first()
        return found or self.unknown("orchestration", name, rows.values_list("name", flat=True))

    def run_found(self, number: int) -> Run:
        """Return a run by its number, whichever tenant it belongs to."""
        with hub_scope():
            run = Run.objects.select_related("tenant").filter(pk=number).first()
        if run is None:
            self.refuse(f"There is no run {number}.")
        return run

    def membership(self, tenant: Tenant, email: str | None) -> Membership:
        """Return who the command acts for in a tenant: the person named, else its first administrator."""
        with tenant_scope(tenant):
            if email is None:
                first = administrator_first()
                return first or self.refuse(f"“{tenant}” has no administrator. Name somebody with --user.")
            rows = Membership.objects.select_related("user", "tenant").filter(user__is_active=True)
            found = rows.filter(user__email=email.lower()).first()
            return found or self.unknown(
                f"active member of “{tenant}”", email, rows.values_list("user__email", flat=True)
            )

    def unknown(self, noun: str, name: str, known: Iterable[str]) -> NoReturn:
        """Refuse a name that does not exist, with the one that was probably meant."""
        names = sorted(known)
        near = did_you_mean(name, names) or (f"There are: {', '.join(names[:10])}." if names else "There is none yet.")
        self.refuse(f"There is no {noun} “{name}”. {near}")

    def wait(self, run: Run, *, timeout: float | None, started: Child | None) -> None:
        """Follow a run until it has ended or is held; `started` are services that end with this command."""
        until = time.monotonic() + timeout if timeout is not None else None
        seen = time.monotonic()
        with ProgressBar(self.stderr) as bar:
            while not run.is_finished and run.status != RunStatus.HELD:
                if until is not None and time.monotonic() > until:
                    on = goes_on(run, by_itself=started is None)
                    self.refuse(f"Run {run.pk} has not ended after {timeout:g} s. {on}", status=1)
                if background_alive(started):
                    seen = time.monotonic()
                elif started is not None or time.monotonic() - seen > HUBLESS_SECONDS:
                    on = goes_on(run, by_itself=False)
                    self.refuse(f"Background work has ended unexpectedly. {on}", status=1)
                bar.show(run)
                time.sleep(POLL_SECONDS)
                run.refresh_from_db()

    def left_behind_finish(self, orchestration: Orchestration, *, timeout: float | None, started: Child | None) -> None:
        """See a run through that stood still because nothing ran, so that the next one can start.

        Only where we had to start what works on it (`started`): elsewhere somebody is just working on it.
        """
        active = run_active(orchestration) if started is not None else None
        if active is not None and active.status != RunStatus.HELD:
            self.stderr.write(f"Run {active.pk} was not finished when background work last ended; it goes on first.")
            self.wait(active, timeout=timeout, started=started)

    def tell(self, run: Run, *, rejects: Path | None) -> int:
        """Print a run's result and return the exit status that goes with it."""
        try:
            file = rejects_write(run, rejects) if run.prepared_at else None
        except OSError as error:
            self.refuse(f"{rejects or error.filename} cannot be written: {error.strerror}.", status=1)
        result = run_result(run, rejects_file=file)
        self.stdout.write(json.dumps(result) if self.as_json else run_text(result))
        return EXIT.get(run.status, 0)

    def tell_queued(self, run: Run) -> int:
        """Print that a run is on its way, and how to follow it."""
        if self.as_json:
            self.stdout.write(json.dumps(run_result(run)))
            return 0
        self.stdout.write(f"Run {run.pk} is queued. See it: manage.py run_show {run.pk}")
        if settings.HUB_EMBEDDED_BROKER and hub_holder() is None:
            self.stderr.write("No hub runs on this data folder, so the run waits. Start one: manage.py hub")
        return 0


class RunOnCommand(RunCommand):
    """A command that lets a run which stands still go on, in somebody's name."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("run", type=positive_int, metavar="RUN", help="the run's number")
        self.wait_arguments(parser)
        self.result_arguments(parser)

    def go_on(self, run: Run, membership: Membership) -> Run:
        """Queue the run again; raise ValidationError or PermissionDenied where that is not possible."""
        raise NotImplementedError

    def work(self, **options: Any) -> int:
        """Let the run go on; wait for it if asked to."""
        run = self.run_found(options["run"])
        with tenant_scope(run.tenant), interruptible(self) as state:
            membership = self.membership(run.tenant, options["user"])
            with services_running() if options["wait"] else nullcontext() as started:
                run = self.go_on(run, membership)
                state.update(run=run, started=started)
                if not options["wait"]:
                    return self.tell_queued(run)
                self.wait(run, timeout=options["timeout"], started=started)
                return self.tell(run, rejects=options["rejects"])


def background_alive(started: Child | None) -> bool:
    """Say whether anybody works on this data folder: what we started, else a hub or what is left of one.

    Where the broker is a server of its own, workers come and go unseen; somebody is taken to be there.
    """
    if started is not None:
        return started.alive
    return not settings.HUB_EMBEDDED_BROKER or hub_holder() is not None or broker_ping(settings.HUB_DATA_DIR)


def goes_on(run: Run, *, by_itself: bool) -> str:
    """Say what becomes of a run that nobody waits for any more; `by_itself` where background work stays."""
    when = "goes on" if by_itself else "goes on as soon as a hub runs (manage.py hub)"
    return f"The run {when}. See it: manage.py run_show {run.pk}; end it: manage.py run_cancel {run.pk}"


@contextmanager
def interruptible(command: RunCommand) -> Iterator[dict[str, Any]]:
    """Turn Ctrl-C into a sentence; the block puts `run` and `started` into the dictionary when it has them."""
    state: dict[str, Any] = {}
    try:
        yield state
    except KeyboardInterrupt:
        run = state.get("run")
        text = goes_on(run, by_itself=state.get("started") is None) if run else "Nothing was started."
        command.stderr.write(f"\nInterrupted. {text}")
        sys.exit(INTERRUPTED)


def sentences(error: ValidationError) -> list[str]:
    """Return what is wrong, each with the setting it is about."""
    if not hasattr(error, "error_dict"):
        return list(error.messages)
    return [f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts]


def positive_float(text: str) -> float:
    """Read a number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def positive_int(text: str) -> int:
    """Read a number of rows."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= LARGEST:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 to {LARGEST:,}")
    return int(text)


LARGEST = 2_147_483_647
