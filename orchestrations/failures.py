"""Failures that arise here and not at TikTok, told apart by what to do about them."""


class FailureError(Exception):
    """What ends a run in plain words: `key` names the resolution (see `resolutions`), the text is the sentence.

    `detail` is for administrators; like the sentence it holds no value of a row.
    """

    def __init__(self, key: str, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.key = key
        self.detail = detail
