// Octets of messages on their way to a server, and from it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "protocol/imap/client.h"
#include "transfer/fingerprint.h"
#include "transfer/spool.h"

namespace angarium::transfer {

/// Octets of a spooled message that are read at once.
inline constexpr std::size_t kPieceOctets = 64u << 10;

class FromMemory final : public protocol::imap::ContentSource {
 public:
  explicit FromMemory(std::string_view octets) : rest_(octets) {}
  io::ValueOrTask<Result<std::string_view>> next() override {
    return Result<std::string_view>(std::exchange(rest_, {}));
  }

 private:
  std::string_view rest_;
};

class FromSpool final : public protocol::imap::ContentSource {
 public:
  explicit FromSpool(const Spool& spool) : spool_(spool) {}
  io::ValueOrTask<Result<std::string_view>> next() override {
    auto piece = spool_.at(at_, kPieceOctets);
    if (!piece) return Result<std::string_view>(std::unexpected(std::move(piece).error()));
    piece_ = *std::move(piece);
    at_ += piece_.size();
    return Result<std::string_view>(piece_);
  }

 private:
  const Spool& spool_;
  std::uint64_t at_ = 0;
  std::string piece_;
};

/// What a message there is, without holding it.
class Digesting final : public protocol::imap::ContentSink {
 public:
  Result<void> begin(std::string_view, std::uint64_t) override { return {}; }
  io::ValueOrTask<Result<void>> append(std::string_view octets) override {
    digest_.add(octets);
    return Result<void>();
  }
  io::ValueOrTask<Result<void>> end() override { return Result<void>(); }
  void take(std::string_view octets) { digest_.add(octets); }
  Fingerprint finish() { return digest_.finish(); }

 private:
  Fingerprinter digest_;
};

}  // namespace angarium::transfer
