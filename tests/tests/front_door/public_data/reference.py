"""Prints what Python's csv module reads from every CSV file below a folder: one JSON line for each file of at most the
given size, with its path and its records, and whether it is well-formed."""

import csv
import io
import json
import pathlib
import sys

csv.field_size_limit(1 << 24)
folder, largest = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for path in sorted(folder.rglob("*.csv")):
    if path.stat().st_size > largest:
        continue
    text = path.read_bytes().decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
        well_formed = True
    except csv.Error:
        well_formed = False
    if rows:
        print(json.dumps({"path": str(path), "rows": rows, "well_formed": well_formed}))
