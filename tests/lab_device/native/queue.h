// The device's one queue, in simulated time.
//
// What an operation computes is there when its call returns, but by the device's clock it has only
// been queued: it starts when what was queued before is done, and takes the delay that was set.
// Events tell that clock's time, and waiting sleeps until it. So a host clock without a
// synchronisation sees too short a time. What is copied to the host without blocking is delivered
// by the next wait; until then the target holds NaN, or -1. No thread is needed, so a process may
// be forked, and the device's times are at least the delays whatever else the machine does.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <chrono>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace lab {

class Queue {
 public:
  // Nanoseconds that each operation takes, or those of one name; an empty name means all.
  void set_delay(const std::string& name, int64_t ns) {
    std::lock_guard<std::mutex> guard(mutex_);
    if (name.empty()) {
      delays_.clear();
      delay_ = ns;
    } else {
      delays_[name] = ns;
    }
  }

  // Lets the next operation of a name break the device; an empty name mends it, as no driver can.
  void fail_after(const std::string& name) {
    std::lock_guard<std::mutex> guard(mutex_);
    failing_ = name;
    is_broken_ = is_told_ = false;
  }

  // Throws if the device was found to be broken: then every call fails.
  void check() {
    std::lock_guard<std::mutex> guard(mutex_);
    if (is_told_) {
      fail();
    }
  }

  void put(const std::string& name) {
    std::lock_guard<std::mutex> guard(mutex_);
    put_locked(name);
  }

  // Queues a copy to the host: `values` arrive in `target` when it is waited for.
  void put_copy(const at::Tensor& target, const at::Tensor& values) {
    std::lock_guard<std::mutex> guard(mutex_);
    put_locked("copy");
    if (c10::isFloatingType(target.scalar_type()) || c10::isComplexType(target.scalar_type())) {
      target.fill_(std::numeric_limits<double>::quiet_NaN());
    } else {
      target.fill_(-1);
    }
    copies_.push_back({busy_until_, target, values});
  }

  // Returns when all that is queued is done.
  int64_t record() {
    check();
    std::lock_guard<std::mutex> guard(mutex_);
    return std::max(now(), busy_until_);
  }

  bool is_done(int64_t when) {
    check();
    return now() >= when;
  }

  bool is_idle() {
    std::lock_guard<std::mutex> guard(mutex_);
    return now() >= busy_until_;
  }

  // Waits until a time of the device's clock.
  void wait(int64_t when) {
    std::this_thread::sleep_until(Clock::time_point(std::chrono::nanoseconds(when)));
    std::lock_guard<std::mutex> guard(mutex_);
    size_t done = 0;
    for (; done < copies_.size() && copies_[done].when <= when; ++done) {
      copies_[done].target.copy_(copies_[done].values);
    }
    copies_.erase(copies_.begin(), copies_.begin() + done);
    if (is_broken_) {
      is_told_ = true;
      fail();
    }
  }

  void wait_for_all() {
    wait(record());
  }

  // Lets all that is queued be done at once.
  void skip() {
    std::lock_guard<std::mutex> guard(mutex_);
    busy_until_ = now();
    for (Copy& copy : copies_) {
      copy.target.copy_(copy.values);
    }
    copies_.clear();
  }

 private:
  // Also what sleeps, so no clock has to be turned into another.
  using Clock = std::chrono::steady_clock;

  struct Copy {
    int64_t when;
    at::Tensor target;
    at::Tensor values;
  };

  static int64_t now() {
    const auto since = Clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
  }

  void put_locked(const std::string& name) {
    if (is_told_) {
      fail();
    }
    const auto own = delays_.find(name);
    const int64_t delay = own == delays_.end() ? delay_ : own->second;
    busy_until_ = std::max(now(), busy_until_) + delay;
    is_broken_ = is_broken_ || name == failing_;
  }

  [[noreturn]] void fail() {
    throw c10::AcceleratorError(
        {__func__, __FILE__, __LINE__},
        710, // cudaErrorAssert
        "LAB error: device-side assert triggered\n"
        "LAB kernel errors might be asynchronously reported at some other API call, so the "
        "stacktrace below might be incorrect.");
  }

  std::mutex mutex_;
  int64_t delay_ = 0;
  std::map<std::string, int64_t> delays_;
  int64_t busy_until_ = 0;
  std::vector<Copy> copies_;
  std::string failing_;
  bool is_broken_ = false; // an operation has failed
  bool is_told_ = false; // a wait has found that out
};

inline Queue& queue() {
  static auto* only = new Queue;
  return *only;
}

} // namespace lab
