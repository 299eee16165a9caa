// A simulated accelerator in host memory, as torch's backend PrivateUse1.
#include "allocator.h"
#include "generator.h"
#include "operators.h"
#include "queue.h"

#include <ATen/TensorOperators.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/view_native.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

namespace lab {
namespace {

using Ints = at::IntArrayRef;
using MaybeTensor = std::optional<at::Tensor>;

struct Guard final : c10::impl::DeviceGuardImplInterface {
  using Event = int64_t; // when it happens

  c10::DeviceType type() const override {
    return LAB;
  }
  c10::Device exchangeDevice(c10::Device) const override {
    return DEVICE;
  }
  c10::Device getDevice() const override {
    return DEVICE;
  }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override {
    return 1;
  }

  c10::Stream getStream(c10::Device) const override {
    return c10::Stream(c10::Stream::DEFAULT, DEVICE);
  }
  c10::Stream getDefaultStream(c10::Device device) const override {
    return getStream(device);
  }
  c10::Stream getNewStream(c10::Device device, int) const override {
    return getStream(device);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return getStream(device);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    return stream;
  }
  bool queryStream(const c10::Stream&) const override {
    return queue().is_idle();
  }
  void synchronizeStream(const c10::Stream&) const override {
    queue().wait_for_all();
  }
  void synchronizeDevice(c10::DeviceIndex) const override {
    queue().wait_for_all();
  }

  void record(void** event, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {
    const int64_t when = queue().record();
    if (!*event) {
      *event = new Event;
    }
    *static_cast<Event*>(*event) = when;
  }
  // There is one stream, which is in order anyway.
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void* event) const override {
    return !event || queue().is_done(*static_cast<Event*>(event));
  }
  void synchronizeEvent(void* event) const override {
    if (event) {
      queue().wait(*static_cast<Event*>(event));
    }
  }
  double elapsedTime(void* start, void* end, c10::DeviceIndex) const override {
    return (*static_cast<Event*>(end) - *static_cast<Event*>(start)) / 1e6;
  }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override {
    delete static_cast<Event*>(event);
  }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override {
    return true;
  }
  bool isAvailable() const override {
    return true;
  }
  bool hasPrimaryContext(c10::DeviceIndex) const override {
    return true;
  }
  c10::DeviceIndex deviceCount() const override {
    return 1;
  }
  c10::DeviceIndex getCurrentDevice() const override {
    return 0;
  }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override {
    return 0;
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override {
    return 0;
  }
  at::Device getDeviceFromPtr(void*) const override {
    return DEVICE;
  }
  at::Allocator* getPinnedMemoryAllocator() const override {
    return c10::GetAllocator(c10::kCPU);
  }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    return default_generator();
  }
  // The first that is asked for is the default one, so that Python can have it.
  at::Generator getNewGenerator(c10::DeviceIndex) const override {
    static bool is_first = true;
    return std::exchange(is_first, false) ? default_generator() : new_generator();
  }
  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t size) const override {
    grow(storage, size);
  }
};

at::Tensor empty(
    Ints sizes,
    std::optional<at::ScalarType> dtype,
    std::optional<at::Layout>,
    std::optional<at::Device>,
    std::optional<bool>,
    std::optional<at::MemoryFormat> format) {
  const auto known = c10::dtype_or_default(dtype);
  check_dtype(known);
  return at::detail::empty_generic(sizes, &allocator(), LAB_KEYS, known, format);
}

at::Tensor empty_strided(
    Ints sizes,
    Ints strides,
    std::optional<at::ScalarType> dtype,
    std::optional<at::Layout>,
    std::optional<at::Device>,
    std::optional<bool>) {
  return new_strided(sizes, strides, c10::dtype_or_default(dtype));
}

const at::Tensor& resize_(
    const at::Tensor& self, Ints sizes, std::optional<at::MemoryFormat> format) {
  size_t needed = self.element_size() * self.storage_offset();
  needed += c10::multiply_integers(sizes) * self.element_size();
  if (self.storage().nbytes() < needed) {
    grow(self.storage(), needed);
  }
  self.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  if (format && *format != at::MemoryFormat::Preserve) {
    self.unsafeGetTensorImpl()->empty_tensor_restride(*format);
  }
  return self;
}

at::Tensor copy_from(const at::Tensor& source, const at::Tensor& target, bool non_blocking) {
  queue().check();
  OnHost guard;
  Shared shared;
  const auto values = shared.host(source);
  const auto place = shared.host(target);
  if (is_on_lab(target)) {
    place.copy_(values);
    queue().put("copy");
  } else if (non_blocking) {
    queue().put_copy(target, values.clone());
    return target;
  } else {
    queue().put("copy");
  }
  if (!non_blocking && !(is_on_lab(source) && is_on_lab(target))) {
    queue().wait_for_all();
  }
  if (!is_on_lab(target)) {
    place.copy_(values);
  }
  return target;
}

at::Scalar item(const at::Tensor& self) {
  queue().put("copy");
  queue().wait_for_all();
  OnHost guard;
  return Shared().host(self).item();
}

at::Tensor convolution(
    const at::Tensor& input,
    const at::Tensor& weight,
    const MaybeTensor& bias,
    Ints stride,
    Ints padding,
    Ints dilation,
    bool transposed,
    Ints output_padding,
    int64_t groups) {
  queue().put("aten::convolution");
  OnHost guard;
  Shared shared;
  const auto own_bias = bias ? shared.host(*bias) : at::Tensor();
  return shared.device(at::convolution(
      shared.host(input), shared.host(weight), own_bias, stride, padding, dilation, transposed,
      output_padding, groups));
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& gradient,
    const at::Tensor& input,
    const at::Tensor& weight,
    Ints stride,
    Ints padding,
    Ints dilation,
    bool transposed,
    Ints output_padding,
    int64_t groups,
    std::array<bool, 3> wanted) {
  queue().put("aten::convolution_backward");
  OnHost guard;
  Shared shared;
  const int64_t outputs = transposed ? weight.size(1) * groups : weight.size(0);
  auto [of_input, of_weight, of_bias] = at::convolution_backward(
      shared.host(gradient), shared.host(input), shared.host(weight), Ints{outputs}, stride, padding,
      dilation, transposed, output_padding, groups, wanted);
  return {shared.device(of_input), shared.device(of_weight), shared.device(of_bias)};
}

// A device keeps a mean and a deviation in float32 where the CPU has the input's half precision.
std::tuple<at::Tensor, at::Tensor, at::Tensor> layer_norm(
    const at::Tensor& input,
    Ints shape,
    const MaybeTensor& weight,
    const MaybeTensor& bias,
    double eps) {
  queue().put("aten::native_layer_norm");
  OnHost guard;
  Shared shared;
  auto own = [&](const MaybeTensor& t) { return t ? MaybeTensor(shared.host(*t)) : t; };
  const auto [out, mean, deviation] =
      at::native_layer_norm(shared.host(input), shape, own(weight), own(bias), eps);
  const auto kept = mean.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return {shared.device(out), shared.device(mean.to(kept)), shared.device(deviation.to(kept))};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> layer_norm_backward(
    const at::Tensor& gradient,
    const at::Tensor& input,
    Ints shape,
    const at::Tensor& mean,
    const at::Tensor& deviation,
    const MaybeTensor& weight,
    const MaybeTensor& bias,
    std::array<bool, 3> wanted) {
  queue().put("aten::native_layer_norm_backward");
  OnHost guard;
  Shared shared;
  auto own = [&](const MaybeTensor& t) { return t ? MaybeTensor(shared.host(*t)) : t; };
  const bool has_weight = weight && weight->defined();
  const auto kept = has_weight ? weight->scalar_type() : input.scalar_type();
  const auto [of_input, of_weight, of_bias] = at::native_layer_norm_backward(
      shared.host(gradient), shared.host(input), shape, shared.host(mean).to(kept),
      shared.host(deviation).to(kept), own(weight), own(bias), wanted);
  return {shared.device(of_input), shared.device(of_weight), shared.device(of_bias)};
}

at::Tensor sum(const MaybeTensor& bias, const at::Tensor& gates) {
  return bias && bias->defined() ? gates + *bias : gates;
}

// The cells that torch's recurrent layers call on a device; the CPU has none.
std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell(
    const at::Tensor& input_gates,
    const at::Tensor& hidden_gates,
    const at::Tensor& cx,
    const MaybeTensor& input_bias,
    const MaybeTensor& hidden_bias) {
  queue().put("aten::_thnn_fused_lstm_cell");
  OnHost guard;
  Shared shared;
  auto own = [&](const MaybeTensor& t) { return t ? MaybeTensor(shared.host(*t)) : t; };
  const auto gates = sum(own(input_bias), shared.host(input_gates)) +
      sum(own(hidden_bias), shared.host(hidden_gates));
  const auto parts = gates.chunk(4, 1);
  const auto in = parts[0].sigmoid(), forget = parts[1].sigmoid();
  const auto cell = parts[2].tanh(), out = parts[3].sigmoid();
  const auto cy = forget * shared.host(cx) + in * cell;
  const auto workspace = at::empty_like(gates);
  int64_t at = 0;
  for (const auto& each : {in, forget, cell, out}) {
    workspace.narrow(1, at++ * cell.size(1), cell.size(1)).copy_(each);
  }
  return {shared.device(out * cy.tanh()), shared.device(cy), shared.device(workspace)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell_backward(
    const MaybeTensor& of_hy,
    const MaybeTensor& of_cy,
    const at::Tensor& cx,
    const at::Tensor& cy,
    const at::Tensor& workspace,
    bool has_bias) {
  if (!(of_hy && of_hy->defined()) && !(of_cy && of_cy->defined())) {
    return {};
  }
  queue().put("aten::_thnn_fused_lstm_cell_backward_impl");
  OnHost guard;
  Shared shared;
  const auto parts = shared.host(workspace).chunk(4, 1);
  const auto &in = parts[0], &forget = parts[1], &cell = parts[2], &out = parts[3];
  const auto squashed = shared.host(cy).tanh();
  auto of_cell = at::zeros_like(squashed);
  auto of_out = at::zeros_like(squashed);
  if (of_hy && of_hy->defined()) {
    of_cell = of_cell + shared.host(*of_hy) * out * (1 - squashed * squashed);
    of_out = shared.host(*of_hy) * squashed * out * (1 - out);
  }
  if (of_cy && of_cy->defined()) {
    of_cell = of_cell + shared.host(*of_cy);
  }
  const auto of_gates = at::empty_like(shared.host(workspace));
  const int64_t width = cell.size(1);
  of_gates.narrow(1, 0, width).copy_(of_cell * cell * in * (1 - in));
  of_gates.narrow(1, width, width).copy_(of_cell * shared.host(cx) * forget * (1 - forget));
  of_gates.narrow(1, 2 * width, width).copy_(of_cell * in * (1 - cell * cell));
  of_gates.narrow(1, 3 * width, width).copy_(of_out);
  const auto of_bias = has_bias ? of_gates.sum(0) : at::Tensor();
  return {shared.device(of_gates), shared.device(of_cell * forget), shared.device(of_bias)};
}

std::tuple<at::Tensor, at::Tensor> gru_cell(
    const at::Tensor& input_gates,
    const at::Tensor& hidden_gates,
    const at::Tensor& hx,
    const MaybeTensor& input_bias,
    const MaybeTensor& hidden_bias) {
  queue().put("aten::_thnn_fused_gru_cell");
  OnHost guard;
  Shared shared;
  auto own = [&](const MaybeTensor& t) { return t ? MaybeTensor(shared.host(*t)) : t; };
  const auto from_input = sum(own(input_bias), shared.host(input_gates)).chunk(3, 1);
  const auto from_hidden = sum(own(hidden_bias), shared.host(hidden_gates)).chunk(3, 1);
  const auto before = shared.host(hx);
  const auto reset = (from_input[0] + from_hidden[0]).sigmoid();
  const auto update = (from_input[1] + from_hidden[1]).sigmoid();
  const auto fresh = (from_input[2] + reset * from_hidden[2]).tanh();
  const int64_t width = before.size(1);
  const auto workspace = at::empty({before.size(0), 5 * width}, before.options());
  int64_t at = 0;
  for (const auto& each : {reset, update, fresh, before, from_hidden[2]}) {
    workspace.narrow(1, at++ * width, width).copy_(each);
  }
  return {shared.device(fresh + update * (before - fresh)), shared.device(workspace)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> gru_cell_backward(
    const at::Tensor& gradient, const at::Tensor& workspace, bool has_bias) {
  queue().put("aten::_thnn_fused_gru_cell_backward");
  OnHost guard;
  Shared shared;
  const auto of_hy = shared.host(gradient);
  const auto parts = shared.host(workspace).chunk(5, 1);
  const auto &reset = parts[0], &update = parts[1], &fresh = parts[2], &before = parts[3];
  const auto of_update = of_hy * (before - fresh) * update * (1 - update);
  const auto of_fresh = of_hy * (1 - update) * (1 - fresh * fresh);
  const auto of_reset = of_fresh * parts[4] * reset * (1 - reset);
  const int64_t width = fresh.size(1);
  const auto of_input = at::empty({fresh.size(0), 3 * width}, fresh.options());
  const auto of_hidden = at::empty_like(of_input);
  for (const auto& gates : {of_input, of_hidden}) {
    gates.narrow(1, 0, width).copy_(of_reset);
    gates.narrow(1, width, width).copy_(of_update);
  }
  of_input.narrow(1, 2 * width, width).copy_(of_fresh);
  of_hidden.narrow(1, 2 * width, width).copy_(of_fresh * reset);
  auto of_bias = [&](const at::Tensor& gates) {
    return has_bias ? shared.device(gates.sum(0)) : at::Tensor();
  };
  return {
      shared.device(of_input), shared.device(of_hidden), shared.device(of_hy * update),
      of_bias(of_input), of_bias(of_hidden)};
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &empty);
  library.impl("empty_strided", &empty_strided);
  library.impl("resize_", &resize_);
  library.impl("as_strided", &at::native::as_strided_tensorimpl);
  library.impl("view", &at::native::view);
  library.impl("_reshape_alias", &at::native::_reshape_alias);
  library.impl(
      "set_.source_Storage",
      static_cast<at::Tensor& (*)(at::Tensor&, at::Storage)>(&at::native::set_));
  library.impl("set_.source_Storage_storage_offset", &at::native::set_storage_cpu_);
  library.impl("_copy_from", &copy_from);
  library.impl("_local_scalar_dense", &item);
  library.impl("native_layer_norm", &layer_norm);
  library.impl("native_layer_norm_backward", &layer_norm_backward);
  library.impl("convolution_overrideable", &convolution);
  library.impl("convolution_backward_overrideable", &convolution_backward);
  library.impl("_thnn_fused_lstm_cell", &lstm_cell);
  library.impl("_thnn_fused_lstm_cell_backward_impl", &lstm_cell_backward);
  library.impl("_thnn_fused_gru_cell", &gru_cell);
  library.impl("_thnn_fused_gru_cell_backward", &gru_cell_backward);
}

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

const bool is_registered = [] {
  allocator().ask_driver = [] { queue().check(); };
  c10::SetAllocator(LAB, &allocator());
  at::RegisterPrivateUse1HooksInterface(new Hooks);
  return true;
}();

} // namespace
} // namespace lab

// What Python calls. Nothing here may raise.
extern "C" {

// Writes current, peak, allocated and freed of each pool (all, small, large) of each statistic,
// then the numbers of retries, of failures, and of segments that were asked for and given back.
void lab_stats(int64_t* to) {
  const auto stats = lab::allocator().getDeviceStats();
  for (const auto* each :
       {&stats.allocation, &stats.segment, &stats.active, &stats.inactive_split,
        &stats.allocated_bytes, &stats.reserved_bytes, &stats.active_bytes,
        &stats.inactive_split_bytes, &stats.requested_bytes}) {
    for (const auto& stat : *each) {
      for (int64_t value : {stat.current, stat.peak, stat.allocated, stat.freed}) {
        *to++ = value;
      }
    }
  }
  for (int64_t value :
       {stats.num_alloc_retries, stats.num_ooms, stats.num_device_alloc, stats.num_device_free}) {
    *to++ = value;
  }
}

void lab_reset_peak() {
  lab::allocator().resetPeakStats();
}

void lab_reset_accumulated() {
  lab::allocator().resetAccumulatedStats();
}

// Return whether the device works; where it is broken, waiting for it raises.
bool lab_empty_cache() {
  try {
    lab::allocator().emptyCache();
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

bool lab_memory(int64_t* free, int64_t* total) {
  try {
    std::tie(*free, *total) = lab::allocator().getMemoryInfo();
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

void lab_set_memory(int64_t total, int64_t taken) {
  lab::allocator().set_memory(total, taken);
}

void lab_set_delay(const char* operation, int64_t ns) {
  lab::queue().set_delay(operation, ns);
}

void lab_skip() {
  lab::queue().skip();
}

void lab_fail_allocation(int64_t nth) {
  lab::allocator().fail_allocation(nth);
}

void lab_fail_after(const char* operation) {
  lab::queue().fail_after(operation);
}

void lab_set_float64(bool is_there) {
  lab::has_float64 = is_there;
}

void lab_set_memory_events(bool are_there) {
  lab::allocator().report_to_profiler(are_there);
}
}
