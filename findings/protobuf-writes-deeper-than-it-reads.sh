#!/usr/bin/env bash
# protobuf 6.33.0 (Python, upb) writes messages of any depth and reads no deeper than 100 levels. A message that holds itself through another
# one, as etcd's transactions do (TxnRequest in RequestOp), or google.protobuf.Value in ListValue, can nest about 50 times.
# Seen 2026-11-27, Python 3.11: 50 lists in each other are read again, 51 are written and then refused: "Error parsing message".
#
# Ends with 0 as long as that is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory"
"$directory/bin/pip" install --quiet --disable-pip-version-check protobuf==6.33.0
cat >"$directory/try.py" <<'PYTHON'
import sys

import google.protobuf
from google.protobuf import message, struct_pb2


def written(lists):
    value = struct_pb2.Value(number_value=1)
    for _ in range(lists):
        value = struct_pb2.Value(list_value=struct_pb2.ListValue(values=[value]))
    return value.SerializeToString()


def reads(lists):
    try:
        struct_pb2.Value().ParseFromString(written(lists))
        return True
    except message.DecodeError:
        return False


deepest = max(n for n in range(1, 60) if reads(n))
print(f"protobuf {google.protobuf.__version__}: {deepest} lists in each other are read")
sys.exit(deepest != 50)
PYTHON
"$directory/bin/python" "$directory/try.py"
