#!/usr/bin/env python
"""Run a command of tiktok_hub: `python manage.py help` lists them."""

import os
import sys


def main() -> None:
    """Hand the command line to Django, or say in one sentence why that cannot be."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiktok_hub.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed for this Python. Run `make help`, or use .venv/bin/python.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
