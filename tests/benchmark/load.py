"""Post events at a fixed rate, whatever comes back: `python -m tests.benchmark.load URL KEY --rate R --seconds S`.

Open loop: each event has its moment, and its latency counts from there, so that a server which stalls is not spared the
events of that time. Prints one JSON object.
"""

import argparse
import asyncio
import json
import time
from urllib.parse import urlsplit

import orjson

PAGE = "https://shop.example.com/thanks"


def event(number: int, prefix: str) -> dict[str, object]:
    """Make a purchase as a shop's server posts it."""
    return {
        "event": "Purchase", "event_id": f"{prefix}-{number:07d}", "email": f"person{number % 5_000}@mail.example",
        "phone": f"+1213373{number % 10_000:04d}", "value": 46.5, "currency": "USD", "content_id": f"sku-{number % 90}",
        "price": 23.25, "quantity": 2, "order_id": f"o-{number}", "page_url": PAGE, "ip": "192.0.2.7",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    }  # fmt: skip


class Load:
    """One measurement."""

    def __init__(self, url: str, key: str, prefix: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.head = (
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self.prefix = prefix
        self.due: asyncio.Queue[tuple[float, int] | None] = asyncio.Queue()
        self.latencies: list[float] = []
        self.accepted: list[str] = []
        self.statuses: dict[int, int] = {}

    async def work(self) -> None:
        """Post what is due on one connection, one after another."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        while (found := await self.due.get()) is not None:
            moment, number = found
            body = orjson.dumps(event(number, self.prefix))
            writer.write(self.head + str(len(body)).encode() + b"\r\n\r\n" + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            status = int(head[9:12])
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self.latencies.append(time.perf_counter() - moment)
            if status == 202:  # noqa: PLR2004 - HTTP
                self.accepted.append(f"{self.prefix}-{number:07d}")
        writer.close()

    async def run(self, rate: float, seconds: float, connections: int) -> dict[str, object]:
        """Offer events for some seconds; say what became of them."""
        workers = [asyncio.create_task(self.work()) for _ in range(connections)]
        began, offered = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - began) < seconds:
            for number in range(offered, int(elapsed * rate)):
                self.due.put_nowait((began + number / rate, number))
            offered = max(offered, int(elapsed * rate))
            await asyncio.sleep(0.002)
        late = self.due.qsize()
        for _ in workers:
            self.due.put_nowait(None)
        await asyncio.gather(*workers)
        ordered = sorted(self.latencies)
        return {
            "offered": rate, "events": offered, "late": late, "statuses": self.statuses,
            "rate": round(len(ordered) / (time.perf_counter() - began), 1),
            "p50_ms": round(1_000 * ordered[len(ordered) // 2], 1),
            "p99_ms": round(1_000 * ordered[int(len(ordered) * 0.99)], 1),
            "accepted": len(self.accepted), "cpu": round(time.process_time(), 2),
        }  # fmt: skip


def main() -> None:
    """Post as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--prefix", default="e")
    given = parser.parse_args()
    load = Load(given.url, given.key, given.prefix)
    print(json.dumps(asyncio.run(load.run(given.rate, given.seconds, given.connections))))


if __name__ == "__main__":
    main()
