// Messages of an mbox file.
#include <algorithm>
#include <unordered_map>

#include "message/mbox.h"
#include "store/octets.h"
#include "transfer/arrival.h"
#include "transfer/local_file.h"
#include "transfer/source.h"

namespace angarium::transfer {
namespace {

/// Octets of the file by which its variant is told.
constexpr std::size_t kDetectOctets = 4u << 20;
class MboxSource final : public Reader {
 public:
  MboxSource(LocalFile file, const Fingerprint& seed) : file_(std::move(file)), seed_(seed) {}

  Result<> begin() {
    file_.end_at(TRY(settled_size(file_)));
    message::MboxDetector detector;
    for (std::uint64_t at = 0; at < std::min<std::uint64_t>(file_.size(), kDetectOctets); at += kReadOctets)
      detector.feed(TRY(file_.at(at, kReadOctets)));
    message::MboxReadOptions options;
    options.variant = detector.variant().value_or(message::MboxVariant::mboxrd);
    // c-client's pseudo message is none.
    message::MboxInternalData internal;
    auto verdict = message::MboxInternalData::Verdict::undecided;
    while (verdict == message::MboxInternalData::Verdict::undecided) {
      input_ = TRY(file_.next());
      verdict = input_.empty() ? internal.finish() : internal.feed(input_);
    }
    start_ = internal.fed().substr(internal.octets().size());
    input_ = start_;
    reader_.emplace(options, internal.octets().size());
    return {};
  }

  Result<bool> next() override {
    while (in_message_) {
      if (TRY(read()).empty()) break;
    }
    while (true) {
      const message::MboxStep step = TRY(advance());
      if (step.kind == message::MboxStep::Kind::end) return false;
      if (step.kind != message::MboxStep::Kind::message) continue;
      in_message_ = true;
      header_.clear();
      message_ = Message{};
      message_.place = file_.path() + ", message " + std::to_string(++number_);
      if (const auto& date = reader_->separator().date) set_date(*date);
      return true;
    }
  }

  Result<std::string_view> read() override {
    while (in_message_) {
      const auto step = advance();
      if (!step) {
        in_message_ = false;
        broken_ = true;
        return std::unexpected(step.error());
      }
      if (step->kind == message::MboxStep::Kind::octets) {
        take(step->octets);
        return step->octets;
      }
      if (step->kind == message::MboxStep::Kind::message_end) end_message();
    }
    return std::string_view();
  }

  [[nodiscard]] const Message& message() const override { return message_; }

 private:
  Result<message::MboxStep> advance() {
    using Kind = message::MboxStep::Kind;
    if (broken_) return message::MboxStep{.kind = Kind::end, .octets = {}};
    while (true) {
      const message::MboxStep step = reader_->next(input_);
      if (step.kind == Kind::probe) {
        // What was cut off a moment ago ends the message where the next separator stands.
        reader_->probed(TRY(file_.at(reader_->probe_offset(), message::kMboxProbeOctets)));
      } else if (step.kind == Kind::need_input) {
        input_ = TRY(file_.next());
        if (input_.empty()) reader_->finish();
      } else {
        return step;
      }
    }
  }

  void take(std::string_view octets) {
    digest_.add(octets);
    message_.octets += octets.size();
    if (!message_.received && header_.size() < kDateOctets) header_ += octets.substr(0, kDateOctets - header_.size());
  }

  void set_date(const message::DateTime& date) {
    message_.received = date.instant().seconds();
    // RFC 4155 appendix A: universal time, when nothing else is said.
    message_.zone_minutes = date.zone_unknown ? 0 : date.zone_minutes;
  }

  /// The same octets for the n-th time are another message than for the first.
  void end_message() {
    in_message_ = false;
    const Fingerprint content = digest_.finish();
    const std::uint32_t before = seen_[store::load_u64(content.data())]++;
    digest_.add(octets(seed_));
    digest_.add(octets(content));
    digest_.add_text(std::to_string(before));
    message_.fingerprint = digest_.finish();
    const message::BoxState& state = reader_->state();
    message_.flags = state.flags;
    message_.keywords = state.keywords;
    if (!message_.received) {
      if (const auto date = arrival_in(header_)) set_date(*date);
    }
  }

  LocalFile file_;
  Fingerprint seed_;
  std::string start_;  // what was read while the internal data were looked for
  std::string_view input_;
  std::optional<message::MboxReader> reader_;
  bool in_message_ = false;
  bool broken_ = false;
  std::uint64_t number_ = 0;
  std::string header_;
  Message message_;
  Fingerprinter digest_;
  std::unordered_map<std::uint64_t, std::uint32_t> seen_;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_mbox(const std::string& path, const Fingerprint& seed) {
  auto source = std::make_unique<MboxSource>(TRY(LocalFile::open(path)), seed);
  TRY(source->begin());
  return source;
}

}  // namespace angarium::transfer
