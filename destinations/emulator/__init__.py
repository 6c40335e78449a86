"""Run a TikTok Business API v1.3 on this machine: real HTTP, strict checks, faults on request, no Django.

Written from TikTok's documented behaviour, apart from the code that builds payloads, so that it can contradict it.
Nothing but the `tiktok_emulator` command and tests imports this package.
"""
