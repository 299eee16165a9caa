"""Short names of kernels keep what a kernel computes, and tell kernels apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.traces.kernel_names import LIMIT, short_name, short_names

COPY = (
    "void at::native::elementwise_kernel<128, 2, at::native::gpu_kernel_impl_nocast<"
    "at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#3}::operator()() const"
    "::{lambda()#7}::operator()() const::{lambda(float)#1}>(at::TensorIteratorBase&, "
    "at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#3}::operator()() const"
    "::{lambda()#7}::operator()() const::{lambda(float)#1} const&)::{lambda(int)#1}>(int)"
)
MUL = (
    "void at::native::vectorized_elementwise_kernel<4, at::native::{}<float, float, float, "
    "at::native::binary_internal::MulFunctor<float> >, std::array<char*, 3ul> >(int)"
)
TENSILE = "Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT16x16x512_MI16x16x1_SN_NTA{}_NTB0_PGR2"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (
            "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, "
            "at::detail::Array<char*, 3>>(int, at::native::CUDAFunctor_add<float>)",
            "vectorized_elementwise_kernel<CUDAFunctor_add<float>>",
        ),
        (COPY, "elementwise_kernel<direct_copy_kernel_cuda<float>>"),
        (COPY[:300], "elementwise_kernel<direct_copy_kernel_cuda<float>>"),  # cut in the middle
        (
            "void (anonymous namespace)::softmax_warp_forward<float, float, float, 10, true>(int)",
            "softmax_warp_forward<float>",
        ),
        (
            "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::"
            "func_wrapper_t<float, at::native::sum_functor<float, float, float>::operator()"
            "(at::TensorIterator&)::{lambda(float, float)#1}>, unsigned int, float, 4> >(int)",
            "reduce_kernel<sum_functor<float>>",
        ),
        (
            "std::enable_if<(((8)>(0)))&&vllm::_typeConvert<c10::BFloat16>::exists, void>::type "
            "vllm::fused_add_rms_norm_kernel<c10::BFloat16, 8>(c10::BFloat16*, long)",
            "fused_add_rms_norm_kernel<BFloat16>",
        ),
        ("void f<g<(16>>2)>, h<float, (1<<3)>>(int)", "f<g, h<float>>"),
        (
            "void cutlass::Kernel2<cutlass_75_tensorop_f16_s1688gemm_f16_128x128_nn_align1>(x::P)",
            "cutlass_75_tensorop_f16_s1688gemm_f16_128x128_nn_align1",
        ),
        ("void internal::gemvx::kernel<int, int, float, 7>(int)", "gemvx::kernel<int, float>"),
        (
            "ncclKernel_AllReduce_RING_LL_Sum_float(ncclWorkElem)",
            "ncclKernel_AllReduce_RING_LL_Sum_float",
        ),
        ("_ZN2ck6device12_GLOBAL__N_113kernel_gemm_xINS_5TupleIJEEEEEvT_", "kernel_gemm_x"),
        ("_Z11relu_kernelPfS_i", "relu_kernel"),
        (TENSILE.format(4), "Cijk_Alik_Bljk_BBS_MT16x16x512"),
        *[
            (name, name)
            for name in (
                "ampere_sgemm_128x64_tn",
                "sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize32x32x8_stage3",
                "triton_poi_fused_add_0",
                "Memcpy HtoD (Pageable -> Device)",
                "Memset (Device)",
            )
        ],
    ],
)
def test_what_a_kernel_computes_is_kept(name: str, short: str) -> None:
    assert short_name(name) == short


def test_kernels_that_differ_are_told_apart_by_what_differs() -> None:
    names = [MUL.format(kind) for kind in ("AUnaryFunctor", "BUnaryFunctor")]
    assert list(short_names(names).values()) == [
        "vectorized_elementwise_kernel<MulFunctor<float>> [AUnaryFunctor]",
        "vectorized_elementwise_kernel<MulFunctor<float>> [BUnaryFunctor]",
    ]
    numbers = [f"void softmax<float, {size}, true>(int)" for size in (9, 10)]
    assert list(short_names(numbers).values()) == [
        "softmax<float, 9, true>",
        "softmax<float, 10, true>",
    ]
    tiles = [TENSILE.format(number) for number in (0, 4)]
    assert list(short_names(tiles).values()) == [
        "Cijk_Alik_Bljk_BBS_MT16x16x512 [NTA0]",
        "Cijk_Alik_Bljk_BBS_MT16x16x512 [NTA4]",
    ]


def test_a_long_name_keeps_both_ends() -> None:
    name = f"triton_red_fused_{'add_' * 40}view_14"
    short = short_name(name)
    assert len(short) <= LIMIT
    assert short.startswith("triton_red_fused_add_")
    assert short.endswith("_add_view_14")


@pytest.mark.parametrize(
    "part", ["<", "a<", "(", ">", "::", "{lambda(", "a,", "f<g<", "9", " ", ""]
)
def test_hostile_names_are_short_distinct_and_not_empty(part: str) -> None:
    name = part * (100_000 // max(len(part), 1))
    found = short_names([name, f"{name}x", f"{name}y"])
    assert len({*found.values()}) == len(found)
    assert all(0 < len(short) <= LIMIT + 50 for short in found.values())


@given(st.sets(st.text("ab<>(){}:, 14&*#_~o", max_size=30), max_size=8))
def test_different_names_never_get_the_same_short_name(names: set[str]) -> None:
    found = short_names(sorted(names))
    assert {*found} == names
    assert len({*found.values()}) == len(names)
    assert all(found.values())
