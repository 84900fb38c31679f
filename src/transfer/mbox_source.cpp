// Messages of an mbox file.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/crc32c.h"
#include "base/text.h"
#include "message/mbox.h"
#include "store/octets.h"
#include "transfer/arrival.h"
#include "transfer/local_file.h"
#include "transfer/source.h"

namespace angarium::transfer {
namespace {

/// Octets of the file by which its variant is told.
constexpr std::size_t kDetectOctets = 4u << 20;

/// The octets of a message, without the quoting of lines "From ". How much of that is taken away is told by the file's
/// variant, and what the file gets later may tell another one: a message is the same all the same.
class PlainLines {
 public:
  void add(std::string_view octets, Fingerprinter& digest) {
    while (!octets.empty()) {
      if (held_) {
        hold(octets, digest);
        continue;
      }
      held_ = at_line_start_ && octets.front() == '>';
      if (held_) continue;
      const std::size_t lf = octets.find("\n>");
      const std::string_view plain = octets.substr(0, lf == std::string_view::npos ? lf : lf + 1);
      digest.add(plain);
      at_line_start_ = plain.ends_with('\n');
      octets.remove_prefix(plain.size());
    }
  }
  /// The message ends.
  void end(Fingerprinter& digest) {
    if (held_) let_go(digest);
    at_line_start_ = true;
  }

 private:
  static constexpr std::string_view kFrom = "From ";

  void hold(std::string_view& octets, Fingerprinter& digest) {
    const char next = octets.front();
    if (matched_ == 0 && next == '>') {
      ++marks_;
    } else if (next == kFrom[matched_]) {
      if (++matched_ == kFrom.size()) {
        marks_ = 0;
        let_go(digest);
      }
    } else {
      let_go(digest);
      return;
    }
    octets.remove_prefix(1);
  }
  void let_go(Fingerprinter& digest) {
    for (; marks_ > 0; --marks_) digest.add(">");
    digest.add(kFrom.substr(0, std::exchange(matched_, 0)));
    held_ = at_line_start_ = false;
  }

  bool at_line_start_ = true;
  bool held_ = false;  // marks, and what may be "From " behind them
  std::uint64_t marks_ = 0;
  std::size_t matched_ = 0;
};

bool is_separator(std::string_view line) { return message::mbox_separator_of(line).has_value(); }

/// The last line.
bool ends_with_separator(std::string_view octets) {
  if (!octets.ends_with('\n')) return false;
  octets.remove_suffix(1);
  const std::size_t lf = octets.rfind('\n');
  return is_separator(lf == std::string_view::npos ? octets : octets.substr(lf + 1));
}

/// The first line that is not empty.
bool begins_with_separator(std::string_view octets) {
  while (octets.starts_with('\n') || octets.starts_with("\r\n")) octets.remove_prefix(octets.find('\n') + 1);
  return octets.empty() || is_separator(octets.substr(0, octets.find('\n')));
}

class MboxSource final : public Reader {
 public:
  MboxSource(LocalFile file, const Fingerprint& seed) : file_(std::move(file)), seed_(seed) {}

  Result<> begin(Others others) {
    if (others == Others::wait) held_.emplace(TRY(HeldStill::take(file_.path())));
    seen_last_ = TRY(settled(file_, [] { return Result<>(); }));
    file_.end_at(seen_last_.size);
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
    position_ = begin_ = first_ = internal.octets().size();
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
      if (step->kind == message::MboxStep::Kind::message_end) {
        in_message_ = false;
        if (auto same = check_unchanged(); !same) {
          broken_ = true;
          return std::unexpected(std::move(same).error());
        }
        end_message();
      }
    }
    return std::string_view();
  }

  [[nodiscard]] const Message& message() const override { return message_; }

 private:
  Result<message::MboxStep> advance() {
    using Kind = message::MboxStep::Kind;
    if (broken_) return message::MboxStep{.kind = Kind::end, .octets = {}};
    while (true) {
      const std::string_view before = input_;
      const message::MboxStep step = reader_->next(input_);
      const std::size_t taken = before.size() - input_.size();
      checksum_ = crc32c(before.substr(0, taken), checksum_);
      position_ += taken;
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

  /// Other programs write a box anew in its place: a message that was read meanwhile may be made of two. Its octets,
  /// and all that was read with them, are what stood there at one moment, between separators of that moment, or it is
  /// none.
  Result<> check_unchanged() {
    const std::uint64_t read_to = position_ + input_.size();
    const std::uint64_t from = std::exchange(begin_, position_);
    const std::uint32_t read = crc32c(input_, std::exchange(checksum_, 0));
    if (position_ <= checked_to_) return {};
    if (!seen_last_.fresh && TRY(state_now(file_)).same(seen_last_)) return {};
    seen_last_ = TRY(settled(file_, [&]() -> Result<> {
      std::uint32_t there = 0;
      for (std::uint64_t at = from; at < read_to;) {
        const std::string octets = TRY(file_.at(at, std::min<std::uint64_t>(kReadOctets, read_to - at)));
        if (octets.empty()) break;
        there = crc32c(octets, there);
        at += octets.size();
      }
      if (there == read && TRY(begins(from)) && TRY(ends())) return {};
      return fail(kRewritten, escape_controls(file_.path(), 4096) +
                                  " was written anew while it was read; run this again for what is missing");
    }));
    checked_to_ = read_to;
    return {};
  }

  /// A message's octets may stand there, with the end of the separator before them moved elsewhere.
  Result<bool> begins(std::uint64_t from) const {
    if (from == first_) return true;
    const std::uint64_t before = std::min<std::uint64_t>(from, message::kMboxSeparatorMax + 2);
    return ends_with_separator(TRY(file_.at(from - before, before)));
  }
  /// Where the box ended when it was opened, a message ends still. Asked at every look: what stands then is not looked
  /// at again unless somebody writes.
  Result<bool> ends() const {
    const std::string behind = TRY(file_.behind_end(message::kMboxProbeOctets));
    return behind.empty() || begins_with_separator(behind);
  }

  void take(std::string_view octets) {
    lines_.add(octets, digest_);
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
    lines_.end(digest_);
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
  std::optional<HeldStill> held_;
  Fingerprint seed_;
  std::string start_;  // what was read while the internal data were looked for
  std::string_view input_;
  std::optional<message::MboxReader> reader_;
  bool in_message_ = false;
  bool broken_ = false;
  FileState seen_last_;           // when nobody wrote
  std::uint64_t position_ = 0;    // of the file, that the reader has come to
  std::uint64_t first_ = 0;       // where messages and their separators begin
  std::uint64_t begin_ = 0;       // of the message, behind its separator
  std::uint32_t checksum_ = 0;    // of the octets between them
  std::uint64_t checked_to_ = 0;  // what was read up to there stood there at one moment
  std::uint64_t number_ = 0;
  std::string header_;
  Message message_;
  Fingerprinter digest_;
  PlainLines lines_;
  std::unordered_map<std::uint64_t, std::uint32_t> seen_;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_mbox(const std::string& path, const Fingerprint& seed, Others others) {
  auto source = std::make_unique<MboxSource>(TRY(LocalFile::open(path)), seed);
  TRY(source->begin(others));
  return source;
}

}  // namespace angarium::transfer
