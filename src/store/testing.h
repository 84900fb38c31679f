// Small helpers of this room's tests.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "store/tablet.h"

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

/// Keeps the result.
class Waiter final : public Completion {
 public:
  void completed(Result<CommitInfo> outcome) noexcept override { result = std::move(outcome); }
  std::optional<Result<CommitInfo>> result;
};

}  // namespace angarium::store::testing
