#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what needs no GPU: shapes, tables, going on after an interruption, errors, the timer's loop."""

import contextlib
import csv
import io
import os
import sys
import tempfile
import types
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import record  # noqa: E402


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class FakeEvent:
    """A GPU on which everything takes 5 us."""

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        pass

    def elapsed_time(self, _):
        return 0.005


def fake_torch():
    torch = types.SimpleNamespace(__version__="9.9", int8=None)
    torch.empty = lambda *_, **__: types.SimpleNamespace(zero_=lambda: None)
    torch.cuda = types.SimpleNamespace(
        Event=FakeEvent, synchronize=lambda: None, empty_cache=lambda: None,
        current_device=lambda: 0, OutOfMemoryError=MemoryError,
        get_device_properties=lambda _: types.SimpleNamespace(L2_cache_size=1))
    return torch


@contextlib.contextmanager
def replaced(module, **attributes):
    before = {name: getattr(module, name) for name in attributes}
    for name, value in attributes.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


class Shapes(unittest.TestCase):
    def test_every_family_has_cases_and_each_case_once(self):
        for quick in (True, False):
            made = list(cases.all_cases(quick, cases.FAMILIES))
            self.assertEqual({case.family for case in made}, set(cases.FAMILIES))
            self.assertEqual(len(made), len(set(made)))
        self.assertLess(len(list(cases.all_cases(True, cases.FAMILIES))), 200)

    def test_only_the_families_asked_for(self):
        self.assertEqual({c.family for c in cases.all_cases(False, ["cast"])}, {"cast"})
        self.assertEqual(list(cases.all_cases(False, [])), [])

    def test_bytes_are_those_of_operands_and_result(self):
        case = cases.gemm_case("mm", "forward", "bf16", 2, 3, 5)
        self.assertEqual(case.bytes, 2 * (2 * 5 + 5 * 3 + 2 * 3))
        narrow = cases.gemm_case("scaled_mm", "wgrad", "fp8", 2, 3, 5)
        self.assertEqual(narrow.bytes, 2 * 5 + 5 * 3 + 4 * 2 * 3)
        rows = cases.gemm_case("scaled_mm-rows", "wgrad", "fp8", 2, 3, 5)
        self.assertEqual(rows.bytes, 2 * 5 + 5 * 3 + 2 * 2 * 3)
        for case in cases.all_cases(False, cases.FAMILIES):
            self.assertGreater(case.bytes, 0, case)

    def test_scaled_products_have_shapes_that_hardware_takes(self):
        for case in cases.gemm_cases(False):
            step = {"scaled_mm": 16, "scaled_mm-rows": 16, "scaled_mm-1x128-128x128": 128}
            for size in (case.m, case.n, case.k):
                self.assertEqual(size % step.get(case.variant, 1), 0, case)

    def test_training_products_are_permutations_of_one_layer(self):
        made = {(c.direction, c.m, c.n, c.k) for c in cases.gemm_cases(False) if c.dtype == "bf16"}
        self.assertIn(("forward", 4096, 24576, 1536), made)
        self.assertIn(("dgrad", 4096, 1536, 24576), made)
        self.assertIn(("wgrad", 24576, 1536, 4096), made)


class Rows(unittest.TestCase):
    def test_the_header_is_the_agreed_one(self):
        self.assertEqual(",".join(cases.COLUMNS),
                         "device,library,family,direction,dtype,m,n,k,groups,batch,heads,kv_heads,"
                         "head_dim,q_len,kv_len,bytes,time_us,p10_us,p90_us,clock_mhz,power_w")
        self.assertEqual(",".join(cases.LEDGER_COLUMNS),
                         "id,collective,algorithm,protocol,chip,nodes,gpus,fabric,nic_gbps_per_gpu,"
                         "message_bytes,time_us,algbw_GBps,busbw_GBps,library_version,"
                         "measured_or_claimed,source,note")

    def test_what_does_not_apply_is_empty(self):
        case = cases.Case("sdpa-flash", "attention_decode", "forward", "bf16", batch=2, heads=8,
                          kv_heads=1, head_dim=128, q_len=1, kv_len=512, bytes=99)
        line = cases.case_row("Chip, 80GB", "1", case, {"time_us": 1.25, "power_w": float("nan")})
        self.assertEqual(line, '"Chip, 80GB",torch 1 sdpa-flash,attention_decode,forward,bf16,,,,,2,8,1,'
                               "128,1,512,99,1.25,,,,\n")

    def test_percentiles(self):
        values = [5, 1, 2, 3, 4]
        self.assertEqual([cases.percentile(values, s) for s in (0, 0.1, 0.5, 1)], [1, 1.4, 3, 5])
        self.assertEqual(cases.percentile([7], 0.9), 7)

    def test_bandwidths_are_those_of_nccl_tests(self):
        place = {"run": "x", "chip": "h100", "nodes": 1, "gpus": 8, "fabric": "", "nic_gbps": 0,
                 "version": "NCCL 2"}
        row = next(csv.DictReader(io.StringIO(
            ",".join(cases.LEDGER_COLUMNS) + "\n"
            + cases.ledger_row(place, "all_reduce", 1 << 30, 5000.0))))
        self.assertAlmostEqual(float(row["algbw_GBps"]), (1 << 30) / 5000 / 1e3, places=2)
        self.assertAlmostEqual(float(row["busbw_GBps"]), float(row["algbw_GBps"]) * 1.75, places=2)
        self.assertEqual(row["nic_gbps_per_gpu"], "")


class Tables(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "kernels.csv")
        self.case = cases.gemm_case("mm", "forward", "bf16", 16, 32, 64)
        self.other = cases.gemm_case("mm", "forward", "bf16", 16, 32, 128)

    def tearDown(self):
        self.folder.cleanup()

    def line(self, case, time=0.0):
        return cases.case_row("chip", "1", case, {"time_us": time})

    def test_goes_on_behind_what_is_there(self):
        cases.kernel_table(self.path).add(self.line(self.case, 3))
        again = cases.kernel_table(self.path)
        self.assertTrue(again.has(self.line(self.case)))
        self.assertFalse(again.has(self.line(self.other)))
        again.add(self.line(self.other, 4))
        self.assertEqual([row["time_us"] for row in rows_of(self.path)], ["3", "4"])

    def test_a_row_cut_short_is_measured_again(self):
        cases.kernel_table(self.path).add(self.line(self.case, 3))
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(self.line(self.other, 4)[:-5])
        again = cases.kernel_table(self.path)
        self.assertFalse(again.has(self.line(self.other)))
        self.assertEqual(len(rows_of(self.path)), 1)

    def test_a_header_cut_short(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("device,libr")
        cases.kernel_table(self.path).add(self.line(self.case, 3))
        self.assertEqual(len(rows_of(self.path)), 1)

    def test_a_foreign_table_is_left_alone(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("a,b\n1,2\n")
        with self.assertRaisesRegex(cases.ForeignTable, "not a table of this program"):
            cases.kernel_table(self.path)
        with open(self.path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "a,b\n1,2\n")


class Program(unittest.TestCase):
    def failing(self, arguments):
        with self.assertRaises(SystemExit) as stopped, contextlib.redirect_stderr(io.StringIO()) as said:
            record.parse_arguments(arguments)
        self.assertEqual(stopped.exception.code, 2)
        return said.getvalue()

    def test_arguments(self):
        options = record.parse_arguments(["--quick", "--families", "gemm,copy"])
        self.assertTrue(options.quick)
        self.assertEqual(options.families, ["gemm", "copy"])
        self.assertEqual(record.parse_arguments(["--families", "none"]).families, [])
        self.assertIn("unknown family 'gem'", self.failing(["--families", "gem"]))
        self.assertIn("must be above 0", self.failing(["--budget-ms", "0"]))
        self.assertIn("invalid choice", self.failing(["--timing", "clock"]))

    def test_without_a_gpu_it_says_so(self):
        nothing = types.SimpleNamespace(find_spec=lambda name: None)
        with replaced(record.importlib, util=nothing):
            with self.assertRaisesRegex(SystemExit, "PyTorch is not installed"):
                record.load_torch()
        blind = types.ModuleType("torch")
        blind.cuda = types.SimpleNamespace(is_available=lambda: False)
        blind.__spec__ = types.SimpleNamespace(name="torch")
        before = sys.modules.get("torch")
        sys.modules["torch"] = blind
        try:
            with self.assertRaisesRegex(SystemExit, "sees no GPU"):
                record.load_torch()
        finally:
            del sys.modules["torch"]
            if before is not None:
                sys.modules["torch"] = before

    def run_kernels(self, folder, builders):
        options = record.parse_arguments(["-o", folder, "--quick", "--families", ",".join(builders)])
        sensors = types.SimpleNamespace(sample=lambda: {"clock_mhz": 1980.0, "power_w": None})
        said = io.StringIO()
        with replaced(record, BUILDERS=builders, Sensors=lambda *_: sensors):
            with contextlib.redirect_stderr(said):
                record.record_kernels(fake_torch(), options, "chip")
        return said.getvalue()

    def test_measures_each_case_once_and_names_what_it_left_out(self):
        def builder(_, case):
            if case.variant == "to_fp8":
                raise record.Unsupported("no FP8 here")
            return lambda: None

        with tempfile.TemporaryDirectory() as folder:
            said = self.run_kernels(folder, {"cast": builder})
            rows = rows_of(os.path.join(folder, "kernels.csv"))
            self.assertEqual({row["library"] for row in rows}, {"torch 9.9 to_fp32"})
            for row in rows:
                self.assertEqual((row["time_us"], row["p10_us"], row["clock_mhz"], row["power_w"]),
                                 ("5", "5", "1980", ""))
            self.assertIn("no FP8 here", said)
            self.assertIn("0 rows added", self.run_kernels(folder, {"cast": builder}))

    def test_a_loop_stands_in_for_grouped_products_and_says_so(self):
        def builder(_, case):
            if case.variant == "grouped_mm":
                raise record.Unsupported("no torch._grouped_mm")
            return lambda: None

        with tempfile.TemporaryDirectory() as folder:
            self.run_kernels(folder, {"grouped_gemm": builder})
            rows = rows_of(os.path.join(folder, "kernels.csv"))
            self.assertEqual(len(rows), len(list(cases.grouped_cases(True))))
            self.assertEqual({row["library"] for row in rows}, {"torch 9.9 grouped_mm-loop"})

    def test_an_interruption_leaves_whole_rows(self):
        left = [3]

        def builder(_, case):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return lambda: None

        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(KeyboardInterrupt):
                self.run_kernels(folder, {"cast": builder})
            self.assertEqual(len(rows_of(os.path.join(folder, "kernels.csv"))), 3)


if __name__ == "__main__":
    unittest.main()
