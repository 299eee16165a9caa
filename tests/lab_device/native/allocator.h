// A caching allocator in host memory that follows the rules of CUDA's.
//
// Segments are what it takes from the "driver", blocks are what tensors get of them. Sizes, the
// choice of a block, when one is split and merged, and what is counted are those of
// CUDACachingAllocator.cpp.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <iomanip>
#include <mutex>
#include <set>
#include <sstream>
#include <unordered_map>

namespace lab {

constexpr auto LAB = c10::DeviceType::PrivateUse1;
inline const c10::Device DEVICE(LAB, 0);

constexpr size_t MIB = 1 << 20;
constexpr size_t MIN_BLOCK = 512; // all sizes are multiples of it
constexpr size_t SMALL = MIB; // the largest block of the small pool
constexpr size_t SMALL_SEGMENT = 2 * MIB;
constexpr size_t MIN_LARGE = 10 * MIB; // smaller blocks of the large pool come from one segment
constexpr size_t LARGE_SEGMENT = 20 * MIB;
constexpr size_t ROUND_LARGE = 2 * MIB; // larger ones get a segment of their own, a multiple of it

inline size_t rounded(size_t size, size_t unit) {
  return (size + unit - 1) / unit * unit;
}

inline std::string shown(size_t size) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2);
  if (size <= 1024) {
    text << size << " bytes";
  } else if (size <= MIB) {
    text << size / 1024.0 << " KiB";
  } else if (size <= 1024 * MIB) {
    text << size / 1048576.0 << " MiB";
  } else {
    text << size / 1073741824.0 << " GiB";
  }
  return text.str();
}

struct Block;

struct BySize {
  bool operator()(const Block* a, const Block* b) const;
};

struct Pool {
  bool is_small;
  std::set<Block*, BySize> free;
};

struct Block {
  Pool* pool;
  char* address;
  size_t size;
  size_t requested = 0;
  bool is_used = false;
  Block* before = nullptr; // neighbours in the same segment
  Block* after = nullptr;

  bool is_split() const {
    return before || after;
  }
};

inline bool BySize::operator()(const Block* a, const Block* b) const {
  return a->size != b->size ? a->size < b->size : a->address < b->address;
}

class Allocator final : public c10::DeviceAllocator {
 public:
  using Stats = c10::CachingDeviceAllocator::DeviceStats;

  // Is called before the driver is asked for something; may throw.
  std::function<void()> ask_driver;

  c10::DataPtr allocate(size_t size) override {
    void* address = size ? take(size) : nullptr;
    return {address, address, &Allocator::release, DEVICE};
  }

  c10::DeleterFnPtr raw_deleter() const override {
    return &Allocator::release;
  }

  void copy_data(void* target, const void* source, size_t size) const override {
    std::memcpy(target, source, size);
  }

  bool initialized() override {
    return true;
  }

  void emptyCache(c10::MempoolId_t = {0, 0}) override {
    ask_driver();
    std::lock_guard<std::mutex> guard(mutex_);
    release_segments();
  }

  // There is one stream only.
  void recordStream(const c10::DataPtr&, c10::Stream) override {}

  Stats getDeviceStats(c10::DeviceIndex = 0) override {
    std::lock_guard<std::mutex> guard(mutex_);
    return stats_;
  }

  void resetAccumulatedStats(c10::DeviceIndex = 0) override {
    std::lock_guard<std::mutex> guard(mutex_);
    each_stat([](c10::CachingAllocator::Stat& stat) { stat.reset_accumulated(); });
    stats_.num_alloc_retries = stats_.num_ooms = 0;
    stats_.num_device_alloc = stats_.num_device_free = 0;
  }

  void resetPeakStats(c10::DeviceIndex = 0) override {
    std::lock_guard<std::mutex> guard(mutex_);
    each_stat([](c10::CachingAllocator::Stat& stat) { stat.reset_peak(); });
  }

  // Older torches have no such function to override.
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex = 0) { // NOLINT
    ask_driver();
    std::lock_guard<std::mutex> guard(mutex_);
    return {free_bytes(), total_};
  }

  // Sets the size of the memory, and how much of it other processes have taken.
  void set_memory(size_t total, size_t taken) {
    std::lock_guard<std::mutex> guard(mutex_);
    total_ = total;
    taken_ = taken;
  }

  // Lets the nth allocation from now on fail, once; 0 lets none fail.
  void fail_allocation(int64_t nth) {
    std::lock_guard<std::mutex> guard(mutex_);
    until_failure_ = nth;
  }

  void report_to_profiler(bool is_wanted) {
    std::lock_guard<std::mutex> guard(mutex_);
    is_reporting_ = is_wanted;
  }

  static void release(void* address);

 private:
  void* take(size_t requested) {
    std::lock_guard<std::mutex> guard(mutex_);
    const size_t size = rounded(requested, MIN_BLOCK);
    Pool& pool = size <= SMALL ? small_ : large_;
    const bool is_failing = until_failure_ && --until_failure_ == 0;
    Block* block = is_failing ? nullptr : found(pool, size);
    if (!block && !is_failing) {
      block = new_segment(pool, size);
    }
    if (!block) {
      ++stats_.num_alloc_retries;
      release_segments();
      block = is_failing ? nullptr : new_segment(pool, size);
    }
    if (!block) {
      ++stats_.num_ooms;
      out_of_memory(requested);
    }
    const bool was_split = block->is_split();
    if (block->size - size >= (pool.is_small ? MIN_BLOCK : SMALL + 1)) {
      Block* rest = split(block, size);
      count(stats_.inactive_split_bytes, pool, was_split ? -int64_t(size) : int64_t(rest->size));
      count(stats_.inactive_split, pool, was_split ? 0 : 1);
    } else if (was_split) {
      count(stats_.inactive_split_bytes, pool, -int64_t(block->size));
      count(stats_.inactive_split, pool, -1);
    }
    block->is_used = true;
    block->requested = requested;
    used_[block->address] = block;
    count_used(*block, 1);
    return block->address;
  }

  void give_back(void* address) {
    std::lock_guard<std::mutex> guard(mutex_);
    auto found = used_.find(address);
    Block* block = found->second;
    used_.erase(found);
    block->is_used = false;
    count_used(*block, -1);
    int64_t splits = 0;
    int64_t bytes = 0;
    for (Block* neighbour : {block->before, block->after}) {
      if (neighbour && !neighbour->is_used) {
        splits -= 1;
        bytes -= neighbour->size;
        merge(block, neighbour);
      }
    }
    if (block->is_split()) {
      splits += 1;
      bytes += block->size;
    }
    count(stats_.inactive_split, *block->pool, splits);
    count(stats_.inactive_split_bytes, *block->pool, bytes);
    block->pool->free.insert(block);
  }

  // Returns the smallest free block that is large enough, which is free no more.
  Block* found(Pool& pool, size_t size) {
    Block wanted{&pool, nullptr, size};
    auto best = pool.free.lower_bound(&wanted);
    if (best == pool.free.end()) {
      return nullptr;
    }
    Block* block = *best;
    pool.free.erase(best);
    return block;
  }

  Block* new_segment(Pool& pool, size_t size) {
    size_t whole = rounded(size, ROUND_LARGE);
    if (pool.is_small) {
      whole = SMALL_SEGMENT;
    } else if (size < MIN_LARGE) {
      whole = LARGE_SEGMENT;
    }
    ask_driver();
    void* address = nullptr;
    if (whole > free_bytes() || posix_memalign(&address, MIN_BLOCK, whole)) {
      return nullptr;
    }
    ++stats_.num_device_alloc;
    count(stats_.segment, pool, 1);
    count(stats_.reserved_bytes, pool, whole);
    return new Block{&pool, static_cast<char*>(address), whole};
  }

  void release_segments() {
    for (Pool* pool : {&small_, &large_}) {
      for (auto at = pool->free.begin(); at != pool->free.end();) {
        Block* block = *at;
        if (block->is_split()) {
          ++at;
          continue;
        }
        at = pool->free.erase(at);
        ++stats_.num_device_free;
        count(stats_.segment, *pool, -1);
        count(stats_.reserved_bytes, *pool, -int64_t(block->size));
        std::free(block->address);
        delete block;
      }
    }
  }

  // Cuts a block down to a size and returns the rest, which is free.
  Block* split(Block* block, size_t size) {
    auto* rest = new Block{block->pool, block->address + size, block->size - size};
    rest->before = block;
    rest->after = block->after;
    if (rest->after) {
      rest->after->before = rest;
    }
    block->after = rest;
    block->size = size;
    block->pool->free.insert(rest);
    return rest;
  }

  void merge(Block* block, Block* neighbour) {
    block->pool->free.erase(neighbour);
    if (neighbour == block->before) {
      block->address = neighbour->address;
      block->before = neighbour->before;
      if (block->before) {
        block->before->after = block;
      }
    } else {
      block->after = neighbour->after;
      if (block->after) {
        block->after->before = block;
      }
    }
    block->size += neighbour->size;
    delete neighbour;
  }

  size_t reserved() const {
    return stats_.reserved_bytes[0].current;
  }

  size_t free_bytes() const {
    const size_t gone = reserved() + taken_;
    return gone < total_ ? total_ - gone : 0;
  }

  [[noreturn]] void out_of_memory(size_t requested) {
    const size_t allocated = stats_.allocated_bytes[0].current;
    std::ostringstream text;
    text << "LAB out of memory. Tried to allocate " << shown(requested)
         << ". Device 0 has a total capacity of " << shown(total_) << " of which "
         << shown(free_bytes()) << " is free. Of the allocated memory " << shown(allocated)
         << " is allocated by PyTorch, and " << shown(reserved() - allocated)
         << " is reserved by PyTorch but unallocated.";
    TORCH_CHECK_WITH(OutOfMemoryError, false, text.str());
    std::abort(); // The check has thrown.
  }

  void count(c10::CachingAllocator::StatArray& stats, const Pool& pool, int64_t change) {
    for (size_t at : {size_t(0), size_t(pool.is_small ? 1 : 2)}) {
      if (change > 0) {
        stats[at].increase(change);
      } else if (change < 0) {
        stats[at].decrease(-change);
      }
    }
  }

  void count_used(const Block& block, int64_t sign) {
    const Pool& pool = *block.pool;
    const int64_t size = sign * int64_t(block.size);
    count(stats_.allocation, pool, sign);
    count(stats_.active, pool, sign);
    count(stats_.allocated_bytes, pool, size);
    count(stats_.active_bytes, pool, size);
    count(stats_.requested_bytes, pool, sign * int64_t(block.requested));
    if (is_reporting_) {
      c10::reportMemoryUsageToProfiler(
          block.address, size, stats_.allocated_bytes[0].current, reserved(), DEVICE);
    }
  }

  template <typename Change>
  void each_stat(Change change) {
    for (auto* stats :
         {&stats_.allocation,
          &stats_.segment,
          &stats_.active,
          &stats_.inactive_split,
          &stats_.allocated_bytes,
          &stats_.reserved_bytes,
          &stats_.active_bytes,
          &stats_.inactive_split_bytes,
          &stats_.requested_bytes}) {
      for (auto& stat : *stats) {
        change(stat);
      }
    }
  }

  std::mutex mutex_;
  Stats stats_;
  Pool small_{true};
  Pool large_{false};
  std::unordered_map<void*, Block*> used_;
  size_t total_ = 16 * 1024 * MIB;
  size_t taken_ = 0;
  int64_t until_failure_ = 0;
  bool is_reporting_ = true;
};

// Never destroyed: tensors may outlive what is static.
inline Allocator& allocator() {
  static auto* only = new Allocator;
  return *only;
}

inline void Allocator::release(void* address) {
  if (address) {
    allocator().give_back(address);
  }
}

} // namespace lab
