// A generator with a state of its own. The numbers are drawn by the CPU's kernels from the
// generator inside, so a seed gives the numbers that it gives on the CPU.
#pragma once

#include "allocator.h"

#include <ATen/CPUGeneratorImpl.h>

namespace lab {

class Generator final : public c10::GeneratorImpl {
 public:
  explicit Generator(at::Generator inner)
      : c10::GeneratorImpl(DEVICE, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1)),
        inner_(std::move(inner)) {}

  const at::Generator& inner() const {
    return inner_;
  }

  void set_current_seed(uint64_t seed) override {
    inner_.set_current_seed(seed);
  }

  void set_offset(uint64_t offset) override {
    inner_.set_offset(offset);
  }

  uint64_t get_offset() const override {
    return inner_.get_offset();
  }

  uint64_t current_seed() const override {
    return inner_.current_seed();
  }

  uint64_t seed() override {
    return inner_.seed();
  }

  void set_state(const c10::TensorImpl& state) override {
    inner_.unsafeGetGeneratorImpl()->set_state(state);
  }

  c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    return inner_.unsafeGetGeneratorImpl()->get_state();
  }

  static c10::DeviceType device_type() {
    return LAB;
  }

 private:
  Generator* clone_impl() const override {
    return new Generator(inner_.clone());
  }

  at::Generator inner_;
};

inline at::Generator new_generator() {
  return at::make_generator<Generator>(at::detail::createCPUGenerator());
}

inline const at::Generator& default_generator() {
  static auto* only = new at::Generator(new_generator());
  return *only;
}

// Returns what the CPU's kernels are to draw from.
inline at::Generator on_host(const std::optional<at::Generator>& given) {
  const at::Generator& asked = given && given->defined() ? *given : default_generator();
  TORCH_CHECK(
      asked.device().type() == LAB,
      "Expected a 'lab' device type for generator but found '",
      asked.device().type(),
      "'");
  return static_cast<Generator*>(asked.unsafeGetGeneratorImpl())->inner();
}

} // namespace lab
