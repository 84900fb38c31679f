// A tablet for tests that refuses batches when it is told to.
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

namespace angarium::mailbox::test {

/// Passes all on, but for batches as long as it refuses.
class RefusingTablet final : public store::Tablet {
 public:
  explicit RefusingTablet(store::Tablet& inner) : inner_(inner) {}
  void enqueue(store::Batch batch, store::Completion& completion) override {
    if (!refuses) return inner_.enqueue(std::move(batch), completion);
    // Who enqueues holds the account's mutex: the answer comes from another thread, as a committer's does.
    refusing_ = std::jthread([this, &completion] { completion.completed(fail(*kind, "refused")); });
  }
  bool commit_waiting() override { return inner_.commit_waiting(); }
  Result<std::optional<std::string>> get(std::string_view key, store::Reading reading) override {
    return inner_.get(key, reading);
  }
  Result<std::vector<std::optional<std::string>>> multi_get(std::span<const std::string_view> keys,
                                                            store::Reading reading) override {
    return inner_.multi_get(keys, reading);
  }
  Result<> scan(std::string_view from, std::string_view to, const store::ScanOptions& options,
                const store::Visitor& visitor, store::Reading reading) override {
    return inner_.scan(from, to, options, visitor, reading);
  }
  Result<store::ReadView> view(store::Tier tier) override { return inner_.view(tier); }
  [[nodiscard]] std::uint64_t sequence() const override { return inner_.sequence(); }
  Result<> read_body(const store::BodyRef& ref, std::uint64_t offset, std::span<char> into, store::Tier tier) override {
    return inner_.read_body(ref, offset, into, tier);
  }
  Result<std::unique_ptr<store::BodyWriter>> open_body() override { return inner_.open_body(); }
  [[nodiscard]] bool accepting() const override { return inner_.accepting(); }
  [[nodiscard]] bool running() const override { return inner_.running(); }
  store::Stats stats() override { return inner_.stats(); }
  Result<> flush() override { return inner_.flush(); }
  Result<> snapshot(const std::string& directory) override { return inner_.snapshot(directory); }
  Result<store::VerifyReport> verify(const store::Progress& progress) override { return inner_.verify(progress); }
  Result<store::SweepReport> sweep(const store::SweepOptions& options) override { return inner_.sweep(options); }
  Result<> write_image() override { return inner_.write_image(); }

  bool refuses = false;
  const ErrorKind* kind = &store::kStoreFull;

 private:
  store::Tablet& inner_;
  std::jthread refusing_;
};

}  // namespace angarium::mailbox::test
