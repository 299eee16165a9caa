"""What family an event is of."""

from __future__ import annotations

import pytest

from profiling.traces.families import FAMILIES, family

_AT = "void at::native::"
_EVENTS = {
    "matmul": [
        ("cpu_op", "aten::addmm"),
        ("cpu_op", "aten::_scaled_dot_product_flash_attention"),
        ("cpu_op", "aten::convolution_backward"),
        ("kernel", "ampere_sgemm_128x64_tn"),
        ("kernel", "Cijk_Alik_Bljk_BBS_BH_MT128x128x32"),
        ("kernel", "volta_scudnn_128x64_relu_small_nn_v1"),
    ],
    "elementwise": [
        ("cpu_op", "aten::add_"),
        ("cpu_op", "aten::gelu_backward"),
        ("cpu_op", "aten::normal_"),
        ("kernel", _AT + "vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>"),
    ],
    "reduction": [
        ("cpu_op", "aten::native_layer_norm"),
        ("cpu_op", "aten::nll_loss_forward"),
        ("kernel", _AT + "reduce_kernel<512, 1, at::native::ReduceOp<float, MeanOps<float>>>"),
        ("kernel", "void cudnn::bn_fw_tr_1C11_singleread<float, 512, true, 1, 2, 0>"),
    ],
    "copy": [
        ("cpu_op", "aten::copy_"),
        ("cpu_op", "aten::view"),
        ("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)"),
        ("gpu_memset", "Memset (Device)"),
        ("kernel", _AT + "unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda>"),
    ],
    "communication": [
        ("cpu_op", "c10d::allreduce_"),
        ("kernel", "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"),
    ],
    "optimizer": [
        ("user_annotation", "Optimizer.step#SGD.step"),
        ("cpu_op", "aten::_foreach_add_"),
        ("cpu_op", "aten::_fused_adam_"),
        ("kernel", _AT + "(anonymous namespace)::multi_tensor_apply_kernel<...>"),
    ],
    "backward": [
        ("cpu_op", "autograd::engine::evaluate_function: AddmmBackward0"),
        ("cpu_op", "MulBackward0"),
        ("cpu_op", "torch::autograd::AccumulateGrad"),
    ],
    "runtime": [("cuda_runtime", "cudaMemcpyAsync"), ("xpu_driver", "zeCommandListAppend")],
    "python": [("python_function", "torch/nn/functional.py(10): linear")],
    "annotation": [("user_annotation", "ProfilerStep#3"), ("gpu_user_annotation", "forward")],
    "other": [("cpu_op", "aten::result_type"), ("", ""), ("Trace", "PyTorch Profiler (0)")],
}


@pytest.mark.parametrize("name", FAMILIES)
def test_events_are_of_the_family_of_what_they_do(name: str) -> None:
    assert {event: family(*event) for event in _EVENTS[name]} == dict.fromkeys(_EVENTS[name], name)
