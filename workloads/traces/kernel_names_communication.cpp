// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/kernel_names.hpp"

namespace aisle::workloads::traces {

namespace {

using Kind = CollectiveKind;

constexpr CommunicationName kCommunication[] = {
    // DeepEP and its kin: exchanges of experts' tokens. Layouts and buffers are in the other table.
    {"::notify_dispatch", "DeepEP", Kind::dispatch, true},
    {"::cached_notify", "DeepEP", Kind::dispatch, true},
    {"notify_group", "DeepEP", Kind::dispatch, true},
    {"ep::*::barrier", "DeepEP", Kind::barrier, true},
    {"internode_ll::dispatch", "DeepEP low-latency", Kind::dispatch},
    {"internode_ll::combine", "DeepEP low-latency", Kind::combine},
    {"internode::dispatch", "DeepEP", Kind::dispatch},
    {"internode::combine", "DeepEP", Kind::combine},
    {"intranode::dispatch", "DeepEP", Kind::dispatch},
    {"intranode::combine", "DeepEP", Kind::combine},
    {"hybrid_ep::*dispatch", "Hybrid-EP", Kind::dispatch},
    {"hybrid_ep::*combine", "Hybrid-EP", Kind::combine},
    {"pplx*dispatch", "pplx", Kind::dispatch},
    {"pplx*combine", "pplx", Kind::combine},
    {"a2a_dispatch", "pplx", Kind::dispatch},
    {"a2a_combine", "pplx", Kind::combine},
    {"epdispatch", "MORI", Kind::dispatch},
    {"epcombine", "MORI", Kind::combine},
    {"moea2a*dispatch", "TensorRT-LLM", Kind::dispatch},
    {"moea2a*combine", "TensorRT-LLM", Kind::combine},
    {"moealltoall", "TensorRT-LLM", Kind::all_to_all},
    {"moe_comm*alltoall", "TensorRT-LLM", Kind::all_to_all},
    {"^moedistributedispatch", "CANN", Kind::dispatch},
    {"^moedistributecombine", "CANN", Kind::combine},
    // NCCL and RCCL; RCCL has one generic kernel.
    {"^nccl*alltoall", "NCCL", Kind::all_to_all},
    {"^nccl*sendrecv", "NCCL", Kind::send_recv, false, false},
    {"^nccl*allreduce", "NCCL", Kind::all_reduce},
    {"^nccl*allgather", "NCCL", Kind::all_gather},
    {"^nccl*reducescatter", "NCCL", Kind::reduce_scatter},
    {"^nccl*broadcast", "NCCL", Kind::broadcast},
    {"^nccl*kernel_reduce", "NCCL", Kind::reduce},
    {"^nccl*send", "NCCL", Kind::send_recv},
    {"^nccl*recv", "NCCL", Kind::send_recv},
    {"^nccldevkernel_generic", "NCCL or RCCL", {}},
    {"^nccl", "NCCL", {}},
    {"rccl_", "RCCL", {}},
    {"mscclkernel", "RCCL", {}},
    {"mscclpp*allreduce", "mscclpp", Kind::all_reduce},
    {"mscclpp*allgather", "mscclpp", Kind::all_gather},
    // All-reduces of inference engines and of symmetric memory.
    {"multimem*all_reduce", "PyTorch symmetric memory", Kind::all_reduce},
    {"multimem*all_gather", "PyTorch symmetric memory", Kind::all_gather},
    {"multimem*reduce_scatter", "PyTorch symmetric memory", Kind::reduce_scatter},
    {"one_shot_all_reduce", "PyTorch symmetric memory", Kind::all_reduce},
    {"two_shot_all_reduce", "PyTorch symmetric memory", Kind::all_reduce},
    {"cross_device_reduce", "custom all-reduce", Kind::all_reduce},
    {"oneshotallreduce", "TensorRT-LLM", Kind::all_reduce},
    {"twoshotallreduce", "TensorRT-LLM", Kind::all_reduce},
    {"oneshot*lamport", "TensorRT-LLM", Kind::all_reduce},
    {"lamport*allreduce", "TensorRT-LLM", Kind::all_reduce},
    {"lamport*all_reduce", "TensorRT-LLM", Kind::all_reduce},
    {"allreduce_fusion", "TensorRT-LLM", Kind::all_reduce},
    {"allreducefusion", "TensorRT-LLM", Kind::all_reduce},
    {"quickreduce", "quick-reduce", Kind::all_reduce},
    {"allreduce_prototype", "quick-reduce", Kind::all_reduce},
    {"userbuffers*rs", "Transformer Engine", Kind::reduce_scatter},
    {"userbuffers*ag", "Transformer Engine", Kind::all_gather},
    {"userbuffers_pushsend", "Transformer Engine", Kind::send_recv},
    {"userbuffers_pushrecv", "Transformer Engine", Kind::send_recv},
    {"userbuffers", "Transformer Engine", Kind::all_reduce},
    {"custom_all_reduce", "custom all-reduce", Kind::all_reduce},
    {"custom_allreduce", "custom all-reduce", Kind::all_reduce},
    {"nvshmem*barrier", "NVSHMEM", Kind::barrier, true},
    {"nvshmem*sync", "NVSHMEM", Kind::barrier, true},
    {"nvshmem*alltoall", "NVSHMEM", Kind::all_to_all},
    {"block_barrier", "custom all-reduce", Kind::barrier, true},
    // HCCL: operations, and the tasks that trace_view shows of them.
    {"^hcom_allreduce", "HCCL", Kind::all_reduce},
    {"^hcom_allgather", "HCCL", Kind::all_gather},
    {"^hcom_reducescatter", "HCCL", Kind::reduce_scatter},
    {"^hcom_alltoall", "HCCL", Kind::all_to_all},
    {"^hcom_broadcast", "HCCL", Kind::broadcast},
    {"^hcom_barrier", "HCCL", Kind::barrier, true},
    {"^hcom_batchsendrecv", "HCCL", Kind::send_recv},
    {"^hcom_send", "HCCL", Kind::send_recv},
    {"^hcom_receive", "HCCL", Kind::send_recv},
    {"^hcom_reduce", "HCCL", Kind::reduce},
    {"^hcom_", "HCCL", {}},
    {"^notify_wait", "HCCL", {}, true},
    {"^notify_record", "HCCL", {}, true},
    {"^rdmasend", "HCCL", Kind::send_recv},
    {"^reduce_inline", "HCCL", {}},
    {"^allreduceaicpu", "HCCL", Kind::all_reduce},
    // XLA
    {"^all-reduce", "XLA", Kind::all_reduce},
    {"^all-gather", "XLA", Kind::all_gather},
    {"^reduce-scatter", "XLA", Kind::reduce_scatter},
    {"^all-to-all", "XLA", Kind::all_to_all},
    {"^ragged-all-to-all", "XLA", Kind::all_to_all},
    {"^collective-permute", "XLA", Kind::send_recv},
    {"^collective-broadcast", "XLA", Kind::broadcast}};

}  // namespace

std::span<const CommunicationName> communication_names() {
  return kCommunication;
}

}  // namespace aisle::workloads::traces
