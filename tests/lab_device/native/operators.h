// Operators: the CPU's kernels, run on tensors that share the device's memory.
#pragma once

#include "generator.h"
#include "queue.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/record_function.h>

#include <atomic>
#include <unordered_map>
#include <unordered_set>

namespace lab {

inline bool is_on_lab(const at::Tensor& tensor) {
  return tensor.defined() && tensor.device().type() == LAB;
}

inline std::atomic<bool> has_float64{true};

inline void check_dtype(at::ScalarType dtype) {
  TORCH_CHECK_TYPE(
      has_float64 || (dtype != at::kDouble && dtype != at::kComplexDouble),
      "Cannot convert a LAB Tensor to float64 dtype as the LAB framework doesn't support float64. "
      "Please use float32 instead.");
}

inline const c10::DispatchKeySet LAB_KEYS(c10::DispatchKey::PrivateUse1);
inline const c10::DispatchKeySet CPU_KEYS(c10::DispatchKey::CPU);

inline at::Tensor new_strided(at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType dtype) {
  check_dtype(dtype);
  return at::detail::empty_strided_generic(sizes, strides, &allocator(), LAB_KEYS, dtype);
}

// Gives a storage memory for so many bytes, and keeps what is in it.
inline void grow(c10::Storage storage, size_t bytes) {
  c10::DataPtr memory = allocator().allocate(bytes);
  if (storage.nbytes() && bytes) {
    std::memcpy(memory.get(), storage.data(), std::min(bytes, storage.nbytes()));
  }
  storage.set_data_ptr_noswap(std::move(memory));
  storage.set_nbytes(bytes);
}

// What the CPU's kernels need to know nothing of: autograd, autocast, and the profiler, which shall
// see one operator for one call.
struct OnHost {
  at::AutoDispatchBelowADInplaceOrView below_autograd;
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
  at::DisableRecordFunctionGuard no_events;
};

// The tensors of one call, and those on the host that share their memory.
class Shared {
 public:
  // Returns the tensor on the host that shares a tensor's memory; any other tensor as it is.
  at::Tensor host(const at::Tensor& tensor) {
    if (!is_on_lab(tensor)) {
      return tensor;
    }
    for (const Pair& pair : pairs_) {
      if (pair.device.is_same(tensor)) {
        return pair.host;
      }
    }
    auto storage = tensor.storage();
    c10::DataPtr memory(storage.mutable_data(), c10::Device(c10::kCPU));
    auto shared = c10::make_intrusive<c10::StorageImpl>(
        c10::StorageImpl::use_byte_size_t(),
        storage.nbytes(),
        std::move(memory),
        c10::GetAllocator(c10::kCPU),
        /*resizable=*/true);
    auto host = at::detail::make_tensor<c10::TensorImpl>(
        c10::Storage(std::move(shared)), CPU_KEYS, tensor.dtype());
    set_layout(host, tensor);
    pairs_.push_back({tensor, host});
    return host;
  }

  // Lets the device's tensor follow what a kernel did to the host's: it may have been resized.
  void follow(const at::Tensor& tensor) {
    for (const Pair& pair : pairs_) {
      if (!pair.device.is_same(tensor)) {
        continue;
      }
      auto from = pair.host.storage();
      if (from.data() != tensor.storage().data()) {
        grow(tensor.storage(), from.nbytes());
        std::memcpy(tensor.storage().mutable_data(), from.data(), from.nbytes());
      }
      if (pair.host.sizes() != tensor.sizes() || pair.host.strides() != tensor.strides()) {
        set_layout(tensor, pair.host);
      }
    }
  }

  // Returns the device's tensor for a kernel's result: an argument, a view of one, or a new tensor.
  at::Tensor device(const at::Tensor& result) {
    if (!result.defined() || is_on_lab(result)) {
      return result;
    }
    for (const Pair& pair : pairs_) {
      if (pair.host.is_same(result)) {
        return pair.device;
      }
    }
    for (const Pair& pair : pairs_) {
      if (pair.host.storage().is_alias_of(result.storage())) {
        auto view = at::detail::make_tensor<c10::TensorImpl>(
            c10::TensorImpl::VIEW,
            c10::Storage(pair.device.storage()),
            pair.device.key_set(),
            result.dtype());
        set_layout(view, result);
        return view;
      }
    }
    has_new_ = true;
    auto made = new_strided(result.sizes(), result.strides(), result.scalar_type());
    if (made.numel()) {
      std::memcpy(made.mutable_data_ptr(), result.const_data_ptr(), made.storage().nbytes());
    }
    return made;
  }

  // Whether a result had memory of its own.
  bool has_new() const {
    return has_new_;
  }

 private:
  struct Pair {
    at::Tensor device;
    at::Tensor host;
  };

  static void set_layout(const at::Tensor& tensor, const at::Tensor& like) {
    auto* impl = tensor.unsafeGetTensorImpl();
    impl->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  }

  std::vector<Pair> pairs_;
  bool has_new_ = false;
};

// Operators whose result's size depends on values: these are waited for, as on any device.
inline bool waits(const c10::FunctionSchema& schema) {
  static const std::unordered_set<std::string> names{
      "aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::unique_dim",
      "aten::unique_consecutive", "aten::_unique", "aten::repeat_interleave", "aten::bincount"};
  bool gives_number = false;
  for (const auto& each : schema.returns()) {
    const auto kind = each.type()->kind();
    gives_number = gives_number || kind == c10::TypeKind::BoolType ||
        kind == c10::TypeKind::IntType || kind == c10::TypeKind::FloatType ||
        kind == c10::TypeKind::NumberType;
  }
  return gives_number || names.count(schema.name());
}

// As on other devices, only numbers and indices may be on the host.
inline void check_place(const std::string& name, const at::Tensor& tensor) {
  TORCH_CHECK(
      !tensor.defined() || is_on_lab(tensor) || tensor.dim() == 0 ||
          name.find("index") != std::string::npos,
      "Expected all tensors to be on the same device, but found at least two devices, ",
      DEVICE,
      " and ",
      tensor.device(),
      "!");
}

// Runs an operator's CPU kernel.
inline void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  const std::string& name = schema.name();
  queue().check();
  Shared shared;
  const auto& declared = schema.arguments();
  const size_t first = stack->size() - declared.size();
  std::vector<at::Tensor> written;
  for (size_t at = 0; at < declared.size(); ++at) {
    c10::IValue& value = (*stack)[first + at];
    const auto* alias = declared[at].alias_info();
    auto moved = [&](const at::Tensor& tensor) {
      check_place(name, tensor);
      if (alias && alias->isWrite() && is_on_lab(tensor)) {
        written.push_back(tensor);
      }
      return shared.host(tensor);
    };
    if (value.isTensor()) {
      value = moved(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& each : value.toTensorVector()) {
        list.push_back(moved(each));
      }
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const std::optional<at::Tensor>& each : value.toOptionalTensorVector()) {
        list.push_back(each ? std::make_optional(moved(*each)) : each);
      }
      value = list;
    } else if (value.isDevice() && value.toDevice().type() == LAB) {
      value = c10::Device(c10::kCPU);
    } else if (declared[at].name() == "generator") {
      value = on_host(value.toOptional<at::Generator>());
    }
  }
  {
    OnHost guard;
    op.redispatchBoxed(CPU_KEYS, stack);
  }
  for (const at::Tensor& each : written) {
    shared.follow(each);
  }
  for (size_t at = stack->size() - schema.returns().size(); at < stack->size(); ++at) {
    c10::IValue& value = (*stack)[at];
    if (value.isTensor()) {
      value = shared.device(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& each : value.toTensorVector()) {
        list.push_back(shared.device(each));
      }
      value = list;
    }
  }
  const bool is_waited_for = waits(schema);
  // What only views its arguments is no work for a device.
  if (!written.empty() || shared.has_new() || is_waited_for) {
    queue().put(name);
  }
  if (is_waited_for) {
    queue().wait_for_all();
  }
}

} // namespace lab
