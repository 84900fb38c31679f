// Small helpers of this room's tests.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "base/random.h"
#include "base/time.h"
#include "store/tablet.h"
#include "store/volume_faulty.h"

namespace angarium::store::testing {

/// A directory that is gone when this is.
class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Appends operands to the value.
class AppendMerger final : public Merger {
 public:
  [[nodiscard]] std::string merge(std::string_view /*key*/, std::optional<std::string_view> before,
                                  std::span<const std::string_view> operands) const override {
    std::string value(before.value_or(""));
    for (std::string_view operand : operands) value.append(operand);
    return value;
  }
  [[nodiscard]] std::optional<std::string> combine(std::string_view /*key*/,
                                                   std::span<const std::string_view> operands) const override {
    std::string sum;
    for (std::string_view operand : operands) sum.append(operand);
    return sum;
  }
};

/// Values under keys that begin with 'e' end with a body reference.
class TailRefs final : public BodyRefs {
 public:
  void visit(std::string_view key, std::string_view value,
             const std::function<void(const BodyRef&)>& found) const override {
    if (!key.starts_with('e') || value.size() < BodyRef::kSize) return;
    if (auto ref = BodyRef::decode(value.substr(value.size() - BodyRef::kSize))) found(*ref);
  }
};

/// A tablet on a disk that fails when it is told to: without threads, with a clock and chance of its own, in small
/// segments. Change `options` before open().
class OnFaultyDisk {
 public:
  explicit OnFaultyDisk(StateKind state = StateKind::sorted) {
    options.state = state;
    options.threads = Threads::none;
    options.segment_size = 64u << 10;
    options.reserve = 0;
    options.cache_size = 1u << 20;
    options.clock = &clock;
    options.random = &random;
    options.mergers['m'] = &merger;
    options.body_refs = &refs;
  }
  OnFaultyDisk(const OnFaultyDisk&) = delete;
  OnFaultyDisk& operator=(const OnFaultyDisk&) = delete;
  ~OnFaultyDisk() = default;

  /// What was open is closed before, also by rebuild().
  Result<> try_open() {
    tablet.reset();
    std::unique_ptr<Volume> volume = TRY(open_faulty_volume(disk));
    tablet = TRY(Tablet::open(std::move(volume), options));
    return {};
  }
  /// Throws the error's text.
  void open() {
    if (const Result<> opened = try_open(); !opened) throw std::runtime_error(opened.error().text());
  }
  Result<> rebuild() {
    tablet.reset();
    return store::rebuild(TRY(open_faulty_volume(disk)), options);
  }
  /// The disk keeps what was synced, and nothing is open.
  void power_loss() {
    disk->crash();
    tablet.reset();
  }

  SeededRandom random{42};
  ManualClock clock;
  AppendMerger merger;
  TailRefs refs;
  std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>(1);
  TabletOptions options;
  std::unique_ptr<Tablet> tablet;  // ends before what it uses
};

/// Keeps the result.
class Waiter final : public Completion {
 public:
  void completed(Result<CommitInfo> outcome) noexcept override { result = std::move(outcome); }
  std::optional<Result<CommitInfo>> result;
};

}  // namespace angarium::store::testing
