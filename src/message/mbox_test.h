// Only for this room's tests: mbox files split and written whole.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "message/mbox.h"

namespace angarium::message::test {

struct SplitMessage {
  MboxSeparator separator;
  BoxState state;
  std::string octets;
};

/// Whether the splitter may look ahead in the file.
enum class Lookahead { file, none };

/// A file fed in pieces; each call of feed is one cut.
class Splitter {
 public:
  Splitter(std::string_view file, MboxReadOptions options, Lookahead lookahead = Lookahead::file)
      : file_(file), lookahead_(lookahead), reader_(options) {}

  void feed(std::string_view piece) { run(piece); }
  std::vector<SplitMessage> finish() {
    reader_.finish();
    run({});
    return std::move(messages_);
  }
  [[nodiscard]] const MboxReader& reader() const { return reader_; }

 private:
  void run(std::string_view piece) {
    while (true) {
      const MboxStep step = reader_.next(piece);
      switch (step.kind) {
        case MboxStep::Kind::need_input:
        case MboxStep::Kind::end: return;
        case MboxStep::Kind::message:
          messages_.push_back({.separator = reader_.separator(), .state = {}, .octets = {}});
          break;
        case MboxStep::Kind::octets: messages_.back().octets += step.octets; break;
        case MboxStep::Kind::message_end: messages_.back().state = reader_.state(); break;
        case MboxStep::Kind::probe: probe(); break;
      }
    }
  }
  void probe() {
    const std::uint64_t at = reader_.probe_offset();
    if (lookahead_ == Lookahead::none)
      reader_.probed(std::nullopt);
    else
      reader_.probed(at > file_.size() ? std::string_view() : file_.substr(at, kMboxProbeOctets));
  }

  std::string_view file_;
  Lookahead lookahead_;
  MboxReader reader_;
  std::vector<SplitMessage> messages_;
};

inline std::vector<SplitMessage> split(std::string_view file, MboxReadOptions options = {},
                                       std::size_t step = std::string_view::npos,
                                       Lookahead lookahead = Lookahead::file) {
  Splitter splitter(file, options, lookahead);
  for (std::size_t at = 0; at < file.size(); at += std::min(step, file.size())) splitter.feed(file.substr(at, step));
  return splitter.finish();
}

inline bool same(const std::vector<SplitMessage>& a, const std::vector<SplitMessage>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].octets != b[i].octets || a[i].state != b[i].state || a[i].separator.sender != b[i].separator.sender)
      return false;
    if (a[i].separator.date.has_value() != b[i].separator.date.has_value()) return false;
  }
  return true;
}

inline std::string write_pass(MboxWriter& writer, std::string_view message, std::size_t step) {
  std::string out;
  for (std::size_t at = 0; at < message.size(); at += std::min(step, message.size()))
    for (std::string_view piece = message.substr(at, step); !piece.empty();) out += writer.take(piece);
  return out += writer.finish();
}

/// One message as it is appended to a file, measured first.
inline std::string write(std::string_view message, MboxWriteOptions options = {}, const BoxState& state = {},
                         std::size_t step = std::string_view::npos) {
  static const DateTime kDate = DateTime::at(WallTime::from_seconds(1'772'694'489));
  MboxWriter measure(options);
  measure.begin("a@example.org", kDate, state);
  write_pass(measure, message, step);
  MboxWriter writer(options);
  std::string out = writer.begin("a@example.org", kDate, state, measure.body());
  return out += write_pass(writer, message, step);
}

}  // namespace angarium::message::test
