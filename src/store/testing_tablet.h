// A tablet for tests: hands all on to another one, but for what a test makes otherwise.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "store/error.h"
#include "store/tablet.h"

namespace angarium::store::testing {

class PassingTablet : public Tablet {
 public:
  explicit PassingTablet(Tablet& inner) : inner_(inner) {}
  void enqueue(Batch batch, Completion& completion) override { inner_.enqueue(std::move(batch), completion); }
  bool commit_waiting() override { return inner_.commit_waiting(); }
  Result<std::optional<std::string>> get(std::string_view key, Reading reading) override {
    return inner_.get(key, reading);
  }
  Result<std::vector<std::optional<std::string>>> multi_get(std::span<const std::string_view> keys,
                                                            Reading reading) override {
    return inner_.multi_get(keys, reading);
  }
  Result<> scan(std::string_view from, std::string_view to, const ScanOptions& options, const Visitor& visitor,
                Reading reading) override {
    return inner_.scan(from, to, options, visitor, reading);
  }
  Result<ReadView> view(Tier tier) override { return inner_.view(tier); }
  [[nodiscard]] std::uint64_t sequence() const override { return inner_.sequence(); }
  Result<> read_body(const BodyRef& ref, std::uint64_t offset, std::span<char> into, Tier tier) override {
    return inner_.read_body(ref, offset, into, tier);
  }
  Result<std::unique_ptr<BodyWriter>> open_body() override { return inner_.open_body(); }
  [[nodiscard]] bool accepting() const override { return inner_.accepting(); }
  [[nodiscard]] bool running() const override { return inner_.running(); }
  Stats stats() override { return inner_.stats(); }
  Result<> flush() override { return inner_.flush(); }
  Result<> snapshot(const std::string& directory) override { return inner_.snapshot(directory); }
  Result<VerifyReport> verify(const Progress& progress) override { return inner_.verify(progress); }
  Result<SweepReport> sweep(const SweepOptions& options) override { return inner_.sweep(options); }
  Result<> write_image() override { return inner_.write_image(); }

 protected:
  Tablet& inner_;
};

/// Passes all on, but for batches as long as it refuses.
class RefusingTablet final : public PassingTablet {
 public:
  using PassingTablet::PassingTablet;
  void enqueue(Batch batch, Completion& completion) override {
    if (!refuses) return PassingTablet::enqueue(std::move(batch), completion);
    // Who enqueues may hold a mutex: the answer comes from another thread, as a committer's does.
    refusing_ = std::jthread([this, &completion] { completion.completed(fail(*kind, "refused")); });
  }

  bool refuses = false;
  const ErrorKind* kind = &kStoreFull;

 private:
  std::jthread refusing_;
};

/// Keeps the first batch back, while it is slow, until the next one comes.
class SlowTablet final : public PassingTablet {
 public:
  using PassingTablet::PassingTablet;
  void enqueue(Batch batch, Completion& completion) override {
    if (slow && waiting_ == nullptr) {
      kept_ = std::move(batch);
      waiting_ = &completion;
      return;
    }
    if (waiting_ != nullptr) PassingTablet::enqueue(std::move(kept_), *std::exchange(waiting_, nullptr));
    slow = false;
    PassingTablet::enqueue(std::move(batch), completion);
  }

  bool slow = false;

 private:
  Batch kept_;
  Completion* waiting_ = nullptr;
};

}  // namespace angarium::store::testing
