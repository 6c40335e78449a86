"""The limiters: never above the rate, close to it, fair between tenants; the same rules in memory and in Valkey.

Most tests simulate threads on a clock of their own, so that they count requests, whatever the machine's speed.
"""

import heapq
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from destinations.tiktok.errors import RetryableError
from destinations.tiktok.limits import (
    LEVEL_QPS,
    Bucket,
    Limiter,
    MemoryLimiter,
    RedisLimiter,
    endpoint_bucket,
    track_buckets,
)

Make = Callable[[Callable[[], float]], Limiter]


@pytest.fixture(params=["memory", "valkey"])
def make(request: pytest.FixtureRequest) -> Make:
    """Return a maker of limiters that live by a given clock."""
    if request.param == "memory":
        return MemoryLimiter
    valkey = request.getfixturevalue("valkey")
    return lambda clock: RedisLimiter(valkey, "test", clock=clock)


def simulate(
    make: Make,
    buckets_of: Callable[[int], Sequence[Bucket]],
    shares: Sequence[str],
    seconds: float,
    latency: float = 0.0,
    late: float = 0.0,
) -> list[tuple[float, str]]:
    """Run one greedy thread per entry of `shares`; return when whose requests passed.

    Every request takes `latency` seconds, and a thread wakes up to `late` seconds after the time it was told.
    """
    now, chance, passed = [1000.0], random.Random(7), []
    limiter = make(lambda: now[0])
    queue = [(1000 + chance.random() / 1000, number) for number in range(len(shares))]
    heapq.heapify(queue)
    while queue[0][0] < 1000 + seconds:
        now[0], number = heapq.heappop(queue)
        wait = limiter.acquire(buckets_of(number), share=shares[number])
        if not wait:
            passed.append((now[0], shares[number]))
        pause = wait + chance.random() * late if wait else latency + chance.random() / 10_000
        heapq.heappush(queue, (now[0] + pause, number))
    return passed


def busiest_second(passed: Sequence[tuple[float, str]]) -> int:
    """Return the most requests that any window of one second, ends included, holds."""
    times, start, most = [at for at, _ in passed], 0, 0
    for index, at in enumerate(times):
        while at - times[start] > 1:
            start += 1
        most = max(most, index - start + 1)
    return most


@pytest.mark.parametrize("rate", [1, 5, 10, 50, 400])
@pytest.mark.parametrize("burst", [None, 0, 0.1], ids=["default", "none", "tenth"])
def test_no_second_ever_holds_more_than_the_rate(make, rate, burst):
    bucket = Bucket("b", rate, None if burst is None else burst * rate)
    passed = simulate(make, lambda _: [bucket], [""] * 8, 4, late=0.02)
    assert busiest_second(passed) <= rate


@pytest.mark.parametrize("rate", [10, 50, 400])
@pytest.mark.parametrize(("latency", "late"), [(0, 0), (0.02, 0.003)], ids=["instant", "late"])
def test_32_threads_reach_95_percent_of_the_rate(make, rate, latency, late):
    passed = simulate(make, lambda _: [Bucket("b", rate)], [""] * 32, 6, latency, late)
    assert 0.95 * rate * 6 <= len(passed) <= rate * 6


@pytest.mark.parametrize("rate", [10, 100])
@pytest.mark.parametrize(
    "threads", [{"a": 24, "b": 1}, {"a": 24, "b": 2, "c": 2, "d": 6}], ids=["two-shares", "four-shares"]
)
def test_shares_that_want_the_same_get_the_same(make, rate, threads):
    shares = [name for name, number in threads.items() for _ in range(number)]
    counts = Counter(share for _, share in simulate(make, lambda _: [Bucket("b", rate)], shares, 10, late=0.002))
    equal = counts.total() / len(threads)
    assert counts.total() >= 0.95 * rate * 10
    assert max(abs(count - equal) for count in counts.values()) <= 3 + 0.03 * equal


def test_what_a_slow_share_leaves_goes_to_the_other(make):
    bucket = Bucket("b", 100)
    passed = simulate(make, lambda _: [bucket], ["greedy"] * 24 + ["slow"], 6, latency=0.1, late=0.002)
    counts = Counter(share for _, share in passed)
    assert counts["slow"] >= 50
    assert counts.total() >= 0.95 * 600


def test_share_held_back_by_its_own_pixel_does_not_hold_back_others(make):
    app, pixel = Bucket("app", 200), Bucket("pixel", 10)
    passed = simulate(make, lambda number: [app, pixel] if number < 8 else [app], ["a"] * 8 + ["b"] * 8, 5)
    counts = Counter(share for _, share in passed)
    assert counts["a"] <= 50
    assert counts.total() >= 0.95 * 1000


def test_share_that_stops_does_not_hold_back_others(make):
    now = [0.0]
    limiter = make(lambda: now[0])
    bucket = Bucket("b", 10)
    while not limiter.acquire([bucket], share="gone"):
        pass
    now[0] = 3.0
    assert limiter.acquire([bucket], share="here") == 0


def test_several_buckets_give_a_token_each_or_none(make):
    limiter = make(lambda: 5.0)
    wide, narrow = Bucket("wide", 100), Bucket("narrow", 1)
    assert limiter.acquire([wide, narrow]) == 0
    assert all(limiter.acquire([wide, narrow]) > 0 for _ in range(5))
    assert [limiter.acquire([wide]) > 0 for _ in range(3)] == [False, False, True]


def test_no_bucket_means_go(make):
    assert make(lambda: 5.0).acquire([]) == 0


def test_pause_holds_back_everybody_who_draws_on_the_bucket(make):
    now = [100.0]
    limiter = make(lambda: now[0])
    bucket = Bucket("b", 10)
    limiter.pause("b", 30)
    limiter.pause("b", 1)
    assert limiter.acquire([bucket], share="a") == pytest.approx(30, abs=0.2)
    assert limiter.acquire([Bucket("other", 10)]) == 0
    now[0] = 131.0
    assert limiter.acquire([bucket], share="b") == 0


def test_wait_returns_when_the_token_is_there(make):
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    limiter = make(lambda: now[0])
    for _ in range(3):
        limiter.wait([Bucket("b", 1)], share="", deadline=10, sleep=sleep)
    assert 1.9 < sum(slept) < 2.2


def test_wait_gives_up_before_the_deadline_would_pass(make):
    limiter = make(lambda: 50.0)
    limiter.pause("b", 20)
    with pytest.raises(RetryableError) as caught:
        limiter.wait([Bucket("b", 1)], share="", deadline=60, sleep=time.sleep)
    assert (caught.value.throttled, caught.value.uncertain) == (True, False)
    assert caught.value.retry_after == pytest.approx(20, abs=0.1)


def test_both_limiters_give_the_same_verdicts(valkey):
    now, chance = [0.0], random.Random(3)
    limiters = [MemoryLimiter(lambda: now[0]), RedisLimiter(valkey, "test", clock=lambda: now[0])]
    buckets = [Bucket("x", 20), Bucket("y", 7, 2), Bucket("z", 50)]
    for _ in range(600):
        now[0] += round(chance.random() * 0.05, 6)
        drawn, share = chance.sample(buckets, chance.randint(1, 3)), chance.choice("abc")
        here, there = (limiter.acquire(drawn, share=share) for limiter in limiters)
        assert here == pytest.approx(there, abs=1e-4)


def spend(limiter: Limiter, bucket: Bucket, threads: int, seconds: float) -> tuple[int, float]:
    """Draw on a bucket from real threads; return how many requests passed in how many seconds."""
    passed: list[int] = []
    started = time.monotonic()

    def run() -> None:
        while time.monotonic() - started < seconds:
            limiter.wait([bucket], share="", deadline=time.monotonic() + 60)
            passed.append(1)

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(passed), time.monotonic() - started


def test_real_threads_stay_below_the_rate_in_memory():
    bucket = Bucket("b", 200)
    passed, seconds = spend(MemoryLimiter(), bucket, 32, 1)
    assert 0 < passed <= bucket.capacity + bucket.pace * seconds


def test_real_threads_stay_below_the_rate_in_valkey(valkey):
    bucket = Bucket("b", 200)
    passed, seconds = spend(RedisLimiter(valkey, "test"), bucket, 32, 1)
    assert 0 < passed <= bucket.capacity + bucket.pace * seconds * 1.01


def test_two_processes_share_one_limit(valkey, valkey_url):
    with redis.Redis.from_url(valkey_url) as other:
        first, second = RedisLimiter(valkey, "test"), RedisLimiter(other, "test")
        assert first.acquire([Bucket("b", 1)]) == 0
        assert second.acquire([Bucket("b", 1)]) > 0


def test_keys_expire(valkey):
    limiter = RedisLimiter(valkey, "test")
    limiter.acquire([Bucket("b", 1)])
    limiter.pause("p", 300)
    assert 0 < valkey.ttl("{test}:b") <= 60
    assert 300 < valkey.ttl("{test}:p") <= 361


def test_shares_of_the_past_are_forgotten(valkey):
    now = [0.0]
    limiter = RedisLimiter(valkey, "test", clock=lambda: now[0])
    for number in range(50):
        limiter.acquire([Bucket("b", 10)], share=f"tenant-{number}")
        now[0] += 1
    assert valkey.hlen("{test}:b") <= 3 + 3


def test_unreachable_redis_is_retryable_and_certain(tmp_path):
    with (
        redis.Redis(unix_socket_path=str(tmp_path / "none"), retry=Retry(NoBackoff(), 0)) as nobody,
        pytest.raises(RetryableError) as caught,
    ):
        RedisLimiter(nobody, "test").acquire([Bucket("b", 1)])
    assert not caught.value.uncertain


def test_buckets_of_an_event_request_are_app_source_and_advertiser():
    keys = [(bucket.key, bucket.scope, bucket.rate) for bucket in track_buckets("app", "C1", "12")]
    assert keys == [
        ("app:app:event/track", "app", 1000),
        ("source:C1", "event_source", 1000),
        ("advertiser:12:event/track", "advertiser", 1000),
    ]


def test_pasted_token_is_limited_by_its_event_source():
    assert [bucket.key for bucket in track_buckets("", "C1")] == ["source:C1"]


@pytest.mark.parametrize(("level", "rate"), LEVEL_QPS.items())
def test_endpoint_bucket_follows_the_level(level, rate):
    assert endpoint_bucket("app", "/pixel/list/", level) == Bucket("app:app:pixel/list", rate)


def test_endpoint_with_a_limit_of_its_own_keeps_it_at_every_level():
    assert endpoint_bucket("app", "event/track/", "basic").rate == 1000
