#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures kernels of one GPU, collectives of several, and records the trace of a training step.

    python3 record.py -o mine                          # one GPU: mine/kernels.csv, mine/step.0.json.gz
    torchrun --nproc-per-node 8 record.py -o mine      # and mine/collectives.csv

Needs PyTorch with CUDA or ROCm. README.md beside this file says what the columns mean.
"""

import argparse
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402


class Unsupported(Exception):
    """This PyTorch or this GPU cannot do the case."""


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description="Records kernel times, collectives and a trace of this machine's GPUs.")
    parser.add_argument("-o", "--output", default="recording", help="folder; continued if it exists")
    parser.add_argument("--quick", action="store_true", help="few shapes: about a minute")
    parser.add_argument("--families", default=",".join(cases.FAMILIES),
                        help="of " + ", ".join(cases.FAMILIES) + "; or none")
    parser.add_argument("--timing", choices=["events", "graph"], default="events",
                        help="events: cold L2 before each launch; graph: replays of 20 launches, warm L2")
    parser.add_argument("--budget-ms", type=float, default=60, help="GPU time spent on each case")
    parser.add_argument("--device-name", help="in place of what the driver says, e.g. h100-sxm")
    parser.add_argument("--fabric", default="", help="of collectives, e.g. 'infiniband-ndr'")
    parser.add_argument("--nic-gbps", type=float, default=0, help="Gb/s per GPU, one direction")
    parser.add_argument("--no-collectives", action="store_true")
    parser.add_argument("--no-trace", action="store_true")
    options = parser.parse_args(arguments)
    wanted = [] if options.families == "none" else options.families.split(",")
    unknown = [family for family in wanted if family not in cases.FAMILIES]
    if unknown:
        parser.error(f"unknown family '{unknown[0]}'; known: {', '.join(cases.FAMILIES)}")
    if not options.budget_ms > 0:
        parser.error("--budget-ms must be above 0")
    if options.nic_gbps < 0:
        parser.error("--nic-gbps must not be negative")
    options.families = wanted
    return options


def load_torch():
    """PyTorch with a GPU, or a sentence that says what is missing."""
    if importlib.util.find_spec("torch") is None:
        sys.exit("record.py: PyTorch is not installed (https://pytorch.org says how)")
    import torch

    if not torch.cuda.is_available():
        sys.exit("record.py: PyTorch sees no GPU: it needs a build for CUDA or ROCm, a driver, and "
                 "a GPU that CUDA_VISIBLE_DEVICES or HIP_VISIBLE_DEVICES does not hide")
    return torch


def log(text):
    print(text, file=sys.stderr, flush=True)


class Sensors:
    """SM clock in MHz and power in W while kernels run: NVML, else nvidia-smi, else nothing."""

    def __init__(self, torch, index):
        self.read = lambda: (None, None)
        if torch.version.hip:
            self._use_torch(torch, index)
            return
        # NVML counts all GPUs; PyTorch those that are visible. The bus address names one for both.
        properties = torch.cuda.get_device_properties(index)
        bus = None
        if hasattr(properties, "pci_bus_id"):
            bus = "%08X:%02X:%02X.0" % (properties.pci_domain_id, properties.pci_bus_id,
                                        properties.pci_device_id)
        if importlib.util.find_spec("pynvml") and self._use_nvml(bus, index):
            return
        if shutil.which("nvidia-smi"):
            self._use_program(bus or str(index))

    def _use_torch(self, torch, index):
        def read():
            return float(torch.cuda.clock_rate(index)), torch.cuda.power_draw(index) / 1e3

        self._keep(read)

    def _use_nvml(self, bus, index):
        try:
            import pynvml

            pynvml.nvmlInit()
            handle = (pynvml.nvmlDeviceGetHandleByPciBusId(bus.encode()) if bus
                      else pynvml.nvmlDeviceGetHandleByIndex(index))
        except Exception:
            return False
        return self._keep(lambda: (
            float(pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)),
            pynvml.nvmlDeviceGetPowerUsage(handle) / 1e3))

    def _use_program(self, name):
        def read():
            line = subprocess.run(
                ["nvidia-smi", "-i", name, "--query-gpu=clocks.sm,power.draw",
                 "--format=csv,noheader,nounits"],
                capture_output=True, text=True, timeout=10, check=True).stdout.split("\n")[0]
            clock, power = line.split(",")
            return float(clock), float(power)

        self._keep(read)

    def _keep(self, read):
        """A sensor that fails once is not asked again."""
        try:
            read()
        except Exception:
            return False
        self.read = read
        return True

    def sample(self):
        try:
            clock, power = self.read()
        except Exception:
            return {}
        return {"clock_mhz": clock, "power_w": power}


class Timer:
    """Median, 10th and 90th percentile of one launch, in microseconds."""

    WARM_UP, LEAST, MOST, IN_GRAPH = 3, 10, 200, 20

    def __init__(self, torch, sensors, options):
        self.torch = torch
        self.sensors = sensors
        self.budget_us = options.budget_ms * 1e3
        self.graph = options.timing == "graph"
        l2 = getattr(torch.cuda.get_device_properties(torch.cuda.current_device()),
                     "L2_cache_size", 0) or (64 << 20)
        # Written before each launch: what a kernel finds in the L2 is not its operands. Writing
        # takes longer than the host needs to launch, so that the GPU never waits for the host.
        self.flush_buffer = torch.empty(max(4 * l2, 256 << 20), dtype=torch.int8, device="cuda")

    def measure(self, run):
        if self.graph:
            replay = self._capture(run)
            times = self._launches(replay, flush=False)
            times = [time / self.IN_GRAPH for time in times]
        else:
            times = self._launches(run, flush=True)
        measured = {"time_us": cases.percentile(times, 0.5), "p10_us": cases.percentile(times, 0.1),
                    "p90_us": cases.percentile(times, 0.9)}
        measured.update(self.readings)
        return measured

    def _capture(self, run):
        torch = self.torch
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(self.WARM_UP):
                run()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(self.IN_GRAPH):
                run()
        return graph.replay

    def _launches(self, run, flush):
        torch = self.torch
        for _ in range(self.WARM_UP):
            run()
        once = self._timed(run, 3, flush)
        count = int(self.budget_us / max(1.0, min(once)))
        return self._timed(run, max(self.LEAST, min(self.MOST, count)), flush)

    def _timed(self, run, count, flush):
        torch = self.torch
        pairs = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
                 for _ in range(count)]
        for start, end in pairs:
            if flush:
                self.flush_buffer.zero_()
            start.record()
            run()
            end.record()
        self.readings = self.sensors.sample()  # kernels are still queued
        torch.cuda.synchronize()
        return [start.elapsed_time(end) * 1e3 for start, end in pairs]


def torch_type(torch, name):
    if name == "fp8":
        # MI300 has the variant without infinities; later AMD chips and NVIDIA's the OCP format.
        arch = getattr(torch.cuda.get_device_properties(torch.cuda.current_device()),
                       "gcnArchName", "")
        narrow = "float8_e4m3fnuz" if arch.startswith("gfx94") else "float8_e4m3fn"
        if not hasattr(torch, narrow):
            raise Unsupported("this PyTorch has no FP8")
        return getattr(torch, narrow)
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[name]


def random_matrix(torch, rows, columns, dtype):
    # Power, and so the clock, depends on the data: normal numbers, not zeros.
    wide = torch.randn(rows, columns, device="cuda", dtype=torch.bfloat16)
    return wide.to(dtype)


def operands(torch, case, dtype):
    """A[m,k] and B[k,n] in the layouts in which a linear layer keeps them."""
    if case.direction == "wgrad":
        a = random_matrix(torch, case.k, case.m, dtype).t()
        return a, random_matrix(torch, case.k, case.n, dtype)
    a = random_matrix(torch, case.m, case.k, dtype)
    if case.direction == "dgrad":
        return a, random_matrix(torch, case.k, case.n, dtype)
    return a, random_matrix(torch, case.n, case.k, dtype).t()


def gemm(torch, case):
    dtype = torch_type(torch, case.dtype)
    if case.dtype != "fp8":
        a, b = operands(torch, case, dtype)
        out = torch.empty(case.m, case.n, device="cuda", dtype=dtype)
        return lambda: torch.mm(a, b, out=out)
    if not hasattr(torch, "_scaled_mm"):
        raise Unsupported("this PyTorch has no torch._scaled_mm")
    # Narrow products take A by rows and B by columns, whatever they are for: operands of other
    # layouts are transposed when they are cast.
    a = random_matrix(torch, case.m, case.k, dtype)
    b = random_matrix(torch, case.n, case.k, dtype).t()
    ones = lambda *shape: torch.ones(*shape, device="cuda", dtype=torch.float32)  # noqa: E731
    if case.variant == "scaled_mm-rows":
        scale_a, scale_b = ones(case.m, 1), ones(1, case.n)
    elif case.variant == "scaled_mm":
        scale_a, scale_b = ones(()), ones(())
    else:  # one scale for 1x128 of A, kept by columns, and one for 128x128 of B
        scale_a = ones(case.k // 128, case.m).t()
        scale_b = ones(case.n // 128, case.k // 128).t()
    out = torch.float32 if case.direction == "wgrad" and case.variant == "scaled_mm" else torch.bfloat16
    # As training recipes have it: results of the forward pass are summed up inside the tensor cores.
    fast = case.direction == "forward" and not case.variant.endswith("128x128")
    return lambda: torch._scaled_mm(a, b, scale_a=scale_a, scale_b=scale_b, out_dtype=out,
                                    use_fast_accum=fast)


def grouped_gemm(torch, case):
    dtype = torch_type(torch, case.dtype)
    if case.direction == "wgrad":
        a = random_matrix(torch, case.k, case.m, dtype).t()
        b = random_matrix(torch, case.k, case.n, dtype)
        rows = case.k // case.groups
    else:
        a = random_matrix(torch, case.m, case.k, dtype)
        shape = (case.k, case.n) if case.direction == "dgrad" else (case.n, case.k)
        b = torch.randn(case.groups, *shape, device="cuda", dtype=dtype)
        if case.direction == "forward":
            b = b.transpose(1, 2)
        rows = case.m // case.groups
    if case.variant == "grouped_mm-loop":
        if case.direction == "wgrad":
            parts = [(a[:, i * rows:(i + 1) * rows], b[i * rows:(i + 1) * rows])
                     for i in range(case.groups)]
        else:
            parts = [(a[i * rows:(i + 1) * rows], b[i]) for i in range(case.groups)]

        def loop():
            for left, right in parts:
                torch.mm(left, right)

        return loop
    if not hasattr(torch, "_grouped_mm"):
        raise Unsupported("this PyTorch has no torch._grouped_mm")
    ends = torch.arange(1, case.groups + 1, device="cuda", dtype=torch.int32) * rows
    return lambda: torch._grouped_mm(a, b, offs=ends)


def attention(torch, case):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    dtype = torch_type(torch, case.dtype)
    backward = case.direction == "dgrad"

    def tensor(heads, length):
        made = torch.randn(case.batch, heads, length, case.head_dim, device="cuda", dtype=dtype)
        return made.requires_grad_(backward)

    q = tensor(case.heads, case.q_len)
    k, v = tensor(case.kv_heads, case.kv_len), tensor(case.kv_heads, case.kv_len)
    arguments = {"is_causal": case.q_len > 1}
    if case.heads != case.kv_heads:
        arguments["enable_gqa"] = True

    def forward():
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, **arguments)

    if not backward:
        def without_gradient():
            with torch.no_grad():
                return forward()

        return without_gradient
    out = forward()
    gradient = torch.randn_like(out)
    return lambda: torch.autograd.grad(out, (q, k, v), gradient, retain_graph=True)


def norm(torch, case, x):
    functional = torch.nn.functional
    weight = torch.ones(case.n, device="cuda", dtype=x.dtype)
    if case.variant == "layer_norm":
        bias = torch.zeros_like(weight)
        return lambda: functional.layer_norm(x, (case.n,), weight, bias)
    if not hasattr(functional, "rms_norm"):
        raise Unsupported("this PyTorch has no rms_norm")
    if case.direction == "forward":
        return lambda: functional.rms_norm(x, (case.n,), weight)
    x.requires_grad_(True)
    out = functional.rms_norm(x, (case.n,), weight)
    gradient = torch.randn_like(out)
    return lambda: torch.autograd.grad(out, x, gradient, retain_graph=True)


def streaming(torch, case):
    x = random_matrix(torch, case.m, case.n, torch.bfloat16)
    if case.family == "norm":
        return norm(torch, case, x)
    if case.variant == "to_fp8":
        narrow = torch_type(torch, "fp8")
        return lambda: x.to(narrow)
    if case.variant == "to_fp32":
        return lambda: x.to(torch.float32)
    if case.variant == "index_select":
        order = torch.randperm(case.m, device="cuda")
        return lambda: torch.index_select(x, 0, order)
    if case.variant == "transpose":
        return lambda: x.t().contiguous()
    out = torch.empty_like(x)
    if case.variant == "scale":
        return lambda: torch.mul(x, 1.5, out=out)
    if case.variant == "glu":  # traffic of SwiGLU in one kernel
        both = random_matrix(torch, case.m, 2 * case.n, torch.bfloat16)
        return lambda: torch.nn.functional.glu(both)
    y = torch.randn_like(x)
    return lambda: torch.add(x, y, out=out)


def copy(torch, case):
    count = case.m * case.n
    make = {"cuda": lambda: torch.ones(count, device="cuda", dtype=torch.bfloat16),
            "host": lambda: torch.ones(count, dtype=torch.bfloat16).pin_memory()}
    source, target = {"dtod": ("cuda", "cuda"), "htod": ("host", "cuda"),
                      "dtoh": ("cuda", "host")}[case.direction]
    a, b = make[source](), make[target]()
    return lambda: b.copy_(a, non_blocking=True)


BUILDERS = {"gemm": gemm, "grouped_gemm": grouped_gemm, "attention": attention,
            "attention_decode": attention, "norm": streaming, "cast": streaming,
            "permute": streaming, "elementwise": streaming, "copy": copy}


def measure_case(torch, timer, case):
    """Measured columns, or why there are none."""
    try:
        return timer.measure(BUILDERS[case.family](torch, case)), None
    except torch.cuda.OutOfMemoryError:
        return None, "does not fit in memory"
    except (Unsupported, RuntimeError, ValueError, TypeError, ImportError, AttributeError) as error:
        reason = str(error).strip().split("\n")[0][:160]
        if re.search("illegal|misaligned|device-side|unspecified launch|hardware", reason, re.I):
            sys.exit(f"record.py: {case}: {reason}: the GPU is lost to this process; rows so far are "
                     "whole, and another run goes on behind them")
        return None, reason


def without_grouped_mm(case):
    return cases.Case(**{**cases.values_of(case), "variant": "grouped_mm-loop"})


def record_kernels(torch, options, device):
    table = cases.kernel_table(os.path.join(options.output, "kernels.csv"))
    timer = Timer(torch, Sensors(torch, torch.cuda.current_device()), options)
    version = torch.__version__ + (" graph" if options.timing == "graph" else "")
    left_out = {}
    done = 0
    for case in cases.all_cases(options.quick, options.families):
        # A loop over experts stands in where PyTorch has no grouped product: the row says so.
        tries = [case, without_grouped_mm(case)] if case.family == "grouped_gemm" else [case]
        if any(table.has(cases.case_row(device, version, each, {})) for each in tries):
            continue
        for each in tries:
            measured, reason = measure_case(torch, timer, each)
            torch.cuda.empty_cache()
            if measured:
                table.add(cases.case_row(device, version, each, measured))
                done += 1
                break
            left_out.setdefault(f"{each.family} {each.direction} {each.dtype} {each.variant}: {reason}",
                                []).append(each)
        if sys.stderr.isatty():
            print(f"\r{done} rows, {case.family} {case.variant}".ljust(70), end="", file=sys.stderr)
    log(f"\r{done} rows added to {table.path}".ljust(70))
    for reason, which in sorted(left_out.items()):
        log(f"  left out {len(which)}: {reason}")


def collective_call(torch, distributed, name, size, rank, ranks):
    """`size` as nccl-tests counts it, in bytes."""
    def tensor(count):
        return torch.ones(max(1, count), device="cuda", dtype=torch.bfloat16)

    count = size // 2
    count -= count % ranks
    if count == 0:
        raise Unsupported("fewer numbers than ranks")
    if name == "all_reduce":
        x = tensor(count)
        return lambda: distributed.all_reduce(x)
    if name == "all_gather":
        part, whole = tensor(count // ranks), tensor(count)
        return lambda: distributed.all_gather_into_tensor(whole, part)
    if name == "reduce_scatter":
        part, whole = tensor(count // ranks), tensor(count)
        return lambda: distributed.reduce_scatter_tensor(part, whole)
    if name == "all_to_all":
        x, y = tensor(count), tensor(count)
        return lambda: distributed.all_to_all_single(y, x)
    x, y = tensor(count), tensor(count)
    if name == "broadcast":
        return lambda: distributed.broadcast(x, 0)

    def around():  # each to the next, as nccl-tests does it
        calls = [distributed.P2POp(distributed.isend, x, (rank + 1) % ranks),
                 distributed.P2POp(distributed.irecv, y, (rank - 1) % ranks)]
        for work in distributed.batch_isend_irecv(calls):
            work.wait()

    return around


def record_collectives(torch, options, device):
    import torch.distributed as distributed

    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    local = int(os.environ.get("LOCAL_WORLD_SIZE", ranks))
    library = "RCCL" if torch.version.hip else "NCCL"
    place = {"run": re.sub("[^a-z0-9]+", "-", device.lower()) + f"-{ranks}", "chip": device,
             "nodes": ranks // local, "gpus": ranks, "fabric": options.fabric,
             "nic_gbps": options.nic_gbps,
             "version": f"{library} " + ".".join(map(str, torch.cuda.nccl.version()))}
    table = cases.ledger_table(os.path.join(options.output, "collectives.csv")) if rank == 0 else None
    for name, size in cases.collective_cases(options.quick):
        # The first rank holds the table; all must agree on what is left to do.
        known = torch.tensor([1 if table and table.has(cases.ledger_row(place, name, size, 1)) else 0],
                             device="cuda")
        distributed.broadcast(known, 0)
        if known.item():
            continue
        try:
            call = collective_call(torch, distributed, name, size, rank, ranks)
        except Unsupported:
            continue
        for _ in range(5):
            call()
        torch.cuda.synchronize()
        distributed.barrier()
        inner = 20 if size <= 1 << 22 else 4  # in a row, as nccl-tests: launches hide behind each other
        times = []
        for _ in range(10):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(inner):
                call()
            end.record()
            torch.cuda.synchronize()
            times.append(start.elapsed_time(end) * 1e3 / inner)
        mean = torch.tensor([cases.percentile(times, 0.5)], device="cuda")
        distributed.all_reduce(mean)
        if table:
            table.add(cases.ledger_row(place, name, size, mean.item() / ranks))
    if table:
        log(f"collectives are in {table.path}")


def small_model(torch):
    """Two transformer layers: grouped-query attention and a gated feed-forward block."""
    nn = torch.nn
    functional = nn.functional

    class Layer(nn.Module):
        def __init__(self, hidden, heads, kv_heads):
            super().__init__()
            self.heads, self.kv_heads, self.size = heads, kv_heads, hidden // heads
            self.first, self.second = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
            self.qkv = nn.Linear(hidden, (heads + 2 * kv_heads) * self.size, bias=False)
            self.out = nn.Linear(hidden, hidden, bias=False)
            self.up = nn.Linear(hidden, 8 * hidden, bias=False)
            self.down = nn.Linear(4 * hidden, hidden, bias=False)

        def forward(self, x):
            batch, length, _ = x.shape
            sizes = [self.heads * self.size, self.kv_heads * self.size, self.kv_heads * self.size]
            q, k, v = (part.view(batch, length, -1, self.size).transpose(1, 2)
                       for part in self.qkv(self.first(x)).split(sizes, -1))
            repeat = self.heads // self.kv_heads
            k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, -1))
            gate, up = self.up(self.second(x)).chunk(2, -1)
            return x + self.down(functional.silu(gate) * up)

    return nn.Sequential(Layer(2048, 16, 4), Layer(2048, 16, 4)).to("cuda", torch.bfloat16)


def record_trace(torch, options, rank, ranks):
    from torch.profiler import ProfilerActivity, profile, schedule

    path = os.path.join(options.output, f"step.{rank}.json.gz")
    part = os.path.join(options.output, f"step.{rank}.part.json.gz")
    model = small_model(torch)
    if ranks > 1:
        model = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    x = torch.randn(1, 4096, 2048, device="cuda", dtype=torch.bfloat16)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA], record_shapes=True,
                 schedule=schedule(wait=1, warmup=2, active=2),
                 on_trace_ready=lambda made: made.export_chrome_trace(part)) as profiler:
        for _ in range(5):
            model(x).float().square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            torch.cuda.synchronize()
            profiler.step()
    os.replace(part, path)  # a trace is there whole or not at all
    log(f"a trace of two training steps is {path}")


def main(arguments):
    options = parse_arguments(arguments)
    torch = load_torch()
    os.makedirs(options.output, exist_ok=True)
    rank, ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    device = options.device_name or torch.cuda.get_device_name()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if rank == 0 and options.families:
            record_kernels(torch, options, device)
        if ranks > 1:
            import datetime

            # The others wait here while the first measures kernels.
            torch.distributed.init_process_group(
                "nccl", timeout=datetime.timedelta(hours=6),
                device_id=torch.device("cuda", torch.cuda.current_device()))
            if not options.no_collectives:
                record_collectives(torch, options, device)
        if not options.no_trace:
            record_trace(torch, options, rank, ranks)
    except cases.ForeignTable as error:
        sys.exit(f"record.py: {error}")
    except KeyboardInterrupt:
        sys.exit("record.py: interrupted; rows so far are whole, and the same command goes on behind them")
    finally:
        if ranks > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1:])
