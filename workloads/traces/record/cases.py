# SPDX-License-Identifier: Apache-2.0
"""What is measured, and the table it goes into. Needs neither PyTorch nor a GPU.

A case is one row of the table without its measurement. Shapes are those of published models and
of serving and training batches around them; byte counts are the minimal traffic, each operand
read once and each result written once.
"""

import csv
import io
import os
from dataclasses import dataclass, fields

COLUMNS = [
    "device", "library", "family", "direction", "dtype", "m", "n", "k", "groups", "batch", "heads",
    "kv_heads", "head_dim", "q_len", "kv_len", "bytes", "time_us", "p10_us", "p90_us", "clock_mhz",
    "power_w",
]
MEASURED = ["time_us", "p10_us", "p90_us", "clock_mhz", "power_w"]

LEDGER_COLUMNS = [
    "id", "collective", "algorithm", "protocol", "chip", "nodes", "gpus", "fabric",
    "nic_gbps_per_gpu", "message_bytes", "time_us", "algbw_GBps", "busbw_GBps", "library_version",
    "measured_or_claimed", "source", "note",
]

SIZE = {"fp32": 4, "bf16": 2, "fp16": 2, "fp8": 1}

# Output and input width of projections: Llama 3 8B and 70B, Qwen3, DeepSeek-V3, and squares.
PROJECTIONS = [
    (4096, 4096), (6144, 4096), (28672, 4096), (4096, 14336), (8192, 8192), (10240, 8192),
    (57344, 8192), (8192, 28672), (1536, 7168), (576, 7168), (24576, 1536), (32768, 512),
    (7168, 16384), (4096, 7168), (7168, 2048), (2048, 2048), (16384, 16384),
]
TOKENS = [1, 8, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]

# Local experts, width of gate and up together, hidden size: DeepSeek-V3, Qwen3-MoE, Mixtral.
EXPERTS = [(4, 4096, 7168), (8, 4096, 7168), (32, 4096, 7168), (16, 3072, 4096), (8, 28672, 4096)]
ROWS_PER_EXPERT = [1, 8, 32, 128, 512, 2048, 8192]

# Query heads, key-value heads, head size.
HEADS = [(32, 8, 128), (64, 8, 128), (32, 32, 128), (32, 32, 64), (128, 128, 128), (32, 4, 128)]

FAMILIES = ["gemm", "grouped_gemm", "attention", "attention_decode", "norm", "cast", "permute",
            "elementwise", "copy"]


@dataclass(frozen=True)
class Case:
    """One kernel by shape. `variant` becomes part of the column `library`."""

    variant: str
    family: str
    direction: str
    dtype: str
    m: int = 0
    n: int = 0
    k: int = 0
    groups: int = 0
    batch: int = 0
    heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    q_len: int = 0
    kv_len: int = 0
    bytes: int = 0


def gemm_case(variant, direction, dtype, m, n, k):
    """C[m,n] = A[m,k] B[k,n]; results in two bytes, weight gradients of tensor-scaled FP8 in four."""
    out = 4 if variant == "scaled_mm" and direction == "wgrad" else 2
    traffic = (m * k + k * n) * SIZE[dtype] + m * n * out
    return Case(variant, "gemm", direction, dtype, m, n, k, bytes=traffic)


def gemm_cases(quick):
    """Three products of each projection: forward, gradient of its input, gradient of its weights."""
    projections = PROJECTIONS[:4] if quick else PROJECTIONS
    tokens = [16, 256, 4096] if quick else TOKENS
    for out, into in projections:
        for rows in tokens:
            products = [("forward", rows, out, into)]
            if rows >= 512:  # training batches
                products += [("dgrad", rows, into, out), ("wgrad", out, into, rows)]
            for direction, m, n, k in products:
                for dtype in ("bf16", "fp16"):
                    yield gemm_case("mm", direction, dtype, m, n, k)
                # Rows and columns of scaled products come in sixteens.
                if m % 16 == 0 and n % 16 == 0 and k % 16 == 0:
                    yield gemm_case("scaled_mm", direction, "fp8", m, n, k)
                    yield gemm_case("scaled_mm-rows", direction, "fp8", m, n, k)
                if m % 128 == 0 and n % 128 == 0 and k % 128 == 0:
                    yield gemm_case("scaled_mm-1x128-128x128", direction, "fp8", m, n, k)


def grouped_cases(quick):
    for groups, width, hidden in EXPERTS[:2] if quick else EXPERTS:
        for rows in [8, 512] if quick else ROWS_PER_EXPERT:
            total = groups * rows
            products = [("forward", total, width, hidden), ("forward", total, hidden, width // 2)]
            if rows >= 128:
                products += [("dgrad", total, hidden, width), ("wgrad", width, hidden, total)]
            for direction, m, n, k in products:
                weights = groups * m * n if direction == "wgrad" else groups * n * k
                read = (m + n) * k if direction == "wgrad" else m * k
                written = 0 if direction == "wgrad" else m * n
                yield Case("grouped_mm", "grouped_gemm", direction, "bf16", m, n, k, groups,
                           bytes=2 * (read + weights + written))


def attention_bytes(case_heads, batch, q_len, kv_len, passes):
    heads, kv_heads, head_dim = case_heads
    queries = 2 * batch * q_len * heads * head_dim  # and outputs
    keys = 2 * batch * kv_len * kv_heads * head_dim  # and values
    return 2 * passes * (queries + keys)


def attention_cases(quick):
    """Causal self-attention over whole sequences, forward and backward; decoding over a cache."""
    heads_list = HEADS[:2] if quick else HEADS
    for heads in heads_list:
        for batch, length in [(1, 4096)] if quick else [
            (16, 512), (8, 1024), (4, 2048), (1, 4096), (2, 4096), (1, 8192), (1, 16384), (1, 32768),
        ]:
            # Backward reads and writes three times as much: gradients beside each tensor.
            for direction, passes in (("forward", 1), ("dgrad", 3)):
                yield Case("sdpa-flash", "attention", direction, "bf16", batch=batch,
                           heads=heads[0], kv_heads=heads[1], head_dim=heads[2], q_len=length,
                           kv_len=length, bytes=attention_bytes(heads, batch, length, length, passes))
        for batch in [16] if quick else [1, 8, 32, 128]:
            for length in [4096] if quick else [512, 2048, 8192, 32768]:
                yield Case("sdpa-flash", "attention_decode", "forward", "bf16", batch=batch,
                           heads=heads[0], kv_heads=heads[1], head_dim=heads[2], q_len=1,
                           kv_len=length, bytes=attention_bytes(heads, batch, 1, length, 1))


def streaming_cases(quick):
    """Kernels that only move bytes, over m rows of n columns."""
    per_number = [  # variant, family, direction, bytes per number
        ("rms_norm", "norm", "forward", 4), ("layer_norm", "norm", "forward", 4),
        ("rms_norm", "norm", "dgrad", 6), ("to_fp8", "cast", "forward", 3),
        ("to_fp32", "cast", "forward", 6), ("index_select", "permute", "forward", 4),
        ("transpose", "permute", "forward", 4), ("add", "elementwise", "forward", 6),
        ("glu", "elementwise", "forward", 6), ("scale", "elementwise", "forward", 4),
    ]
    for variant, family, direction, size in per_number:
        for n in [4096] if quick else [2048, 4096, 7168, 8192, 16384]:
            for m in [256, 8192] if quick else [16, 128, 1024, 4096, 8192, 32768]:
                yield Case(variant, family, direction, "bf16", m, n, bytes=m * n * size)


def copy_cases(quick):
    """Columns m and n are the bytes in rows of 4 KiB; `bytes`: read and written on this memory."""
    for variant, passes in (("dtod", 2), ("htod", 1), ("dtoh", 1)):
        for exponent in [20, 26] if quick else range(12, 31, 2):
            total = 1 << exponent
            # On the host's side of a copy the device's memory is not what binds: marked by `library`.
            yield Case("copy-" + variant, "copy", variant, "bf16", total // 4096, 2048,
                       bytes=passes * total)


def all_cases(quick, families):
    makers = {"gemm": gemm_cases, "grouped_gemm": grouped_cases, "attention": attention_cases,
              "norm": streaming_cases, "copy": copy_cases}
    for maker in makers.values():
        for case in maker(quick):
            if case.family in families:
                yield case


def library_of(version, case):
    return f"torch {version} {case.variant}"


def text_row(columns, values):
    """One line; absent, zero and not-a-number are empty."""
    line = io.StringIO()
    cells = []
    for column in columns:
        value = values.get(column)
        empty = value is None or value == "" or (isinstance(value, (int, float)) and not value > 0)
        if isinstance(value, float) and not empty:
            value = f"{value:.6g}" if abs(value) < 1e6 else f"{value:.1f}"
        cells.append("" if empty else str(value))
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def values_of(case):
    return {f.name: getattr(case, f.name) for f in fields(case) if f.name != "variant"}


def case_row(device, version, case, measured):
    values = values_of(case)
    values.update(device=device, library=library_of(version, case), **measured)
    return text_row(COLUMNS, values)


class ForeignTable(Exception):
    """A file of that name is somebody else's."""


class Table:
    """A CSV file that always ends in a whole row and knows the rows that it has."""

    def __init__(self, path, columns, key_columns):
        self.path = path
        self.columns = columns
        self.key_columns = key_columns
        self.known = set()
        self._open()

    def _open(self):
        text = ""
        if os.path.exists(self.path):
            with open(self.path, newline="", encoding="utf-8") as file:
                text = file.read()
        whole = text[: text.rfind("\n") + 1]  # a row that was cut short is measured again
        rows = list(csv.DictReader(io.StringIO(whole)))
        header = whole.split("\n", 1)[0]
        if whole and header != ",".join(self.columns):
            raise ForeignTable(f"{self.path}: not a table of this program (its columns differ); "
                               "name another folder with -o")
        for row in rows:
            self.known.add(tuple(row[column] for column in self.key_columns))
        # Only what was cut short goes: rows stay byte for byte, and never less is on disk.
        if whole != text:
            with open(self.path, "r+b") as file:
                file.truncate(len(whole.encode("utf-8")))
        if not whole:
            self.add(",".join(self.columns) + "\n")

    def key_of(self, line):
        row = dict(zip(self.columns, next(csv.reader([line]))))
        return tuple(row[column] for column in self.key_columns)

    def has(self, line):
        return self.key_of(line) in self.known

    def add(self, line):
        """One write, then to the disk: an interrupted run leaves whole rows."""
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.known.add(self.key_of(line))


def kernel_table(path):
    return Table(path, COLUMNS, [c for c in COLUMNS if c not in MEASURED])


def ledger_table(path):
    return Table(path, LEDGER_COLUMNS, ["id"])


def percentile(values, share):
    """Linear between the two nearest of the sorted values."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


# Traffic per rank over the size that nccl-tests counts: bus over algorithm bandwidth.
BUS = {
    "all_reduce": lambda n: 2 * (n - 1) / n, "all_gather": lambda n: (n - 1) / n,
    "reduce_scatter": lambda n: (n - 1) / n, "all_to_all": lambda n: (n - 1) / n,
    "broadcast": lambda n: 1.0, "send_recv": lambda n: 1.0,
}


def collective_cases(quick):
    for name in BUS:
        for exponent in [20, 26] if quick else range(10, 32, 2):
            yield name, 1 << exponent


def ledger_row(place, collective, size, time_us):
    """`place`: run, chip, nodes, gpus, fabric, nic_gbps, version. Bandwidths in GB/s, decimal."""
    algbw = size / time_us / 1e3 if time_us else 0
    values = {
        "id": f"{place['run']}-{collective}-{size}", "collective": collective, "algorithm": "auto",
        "protocol": "auto", "chip": place["chip"], "nodes": place["nodes"], "gpus": place["gpus"],
        "fabric": place["fabric"], "nic_gbps_per_gpu": place["nic_gbps"], "message_bytes": size,
        "time_us": time_us, "algbw_GBps": algbw, "busbw_GBps": algbw * BUS[collective](place["gpus"]),
        "library_version": place["version"], "measured_or_claimed": "measured",
        "source": "own recording", "note": "torch.distributed; median over repetitions, mean over ranks",
    }
    return text_row(LEDGER_COLUMNS, values)
