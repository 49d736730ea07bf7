"""Writes golden/data/table.parquet and what pyarrow reads from it, golden/data/table.json.

    pip install pyarrow && python reference/data_parquet.py

Every column type a data set is likely to have, each with a null, over several row groups and pages, once a codec.
The JSON follows the reader's rules: dates, times, timestamps and decimals as strings, floats that are not finite as
null, binary that is not UTF-8 as hexadecimal.
"""

import datetime as dt
import decimal
import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "data"
MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema([
    ("text", pa.string()),
    ("large", pa.large_string()),
    ("flag", pa.bool_()),
    ("tiny", pa.int8()),
    ("small", pa.uint16()),
    ("int", pa.int32()),
    ("long", pa.int64()),
    ("ulong", pa.uint64()),
    ("half", pa.float16()),
    ("float", pa.float32()),
    ("double", pa.float64()),
    ("date", pa.date32()),
    ("stamp", pa.timestamp("ms")),
    ("micros", pa.timestamp("us", tz="UTC")),
    ("clock", pa.time32("ms")),
    ("money", pa.decimal128(9, 2)),
    ("raw", pa.binary()),
    ("category", pa.dictionary(pa.int32(), pa.string())),
    ("tags", pa.list_(pa.string())),
    ("grid", pa.list_(pa.list_(pa.int32()))),
    ("messages", pa.list_(MESSAGE)),
    ("meta", pa.struct([("id", pa.int64()), ("inner", pa.struct([("deep", pa.string())]))])),
    ("map", pa.map_(pa.string(), pa.int32())),
])

ROWS = [
    dict(
        text="plain", large="größer 🎈", flag=True, tiny=-128, small=65535, int=-(2**31), long=-(2**63),
        ulong=2**64 - 1, half=0.5, float=0.1, double=0.1, date=dt.date(1969, 12, 31),
        stamp=dt.datetime(2024, 2, 29, 1, 2, 3, 4000), micros=dt.datetime(1960, 1, 1, tzinfo=dt.timezone.utc),
        clock=dt.time(23, 59, 59, 999000), money=decimal.Decimal("-1234567.89"), raw=b"text", category="a",
        tags=["x", None, ""], grid=[[1, 2], [], None, [3]],
        messages=[dict(role="user", content="Hi"), dict(role="assistant", content=None)],
        meta=dict(id=1, inner=dict(deep="sea")), map=[("k", 1), ("l", None)],
    ),
    {name: None for name in SCHEMA.names},
    dict(
        text="", large="", flag=False, tiny=0, small=0, int=0, long=0, ulong=0, half=math.inf, float=math.nan,
        double=-math.inf, date=dt.date(1970, 1, 1), stamp=dt.datetime(1970, 1, 1),
        micros=dt.datetime(2000, 1, 1, tzinfo=dt.timezone.utc), clock=dt.time(0), money=decimal.Decimal("0.01"),
        raw=b"\xff\x00", category="b", tags=[], grid=[], messages=[], meta=dict(id=None, inner=None), map=[],
    ),
    dict(
        text="line\nbreak \"quoted\"", large="x" * 300, flag=True, tiny=127, small=1, int=2**31 - 1, long=2**63 - 1,
        ulong=1, half=-2.0, float=3.0e38, double=1e-300, date=dt.date(2038, 1, 19),
        stamp=dt.datetime(2038, 1, 19), micros=dt.datetime(2038, 1, 19, 3, 14, 7, 1, tzinfo=dt.timezone.utc),
        clock=dt.time(12), money=decimal.Decimal("100"), raw=b"", category="a", tags=["only"], grid=[[None]],
        messages=[dict(role="system", content="")] * 3, meta=dict(id=-1, inner=dict(deep=None)), map=[("", 0)],
    ),
]


def jsonable(value, kind):
    if value is None:
        return None
    if pa.types.is_floating(kind):
        if not math.isfinite(value):
            return None
        # The shortest decimal that names the float of its own width.
        return float(f"{value:.7g}") if kind == pa.float32() else value
    if pa.types.is_decimal(kind):
        return f"{value:.2f}"
    if pa.types.is_date(kind):
        return value.isoformat()
    if pa.types.is_time(kind):
        return value.isoformat(timespec="milliseconds")
    if pa.types.is_timestamp(kind):
        digits = dict(ms=3, us=6)[kind.unit]
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond:06d}"[: 20 + digits] + " +00:00"
    if pa.types.is_binary(kind):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if pa.types.is_list(kind):
        return [jsonable(item, kind.value_type) for item in value]
    if pa.types.is_map(kind):
        return {key: jsonable(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind):
        return {field.name: jsonable(value[field.name], field.type) for field in kind}
    return value


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = ROWS * 3
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    path = FOLDER / "table.parquet"
    codecs = ["snappy", "zstd", "gzip", "lz4", "brotli", "none"]
    # Compression is given by leaf, and nested columns name their leaves as the file's own schema does.
    pq.write_table(table, path, store_schema=False)
    schema = pq.ParquetFile(path).schema
    leaves = [schema.column(index).path for index in range(len(schema))]
    compression = {leaf: codecs[index % len(codecs)] for index, leaf in enumerate(leaves)}
    pq.write_table(
        table, path, row_group_size=5, data_page_size=64, compression=compression, store_schema=False,
        write_page_index=False,
    )
    read = pq.ParquetFile(path).read().to_pylist()
    lines = [{field.name: jsonable(row[field.name], field.type) for field in SCHEMA} for row in read]
    (FOLDER / "table.json").write_text("[\n" + ",\n".join(json.dumps(line) for line in lines) + "\n]\n")


main()
