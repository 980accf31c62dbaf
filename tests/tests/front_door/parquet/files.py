"""Makes Parquet files with pyarrow and DuckDB, and reads such files with both.

    files.py make DIRECTORY        files of every type in many forms; expected.json holds the records that they are
    files.py read FILE             one line of JSON: names, types and rows, as both readers have them
    files.py large FILE ROWS       a file with many rows in row groups of some size
"""
import datetime
import decimal
import itertools
import json
import sys
import uuid

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

UTC = datetime.timezone.utc
TYPES = {
    "id": pa.int64(), "i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "u8": pa.uint8(), "u16": pa.uint16(),
    "u32": pa.uint32(), "u64": pa.uint64(), "f16": pa.float16(), "f32": pa.float32(), "f64": pa.float64(),
    "flag": pa.bool_(), "text": pa.string(), "large": pa.large_string(), "bytes": pa.binary(), "fixed": pa.binary(3),
    "day": pa.date32(), "ms": pa.time32("ms"), "us": pa.time64("us"), "ts_ms": pa.timestamp("ms", "UTC"),
    "ts_us": pa.timestamp("us", "UTC"), "ts_ns": pa.timestamp("ns"), "price": pa.decimal128(10, 2),
    "big": pa.decimal256(50, 5), "list": pa.list_(pa.int32()), "word": pa.dictionary(pa.int32(), pa.string()),
    "struct": pa.struct([("x", pa.float64()), ("y", pa.string())]), "map": pa.map_(pa.string(), pa.int64()),
    "nested": pa.list_(pa.struct([("a", pa.list_(pa.string())), ("b", pa.bool_())])), "nothing": pa.null(),
    "uuid": pa.uuid(), "json": pa.json_(),
}
NAME = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
NOON = datetime.datetime(2021, 1, 2, 3, 4, 5, 678000)
FULL = {
    "i8": 1, "i16": 2, "i32": 3, "u8": 4, "u16": 5, "u32": 6, "u64": 7, "f16": 1.5, "f32": 0.1, "f64": 0.1, "flag": True,
    "text": 'a"\\\n\u00e9\u65e5\U0001f600', "large": "{\"a\":1}", "bytes": b"\x00\xff\x10", "fixed": b"abc",
    "day": datetime.date(2021, 1, 2), "ms": datetime.time(3, 4, 5, 6000), "us": datetime.time(23, 59, 59, 999999),
    "ts_ms": NOON.replace(tzinfo=UTC), "ts_us": NOON.replace(microsecond=1, tzinfo=UTC), "ts_ns": NOON,
    "price": decimal.Decimal("12.30"), "big": decimal.Decimal("123456789012345678901234567890.12345"), "list": [1, None, 3],
    "word": "red", "struct": {"x": 2.5, "y": None}, "map": [("a", 1), ("b", None)],
    "nested": [{"a": ["x", None], "b": True}, None, {"a": [], "b": None}], "uuid": NAME.bytes, "json": '{"k": [1.50, "x"]}',
}
FULL_JSON = dict(
    FULL, bytes="AP8Q", fixed="YWJj", day="2021-01-02", ms="03:04:05.006", us="23:59:59.999999",
    ts_ms="2021-01-02T03:04:05.678Z", ts_us="2021-01-02T03:04:05.000001Z", ts_ns="2021-01-02T03:04:05.678", price="12.30",
    big="123456789012345678901234567890.12345", map={"a": 1, "b": None}, uuid=str(NAME), json={"k": [1.5, "x"]},
)
EXTREME = {
    "i8": -128, "i16": -32768, "i32": -(2**31), "u8": 255, "u16": 65535, "u32": 2**32 - 1, "u64": 2**64 - 1, "f16": -0.25,
    "f32": -1e30, "f64": 1.7976931348623157e308, "flag": False, "text": "", "large": "x" * 5000, "bytes": b"", "fixed": b"\0\0\0",
    "day": datetime.date(1, 1, 1), "ms": datetime.time(0), "us": datetime.time(0), "word": "", "list": [],
    "ts_ms": datetime.datetime(1, 1, 1, tzinfo=UTC), "ts_us": datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    "ts_ns": datetime.datetime(1677, 9, 22), "price": decimal.Decimal("-99999999.99"), "big": decimal.Decimal("-0.00001"),
    "struct": {"x": None, "y": "z"}, "map": [], "nested": [], "uuid": bytes(16), "json": "null",
}
EXTREME_JSON = dict(
    EXTREME, bytes="", fixed="AAAA", day="0001-01-01", ms="00:00:00.000", us="00:00:00.000", ts_ms="0001-01-01T00:00:00.000Z",
    ts_us="9999-12-31T23:59:59.999999Z", ts_ns="1677-09-22T00:00:00.000", price="-99999999.99", big="-0.00001", map={},
    uuid=str(uuid.UUID(int=0)), json=None,
)
ROWS = 900


def rows(full, extreme):
    forms = [full, dict.fromkeys(full), extreme]
    return [dict(forms[number % 3], id=number, nothing=None) for number in range(ROWS)]


def make(directory):
    data = rows(FULL, EXTREME)
    columns = {name: [row[name] for row in data] for name in TYPES}

    def column(name, kind):
        if isinstance(kind, pa.BaseExtensionType):
            return pa.ExtensionArray.from_storage(kind, pa.array(columns[name], kind.storage_type))
        return pa.array(columns[name], kind)

    table = pa.table([column(name, kind) for name, kind in TYPES.items()], names=list(TYPES))
    codecs = ["none", "snappy", "gzip", "zstd", "lz4"]
    for codec, dictionary, version in itertools.product(codecs, [True, False], ["1.0", "2.0"]):
        pq.write_table(
            table, f"{directory}/{codec}-{'dictionary' if dictionary else 'plain'}-{version}.parquet", compression=codec,
            use_dictionary=dictionary, data_page_version=version, row_group_size=400, data_page_size=2000,
        )
    pq.write_table(table.select(["id", "text"]), f"{directory}/brotli.parquet.other", compression="brotli")
    with open(f"{directory}/expected.json", "w", encoding="utf-8") as file:
        json.dump(rows(FULL_JSON, EXTREME_JSON), file)
    for codec in ["snappy", "zstd", "gzip", "uncompressed", "lz4_raw"]:
        duckdb.sql(
            f"""COPY (SELECT range AS id, range * 0.5::DOUBLE AS half, 'row ' || range AS text, [range, NULL] AS list,
                {{'a': range % 7}} AS struct, (range / 100)::DECIMAL(12, 2) AS price, range % 2 = 0 AS even,
                CASE WHEN range % 3 = 0 THEN NULL ELSE TIMESTAMP '2021-01-02 03:04:05' END AS at,
                range::HUGEINT::DECIMAL(38, 0) AS huge, json_object('n', range) AS doc
                FROM range(10000)) TO '{directory}/duckdb-{codec}.parquet' (FORMAT parquet, COMPRESSION {codec}, ROW_GROUP_SIZE 3000)"""
        )


def plain(value):
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return value


def read(path):
    table = pq.read_table(path)
    kinds = {field.name: str(field.type) for field in table.schema}
    logical = {column.name: column.logical_type.type for column in pq.ParquetFile(path).schema}
    arrow = table.to_pylist()
    relation = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
    duck = [dict(zip(relation.columns, row)) for row in relation.fetchall()]
    assert arrow == duck, f"pyarrow and DuckDB differ: {arrow[:3]} {duck[:3]}"
    for row in arrow:
        for name, value in row.items():
            if logical[name] == "JSON" and value is not None:
                row[name] = json.loads(value)
    print(json.dumps({"types": kinds, "json": sorted(n for n, k in logical.items() if k == "JSON"), "rows": arrow}))


def large(path, count):
    duckdb.sql(
        f"""COPY (SELECT range AS id, 'a text of some length that differs: ' || range * 7919 AS text, range % 100 AS small,
            range * 0.25::DOUBLE AS number FROM range({count})) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 200000)"""
    )


if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "read":
    read(sys.argv[2])
else:
    large(sys.argv[2], int(sys.argv[3]))
