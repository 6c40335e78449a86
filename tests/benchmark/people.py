"""People with a fixed seed: an e-mail each, two in five a phone, some written badly; 5 % come and 5 % go."""

from pathlib import Path

import duckdb

from tests.benchmark.data import DOMAINS, FIRST, LAST

TURNOVER = 20
"""One person in so many is new, and as many have left."""

PERSON = """SELECT
    CASE WHEN dirt < 30 THEN NULL WHEN dirt < 40 THEN upper(address) WHEN dirt < 50 THEN ' ' || address || chr(9)
        WHEN dirt < 60 THEN replace(address, '@', '') WHEN dirt < 90 THEN replace(address, '@', '+news@')
        ELSE address END AS email,
    CASE WHEN reach >= 400 THEN NULL WHEN reach < 10 THEN substr(digits, 3)
        WHEN reach < 20 THEN '00' || substr(digits, 2)
        WHEN reach < 30 THEN left(digits, 5) || ' ' || substr(digits, 6) WHEN reach < 34 THEN digits || ' ext. 12'
        ELSE digits END AS phone
FROM (SELECT i, hash(i) % 1000 AS dirt, hash(i, 1) % 1000 AS reach,
    $first[1 + i % len($first)] || '.' || $last[1 + i // 16 % len($last)] || i || '@'
        || $domains[1 + i % len($domains)] AS address,
    '+1' || (2000000000 + i * 1777 % 7999999999)::VARCHAR AS digits
    FROM (SELECT unnest(range($start::BIGINT, $stop::BIGINT)) AS i))"""


def write_people(path: Path, rows: int, *, before: bool = False) -> Path:
    """Write a Parquet file of people as they are now, or as they were when the state was made.

    One row in a hundred is a second row of somebody.
    """
    shift = rows // TURNOVER if before else 0
    values = {"first": FIRST, "last": [name for name in LAST if name.isascii() and "'" not in name], "domains": DOMAINS}
    with duckdb.connect(config={"threads": 2}) as con:
        con.execute("CREATE TABLE people (email VARCHAR, phone VARCHAR)")
        again = rows // 100
        for start, stop in ((shift, shift + rows - again), (shift, shift + again)):
            con.execute(f"INSERT INTO people {PERSON}", values | {"start": start, "stop": stop})
        con.execute(f"COPY people TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)")
    return path
