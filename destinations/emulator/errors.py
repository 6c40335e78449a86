"""Hold the return codes the emulator answers with (TikTok doc 1737172488964097) and the exception that carries one."""

OK = 0
PARTIAL = 20001
PERMISSION = 40001
PARAMETER = 40002
NOT_EXIST = 40007
BATCH_SIZE = 40061
NOT_HASHED = 40062
PARTNER_NAME = 40063
TOO_FREQUENT = 40100
INVALID_APP = 40101
TOKEN_MISSING = 40104
TOKEN_INVALID = 40105
AUTH_CODE = 40110
APP_FORBIDDEN = 40113
NOT_ALLOW_LISTED = 40118
SOURCE_FREQUENCY = 40132
ADVERTISER_FREQUENCY = 40133
FILE_SIGNATURE = 40900
FILE_NOT_EXIST = 40905
FILE_EMPTY = 40906
FILE_TOO_LARGE = 40907
FILE_TYPE = 40908
FILE_CALCULATE_TYPE = 40909
FILE_EXPIRED = 40910
FILE_INVALID = 40915


class ApiError(Exception):
    """An application error: HTTP 200 with a code that is not 0, as TikTok answers it."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the return code and the sentence that goes into the envelope."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class SeedError(Exception):
    """A seed, fault, limit or other instruction to the emulator that it cannot follow; the text says what to change."""
