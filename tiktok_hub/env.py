"""Read settings from the environment, with defaults that work on one machine without any set-up.

A value that must be secret and is not given (`SECRET_KEY`, `HUB_ENCRYPTION_KEYS`) is made once and kept in the data
folder, readable by its owner alone, so that the one-command set-up is safe from its first minute. System checks
(`tiktok_hub.checks`) say when an installation has outgrown such defaults.
"""

import os
import secrets
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env_file = BASE_DIR / ".env"
if env_file.is_file():
    env.read_env(str(env_file))


def data_dir() -> Path:
    """Return the folder for everything that is kept (database, datasets, spool, broker), made with mode 0700."""
    folder = Path(env.str("HUB_DATA_DIR", default=str(BASE_DIR / ".data"))).expanduser().resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def kept_secret(folder: Path, name: str, *, length: int = 48) -> str:
    """Return the secret kept in `folder/name`, making it (mode 0600) when it is not there yet.

    Two processes that start together must end with the same secret: a new one is written beside its place and
    linked into it, which only one of them can do.
    """
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(length))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
