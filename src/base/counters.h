// Counters and gauges of the running program, read by the metrics page.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace angarium {

enum class CounterKind { counter, gauge };

/// A named number, registered for the life of the process: declare it as a static object of the .cpp file that
/// counts. Adding is one relaxed atomic operation, from any thread.
class Counter {
 public:
  /// `name` in Prometheus' form ("angarium_smtp_accepted_total"); `labels` as they stand between braces, or empty.
  Counter(std::string_view name, std::string_view help, CounterKind kind = CounterKind::counter,
          std::string_view labels = {});
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void add(std::int64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  friend std::string counters_page();
  std::string_view name_;
  std::string_view help_;
  std::string_view labels_;
  CounterKind kind_;
  std::atomic<std::int64_t> value_{0};
  Counter* next_ = nullptr;
};

/// All counters in Prometheus' text exposition format 0.0.4, sorted by name.
std::string counters_page();

}  // namespace angarium
