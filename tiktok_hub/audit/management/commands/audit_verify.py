"""`manage.py audit_verify`: prove that nobody changed, removed or slipped in an entry of the audit log."""

import json
import re
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tiktok_hub.audit.chain import Head, Verdict, chain_verify, chains, chains_seal

HELP = """Verify every chain of the audit log, those of deleted tenants too, and name the first broken record of each.

Note the printed head (number and digest) somewhere else: with --expect, records that were cut off the end are found
too, and a chain that somebody with all rights wrote anew. Exit status: 0 whole, 1 broken, 2 wrong use."""


def head(text: str) -> Head:
    """Read NUMBER:DIGEST as the command itself prints it."""
    found = re.fullmatch(r"(\d+):([0-9a-f]{64})", text)
    if found is None:
        raise ArgumentTypeError("it is NUMBER:DIGEST, as this command prints it, the digest with 64 digits")
    return int(found[1]), found[2]


class Command(BaseCommand):
    """Verify the chains and say what is wrong with them."""

    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--tenant", metavar="SLUG", help="only the chain of this tenant")
        which.add_argument("--chain", type=int, metavar="NUMBER", help="only this one; 0 is the installation's")
        parser.add_argument("--expect", type=head, metavar="NUMBER:DIGEST", help="a head that was noted before")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print, and end with the exit status."""
        names = self.chosen(options)
        chains_seal()
        verdicts = [chain_verify(chain or None, options["expect"]) for chain in names]
        if options["json"]:
            found = [_as_json(names[verdict.chain], verdict) for verdict in verdicts]
            self.stdout.write(json.dumps({"whole": not any(map(_broken, verdicts)), "chains": found}, indent=2))
        else:
            for verdict in verdicts:
                self.stdout.write("\n".join(_as_text(names[verdict.chain], verdict)))
        if any(map(_broken, verdicts)):
            raise SystemExit(1)

    def chosen(self, options: dict[str, Any]) -> dict[int, str]:
        """Return the chains that are asked for, and whose they are."""
        names = chains()
        tenant, chain = options["tenant"], options["chain"]
        if tenant is None and chain is None:
            if options["expect"]:
                raise CommandError("--expect is about one chain: add --tenant or --chain.", returncode=2)
            return names
        found = {number: name for number, name in names.items() if tenant == name or chain == number}
        if not found and tenant:
            raise CommandError(f"There is no tenant “{tenant}”. A deleted one is named by --chain.", returncode=2)
        return found or {chain: f"(deleted tenant {chain})"}


def _broken(verdict: Verdict) -> bool:
    return bool(verdict.fault)


def _as_json(name: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "chain": verdict.chain,
        "tenant": name,
        "whole": not verdict.fault,
        "number": verdict.number,
        "digest": verdict.digest,
        "fault": verdict.fault or None,
        "entry": verdict.entry_id,
        "late": verdict.late,
    }


def _as_text(name: str, verdict: Verdict) -> list[str]:
    if verdict.fault:
        return [f"{name}: BROKEN, {verdict.fault}", f"  holds up to  {verdict.number}:{verdict.digest}"]
    lines = [f"{name}: whole, {verdict.number:,} records", f"  head         {verdict.number}:{verdict.digest}"]
    if verdict.late:
        some = ", ".join(map(str, verdict.late[:5])) + (" …" if len(verdict.late) > 5 else "")
        lines.append(
            f"  late         {len(verdict.late):,}: got their places hours after the time they state, entry {some}"
        )
        lines.append("               (a process died and nothing ran since, or somebody slipped them in)")
    return lines
