"""Families of events: what an operator, a kernel or a call does, told by its category and name."""

from __future__ import annotations

import functools
import re

from profiling.traces.categories import is_runtime
from profiling.traces.memory import NODE_PREFIX

# In the order of a legend.
FAMILIES = (
    *("matmul", "elementwise", "reduction", "copy", "communication", "optimizer"),
    *("backward", "runtime", "python", "annotation", "other"),
)

_BY_CATEGORY = {
    "python_function": "python",
    "user_annotation": "annotation",
    "gpu_user_annotation": "annotation",
    "gpu_memcpy": "copy",
    "gpu_memset": "copy",
}
_NODE = re.compile(r"\w*Backward\d*|(?:torch::autograd::)?(?:AccumulateGrad|CopySlices|GraphRoot)")
_OPTIMIZER_STEP = re.compile(r"Optimizer\.(?:step|zero_grad)#")
# Parts of names in lower case. The first that is found decides: an optimizer's kernel is an
# elementwise one besides, a normalisation copies, and what reduces may call itself elementwise.
_WORDS = (
    (
        "communication",
        r"nccl rccl c10d:: all_?reduce all_?gather reduce_?scatter all_?to_?all symm_mem"
        r" broadcast_coalesced record_param_comms one_shot two_shot deep_?ep",
    ),
    (
        "optimizer",
        r"optimizer _fused_(?:adam|sgd|adagrad) fusedadam (?:adamw?|sgd|lamb)functor foreach_"
        r" multi_tensor_apply",
    ),
    (
        "matmul",
        r"gemm gemv cutlass xmma cijk wgmma hmma cublas nvjet matmul \bb?mm\b addb?mm addmv"
        r" baddbmm _mm\b ::mv\b ::dot\b (?<!bi)(?<!tri)linear conv(?!ert) winograd dgrad wgrad"
        r" einsum outer\b scudnn attention attn flash fmha sdpa mha_ aten::lstm aten::gru\b rnn"
        r" cudnn.*(?:fprop|bprop)",
    ),
    (
        "copy",
        r"direct_copy copy_?kernel memcpy memset cat(?:array|batched) nchwtonhwc nhwctonchw",
    ),
    (
        "reduction",
        r"softmax norm(?!al) bn_[fb]w welford reduce loss cross_entropy nll cumsum cumprod prefix"
        r" scan argm top_?k sort ::sum ::mean ::var ::std ::prod ::max\b ::min\b ::amax ::amin"
        r" ::any ::all\b ::unique histc bincount pool meanops sumops allclose count_nonzero",
    ),
    (
        "copy",
        r"copy ::to\b clone contiguous ::cat\b stack concat embedding index gather scatter"
        r" ::empty ::zeros ::ones ::full ::new_ fill ::zero_ resize pin_memory ::item"
        r" _local_scalar_dense lift_fresh unfold im2col col2im transpose permute ::t\b view"
        r" reshape expand slice select as_strided squeeze narrow split chunk ::alias detach"
        r" unbind flatten movedim repeat roll ::flip pad\b triu tril ::arange ::set_",
    ),
    (
        "elementwise",
        r"elementwise unrolled pointwise triton_poi vectorized functor dropout relu gelu silu"
        r" elu\b sigmoid tanh swiglu rope rotary quantize bernoulli uniform normal_ rand"
        r" ::r?sub ::add ::mul ::div ::neg ::pow ::r?sqrt ::exp ::log ::abs ::sin ::cos ::erf"
        r" ::clamp ::where ::lerp ::maximum ::minimum ::reciprocal ::square ::floor ::ceil"
        r" ::round ::sign ::threshold ::masked_fill ::bitwise ::logical ::eq ::ne ::lt ::le ::gt"
        r" ::ge ::isnan ::isinf ::isfinite ::fmod ::remainder ::hard ::softplus ::mish"
        r" ::nan_to_num",
    ),
)
_PATTERNS = tuple((name, re.compile("|".join(words.split(" ")))) for name, words in _WORDS)


@functools.lru_cache(maxsize=2**16)
def family(category: str, name: str) -> str:
    """Return the family of an event, one of `FAMILIES`.

    Args:
        category: The event's category.
        name: Its name.

    Example:
        >>> family("cpu_op", "aten::addmm"), family("cpu_op", "AddmmBackward0")
        ('matmul', 'backward')
        >>> family("kernel", "void at::native::reduce_kernel<512, 1, at::native::MeanOps<float>>")
        'reduction'
    """
    if category in _BY_CATEGORY:
        return "optimizer" if _OPTIMIZER_STEP.match(name) else _BY_CATEGORY[category]
    if is_runtime(category):
        return "runtime"
    if name.startswith(NODE_PREFIX) or _NODE.fullmatch(name):
        return "backward"
    # A hostile name is endless.
    words = name[:1000].lower()
    return next((found for found, pattern in _PATTERNS if pattern.search(words)), "other")
