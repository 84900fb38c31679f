// A part of a message with its transfer encoding undone, piece by piece: for BINARY of FETCH and of URLFETCH.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "message/coding.h"
#include "protocol/imap/backend.h"
#include "protocol/imap/limits.h"

namespace angarium::protocol::imap {

/// Where one message is read from; both outlive it.
struct Source {
  Mailbox& mailbox;
  const Entry& entry;
  message::ImapForm form;
  /// The beginning of the range.
  [[nodiscard]] io::ValueOrTask<Result<Octets>> read(message::Range range) const {
    return mailbox.read(entry, form, range.begin, std::min<std::uint64_t>(range.size, kBodyChunk));
  }
  /// The first kBodyChunk octets of the range, or all: what is to be in hand before anything is announced or noted, for
  /// an announcement can't be taken back. kExpungeIssued when the message is shorter than it was.
  [[nodiscard]] io::Task<Result<std::vector<Octets>>> first(message::Range range) const {
    std::vector<Octets> pieces;
    range.size = std::min<std::uint64_t>(range.size, kBodyChunk);
    while (range.size > 0) {
      auto piece = CO_TRY(co_await read(range));
      if (piece.octets.empty()) co_return fail(kExpungeIssued, "The message is shorter than it was");
      range.begin += piece.octets.size();
      range.size -= piece.octets.size();
      pieces.push_back(std::move(piece));
    }
    co_return pieces;
  }
};

class DecodedPart {
 public:
  DecodedPart(Source source, message::Range range, message::Encoding encoding)
      : source_(source), left_(range), decoder_(encoding) {}
  [[nodiscard]] bool at_end() const { return ended_; }
  /// May be empty; valid until the next call. kExpungeIssued when the message went in between.
  io::Task<Result<std::string_view>> next() {
    decoded_.clear();
    if (left_.size > 0) {
      const auto piece = CO_TRY(co_await source_.read(left_));
      if (piece.octets.empty()) co_return fail(kExpungeIssued, "The message is shorter than it was");
      decoder_.feed(piece.octets, decoded_);
      left_.begin += piece.octets.size();
      left_.size -= piece.octets.size();
    }
    if (left_.size == 0) {
      decoder_.finish(decoded_);
      ended_ = true;
    }
    co_return decoded_;
  }

 private:
  Source source_;
  message::Range left_;
  message::TransferDecoder decoder_;
  std::string decoded_;
  bool ended_ = false;
};

}  // namespace angarium::protocol::imap
